/** A line of two versions of a text. */
export interface DiffLine {
  readonly kind: "same" | "added" | "removed";
  readonly text: string;
}

/** Most pairs of lines that are compared; beyond it the middle is shown as removed and added whole. */
const MOST_PAIRS = 4_000_000;

/** What became of a text, line by line, with as many lines the same as can be. An absent text has no lines. */
export function diff(before: string | null | undefined, after: string | null | undefined): DiffLine[] {
  const [old, now] = [lines(before), lines(after)];
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) {
    start++;
  }
  let end = 0;
  while (end < old.length - start && end < now.length - start && old.at(-1 - end) === now.at(-1 - end)) {
    end++;
  }
  const [oldMiddle, nowMiddle] = [old.slice(start, old.length - end), now.slice(start, now.length - end)];
  return [...as("same", old.slice(0, start)), ...middle(oldMiddle, nowMiddle), ...as("same", old.slice(old.length - end))];
}

function lines(text: string | null | undefined): string[] {
  return text == null || text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

function as(kind: DiffLine["kind"], texts: readonly string[]): DiffLine[] {
  return texts.map((text) => ({ kind, text }));
}

/** The longest common subsequence, from a table of the lengths for all ends. */
function middle(old: readonly string[], now: readonly string[]): DiffLine[] {
  const width = now.length + 1;
  if (old.length * now.length > MOST_PAIRS) {
    return [...as("removed", old), ...as("added", now)];
  }
  const length = new Uint32Array((old.length + 1) * width);
  for (let row = old.length - 1; row >= 0; row--) {
    for (let column = now.length - 1; column >= 0; column--) {
      const [here, below, right] = [row * width + column, (row + 1) * width + column, row * width + column + 1];
      length[here] = old[row] === now[column] ? (length[below + 1] ?? 0) + 1 : Math.max(length[below] ?? 0, length[right] ?? 0);
    }
  }
  const out: DiffLine[] = [];
  let [row, column] = [0, 0];
  while (row < old.length || column < now.length) {
    const [left, right] = [old[row], now[column]];
    if (left !== undefined && left === right) {
      out.push({ kind: "same", text: left });
      row++;
      column++;
    } else if (left !== undefined && (right === undefined || (length[(row + 1) * width + column] ?? 0) >= (length[row * width + column + 1] ?? 0))) {
      out.push({ kind: "removed", text: left });
      row++;
    } else {
      out.push({ kind: "added", text: right ?? "" });
      column++;
    }
  }
  return out;
}
