/** A piece of a line with one look. */
export interface Piece {
  readonly text: string;
  /** Names of styles, such as `fg-1 bold`; empty for plain text. */
  readonly look: string;
}

// Every sequence that a terminal would not print: CSI, OSC, two-character escapes, and other control characters.
// eslint-disable-next-line no-control-regex
const SEQUENCE = /\u001b\[([0-9;:]*)([@-~])|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[@-Z\\-_]?|[\u0000-\u0008\u000b-\u001f\u007f]/g;

/** What a reader sees of a line that rewrites itself with carriage returns: the last writing. */
export function settled(line: string): string {
  const text = line.endsWith("\r") ? line.slice(0, -1) : line;
  return text.slice(text.lastIndexOf("\r") + 1);
}

/**
 * Cuts a line into pieces by its colours (ECMA-48 SGR: 16 colours, bold, faint, underline). Everything else that is
 * meant for a terminal is left out; what remains is text and is shown as text.
 */
export function pieces(line: string): Piece[] {
  const out: Piece[] = [];
  let style: Style = {};
  let from = 0;
  const put = (until: number) => {
    if (until > from) {
      out.push({ text: line.slice(from, until), look: looks(style) });
    }
  };
  for (const found of line.matchAll(SEQUENCE)) {
    put(found.index);
    from = found.index + found[0].length;
    if (found[2] === "m") {
      style = restyled(style, found[1] ?? "");
    }
  }
  put(line.length);
  return out;
}

interface Style {
  fg?: number | undefined;
  bold?: boolean;
  faint?: boolean;
  underline?: boolean;
}

function restyled(style: Style, parameters: string): Style {
  const codes = parameters === "" ? [0] : parameters.split(/[;:]/).map(Number);
  let next = { ...style };
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at] ?? 0;
    if (code === 0) {
      next = {};
    } else if (code === 1) {
      next.bold = true;
    } else if (code === 2) {
      next.faint = true;
    } else if (code === 4) {
      next.underline = true;
    } else if (code === 22) {
      next.bold = next.faint = false;
    } else if (code === 24) {
      next.underline = false;
    } else if (code >= 30 && code <= 37) {
      next.fg = code - 30;
    } else if (code >= 90 && code <= 97) {
      next.fg = code - 90 + 8;
    } else if (code === 39) {
      next.fg = undefined;
    } else if (code === 38 || code === 48) {
      // 256 colours take two more numbers, true colours four; they are read over.
      at += codes[at + 1] === 5 ? 2 : 4;
    }
  }
  return next;
}

function looks(style: Style): string {
  const names = [
    style.fg === undefined ? "" : `fg-${style.fg}`,
    style.bold ? "bold" : "",
    style.faint ? "faint" : "",
    style.underline ? "underline" : "",
  ];
  return names.filter((name) => name !== "").join(" ");
}
