import { useEffect, useState } from "react";
import { useLocation, useSearchParams } from "wouter";

import { api, every, type RunSummary, take } from "../api/client";
import { useData } from "../api/use-data";
import { useRuns } from "../live/use-runs";
import { Problem } from "../parts/problem";
import { RunRow } from "../parts/run-row";
import { useTitle } from "../parts/title";
import { words as common } from "../words";
import { words } from "../words/workspaces";
import type { Workspace } from "../workspace/rights";

const STATES = ["queued", "running", "deploying", "succeeded", "failed", "cancelled", "skipped"];

/** The runs of the workspace, newest first, as they change; `j` and `k` choose, Enter opens. */
export function RunsPage({ workspace }: { workspace: Workspace }) {
  const [search] = useSearchParams();
  const filter = { service: search.get("service"), state: search.get("state") };
  const isFiltered = filter.service !== null || filter.state !== null;
  const { items, problem, isConnected, more } = useRuns(workspace.name, filter);
  const chosen = useKeys(items ?? []);
  useTitle(common.runs, workspace.name);
  return (
    <section>
      <div className="head">
        <h1>{common.runs}</h1>
        <Filters workspace={workspace.name} />
      </div>
      <Problem text={problem} />
      {!isConnected && (
        <p className="notice" role="status">
          {words.connectionLost}
        </p>
      )}
      {items === null && problem === null && <p className="empty">{words.loading}</p>}
      {items?.length === 0 && <p className="empty">{isFiltered ? words.noneFits : common.noRuns}</p>}
      {items !== null && items.length > 0 && (
        <ol className="rows" aria-label={common.runs}>
          {items.map((run, index) => (
            <RunRow key={run.id} run={run} chosen={index === chosen} />
          ))}
        </ol>
      )}
      <div className="buttons">
        {more !== null && (
          <button type="button" className="quiet" onClick={more}>
            {words.older}
          </button>
        )}
        {items !== null && items.length > 0 && <span className="facts keys">{words.keys}</span>}
      </div>
    </section>
  );
}

function Filters({ workspace }: { workspace: string }) {
  const [search, setSearch] = useSearchParams();
  const path = { workspace };
  const { value } = useData(
    () =>
      every((cursor) =>
        take(api.GET("/api/v1/workspaces/{workspace}/services", { params: { path, query: { limit: 200, ...(cursor !== undefined && { cursor }) } } })),
      ),
    undefined,
    workspace,
  );
  const chooser = (name: "service" | "state", label: string, all: readonly (readonly [string, string])[]) => (
    <label>
      {label}
      <select
        value={search.get(name) ?? ""}
        onChange={({ target }) =>
          setSearch((before) => {
            if (target.value === "") {
              before.delete(name);
            } else {
              before.set(name, target.value);
            }
            return before;
          })
        }
      >
        <option value="">{words.every}</option>
        {all.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <div className="filters">
      {chooser("service", words.service, value?.map(({ name }) => [name, name] as const) ?? [])}
      {chooser("state", words.state, STATES.map((state) => [state, common.states[state] ?? state] as const))}
    </div>
  );
}

function useKeys(items: readonly RunSummary[]): number {
  // By id: the list moves while somebody looks at it.
  const [chosen, choose] = useState<string | null>(null);
  const [, go] = useLocation();
  const at = items.findIndex((run) => run.id === chosen);
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const isElsewhere = event.target instanceof Element && event.target.closest("a, button, input, select, textarea, dialog") !== null;
      if (isElsewhere || event.ctrlKey || event.metaKey || event.altKey) {
        return;
      }
      if (event.key === "j") {
        choose(items[Math.min(at + 1, items.length - 1)]?.id ?? null);
      } else if (event.key === "k") {
        choose(items[Math.max(at - 1, 0)]?.id ?? null);
      } else if (event.key === "Enter" && chosen !== null && at >= 0) {
        go(`/runs/${chosen}`);
      }
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [items, at, chosen, go]);
  return at;
}
