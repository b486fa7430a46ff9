import type { Fault, Schemas } from "../api/client";
import { words } from "../words/running";
import { Field, Labelled } from "./field";

export type Input = Schemas["InputView"];
/** What stands in the fields, by the names of inputs. */
export type Values = Readonly<Record<string, string>>;

/** What stands in a field; an input may be called `constructor`. */
function own(values: Values, name: string): string | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}

/** What is to be sent: only what differs from what counts anyway, so that a default that changes meanwhile still counts. */
export function given(inputs: readonly Input[], values: Values): Record<string, string> {
  const changed = inputs.flatMap(({ name, default: byDefault }) => {
    const value = own(values, name);
    return value === undefined || value === (byDefault ?? "") ? [] : [[name, value] as const];
  });
  return Object.fromEntries(changed);
}

/** What is wrong with an input, if something is. */
export function faultOf(faults: readonly Fault[], name: string): string | undefined {
  return faults.find(({ field }) => field === `inputs.${name}`)?.message;
}

/** What no field of the form shows. */
export function elsewhere(faults: readonly Fault[], inputs: readonly Input[]): readonly Fault[] {
  return faults.filter(({ field }) => !inputs.some(({ name }) => field === `inputs.${name}`));
}

/** What an input takes, as far as its field does not show it. */
export function takes({ type, min, max, pattern }: Input): string[] {
  const [least, most] = type === "string" ? [words.leastCharacters, words.mostCharacters] : [words.least, words.most];
  return [min != null && least(min), max != null && most(max), pattern != null && words.pattern(pattern)].filter((one) => one !== false);
}

interface Properties {
  readonly inputs: readonly Input[];
  readonly values: Values;
  readonly faults: readonly Fault[];
  readonly set: (values: Values) => void;
  /** Told of the field that somebody writes into. */
  readonly changed: (field: string) => void;
}

/** One field an input, of its type. */
export function InputFields({ inputs, values, faults, set, changed }: Properties) {
  return inputs.map((input) => (
    <InputField
      key={input.name}
      input={input}
      value={own(values, input.name) ?? input.default ?? ""}
      problem={faultOf(faults, input.name)}
      onText={(value) => {
        set({ ...values, [input.name]: value });
        changed(`inputs.${input.name}`);
      }}
    />
  ));
}

interface OneProperties {
  readonly input: Input;
  readonly value: string;
  readonly problem: string | undefined;
  readonly onText: (value: string) => void;
}

function InputField({ input, value, problem, onText }: OneProperties) {
  const isAsked = input.required && input.default == null;
  const label = isAsked ? `${input.name} (${words.mustBeGiven})` : input.name;
  const said = [input.description, ...takes(input)].filter((one) => one != null && one !== "");
  const hint = said.length > 0 ? said.join(" · ") : undefined;
  if (input.type === "string" || input.type === "number") {
    // What a number is, the server says: a browser's own field empties itself of what it does not take.
    const mode = input.type === "number" ? ({ inputMode: "decimal" } as const) : {};
    return <Field label={label} hint={hint} problem={problem} value={value} required={isAsked} maxLength={1000} autoComplete="off" {...mode} onText={onText} />;
  }
  const options = input.type === "boolean" ? ["true", "false"] : (input.options ?? []);
  return (
    <Labelled label={label} hint={hint} problem={problem}>
      {(told) => (
        <select {...told} value={value} required={isAsked} onChange={({ target }) => onText(target.value)}>
          {input.default == null && <option value="">{words.notSaid}</option>}
          {options.map((option) => (
            <option key={option} value={option}>
              {input.type === "boolean" ? words.truth[option] : option}
            </option>
          ))}
        </select>
      )}
    </Labelled>
  );
}

/** What a run was told; nothing when it was told nothing. */
export function Given({ inputs }: { inputs: Values }) {
  const pairs = Object.entries(inputs);
  if (pairs.length === 0) {
    return null;
  }
  return (
    <dl className="facts-list given" aria-label={words.inputs}>
      {pairs.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <code>{value}</code>
          </dd>
        </div>
      ))}
    </dl>
  );
}
