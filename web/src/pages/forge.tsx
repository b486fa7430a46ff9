import { type FormEvent, useState } from "react";
import { Link, useLocation } from "wouter";

import { api, type Schemas, take } from "../api/client";
import { useData } from "../api/use-data";
import { useDeed } from "../api/use-deed";
import { Confirmed } from "../parts/confirmed";
import { Field } from "../parts/field";
import { Problem } from "../parts/problem";
import { Repositories } from "../parts/repositories";
import { State } from "../parts/state";
import { useTitle } from "../parts/title";
import { words } from "../words/forges";
import { words as general } from "../words/workspaces";
import { at, type Workspace } from "../workspace/rights";

type Forge = Schemas["ForgeView"];
type Check = Schemas["ForgeCheck"];

/** One forge: its repositories to add, whether token and hooks are good, another token, and its end. */
export function ForgePage({ workspace, name }: { workspace: Workspace; name: string }) {
  const path = { workspace: workspace.name, forge: name };
  const { value, problem, reload } = useData(
    () => take(api.GET("/api/v1/workspaces/{workspace}/forges/{forge}", { params: { path } })),
    undefined,
    `${workspace.name}/${name}`,
  );
  useTitle(name, workspace.name);
  if (value === null) {
    return problem === null ? <p className="empty">{general.loading}</p> : <Problem text={problem} />;
  }
  return (
    <article>
      <h1>{value.name}</h1>
      <p className="facts">
        {words.kinds[value.kind]} · <a href={value.address}>{value.address}</a> · {words.connectedAs} {value.account}
      </p>
      <Repositories workspace={workspace.name} forge={value.name} />
      <Checked workspace={workspace.name} forge={value.name} />
      <OtherToken workspace={workspace.name} forge={value} set={() => void reload()} />
      <Remove workspace={workspace.name} forge={value.name} />
    </article>
  );
}

function Checked({ workspace, forge }: { workspace: string; forge: string }) {
  const [check, setCheck] = useState<Check | null>(null);
  const { run, busy, problem } = useDeed();
  const ask = (repair: boolean) =>
    run(async () => {
      const params = { path: { workspace, forge } };
      setCheck(await take(api.POST("/api/v1/workspaces/{workspace}/forges/{forge}/check", { params, body: { repair } })));
    });
  const bad = check?.hooks.filter(({ state }) => state.name === "missing" || state.name === "wrong") ?? [];
  return (
    <section aria-busy={busy}>
      <h2>{words.hooks}</h2>
      <p role="status">{check !== null && result(check)}</p>
      <Problem text={problem} />
      <ul className="rows" aria-label={words.hooks}>
        {check?.hooks.map((hook) => (
          <li key={hook.service} className="row">
            <Link className="title" href={at(workspace, "services", hook.service)}>
              {hook.service}
            </Link>
            <State state={hook.state.name} text={words.hookStates[hook.state.name] ?? hook.state.name} />
            <span className="facts why">
              {hook.repository}
              {"why" in hook.state && ` · ${hook.state.why}`}
            </span>
          </li>
        ))}
      </ul>
      <div className="buttons">
        <button type="button" className="quiet" disabled={busy} onClick={() => ask(false)}>
          {busy ? words.checking : words.check}
        </button>
        {bad.length > 0 && (
          <button type="button" disabled={busy} onClick={() => ask(true)}>
            {words.repair}
          </button>
        )}
      </div>
    </section>
  );
}

/** What a check came to, in a sentence. */
function result({ account, hooks }: Check): string {
  const count = (...names: string[]) => hooks.filter(({ state }) => names.includes(state.name)).length;
  const [wrong, repaired] = [count("missing", "wrong"), count("repaired")];
  if (wrong > 0) {
    return words.bad(account, wrong, hooks.length);
  }
  return repaired > 0 ? words.repaired(account, repaired) : words.good(account, hooks.length);
}

function OtherToken({ workspace, forge, set }: { workspace: string; forge: Forge; set: () => void }) {
  const [token, setToken] = useState("");
  const [account, setAccount] = useState<string | null>(null);
  const { run, busy, problem } = useDeed();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    run(async () => {
      const params = { path: { workspace, forge: forge.name } };
      const known = await take(api.PUT("/api/v1/workspaces/{workspace}/forges/{forge}", { params, body: { token: token.trim() } }));
      setAccount(known.account);
      setToken("");
      set();
    });
  };
  return (
    <details className="card">
      <summary>{words.otherToken}</summary>
      <form onSubmit={submit}>
        <Field
          label={words.token}
          hint={words.tokenHelp[forge.kind]}
          type="password"
          autoComplete="off"
          value={token}
          required
          maxLength={4096}
          onText={setToken}
        />
        <Problem text={problem} />
        <button type="submit" disabled={busy}>
          {words.setToken}
        </button>
        <p role="status">{account !== null && words.tokenSet(account)}</p>
      </form>
    </details>
  );
}

function Remove({ workspace, forge }: { workspace: string; forge: string }) {
  const [, go] = useLocation();
  const { run, busy, problem } = useDeed();
  const remove = () =>
    run(async () => {
      await take(api.DELETE("/api/v1/workspaces/{workspace}/forges/{forge}", { params: { path: { workspace, forge } } }));
      go(at(workspace, "forges"));
    });
  return (
    <section className="end">
      <Problem text={problem} />
      <Confirmed label={words.remove} question={words.removeQuestion(forge)} cancel={words.cancel} busy={busy} act={remove} />
    </section>
  );
}
