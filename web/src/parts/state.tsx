import { words } from "../words";

const SIGNS: Record<string, string> = {
  succeeded: "✓",
  failed: "✗",
  running: "●",
  deploying: "●",
  queued: "○",
  waiting: "○",
  cancelled: "⊘",
  skipped: "–",
  not_run: "–",
  made: "✓",
  ignored: "–",
  refused: "✗",
  good: "✓",
  repaired: "✓",
  missing: "✗",
  wrong: "✗",
};

/** A state as a sign, a colour and a word, so that none of the three is needed alone. */
export function State({ state, text }: { state: string; text?: string }) {
  return (
    <span className={`state ${state}`}>
      <span aria-hidden="true">{SIGNS[state] ?? "·"}</span> {text ?? words.states[state] ?? state}
    </span>
  );
}
