import { type FormEvent, useRef, useState } from "react";
import { useLocation } from "wouter";

import { redeem } from "../api/accounts";
import { Problem } from "../parts/problem";
import { Providers } from "../parts/providers";
import { words } from "../words";
import { words as account } from "../words/account";

/** Takes a one-time link: a new account with a name and a password, or only a new password. */
export function JoinPage() {
  // Behind the `#`, which the browser does not send.
  const [link] = useState(() => window.location.hash.slice(1));
  const isReset = link.startsWith("circle_reset_");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const [, go] = useLocation();
  const nameField = useRef<HTMLInputElement>(null);
  // Of the form only the name is needed, and the browser says so when it is missing.
  const joining = () => (nameField.current?.reportValidity() === true ? { purpose: "join" as const, link, name: name.trim() } : null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const refused = await redeem(link, isReset ? null : name.trim(), password);
    setProblem(refused);
    if (refused === null) {
      go("/", { replace: true });
    }
  };
  return (
    <form className="card narrow" onSubmit={submit}>
      <h1>{isReset ? words.newPassword : words.join}</h1>
      {!isReset && (
        <label>
          {words.accountName}
          <input ref={nameField} autoComplete="username" value={name} required pattern="[a-z0-9][a-z0-9-]*" onChange={(event) => setName(event.target.value)} />
        </label>
      )}
      <label>
        {words.password}
        <input type="password" autoComplete="new-password" value={password} required minLength={10} onChange={(event) => setPassword(event.target.value)} />
      </label>
      <p className="hint">{words.passwordHelp}</p>
      <Problem text={problem} />
      <button type="submit">{isReset ? words.setPassword : words.makeAccount}</button>
      {!isReset && <Providers verb={account.continueWith} hint={account.joinHelp} wish={joining} />}
    </form>
  );
}
