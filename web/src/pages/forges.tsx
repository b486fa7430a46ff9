import { type FormEvent, useState } from "react";
import { Link, useLocation } from "wouter";

import { api, every, type Schemas, take } from "../api/client";
import { remember } from "../api/oauth-flow";
import { useData } from "../api/use-data";
import { useDeed } from "../api/use-deed";
import { CopyField } from "../parts/copy-field";
import { Field } from "../parts/field";
import { Problem } from "../parts/problem";
import { useTitle } from "../parts/title";
import { Ago } from "../parts/time";
import { words } from "../words/forges";
import { words as general } from "../words/workspaces";
import { at, may, type Workspace } from "../workspace/rights";

type Kind = Schemas["ForgeKind"];
const KINDS: readonly Kind[] = ["github", "gitlab", "gitea"];

/** The forges of the workspace; its administrators connect one, by an OAuth application or by somebody's token. */
export function ForgesPage({ workspace }: { workspace: Workspace }) {
  const path = { workspace: workspace.name };
  const { value, problem } = useData(
    () =>
      every((cursor) =>
        take(api.GET("/api/v1/workspaces/{workspace}/forges", { params: { path, query: { limit: 200, ...(cursor !== undefined && { cursor }) } } })),
      ),
    undefined,
    workspace.name,
  );
  const mayConnect = may(workspace.role, "admin");
  useTitle(words.forges, workspace.name);
  return (
    <section>
      <h1>{words.forges}</h1>
      <Problem text={problem} />
      {value === null && problem === null && <p className="empty">{general.loading}</p>}
      {value?.length === 0 && <p className="empty">{mayConnect ? words.none : words.noneForViewers}</p>}
      <ul className="rows">
        {value?.map((forge) => (
          <li key={forge.id} className="row">
            {mayConnect ? (
              <Link className="title" href={at(workspace.name, "forges", forge.name)}>
                {forge.name}
              </Link>
            ) : (
              <strong className="title">{forge.name}</strong>
            )}
            <span className="facts">
              {words.kinds[forge.kind]} · {forge.address} · {words.connectedAs} {forge.account}
            </span>
            <span className="when">
              <Ago at={forge.created_at} />
            </span>
          </li>
        ))}
      </ul>
      {mayConnect && <Connect workspace={workspace.name} />}
    </section>
  );
}

interface Wish {
  readonly name: string;
  readonly kind: Kind;
  readonly address?: string;
}

function Connect({ workspace }: { workspace: string }) {
  const [kind, setKind] = useState<Kind>("github");
  const [name, setName] = useState("");
  const [address, setAddress] = useState("");
  const [byToken, setByToken] = useState(false);
  const [secret, setSecret] = useState("");
  const [clientId, setClientId] = useState("");
  const [, go] = useLocation();
  const { run, busy, problem } = useDeed();
  const params = { path: { workspace } };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const wish: Wish = { name: name.trim(), kind, ...(address.trim() !== "" && { address: address.trim() }) };
    run(async () => {
      if (byToken) {
        await take(api.POST("/api/v1/workspaces/{workspace}/forges", { params, body: { ...wish, token: secret.trim() } }));
        go(at(workspace, "forges", wish.name));
        return;
      }
      const body = { ...wish, client_id: clientId.trim(), client_secret: secret.trim() };
      const begun = await take(api.POST("/api/v1/workspaces/{workspace}/oauth/forges", { params, body }));
      remember(begun.authorize_url, workspace, wish.name);
      window.location.assign(begun.authorize_url);
    });
  };
  return (
    <form className="card" onSubmit={submit}>
      <h2>{words.connect}</h2>
      <label>
        {words.kind}
        <select value={kind} onChange={({ target }) => setKind(target.value as Kind)}>
          {KINDS.map((kind) => (
            <option key={kind} value={kind}>
              {words.kinds[kind]}
            </option>
          ))}
        </select>
      </label>
      <Field
        label={words.address}
        hint={words.addressHelp[kind]}
        type="url"
        value={address}
        required={kind === "gitea"}
        placeholder="https://"
        maxLength={512}
        onText={setAddress}
      />
      <Field
        label={words.name}
        hint={words.nameHelp}
        value={name}
        required
        maxLength={63}
        pattern="[a-z0-9]([\-a-z0-9]*[a-z0-9])?"
        onText={setName}
      />
      <How byToken={byToken} choose={setByToken} />
      {!byToken && <Application clientId={clientId} setClientId={setClientId} />}
      <Field
        label={byToken ? words.token : words.clientSecret}
        hint={byToken ? words.tokenHelp[kind] : undefined}
        type="password"
        autoComplete="off"
        value={secret}
        required
        maxLength={4096}
        onText={setSecret}
      />
      <p className="hint">{words.account}</p>
      <Problem text={problem} />
      <button type="submit" disabled={busy}>
        {byToken ? words.add : words.go}
      </button>
    </form>
  );
}

function How({ byToken, choose }: { byToken: boolean; choose: (byToken: boolean) => void }) {
  const option = (value: boolean, text: string) => (
    <label>
      <input type="radio" name="how" checked={byToken === value} onChange={() => choose(value)} /> {text}
    </label>
  );
  return (
    <fieldset>
      <legend>{words.how}</legend>
      {option(false, words.byOauth)}
      {option(true, words.byToken)}
    </fieldset>
  );
}

/** What is registered at the forge before anything can begin: its redirect address must be this one, to the letter. */
function Application({ clientId, setClientId }: { clientId: string; setClientId: (id: string) => void }) {
  const { value, problem } = useData(() => take(api.GET("/api/v1/server")));
  return (
    <>
      <p>{words.register}</p>
      <Problem text={problem} />
      {value !== null && <CopyField label={words.redirect} text={`${value.url}/oauth/forge`} />}
      <Field label={words.clientId} value={clientId} required maxLength={255} autoComplete="off" onText={setClientId} />
    </>
  );
}
