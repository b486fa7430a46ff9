import { type InputHTMLAttributes, useId } from "react";

interface Properties extends Omit<InputHTMLAttributes<HTMLInputElement>, "onChange" | "id"> {
  readonly label: string;
  /** Read after the label, not as a part of it. */
  readonly hint?: string | undefined;
  readonly value: string;
  readonly onText: (text: string) => void;
}

/** A line to be filled in, with its name and what helps to do so. */
export function Field({ label, hint, onText, ...input }: Properties) {
  const id = useId();
  const hintId = `${id}-hint`;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input id={id} aria-describedby={hint === undefined ? undefined : hintId} onChange={({ target }) => onText(target.value)} {...input} />
      {hint !== undefined && (
        <span id={hintId} className="hint">
          {hint}
        </span>
      )}
    </div>
  );
}
