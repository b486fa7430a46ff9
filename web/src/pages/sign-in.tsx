import { type FormEvent, useState } from "react";
import { Redirect, useSearchParams } from "wouter";

import { signIn } from "../api/accounts";
import { session } from "../api/session";
import { Problem } from "../parts/problem";
import { Providers } from "../parts/providers";
import { words } from "../words";
import { words as account } from "../words/account";

/** Signs in with an account, or takes a token and keeps it only when the server knows it. */
export function SignInPage() {
  const [search] = useSearchParams();
  const [byToken, setByToken] = useState(false);
  const to = own(search.get("to"));
  if (session.isOpen()) {
    return <Redirect to={to} />;
  }
  return (
    <div className="card narrow">
      <h1>{words.signIn}</h1>
      {byToken ? <TokenForm /> : <AccountForm />}
      <Providers verb={account.continueWith} wish={() => ({ purpose: "sign_in", to })} />
      <section className="beside" aria-label={account.or}>
        <button type="button" className="quiet" onClick={() => setByToken(!byToken)}>
          {byToken ? words.withAccount : words.withToken}
        </button>
      </section>
    </div>
  );
}

function AccountForm() {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setProblem(await signIn(name.trim(), password));
  };
  return (
    <form onSubmit={submit}>
      <label>
        {words.accountName}
        <input autoComplete="username" value={name} required onChange={(event) => setName(event.target.value)} />
      </label>
      <label>
        {words.password}
        <input type="password" autoComplete="current-password" value={password} required onChange={(event) => setPassword(event.target.value)} />
      </label>
      <Problem text={problem} />
      <button type="submit">{words.signIn}</button>
    </form>
  );
}

function TokenForm() {
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const answer = await fetch("/api/v1/server", { headers: { authorization: `Bearer ${token.trim()}` } }).catch(() => null);
    if (answer?.ok === true) {
      session.begin(token.trim());
    } else {
      setProblem(words.tokenWrong);
    }
  };
  return (
    <form onSubmit={submit}>
      <label>
        {words.token}
        <input type="password" autoComplete="off" value={token} required onChange={(event) => setToken(event.target.value)} />
      </label>
      <p className="hint">{words.tokenHelp}</p>
      <Problem text={problem} />
      <button type="submit">{words.signIn}</button>
    </form>
  );
}

/** Only a path of this very page: `//host` and `/\host` lead elsewhere. */
export function own(to: string | null): string {
  return to !== null && /^\/(?![/\\])/.test(to) ? to : "/";
}
