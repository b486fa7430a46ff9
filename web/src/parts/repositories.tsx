import { type FormEvent, useCallback, useEffect, useRef, useState } from "react";
import { Link } from "wouter";

import { api, reason, type Schemas, take } from "../api/client";
import { useDeed } from "../api/use-deed";
import { words } from "../words/forges";
import { at } from "../workspace/rights";
import { Field } from "./field";
import { Problem } from "./problem";

type Repository = Schemas["ForgeRepositoryView"];

/** So long somebody types before the forge is asked. */
const PAUSE_MS = 300;

interface Found {
  readonly items: readonly Repository[];
  readonly next: string | null;
}

/** What can be added of a forge, or why not; a part of a name finds it. */
export function Repositories({ workspace, forge }: { workspace: string; forge: string }) {
  const [text, setText] = useState("");
  const [found, setFound] = useState<Found | null>(null);
  const [busy, setBusy] = useState(true);
  const [problem, setProblem] = useState<string | null>(null);
  const asked = useRef(0);
  const search = useCallback(
    async (wanted: string, before: Found | null) => {
      const number = ++asked.current;
      const query = { ...(wanted !== "" && { search: wanted }), ...(before?.next != null && { cursor: before.next }) };
      setBusy(true);
      try {
        const params = { path: { workspace, forge }, query };
        const page = await take(api.GET("/api/v1/workspaces/{workspace}/forges/{forge}/repositories", { params }));
        if (number === asked.current) {
          setFound({ items: [...(before?.items ?? []), ...page.items], next: page.next ?? null });
          setProblem(null);
        }
      } catch (error) {
        if (number === asked.current) {
          setFound(before);
          setProblem(reason(error));
        }
      }
      if (number === asked.current) {
        setBusy(false);
      }
    },
    [workspace, forge],
  );
  useEffect(() => {
    const timer = setTimeout(() => void search(text.trim(), null), text === "" ? 0 : PAUSE_MS);
    return () => clearTimeout(timer);
  }, [search, text]);
  return (
    <section aria-busy={busy}>
      <h2>{words.repositories}</h2>
      <Field label={words.search} type="search" value={text} placeholder={words.searchHelp} onText={setText} />
      <p role="status" className="facts">
        {busy ? words.looking : said(found, text.trim())}
      </p>
      <Problem text={problem} />
      <ul className="rows" aria-label={words.repositories}>
        {found?.items.map((repository) => (
          <Row key={repository.id} repository={repository} workspace={workspace} forge={forge} />
        ))}
      </ul>
      <div className="buttons">
        {problem !== null && (
          <button type="button" className="quiet" disabled={busy} onClick={() => void search(text.trim(), found)}>
            {words.again}
          </button>
        )}
        {problem === null && found?.next != null && (
          <button type="button" className="quiet" disabled={busy} onClick={() => void search(text.trim(), found)}>
            {words.more}
          </button>
        )}
      </div>
    </section>
  );
}

/** Why there is nothing to see. */
function said(found: Found | null, text: string): string {
  if (found === null || found.items.length > 0) {
    return "";
  }
  if (found.next !== null) {
    return words.noneSoFar;
  }
  return text === "" ? words.noRepository : words.nothingFits(text);
}

function Row({ repository, workspace, forge }: { repository: Repository; workspace: string; forge: string }) {
  const [services, setServices] = useState(repository.services);
  const [isFresh, setFresh] = useState(false);
  const [isOpen, setOpen] = useState(false);
  const done = (name: string) => {
    setServices((before) => [...before, name]);
    setFresh(true);
    setOpen(false);
  };
  return (
    <li className="row">
      <span className="title">
        {repository.full_name}
        {repository.private && <span className="badge">{words.private}</span>}
      </span>
      <span className="facts why">
        {repository.why_not ?? repository.default_branch}
        {services.length > 0 && (
          <>
            {" "}
            · {words.addedAs}{" "}
            {services.map((service, index) => (
              <span key={service}>
                {index > 0 && ", "}
                <Link href={at(workspace, "services", service)}>{service}</Link>
              </span>
            ))}
          </>
        )}
        <span role="status">{isFresh && ` · ${words.added}`}</span>
      </span>
      {repository.why_not == null && !isOpen && (
        <button
          type="button"
          className={services.length > 0 ? "quiet" : ""}
          aria-label={words.addNamed(repository.full_name)}
          onClick={() => setOpen(true)}
        >
          {services.length > 0 ? words.addAgain : words.addRepository}
        </button>
      )}
      {isOpen && <Add repository={repository} workspace={workspace} forge={forge} done={done} close={() => setOpen(false)} />}
    </li>
  );
}

interface AddProperties {
  readonly repository: Repository;
  readonly workspace: string;
  readonly forge: string;
  readonly done: (service: string) => void;
  readonly close: () => void;
}

/** Both fields may stay as they are: the server takes the repository's own name and the usual file. */
function Add({ repository, workspace, forge, done, close }: AddProperties) {
  const [name, setName] = useState("");
  const [file, setFile] = useState("");
  const { run, busy, problem } = useDeed();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    run(async () => {
      const params = { path: { workspace, forge } };
      const body = {
        repository: repository.full_name,
        ...(name.trim() !== "" && { name: name.trim() }),
        ...(file.trim() !== "" && { pipeline_path: file.trim() }),
      };
      const service = await take(api.POST("/api/v1/workspaces/{workspace}/forges/{forge}/services", { params, body }));
      done(service.name);
    });
  };
  const own = repository.full_name.split("/").at(-1)?.toLowerCase() ?? "";
  return (
    <form className="inline" onSubmit={submit} aria-label={words.addNamed(repository.full_name)}>
      <Field label={words.serviceName} value={name} placeholder={own} maxLength={63} autoFocus onText={setName} />
      <Field label={words.pipelinePath} value={file} placeholder="caicloud.yml" maxLength={512} onText={setFile} />
      <Problem text={problem} />
      <div className="buttons">
        <button type="submit" disabled={busy}>
          {words.addRepository}
        </button>
        <button type="button" className="quiet" onClick={close}>
          {words.cancel}
        </button>
      </div>
    </form>
  );
}
