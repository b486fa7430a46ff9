import { useId, useRef, useState } from "react";

import { words } from "../words";

/** Puts a text into the clipboard and says so. */
export function CopyButton({ text }: { text: string }) {
  const place = useRef<HTMLSpanElement>(null);
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    // A page without https has no clipboard of its own.
    const written = await navigator.clipboard?.writeText(text).then(
      () => true,
      () => false,
    );
    setCopied(written ?? copiedByHand(text, place.current));
  };
  return (
    <span ref={place} className="copy">
      <button type="button" className="quiet" onClick={() => void copy()}>
        {words.copy}
      </button>
      <span role="status" className="facts">
        {copied && words.copied}
      </span>
    </span>
  );
}

function copiedByHand(text: string, beside: HTMLElement | null): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  beside?.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

/** A line to be taken elsewhere exactly as it is. */
export function CopyField({ label, text }: { label: string; text: string }) {
  const id = useId();
  return (
    <div className="copy-field">
      <label htmlFor={id}>{label}</label>
      <input id={id} value={text} readOnly onFocus={(event) => event.target.select()} />
      <CopyButton text={text} />
    </div>
  );
}
