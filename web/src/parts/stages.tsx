import { useLocation } from "wouter";

import { api, reason, type RunView, type StageView, take } from "../api/client";
import { words } from "../words";
import { Download } from "./download";
import { State } from "./state";
import { duration } from "./time";

const PHASES = ["queue_ms", "cell_ms", "pull_ms", "start_ms", "run_ms", "copy_out_ms"] as const;

const SIZE = new Intl.NumberFormat("en", { notation: "compact", style: "unit", unit: "byte", unitDisplay: "narrow" });

interface Properties {
  readonly run: RunView;
  readonly chosen: string | null;
  readonly choose: (stage: string) => void;
  readonly mayRerun: boolean;
  readonly failed: (why: string) => void;
}

/** The stages in their order, each with where its time went; the chosen one's log is shown below. */
export function Stages({ run, chosen, choose, mayRerun, failed }: Properties) {
  const [, go] = useLocation();
  const rerun = (stage: string) => async () => {
    try {
      const body = { from_stage: stage };
      const made = await take(api.POST("/api/v1/runs/{run}/rerun", { params: { path: { run: run.run.id } }, body }));
      go(`/runs/${made.id}`);
    } catch (error) {
      failed(reason(error));
    }
  };
  return (
    <ol className="stages" aria-label={words.stages}>
      {run.stages.map((stage) => (
        <li key={stage.name} className={`stage ${stage.state}${stage.name === chosen ? " chosen" : ""}`}>
          <button type="button" aria-pressed={stage.name === chosen} onClick={() => choose(stage.name)}>
            <strong>{stage.name}</strong>
            <State state={stage.state} />
            <span className="facts">{stage.duration_ms != null && duration(stage.duration_ms)}</span>
            <Phases stage={stage} />
          </button>
          {stage.output != null && (
            <Download
              path={`/api/v1/runs/${run.run.id}/outputs/${encodeURIComponent(stage.name)}`}
              file={`${run.run.service_name}-${run.run.number}-${stage.name}.tar`}
              label={`${words.outputs} (${SIZE.format(stage.output.bytes)})`}
            />
          )}
          {mayRerun && run.run.ended_at != null && stage.started_at != null && (
            <button type="button" className="quiet" onClick={() => void rerun(stage.name)()}>
              {words.rerunFrom}
            </button>
          )}
        </li>
      ))}
    </ol>
  );
}

/** A bar of phases in proportion, and the same in words. */
function Phases({ stage }: { stage: StageView }) {
  const parts = PHASES.map((phase) => ({ phase, ms: stage.phases[phase] })).filter((part) => part.ms > 0);
  const sum = parts.reduce((all, part) => all + part.ms, 0);
  if (sum === 0) {
    return null;
  }
  const text = parts.map((part) => `${words.phases[part.phase]} ${duration(part.ms)}`).join(" · ");
  return (
    <>
      <span className="phases" aria-hidden="true">
        {parts.map((part) => (
          <span key={part.phase} className={part.phase} style={{ flexGrow: part.ms }} />
        ))}
      </span>
      <span className="facts small">{text}</span>
    </>
  );
}
