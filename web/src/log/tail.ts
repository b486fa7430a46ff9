/** The most lines that are kept of what came live; older ones are read from the server again. */
export const MOST_LINES = 20_000;
/** The most characters of a line that are shown; the whole is in the download. */
export const MOST_CHARACTERS = 10_000;

/**
 * The end of a stage's log as it comes: bytes in any pieces become numbered lines.
 *
 * `first` is the number of the first kept line. The last line may still grow.
 */
export class Tail {
  private decoder = new TextDecoder();
  private lines: string[] = [];
  private open = "";

  constructor(
    /** The number of the line at which the bytes begin, from 0. */
    private first: number,
    /** Where they begin in the stage's bytes, and then: where the next ones begin. */
    public offset: number,
  ) {}

  /** Takes bytes in; those that were taken in before are left out. */
  add(offset: number, bytes: Uint8Array): void {
    const known = this.offset - offset;
    if (known < 0 || known >= bytes.length) {
      return;
    }
    this.offset = offset + bytes.length;
    const text = this.open + this.decoder.decode(bytes.subarray(known), { stream: true });
    const parts = text.split("\n");
    this.open = parts.pop() ?? "";
    for (const part of parts) {
      this.lines.push(part);
    }
    if (this.open.length > MOST_CHARACTERS * 2) {
      this.open = `${this.open.slice(0, MOST_CHARACTERS)}…`;
    }
    if (this.lines.length > MOST_LINES) {
      const surplus = this.lines.length - MOST_LINES / 2;
      this.lines = this.lines.slice(surplus);
      this.first += surplus;
    }
  }

  /** The number of the first line that is kept here. */
  get from(): number {
    return this.first;
  }

  /** How many lines the stage has, the open one included. */
  get total(): number {
    return this.first + this.lines.length + (this.open === "" ? 0 : 1);
  }

  /** The number of the line that is being written. */
  get current(): number {
    return this.first + this.lines.length;
  }

  line(number: number): string | undefined {
    const at = number - this.first;
    return at === this.lines.length && this.open !== "" ? this.open : this.lines[at];
  }
}
