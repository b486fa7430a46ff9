import { type FormEvent, useState } from "react";
import { useLocation } from "wouter";

import { api, inOneSentence, take } from "../api/client";
import { useData } from "../api/use-data";
import { useDeed } from "../api/use-deed";
import { words } from "../words/running";
import { at } from "../workspace/rights";
import { Field } from "./field";
import { elsewhere, given, InputFields, type Values } from "./inputs";
import { Problem } from "./problem";

type Kind = "branch" | "tag";

/** A branch or a tag, by its name. */
interface Ref {
  readonly kind: Kind;
  readonly name: string;
}

interface Properties {
  readonly workspace: string;
  readonly service: string;
  readonly defaultBranch: string;
}

/** Starts a run of a branch or tag with what its pipeline file and the service declare; leads to it. */
export function RunForm({ workspace, service, defaultBranch }: Properties) {
  const [open, setOpen] = useState(false);
  return (
    <details className="card" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>{words.runWith}</summary>
      {open && <Form workspace={workspace} service={service} defaultBranch={defaultBranch} />}
    </details>
  );
}

function Form({ workspace, service, defaultBranch }: Properties) {
  const [typed, setTyped] = useState<Ref>({ kind: "branch", name: defaultBranch });
  // The file is read anew when a name is done, not at every key.
  const [meant, setMeant] = useState(typed);
  const [reason, setReason] = useState("");
  const [values, setValues] = useState<Values>({});
  const [, go] = useLocation();
  const declared = useInputs({ workspace, service, of: meant });
  const { run, busy, problem, faults, hasFields, changed } = useDeed();
  const inputs = declared.value?.inputs ?? [];
  const submit = (event: FormEvent) => {
    event.preventDefault();
    run(async () => {
      const body = { service, ...named(typed), ...(reason.trim() !== "" && { reason: reason.trim() }), inputs: given(inputs, values) };
      const triggered = await take(api.POST("/api/v1/workspaces/{workspace}/runs", { params: { path: { workspace } }, body }));
      go(triggered.run == null ? at(workspace) : `/runs/${triggered.run.id}`);
    });
  };
  const rest = hasFields ? inOneSentence(elsewhere(faults, inputs)) ?? null : problem;
  return (
    <form onSubmit={submit} aria-busy={busy || (declared.value === null && declared.problem === null)}>
      <Which of={typed} type={setTyped} mean={setMeant} />
      <Field label={words.reason} hint={words.reasonHelp} value={reason} maxLength={200} onText={setReason} />
      <fieldset>
        <legend>{words.inputs}</legend>
        <p role="status" className="hint">
          {declared.value === null ? declared.problem === null && words.reading : inputs.length === 0 ? words.noInputs : words.inputsHelp}
        </p>
        <Problem text={declared.problem} />
        <InputFields inputs={inputs} values={values} faults={faults} set={setValues} changed={changed} />
      </fieldset>
      <Problem text={rest} />
      <button type="submit" disabled={busy || declared.value === null}>
        {words.start}
      </button>
    </form>
  );
}

/** What can be given to runs of a branch or tag. */
export function useInputs({ workspace, service, of }: { workspace: string; service: string; of: Ref }) {
  return useData(
    () => {
      const params = { path: { workspace, service }, query: named(of) };
      return take(api.GET("/api/v1/workspaces/{workspace}/services/{service}/inputs", { params }));
    },
    undefined,
    `${workspace}/${service}/${of.kind}/${of.name}`,
  );
}

function named({ kind, name }: Ref): { branch?: string; tag?: string } {
  return name.trim() === "" ? {} : { [kind]: name.trim() };
}

function Which({ of, type, mean }: { of: Ref; type: (of: Ref) => void; mean: (of: Ref) => void }) {
  const choose = (kind: Kind) => {
    const other = { kind, name: "" };
    type(other);
  };
  return (
    <div className="inline">
      <div className="field">
        <label>
          {words.what}
          <select value={of.kind} onChange={({ target }) => choose(target.value as Kind)}>
            <option value="branch">{words.branch}</option>
            <option value="tag">{words.tag}</option>
          </select>
        </label>
      </div>
      <Field label={words.refName} value={of.name} required maxLength={255} autoComplete="off" onText={(name) => type({ ...of, name })} onBlur={() => mean(of)} />
    </div>
  );
}
