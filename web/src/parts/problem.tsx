/** A sentence about what went wrong; nothing when nothing did. */
export function Problem({ text }: { text: string | null }) {
  return text === null ? null : (
    <p className="problem" role="alert">
      {text}
    </p>
  );
}
