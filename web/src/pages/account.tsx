import { type FormEvent, useState } from "react";

import { problem as problemOf, send } from "../api/accounts";
import { api, take } from "../api/client";
import { session } from "../api/session";
import { useData } from "../api/use-data";
import { Problem } from "../parts/problem";
import { Providers } from "../parts/providers";
import { words } from "../words/account";

/** Days for which a token of this page works, in seconds. */
const TOKEN_S = 90 * 86_400;

/** One's own account: the ways to sign in, a password, sessions, tokens for programs. */
export function AccountPage() {
  const account = useData(() => take(api.GET("/api/v1/account")));
  if (account.value === null) {
    return <Problem text={account.problem} />;
  }
  return (
    <>
      <h1>{account.value.name}</h1>
      {account.value.user === undefined || account.value.user === null || session.token() !== null ? (
        <p className="empty">{words.noAccount}</p>
      ) : (
        <>
          <Identities />
          <Password />
          <Token />
          <Sessions />
        </>
      )}
    </>
  );
}

/** What has ended every session leads to the page for signing in. */
async function ending(method: string, path: string, body?: unknown): Promise<string | null> {
  const refused = await problemOf(await send(method, path, body));
  if (refused === null) {
    session.end();
  }
  return refused;
}

function Identities() {
  const all = useData(() => take(api.GET("/api/v1/account/identities")));
  const [problem, setProblem] = useState<string | null>(null);
  const linked = all.value ?? [];
  return (
    <section className="card settings">
      <h2>{words.identities}</h2>
      <p className="hint">{linked.length === 0 ? words.noIdentities : `${words.identitiesHelp} ${words.unlinkHelp}`}</p>
      <ul className="rows">
        {linked.map((one) => (
          <li key={one.id} className="row">
            <span className="title">{one.provider}</span>
            <span className="facts">
              {one.login}, {words.since} {new Date(one.linked_at).toLocaleDateString()}
            </span>
            <button type="button" className="danger" onClick={() => void ending("DELETE", `/api/v1/account/identities/${one.id}`).then(setProblem)}>
              {words.unlink}
            </button>
          </li>
        ))}
      </ul>
      <Problem text={problem ?? all.problem} />
      {all.value !== null && <Providers verb={words.link} wish={() => ({ purpose: "link" })} except={linked.map((one) => one.provider)} />}
    </section>
  );
}

function Password() {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setProblem(await ending("PUT", "/api/v1/account/password", { current: current === "" ? undefined : current, new: next }));
  };
  return (
    <form className="card" onSubmit={submit}>
      <h2>{words.setPassword}</h2>
      <label>
        {words.currentPassword}
        <input type="password" autoComplete="current-password" value={current} onChange={(event) => setCurrent(event.target.value)} />
      </label>
      <p className="hint">{words.currentHelp}</p>
      <label>
        {words.newPassword}
        <input type="password" autoComplete="new-password" value={next} required minLength={10} onChange={(event) => setNext(event.target.value)} />
      </label>
      <Problem text={problem} />
      <button type="submit">{words.setPassword}</button>
    </form>
  );
}

function Token() {
  const [name, setName] = useState("");
  const [value, setValue] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const answer = await send("POST", "/api/v1/tokens", { name: name.trim(), valid_s: TOKEN_S });
    setProblem(await problemOf(answer?.clone() ?? null));
    setValue(answer?.ok === true ? ((await answer.json()) as { value: string }).value : null);
  };
  return (
    <form className="card" onSubmit={submit}>
      <h2>{words.programs}</h2>
      <p className="hint">{words.programsHelp}</p>
      <label>
        {words.tokenName}
        <input autoComplete="off" value={name} required maxLength={63} onChange={(event) => setName(event.target.value)} />
      </label>
      <Problem text={problem} />
      {value !== null && (
        <p className="notice" role="status">
          <code>{value}</code>
        </p>
      )}
      <button type="submit">{words.makeToken}</button>
    </form>
  );
}

function Sessions() {
  const [problem, setProblem] = useState<string | null>(null);
  return (
    <section className="card settings">
      <h2>{words.sessions}</h2>
      <Problem text={problem} />
      <button type="button" className="danger" onClick={() => void ending("DELETE", "/api/v1/sessions").then(setProblem)}>
        {words.endSessions}
      </button>
    </section>
  );
}
