import { type FormEvent, useState } from "react";
import { Link, Redirect, useLocation } from "wouter";

import { api, take } from "../api/client";
import { useDeed } from "../api/use-deed";
import { Field } from "../parts/field";
import { Problem } from "../parts/problem";
import { useTitle } from "../parts/title";
import { words } from "../words/workspaces";
import { at } from "../workspace/rights";
import { useWorkspaces } from "../workspace/workspaces";

/** Where one is a member; for administrators of the server, a new workspace. */
export function WorkspacesPage() {
  const { all, account } = useWorkspaces();
  useTitle(words.workspaces);
  return (
    <section>
      <h1>{words.workspaces}</h1>
      {all.length === 0 && !account.administrator && <p className="empty">{words.none}</p>}
      <ul className="rows">
        {all.map(({ id, name, role }) => (
          <li key={id} className="row">
            <Link className="title" href={at(name)}>
              {name}
            </Link>
            <span className="facts">
              {words.yourRole}: {words.roles[role]}
            </span>
          </li>
        ))}
      </ul>
      {account.administrator && <Make />}
    </section>
  );
}

function Make() {
  const [name, setName] = useState("");
  const { reload, enter } = useWorkspaces();
  const [, go] = useLocation();
  const { run, busy, problem } = useDeed();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    run(async () => {
      const made = await take(api.POST("/api/v1/workspaces", { body: { name: name.trim() } }));
      enter(made.name);
      await reload();
      go(at(made.name));
    });
  };
  return (
    <form className="card" onSubmit={submit}>
      <h2>{words.make}</h2>
      <Field label={words.name} hint={words.makeHelp} value={name} required maxLength={63} onText={setName} />
      <Problem text={problem} />
      <button type="submit" disabled={busy}>
        {words.make}
      </button>
    </form>
  );
}

/** Leads from an address without a workspace to the one that was looked at last. */
export function Home({ to }: { to?: "services" }) {
  const { current } = useWorkspaces();
  return <Redirect replace to={current === null ? "/workspaces" : at(current.name, ...(to === undefined ? [] : [to]))} />;
}
