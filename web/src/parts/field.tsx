import { type InputHTMLAttributes, type ReactNode, useId } from "react";

interface Properties extends Omit<InputHTMLAttributes<HTMLInputElement>, "onChange" | "id"> {
  readonly label: string;
  /** Read after the label, not as a part of it. */
  readonly hint?: string | undefined;
  /** What the server says of it. */
  readonly problem?: string | undefined;
  readonly value: string;
  readonly onText: (text: string) => void;
}

/** A line to be filled in, with its name and what helps to do so. */
export function Field({ label, hint, problem, onText, ...input }: Properties) {
  return (
    <Labelled label={label} hint={hint} problem={problem}>
      {(told) => <input {...told} onChange={({ target }) => onText(target.value)} {...input} />}
    </Labelled>
  );
}

interface Told {
  readonly id: string;
  readonly "aria-describedby": string | undefined;
  readonly "aria-invalid": boolean | undefined;
}

interface Around {
  readonly label: string;
  readonly hint?: string | undefined;
  readonly problem?: string | undefined;
  /** Draws what is filled in or chosen, which is told of the rest by these. */
  readonly children: (told: Told) => ReactNode;
}

/** A name, what helps, and what is wrong, around something that is filled in. */
export function Labelled({ label, hint, problem, children }: Around) {
  const id = useId();
  const [hintId, problemId] = [`${id}-hint`, `${id}-problem`];
  const described = [hint !== undefined && hintId, problem !== undefined && problemId].filter((one) => one !== false).join(" ");
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({ id, "aria-describedby": described === "" ? undefined : described, "aria-invalid": problem !== undefined || undefined })}
      {hint !== undefined && (
        <span id={hintId} className="hint">
          {hint}
        </span>
      )}
      {problem !== undefined && (
        <span id={problemId} className="fault" role="alert">
          {problem}
        </span>
      )}
    </div>
  );
}
