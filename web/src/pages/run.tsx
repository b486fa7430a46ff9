import { useCallback, useEffect, useState } from "react";
import { Link, useLocation } from "wouter";

import { api, reason, Refused, type RunView, take } from "../api/client";
import { follow } from "../log/live";
import { LogView } from "../log/log-view";
import { StageLog } from "../log/stage-log";
import { PullRequest } from "../parts/approval";
import { Commands } from "../parts/commands";
import { Download } from "../parts/download";
import { Given } from "../parts/inputs";
import { Problem } from "../parts/problem";
import { shortRef } from "../parts/run-row";
import { Stages } from "../parts/stages";
import { State } from "../parts/state";
import { Ago } from "../parts/time";
import { useTitle } from "../parts/title";
import { words } from "../words";
import { at, may, type Workspace } from "../workspace/rights";
import { useWorkspaces } from "../workspace/workspaces";

/** One run: where it stands and why, its stages with their times, the log of one stage, and what can be done. */
export function RunPage({ id }: { id: string }) {
  const [run, setRun] = useState<RunView | null>(null);
  const [log, setLog] = useState<StageLog | null>(null);
  const [chosen, choose] = useState<string | null>(null);
  const [isConnected, setConnected] = useState(true);
  const [problem, setProblem] = useState<string | null>(null);
  const stage = chosen ?? interesting(run);

  useEffect(() => {
    take(api.GET("/api/v1/runs/{run}", { params: { path: { run: id } } })).then(setRun, (error: unknown) =>
      setProblem(reason(error)),
    );
  }, [id]);
  const workspace = useWorkspaceOf(run);
  const mayChange = may(workspace?.role, "developer");
  useTitle(run === null ? null : (run.run.title ?? shortRef(run.run.ref)), run?.run.service_name);

  useEffect(() => {
    let stop = () => {};
    let left = false;
    const wanted = stage === null ? null : new StageLog(id, stage);
    setLog(wanted);
    const ready = wanted?.open() ?? Promise.resolve();
    ready
      .catch((error: unknown) => !(error instanceof Refused) && setProblem(String(error)))
      .then(() => {
        if (!left) {
          stop = follow(id, {
            place: () => wanted?.place() ?? null,
            run: setRun,
            frame: (frame) => wanted?.take(frame),
            connected: setConnected,
          });
        }
      });
    return () => {
      left = true;
      stop();
    };
  }, [id, stage]);

  if (run === null) {
    return <Problem text={problem} />;
  }
  return (
    <article className="run">
      <Head run={run} workspace={workspace} failed={setProblem} />
      <Problem text={problem} />
      {!isConnected && (
        <p className="notice" role="status">
          {words.connectionLost}
        </p>
      )}
      <Why run={run} />
      <PullRequest run={run} workspace={workspace} />
      <Stages run={run} chosen={stage} choose={choose} mayRerun={mayChange} failed={setProblem} />
      {log !== null && (
        <section className="log-section" aria-label={words.log}>
          <Commands log={log} />
          <LogView key={log.stage} log={log} />
          <Download path={`/api/v1/runs/${id}/log/${encodeURIComponent(log.stage)}`} file={`${log.stage}.log`} label={words.download} />
        </section>
      )}
      <Results run={run} />
    </article>
  );
}

/** Where the run belongs; the other pages go on there. */
function useWorkspaceOf(run: RunView | null): Workspace | undefined {
  const { all, enter } = useWorkspaces();
  const workspace = all.find(({ id }) => id === run?.workspace);
  const name = workspace?.name;
  useEffect(() => {
    if (name !== undefined) {
      enter(name);
    }
  }, [name, enter]);
  return workspace;
}

/** The stage that a reader wants to see first: the one that failed, else the one that runs, else the last that ran. */
function interesting(run: RunView | null): string | null {
  if (run === null) {
    return null;
  }
  const failed = run.verdict?.verdict === "failed" ? run.verdict.failure.stage : null;
  const running = run.stages.find((stage) => stage.state === "running");
  const ran = run.stages.filter((stage) => stage.started_at != null).at(-1);
  return failed ?? running?.name ?? ran?.name ?? null;
}

interface HeadProperties {
  readonly run: RunView;
  readonly workspace: Workspace | undefined;
  readonly failed: (why: string) => void;
}

function Head({ run: { run, inputs }, workspace, failed }: HeadProperties) {
  const [, go] = useLocation();
  const act = useCallback(
    (deed: () => Promise<void>) => () => {
      deed().catch((error: unknown) => failed(reason(error)));
    },
    [failed],
  );
  const path = { run: run.id };
  const cancel = act(async () => {
    await take(api.POST("/api/v1/runs/{run}/cancel", { params: { path }, body: {} }));
  });
  const rerun = act(async () => {
    const made = await take(api.POST("/api/v1/runs/{run}/rerun", { params: { path }, body: {} }));
    go(`/runs/${made.id}`);
  });
  const isEnded = run.ended_at != null;
  return (
    <header className="run-head">
      <div>
        <h1>{run.title ?? shortRef(run.ref)}</h1>
        <p className="facts">
          <State state={run.state} /> · <Link href={workspace === undefined ? "/" : at(workspace.name, "services", run.service_name)}>{run.service_name}</Link> #{run.number} · {shortRef(run.ref)}
          {run.commit != null && <> · <code>{run.commit.slice(0, 12)}</code></>} · {words.events[run.event] ?? run.event} {words.by} {run.actor} ·{" "}
          <Ago at={run.created_at} />
          {run.reason != null && <> · “{run.reason}”</>}
        </p>
        <Given inputs={inputs ?? {}} />
      </div>
      {!may(workspace?.role, "developer") ? null : isEnded ? (
        <button type="button" onClick={rerun}>
          {words.rerun}
        </button>
      ) : (
        <button type="button" className="danger" disabled={run.cancelling} onClick={cancel}>
          {run.cancelling ? words.cancelling : words.cancel}
        </button>
      )}
    </header>
  );
}

/** Why it waits, or why it ended as it did, in a sentence. */
function Why({ run }: { run: RunView }) {
  const failure = run.verdict?.verdict === "failed" ? run.verdict.failure : null;
  return (
    <>
      {run.waiting != null && (
        <p className="notice" role="status">
          {words.waiting}: {run.waiting.sentence}
          {run.waiting.place != null && ` · ${words.place} ${run.waiting.place}`}
          {run.waiting.estimate_s != null && ` · ${words.about} ${run.waiting.estimate_s} s`}
        </p>
      )}
      {failure !== null && <Problem text={failure.stage == null ? failure.message : `${failure.stage}: ${failure.message}`} />}
      {failure === null && run.run.message != null && <p className="notice">{run.run.message}</p>}
      {run.warnings.length > 0 && (
        <details>
          <summary>
            {words.warnings} ({run.warnings.length})
          </summary>
          <ul>
            {run.warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

/** What came of it: images by digest, deployments. */
function Results({ run }: { run: RunView }) {
  return (
    <>
      {run.images.length > 0 && (
        <section>
          <h2>{words.images}</h2>
          <ul>
            {run.images.map((image) => (
              <li key={image.name}>
                {image.repository ?? image.name} <code>{image.digest ?? ""}</code> {image.tags.join(", ")}
              </li>
            ))}
          </ul>
        </section>
      )}
      {run.deployments.length > 0 && (
        <section>
          <h2>{words.deployments}</h2>
          <ul>
            {run.deployments.map((deployment) => (
              <li key={deployment.id}>
                {deployment.environment} · {deployment.state}
                {deployment.failure != null && ` · ${deployment.failure.message}`}
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}
