import { type FormEvent, useState } from "react";
import { Link, useLocation } from "wouter";

import { api, every, type Schemas, take } from "../api/client";
import { useData } from "../api/use-data";
import { useDeed } from "../api/use-deed";
import { CopyButton } from "../parts/copy-field";
import { Field } from "../parts/field";
import { Problem } from "../parts/problem";
import { State } from "../parts/state";
import { useTitle } from "../parts/title";
import { words as common } from "../words";
import { words } from "../words/services";
import { words as general } from "../words/workspaces";
import { at, may, type Workspace } from "../workspace/rights";

type Service = Schemas["ServiceView"];
type Forge = Schemas["ForgeView"];
type HookState = Schemas["ForgeHookState"];

/** The services of the workspace; for its administrators, the ways to add one. */
export function ServicesPage({ workspace }: { workspace: Workspace }) {
  const path = { workspace: workspace.name };
  const services = useData(
    () =>
      every((cursor) =>
        take(api.GET("/api/v1/workspaces/{workspace}/services", { params: { path, query: { limit: 200, ...(cursor !== undefined && { cursor }) } } })),
      ),
    undefined,
    workspace.name,
  );
  const forges = useData(() => take(api.GET("/api/v1/workspaces/{workspace}/forges", { params: { path, query: { limit: 200 } } })), undefined, workspace.name);
  const mayAdd = may(workspace.role, "admin");
  const hooks = useHooks(workspace.name, forges.value?.items ?? []);
  useTitle(common.services, workspace.name);
  return (
    <section>
      <div className="head">
        <h1>{common.services}</h1>
        {mayAdd && services.value?.some(({ forge }) => forge != null) === true && <Hooks {...hooks} />}
      </div>
      <Problem text={services.problem ?? hooks.problem} />
      {services.value === null && services.problem === null && <p className="empty">{general.loading}</p>}
      {services.value?.length === 0 && <p className="empty">{mayAdd ? common.noServices : words.noneForViewers}</p>}
      <ul className="rows">
        {services.value?.map((service) => (
          <Row key={service.id} service={service} workspace={workspace} forges={forges.value?.items ?? []} hook={hooks.states.get(service.name)} />
        ))}
      </ul>
      {mayAdd && (
        <>
          <FromForges workspace={workspace.name} forges={forges.value?.items ?? []} />
          <PlainGit workspace={workspace.name} added={() => void services.reload()} />
        </>
      )}
    </section>
  );
}

interface RowProperties {
  readonly service: Service;
  readonly workspace: Workspace;
  readonly forges: readonly Forge[];
  /** As the forge said when it was asked last. */
  readonly hook: HookState | undefined;
}

function Row({ service, workspace, forges, hook }: RowProperties) {
  const trigger = useTrigger(workspace.name, service.name);
  const forge = forges.find(({ id }) => id === service.forge?.id);
  return (
    <li className="row">
      <Link className="title" href={at(workspace.name, "services", service.name)}>
        {service.name}
      </Link>
      <span className="facts why">
        {service.forge == null ? service.repository : `${service.forge.repository}${forge === undefined ? "" : ` · ${forge.name}`}`} ·{" "}
        {service.default_branch}
        {hook !== undefined && (
          <>
            {" "}
            · <State state={hook.name} text={words.hookStates[hook.name] ?? hook.name} />
          </>
        )}
        {hook?.name === "wrong" && `: ${hook.why}`}
      </span>
      {may(workspace.role, "developer") && (
        <button type="button" disabled={trigger.busy} onClick={trigger.start} aria-label={`${common.trigger}: ${service.name}`}>
          {common.trigger}
        </button>
      )}
      <Problem text={trigger.problem} />
    </li>
  );
}

interface Checks {
  readonly states: ReadonlyMap<string, HookState>;
  readonly ask: (repair: boolean) => void;
  readonly busy: boolean;
  readonly problem: string | null;
}

/** What the forges say of the hooks, when they are asked; each is asked once for all its services. */
function useHooks(workspace: string, forges: readonly Forge[]): Checks {
  const [states, setStates] = useState<ReadonlyMap<string, HookState>>(new Map());
  const { run, busy, problem } = useDeed();
  const ask = (repair: boolean) =>
    run(async () => {
      const check = ({ name }: Forge) => {
        const params = { path: { workspace, forge: name } };
        return take(api.POST("/api/v1/workspaces/{workspace}/forges/{forge}/check", { params, body: { repair } }));
      };
      const checks = await Promise.all(forges.map(check));
      setStates(new Map(checks.flatMap(({ hooks }) => hooks.map(({ service, state }) => [service, state] as const))));
    });
  return { states, ask, busy, problem };
}

function Hooks({ states, ask, busy }: Checks) {
  const isBad = [...states.values()].some(({ name }) => name === "missing" || name === "wrong");
  return (
    <div className="buttons">
      <button type="button" className="quiet" disabled={busy} onClick={() => ask(false)}>
        {busy ? words.checking : words.checkHooks}
      </button>
      {isBad && (
        <button type="button" disabled={busy} onClick={() => ask(true)}>
          {words.repairHooks}
        </button>
      )}
    </div>
  );
}

/** A run of the default branch, now; leads to it. */
export function useTrigger(workspace: string, service: string) {
  const { run, busy, problem } = useDeed();
  const [, go] = useLocation();
  const start = () =>
    run(async () => {
      const params = { path: { workspace } };
      const triggered = await take(api.POST("/api/v1/workspaces/{workspace}/runs", { params, body: { service } }));
      go(triggered.run == null ? at(workspace) : `/runs/${triggered.run.id}`);
    });
  return { start, busy, problem };
}

function FromForges({ workspace, forges }: { workspace: string; forges: readonly Forge[] }) {
  return (
    <section className="card">
      <h2>{words.fromForge}</h2>
      {forges.length === 0 ? (
        <p>
          <Link href={at(workspace, "forges")}>{words.connectFirst}</Link>
        </p>
      ) : (
        <ul className="links">
          {forges.map(({ id, name, address }) => (
            <li key={id}>
              <Link href={at(workspace, "forges", name)}>{name}</Link> <span className="facts">{address}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function PlainGit({ workspace, added }: { workspace: string; added: () => void }) {
  const [name, setName] = useState("");
  const [repository, setRepository] = useState("");
  const [hook, setHook] = useState<Schemas["HookCreated"] | null>(null);
  const { run, busy, problem } = useDeed();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    run(async () => {
      const params = { path: { workspace } };
      const made = await take(api.POST("/api/v1/workspaces/{workspace}/services", { params, body: { name, repository } }));
      setHook(made.hook);
      setName("");
      setRepository("");
      added();
    });
  };
  return (
    <details className="card">
      <summary>{words.plainGit}</summary>
      <form onSubmit={submit}>
        <Field label={common.name} value={name} required maxLength={63} onText={setName} />
        <Field label={common.repository} hint={common.repositoryHelp} value={repository} required maxLength={2048} onText={setRepository} />
        <Problem text={problem} />
        <button type="submit" disabled={busy}>
          {common.add}
        </button>
      </form>
      {hook !== null && (
        <output>
          <p>{common.hookMade}</p>
          <pre>{hook.post_receive}</pre>
          <CopyButton text={hook.post_receive} />
        </output>
      )}
    </details>
  );
}
