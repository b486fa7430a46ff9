import { useSyncExternalStore } from "react";

import type { StageLog } from "../log/stage-log";
import { words } from "../words";
import { duration } from "./time";

/** The commands of a stage with their durations and exit codes; each leads to its first line. */
export function Commands({ log }: { log: StageLog }) {
  useSyncExternalStore(log.subscribe, log.seen);
  if (log.groups.length === 0) {
    return null;
  }
  return (
    <nav className="commands" aria-label={words.commands}>
      <ol>
        {log.groups.map((group) => {
          const isBad = group.exit_code != null && group.exit_code !== 0;
          return (
            <li key={group.group} className={isBad ? "bad" : ""}>
              <a href={`#L${group.from_line + 1}`}>
                <code>{group.title}</code>
              </a>
              <span className="facts">
                {group.duration_ms != null ? duration(group.duration_ms) : "…"}
                {isBad && ` · exit ${group.exit_code}`}
              </span>
            </li>
          );
        })}
      </ol>
    </nav>
  );
}
