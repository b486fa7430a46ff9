import { useState } from "react";
import { useLocation } from "wouter";

import { api, Refused, type RunView, type Schemas, take } from "../api/client";
import { useDeed } from "../api/use-deed";
import { words } from "../words/approval";
import { at, may, type Workspace } from "../workspace/rights";
import { diff } from "./diff";
import { Problem } from "./problem";

type Approval = Schemas["ApprovalView"];

interface Properties {
  readonly run: RunView;
  /** Where the run belongs; absent until that is known. */
  readonly workspace: Workspace | undefined;
}

/** Whose pull request a run is of; a stranger's can be looked at, approved for exactly its commit, or ended. */
export function PullRequest({ run, workspace }: Properties) {
  const pull = run.pull_request;
  if (pull == null) {
    return null;
  }
  const what = words.from(pull.number, pull.into, pull.fork);
  if (!pull.stranger) {
    return (
      <p className="facts">
        {what} · {pull.approved_by == null ? words.ofMember : `${words.approvedBy} ${pull.approved_by}`}
      </p>
    );
  }
  return (
    <section className="card waits" aria-label={words.title}>
      <h2>{words.title}</h2>
      <p>
        {what}, {words.by} {run.run.actor}. {words.why}
      </p>
      <Decision run={run} workspace={workspace} />
    </section>
  );
}

function Decision({ run, workspace }: Properties) {
  const [seen, setSeen] = useState<Approval | null>(null);
  const look = useDeed();
  const path = { run: run.run.id };
  const fetchIt = async () => setSeen(await take(api.GET("/api/v1/runs/{run}/approval", { params: { path } })));
  if (seen === null) {
    return (
      <>
        <Problem text={look.problem} />
        <button type="button" disabled={look.busy} onClick={() => look.run(fetchIt)}>
          {look.busy ? words.looking : words.look}
        </button>
      </>
    );
  }
  return (
    <>
      <Changes seen={seen} />
      {workspace !== undefined && may(workspace.role, "developer") ? (
        <Buttons run={run} workspace={workspace} commit={seen.commit} />
      ) : (
        <p className="hint">{words.needsDeveloper}</p>
      )}
    </>
  );
}

/** Bound to the commit that was looked at: the server refuses any other, and one that is not the newest. */
function Buttons({ run, workspace, commit }: { run: RunView; workspace: Workspace; commit: string }) {
  const [, go] = useLocation();
  const [moved, setMoved] = useState(false);
  const deed = useDeed();
  const path = { run: run.run.id };
  const approve = async () => {
    try {
      const { run: made } = await take(api.POST("/api/v1/runs/{run}/approve", { params: { path }, body: { commit } }));
      go(made == null ? at(workspace.name) : `/runs/${made.id}`);
    } catch (error) {
      setMoved(error instanceof Refused && error.status === 409);
      throw error;
    }
  };
  const deny = async () => {
    await take(api.POST("/api/v1/runs/{run}/cancel", { params: { path }, body: {} }));
  };
  return (
    <>
      <p className="hint">{words.approveHelp}</p>
      <Problem text={deed.problem} />
      {moved && <Newest run={run} workspace={workspace.name} />}
      <div className="buttons">
        <button type="button" disabled={deed.busy || moved} onClick={() => deed.run(approve)}>
          {words.approve(commit.slice(0, 12))}
        </button>
        {run.run.ended_at == null ? (
          <button type="button" className="danger" disabled={deed.busy || run.run.cancelling} onClick={() => deed.run(deny)}>
            {words.deny}
          </button>
        ) : (
          <span className="hint">{words.denyHelp}</span>
        )}
      </div>
    </>
  );
}

/** The newest run of the same pull request, when this one is not. */
function Newest({ run, workspace }: { run: RunView; workspace: string }) {
  const [, go] = useLocation();
  const find = useDeed();
  const show = async () => {
    const query = { service: run.run.service_name, limit: 200 };
    const { items } = await take(api.GET("/api/v1/workspaces/{workspace}/runs", { params: { path: { workspace }, query } }));
    const newest = items.find(({ ref }) => ref === run.run.ref);
    go(`/runs/${newest?.id ?? run.run.id}`);
  };
  return (
    <>
      <Problem text={find.problem} />
      <p>
        <button type="button" className="quiet" onClick={() => find.run(show)}>
          {words.newest}
        </button>
      </p>
    </>
  );
}

function Changes({ seen }: { seen: Approval }) {
  return (
    <>
      <p>
        {words.commit} <code>{seen.commit}</code> {words.by} {seen.actor}
      </p>
      <PipelineFile seen={seen} />
      {seen.paths == null ? (
        <p className="hint">{words.noPaths}</p>
      ) : (
        <details open={seen.paths.length <= 20}>
          <summary>
            {words.paths} ({seen.paths.length})
          </summary>
          <ul className="paths">
            {seen.paths.map((path) => (
              <li key={path}>
                <code>{path}</code>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

function PipelineFile({ seen }: { seen: Approval }) {
  const path = seen.pipeline_path;
  if (!seen.pipeline_changed) {
    return <p>{words.pipelineSame(path)}</p>;
  }
  const title =
    seen.pipeline_after == null
      ? words.pipelineGone(path)
      : seen.pipeline_before == null
        ? words.pipelineNew(path)
        : words.pipelineChanged(path);
  return (
    <>
      <p>
        <strong>{title}</strong>
      </p>
      <Diff before={seen.pipeline_before} after={seen.pipeline_after} label={path} />
    </>
  );
}

const SIGNS = { same: " ", added: "+", removed: "-" } as const;

/** Signs and words beside the colours: none of them is needed alone. */
function Diff({ before, after, label }: { before?: string | null | undefined; after?: string | null | undefined; label: string }) {
  return (
    <div className="diff" role="group" aria-label={label} tabIndex={0}>
      {diff(before, after).map(({ kind, text }, at) => (
        <div key={at} className={kind}>
          <span aria-hidden="true">{SIGNS[kind]}</span>
          {kind !== "same" && <span className="unseen">{kind === "added" ? words.added : words.removed}: </span>}
          <code>{text}</code>
        </div>
      ))}
    </div>
  );
}
