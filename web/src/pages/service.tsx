import { type ReactNode, useState } from "react";
import { Link, useLocation } from "wouter";

import { api, type Schemas, take } from "../api/client";
import { useData } from "../api/use-data";
import { useDeed } from "../api/use-deed";
import { type Runs, useRuns } from "../live/use-runs";
import { Confirmed } from "../parts/confirmed";
import { Deliveries } from "../parts/deliveries";
import { Polling } from "../parts/polling";
import { Problem } from "../parts/problem";
import { RunForm } from "../parts/run-form";
import { RunRow } from "../parts/run-row";
import { Schedules } from "../parts/schedules";
import { useTitle } from "../parts/title";
import { words as common } from "../words";
import { words } from "../words/services";
import { words as general } from "../words/workspaces";
import { at, may, type Workspace } from "../workspace/rights";
import { useTrigger } from "./services";

type Service = Schemas["ServiceView"];

/** Runs that are shown here; the list of runs has them all. */
const LAST_RUNS = 5;

/** One service: where its repository is, whether its hook is good, what the clock starts, its last runs, what arrived for it. */
export function ServicePage({ workspace, name }: { workspace: Workspace; name: string }) {
  const path = { workspace: workspace.name, service: name };
  const { value: service, problem } = useData(
    () => take(api.GET("/api/v1/workspaces/{workspace}/services/{service}", { params: { path } })),
    undefined,
    `${workspace.name}/${name}`,
  );
  const runs = useRuns(workspace.name, { service: name, state: null });
  useTitle(name, workspace.name);
  if (service === null) {
    return problem === null ? <p className="empty">{general.loading}</p> : <Problem text={problem} />;
  }
  return (
    <article>
      <Head service={service} workspace={workspace} />
      <dl className="facts-list">
        <Fact name={common.repository}>{service.repository}</Fact>
        <Fact name={words.defaultBranch}>{service.default_branch}</Fact>
        <Fact name={words.pipelineFile}>
          <code>{service.pipeline_path}</code>
        </Fact>
      </dl>
      {may(workspace.role, "developer") && (
        <RunForm workspace={workspace.name} service={service.name} defaultBranch={service.default_branch} />
      )}
      {service.poll != null && <Polling poll={service.poll} />}
      {service.forge != null && may(workspace.role, "admin") && <Hook service={service} workspace={workspace.name} />}
      <LastRuns service={service.name} runs={runs} workspace={workspace.name} />
      <Schedules workspace={workspace} service={service.name} defaultBranch={service.default_branch} />
      <Deliveries key={service.id} service={service.name} workspace={workspace} news={runs.items?.[0]?.id} />
      {may(workspace.role, "admin") && <Remove service={service} workspace={workspace.name} />}
    </article>
  );
}

function Head({ service, workspace }: { service: Service; workspace: Workspace }) {
  const trigger = useTrigger(workspace.name, service.name);
  return (
    <>
      <header className="run-head">
        <h1>{service.name}</h1>
        {may(workspace.role, "developer") && (
          <button type="button" disabled={trigger.busy} onClick={trigger.start}>
            {common.trigger}
          </button>
        )}
      </header>
      <Problem text={trigger.problem} />
    </>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** What the forge says of the hook, when it is asked. */
function Hook({ service, workspace }: { service: Service; workspace: string }) {
  const [state, setState] = useState<Schemas["ForgeHookState"] | "none" | null>(null);
  const { run, busy, problem } = useDeed();
  const check = (repair: boolean) =>
    run(async () => {
      const { items } = await take(api.GET("/api/v1/workspaces/{workspace}/forges", { params: { path: { workspace }, query: { limit: 200 } } }));
      const forge = items.find(({ id }) => id === service.forge?.id)?.name ?? "";
      const params = { path: { workspace, forge } };
      const { hooks } = await take(api.POST("/api/v1/workspaces/{workspace}/forges/{forge}/check", { params, body: { repair } }));
      setState(hooks.find((hook) => hook.service === service.name)?.state ?? "none");
    });
  const isBad = state !== null && state !== "none" && (state.name === "missing" || state.name === "wrong");
  return (
    <section aria-busy={busy}>
      <h2>{words.hook}</h2>
      <p className="facts">
        {words.hookCalls} <code>{service.hook_url}</code>
      </p>
      <p role="status" className={isBad ? "problem" : ""}>
        {state !== null && hookSays(state)}
      </p>
      <Problem text={problem} />
      <div className="buttons">
        <button type="button" className="quiet" disabled={busy} onClick={() => check(false)}>
          {busy ? words.checking : words.checkHook}
        </button>
        {isBad && (
          <button type="button" disabled={busy} onClick={() => check(true)}>
            {words.repairHook}
          </button>
        )}
      </div>
    </section>
  );
}

function hookSays(state: Schemas["ForgeHookState"] | "none"): string {
  if (state === "none") {
    return words.hookSays.none ?? "";
  }
  return state.name === "wrong" ? words.hookWrong(state.why) : (words.hookSays[state.name] ?? state.name);
}

function LastRuns({ service, runs: { items, problem }, workspace }: { service: string; runs: Runs; workspace: string }) {
  return (
    <section>
      <h2>{words.lastRuns}</h2>
      <Problem text={problem} />
      {items?.length === 0 && <p className="empty">{words.noRuns}</p>}
      <ol className="rows" aria-label={words.lastRuns}>
        {items?.slice(0, LAST_RUNS).map((run) => (
          <RunRow key={run.id} run={run} />
        ))}
      </ol>
      {items !== null && items.length > 0 && (
        <p>
          <Link href={`${at(workspace)}?service=${encodeURIComponent(service)}`}>{words.allRuns}</Link>
        </p>
      )}
    </section>
  );
}

function Remove({ service, workspace }: { service: Service; workspace: string }) {
  const [, go] = useLocation();
  const { run, busy, problem } = useDeed();
  const remove = () =>
    run(async () => {
      const params = { path: { workspace, service: service.name } };
      await take(api.DELETE("/api/v1/workspaces/{workspace}/services/{service}", { params }));
      go(at(workspace, "services"));
    });
  return (
    <section className="end">
      <Problem text={problem} />
      <Confirmed label={words.remove} question={words.removeQuestion(service.name)} cancel={words.cancel} busy={busy} act={remove} />
    </section>
  );
}
