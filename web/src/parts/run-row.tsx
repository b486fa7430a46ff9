import { Link } from "wouter";

import type { RunSummary } from "../api/client";
import { words } from "../words";
import { State } from "./state";
import { Ago, duration, useNow } from "./time";

/** A run in a list. */
export function RunRow({ run, chosen = false }: { run: RunSummary; chosen?: boolean }) {
  return (
    <li className={chosen ? "row chosen" : "row"} aria-current={chosen}>
      <Link href={`/runs/${run.id}`} className="title">
        {run.title ?? run.message ?? run.ref}
      </Link>
      <State state={run.state} />
      <span className="facts">
        {run.service_name} #{run.number} · {shortRef(run.ref)}
        {run.commit != null && <> · {run.commit.slice(0, 8)}</>} · {words.events[run.event] ?? run.event} {words.by} {run.actor}
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

/** `main` of `refs/heads/main`, `PR 3` of a pull request's ref. */
export function shortRef(ref: string): string {
  return ref.replace(/^refs\/(heads|tags)\//, "").replace(/^refs\/(?:pull|merge-requests)\/(\d+)\/\w+$/, "PR $1");
}
