import { type FormEvent, useState } from "react";

import { api, inOneSentence, type Schemas, take } from "../api/client";
import { useData } from "../api/use-data";
import { useDeed } from "../api/use-deed";
import { words } from "../words/running";
import { may, type Workspace } from "../workspace/rights";
import { Confirmed } from "./confirmed";
import { Field } from "./field";
import { elsewhere, given, InputFields, type Values } from "./inputs";
import { Problem } from "./problem";
import { useInputs } from "./run-form";
import { Ago, Moment } from "./time";

type Schedule = Schemas["ScheduleView"];

/** Until the list is read again: what was due has passed. */
const PERIOD_MS = 30_000;
const FIELDS = ["name", "cron", "zone", "branch"] as const;

interface Properties {
  readonly workspace: Workspace;
  readonly service: string;
  readonly defaultBranch: string;
}

/** What the clock starts, and when; developers can pause it, and add some beside the file. */
export function Schedules({ workspace, service, defaultBranch }: Properties) {
  const path = { workspace: workspace.name, service };
  const { value, problem, reload } = useData(
    () => take(api.GET("/api/v1/workspaces/{workspace}/services/{service}/schedules", { params: { path } })),
    PERIOD_MS,
    `${workspace.name}/${service}`,
  );
  const mayChange = may(workspace.role, "developer");
  return (
    <section>
      <h2>{words.schedules}</h2>
      <Problem text={problem} />
      {value?.length === 0 && <p className="empty">{words.noSchedules}</p>}
      <ul className="rows" aria-label={words.schedules}>
        {value?.map((schedule) => (
          <Row key={schedule.id} schedule={schedule} path={path} mayChange={mayChange} changed={() => void reload()} />
        ))}
      </ul>
      {mayChange && <Add path={path} defaultBranch={defaultBranch} added={() => void reload()} />}
    </section>
  );
}

type Path = { readonly workspace: string; readonly service: string };

function Row({ schedule, path, mayChange, changed }: { schedule: Schedule; path: Path; mayChange: boolean; changed: () => void }) {
  const { run, busy, problem } = useDeed();
  const params = { path: { ...path, schedule: schedule.id } };
  const pause = (paused: boolean) =>
    run(async () => {
      await take(api.PATCH("/api/v1/workspaces/{workspace}/services/{service}/schedules/{schedule}", { params, body: { paused } }));
      changed();
    });
  const remove = () =>
    run(async () => {
      await take(api.DELETE("/api/v1/workspaces/{workspace}/services/{service}/schedules/{schedule}", { params }));
      changed();
    });
  const isPaused = schedule.paused_by != null;
  return (
    <li className="row">
      <ScheduleFacts schedule={schedule} />
      {mayChange && (
        <span className="buttons beside-row">
          <button type="button" className="quiet" disabled={busy} onClick={() => pause(!isPaused)} aria-label={`${isPaused ? words.resume : words.pause}: ${schedule.name}`}>
            {isPaused ? words.resume : words.pause}
          </button>
          {schedule.from === "service" && (
            <Confirmed label={words.remove} question={words.removeQuestion(schedule.name)} cancel={words.cancel} busy={busy} act={remove} />
          )}
        </span>
      )}
      <Problem text={problem} />
    </li>
  );
}

/** When it runs, and what it did last. */
export function ScheduleFacts({ schedule }: { schedule: Schedule }) {
  const { cron, zone, branch, inputs, last, left_out: leftOut } = schedule;
  const next = schedule.next[0];
  const values = Object.entries(inputs ?? {}).map(([name, value]) => `${name}=${value}`);
  const isNews = leftOut != null && (last == null || Date.parse(last.due) < Date.parse(leftOut.due));
  return (
    <>
      <span className="title">{schedule.from === "file" ? words.ofFile : schedule.name}</span>
      <span className="facts why">
        <code>{cron}</code> {zone}
        {branch != null && ` · ${branch}`}
        {values.length > 0 && ` · ${values.join(" ")}`}
      </span>
      <span className="facts why">
        {schedule.paused_by != null ? (
          words.pausedBy(schedule.paused_by)
        ) : next === undefined ? (
          words.never
        ) : (
          <>
            {words.next} <Moment at={next} /> (<Ago at={next} />)
          </>
        )}
        {last != null && (
          <>
            {" "}
            · {words.last} <Ago at={last.due} />
          </>
        )}
      </span>
      {isNews && <span className="facts why">{words.leftOut(leftOut.why)}</span>}
    </>
  );
}

function Add({ path, defaultBranch, added }: { path: Path; defaultBranch: string; added: () => void }) {
  const [open, setOpen] = useState(false);
  return (
    <details className="card" open={open} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>{words.addSchedule}</summary>
      {open && (
        <AddForm
          path={path}
          defaultBranch={defaultBranch}
          added={() => {
            setOpen(false);
            added();
          }}
        />
      )}
    </details>
  );
}

function AddForm({ path, defaultBranch, added }: { path: Path; defaultBranch: string; added: () => void }) {
  const [texts, setTexts] = useState({ name: "", cron: "", zone: Intl.DateTimeFormat().resolvedOptions().timeZone, branch: defaultBranch });
  const [branch, setBranch] = useState(defaultBranch);
  const [values, setValues] = useState<Values>({});
  const declared = useInputs({ ...path, of: { kind: "branch", name: branch } });
  const { run, busy, problem, faults, hasFields, changed } = useDeed();
  const inputs = declared.value?.inputs ?? [];
  const submit = (event: FormEvent) => {
    event.preventDefault();
    run(async () => {
      const own = texts.branch.trim() === defaultBranch ? {} : { branch: texts.branch.trim() };
      const body = { name: texts.name.trim(), cron: texts.cron.trim(), zone: texts.zone.trim(), ...own, inputs: given(inputs, values) };
      await take(api.POST("/api/v1/workspaces/{workspace}/services/{service}/schedules", { params: { path }, body }));
      added();
    });
  };
  const text = (field: (typeof FIELDS)[number]) => ({
    value: texts[field],
    required: true,
    autoComplete: "off",
    problem: faults.find((fault) => fault.field === field)?.message,
    onText: (value: string) => {
      setTexts({ ...texts, [field]: value });
      changed(field);
    },
  });
  const left = elsewhere(faults, inputs).filter(({ field }) => !FIELDS.some((own) => own === field));
  return (
    <form onSubmit={submit} aria-busy={busy}>
      <Field label={words.name} hint={words.nameHelp} maxLength={63} pattern="[a-z0-9]([\-a-z0-9]*[a-z0-9])?" {...text("name")} />
      <Field label={words.cron} hint={words.cronHelp} maxLength={100} placeholder="0 3 * * *" {...text("cron")} />
      <Field label={words.zone} maxLength={64} {...text("zone")} />
      <Field label={words.scheduleBranch} maxLength={255} {...text("branch")} onBlur={() => setBranch(texts.branch)} />
      {/* Nobody is there to be asked when it is due, so nothing must be given. */}
      {inputs.length > 0 && (
        <fieldset>
          <legend>{words.inputs}</legend>
          <InputFields inputs={inputs.map((input) => ({ ...input, required: false }))} values={values} faults={faults} set={setValues} changed={changed} />
        </fieldset>
      )}
      <Problem text={hasFields ? (inOneSentence(left) ?? null) : problem} />
      <button type="submit" disabled={busy}>
        {words.add}
      </button>
    </form>
  );
}
