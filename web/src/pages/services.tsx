import { type FormEvent, useState } from "react";
import { useLocation } from "wouter";

import { api, type Schemas, take, WORKSPACE } from "../api/client";
import { useData } from "../api/use-data";
import { Problem } from "../parts/problem";
import { words } from "../words";

const path = { workspace: WORKSPACE };

/** The services of the workspace, and linking one more. */
export function ServicesPage() {
  const { value, problem, reload } = useData(() => take(api.GET("/api/v1/workspaces/{workspace}/services", { params: { path } })));
  return (
    <section>
      <h1>{words.services}</h1>
      <Problem text={problem} />
      {value?.items.length === 0 && <p className="empty">{words.noServices}</p>}
      <ul className="rows">
        {value?.items.map((service) => (
          <Row key={service.id} service={service} />
        ))}
      </ul>
      <AddService added={reload} />
    </section>
  );
}

function Row({ service }: { service: Schemas["ServiceView"] }) {
  const [problem, setProblem] = useState<string | null>(null);
  const [, go] = useLocation();
  const trigger = async () => {
    const body = { service: service.name };
    try {
      const triggered = await take(api.POST("/api/v1/workspaces/{workspace}/runs", { params: { path }, body }));
      go(triggered.run == null ? "/" : `/runs/${triggered.run.id}`);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <li className="row">
      <strong className="title">{service.name}</strong>
      <span className="facts">
        {service.repository} · {service.default_branch}
      </span>
      <button type="button" onClick={trigger}>
        {words.trigger}
      </button>
      <Problem text={problem} />
    </li>
  );
}

function AddService({ added }: { added: () => void }) {
  const [name, setName] = useState("");
  const [repository, setRepository] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const [script, setScript] = useState<string | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setProblem(null);
    try {
      const body = { name, repository };
      const made = await take(api.POST("/api/v1/workspaces/{workspace}/services", { params: { path }, body }));
      setScript(made.hook.post_receive);
      setName("");
      setRepository("");
      added();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <form className="card" onSubmit={submit}>
      <h2>{words.addService}</h2>
      <label>
        {words.name}
        <input value={name} required maxLength={63} onChange={(event) => setName(event.target.value)} />
      </label>
      <label>
        {words.repository}
        <input value={repository} required maxLength={2048} onChange={(event) => setRepository(event.target.value)} />
        <span className="hint">{words.repositoryHelp}</span>
      </label>
      <Problem text={problem} />
      <button type="submit">{words.add}</button>
      {script !== null && (
        <output>
          <p>{words.hookMade}</p>
          <pre>{script}</pre>
        </output>
      )}
    </form>
  );
}
