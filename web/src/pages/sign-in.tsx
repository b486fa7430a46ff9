import { type FormEvent, useState } from "react";
import { Redirect, useLocation, useSearchParams } from "wouter";

import { session } from "../api/session";
import { Problem } from "../parts/problem";
import { words } from "../words";

/** Takes a token and keeps it only when the server knows it. */
export function SignInPage() {
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const [, go] = useLocation();
  const [search] = useSearchParams();
  const next = own(search.get("to"));
  if (session.token() !== null) {
    return <Redirect to={next} />;
  }
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const answer = await fetch("/api/v1/server", { headers: { authorization: `Bearer ${token.trim()}` } }).catch(() => null);
    if (answer?.ok === true) {
      session.begin(token.trim());
      go(next);
    } else {
      setProblem(words.tokenWrong);
    }
  };
  return (
    <form className="card narrow" onSubmit={submit}>
      <h1>{words.signIn}</h1>
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
