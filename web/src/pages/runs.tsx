import { useEffect, useState } from "react";
import { Link, useLocation } from "wouter";

import { api, type RunSummary, take, WORKSPACE } from "../api/client";
import { useData } from "../api/use-data";
import { Problem } from "../parts/problem";
import { State } from "../parts/state";
import { Ago, duration, useNow } from "../parts/time";
import { words } from "../words";

const EVERY_MS = 2_000;

/** The runs of the workspace, newest first; `j` and `k` choose, Enter opens. */
export function RunsPage() {
  const { value, problem } = useData(
    () => take(api.GET("/api/v1/workspaces/{workspace}/runs", { params: { path: { workspace: WORKSPACE } } })),
    EVERY_MS,
  );
  const items = value?.items ?? [];
  const chosen = useKeys(items);
  return (
    <section>
      <h1>{words.runs}</h1>
      <Problem text={problem} />
      {value !== null && items.length === 0 && <p className="empty">{words.noRuns}</p>}
      {items.length > 0 && (
        <ol className="rows">
          {items.map((run, index) => (
            <Row key={run.id} run={run} chosen={index === chosen} />
          ))}
        </ol>
      )}
    </section>
  );
}

function Row({ run, chosen }: { run: RunSummary; chosen: boolean }) {
  return (
    <li className={chosen ? "row chosen" : "row"}>
      <Link href={`/runs/${run.id}`} className="title">
        {run.title ?? run.message ?? run.ref}
      </Link>
      <State state={run.state} />
      <span className="facts">
        {run.service_name} #{run.number} · {shortRef(run.ref)}
        {run.commit != null && <> · {run.commit.slice(0, 8)}</>} · {run.event} {words.by} {run.actor}
        {run.stage != null && <> · {run.stage}</>}
      </span>
      <span className="when">
        <Ago at={run.created_at} /> · <Lasted run={run} />
      </span>
    </li>
  );
}

function Lasted({ run }: { run: RunSummary }) {
  const now = useNow(1_000);
  return <>{duration(run.duration_ms ?? Math.max(0, now - Date.parse(run.created_at)))}</>;
}

/** `main` of `refs/heads/main`. */
export function shortRef(ref: string): string {
  return ref.replace(/^refs\/(heads|tags)\//, "");
}

function useKeys(items: readonly RunSummary[]): number {
  const [chosen, choose] = useState(-1);
  const [, go] = useLocation();
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey) {
        return;
      }
      const run = items[chosen];
      if (event.key === "j") {
        choose(Math.min(chosen + 1, items.length - 1));
      } else if (event.key === "k") {
        choose(Math.max(chosen - 1, 0));
      } else if (event.key === "Enter" && run !== undefined && event.target === document.body) {
        go(`/runs/${run.id}`);
      }
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [items, chosen, go]);
  return chosen;
}
