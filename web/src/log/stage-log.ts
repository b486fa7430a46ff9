import { api, type LogGroup, take } from "../api/client";
import type { Frame } from "./frames";
import type { Place } from "./live";
import { MOST_CHARACTERS, Tail } from "./tail";

/** Lines that are asked for together. */
const BLOCK = 500;
/** Blocks that are kept; the longest unused one goes first. */
const MOST_BLOCKS = 40;
/** Lines before the end that are read live. */
const TAIL_LINES = 500;

/**
 * The log of one stage: its end comes live, any other place is read from the server when it is looked at. Nothing ever
 * holds the whole.
 */
export class StageLog {
  private tail: Tail | null = null;
  private attempt = 0;
  private blocks = new Map<number, string[]>();
  private asked = new Set<number>();
  private listeners = new Set<() => void>();
  /** Counts changes, so that a view knows when to look again. */
  version = 0;
  groups: LogGroup[] = [];

  constructor(
    readonly run: string,
    readonly stage: string,
  ) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly seen = (): number => this.version;

  /** Learns how long the log is and where its last lines begin. A stage that printed nothing yet has none. */
  async open(): Promise<void> {
    const index = await take(api.GET("/api/v1/runs/{run}/log", { params: { path: { run: this.run } } }));
    const known = index.stages.find((stage) => stage.stage === this.stage);
    if (known === undefined) {
      return;
    }
    const from = Math.max(0, known.lines - TAIL_LINES);
    const start = await this.ask(from, 1);
    this.attempt = start.attempt;
    this.groups = start.attempt === known.attempt ? known.groups : [];
    this.tail = new Tail(start.from, start.offset);
    this.tell();
  }

  /** From where it is followed. */
  place(): Place {
    return { stage: this.stage, attempt: this.attempt, offset: this.tail?.offset ?? 0 };
  }

  get total(): number {
    return this.tail?.total ?? 0;
  }

  take({ header, bytes }: Frame): void {
    if (header.stage !== this.stage) {
      return;
    }
    if (header.attempt > this.attempt || this.tail === null) {
      // A newer attempt: what was shown before is void.
      this.attempt = header.attempt;
      this.tail = new Tail(0, 0);
      this.blocks.clear();
      this.groups = [];
    }
    if (header.frame === "chunk") {
      this.tail.add(header.offset, bytes);
    } else {
      this.mark(header.offset, header.mark);
    }
    this.tell();
  }

  /** A line, when it is there; else it is asked for and told when it comes. */
  line(number: number): string | undefined {
    const text = this.tail !== null && number >= this.tail.from ? this.tail.line(number) : this.block(number);
    return text !== undefined && text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
  }

  private mark(offset: number, mark: Extract<Frame["header"], { frame: "mark" }>["mark"]): void {
    if (mark.mark === "begin") {
      if (!this.groups.some((known) => known.group === mark.group)) {
        const from_line = this.tail?.current ?? 0;
        this.groups = [...this.groups, { group: mark.group, title: mark.title, from_offset: offset, from_line }];
      }
    } else {
      this.groups = this.groups.map((known) =>
        known.group === mark.group
          ? { ...known, to_offset: offset, exit_code: mark.exit_code, duration_ms: mark.duration_ms }
          : known,
      );
    }
  }

  private block(number: number): string | undefined {
    const at = Math.floor(number / BLOCK);
    const known = this.blocks.get(at);
    if (known !== undefined) {
      // Looked at last: it goes last.
      this.blocks.delete(at);
      this.blocks.set(at, known);
      return known[number - at * BLOCK];
    }
    if (!this.asked.has(at)) {
      this.asked.add(at);
      void this.fetch(at).finally(() => this.asked.delete(at));
    }
    return undefined;
  }

  private async fetch(at: number): Promise<void> {
    const lines: string[] = [];
    while (lines.length < BLOCK) {
      const part = await this.ask(at * BLOCK + lines.length, BLOCK - lines.length);
      if (part.attempt !== this.attempt || part.lines.length === 0) {
        break;
      }
      lines.push(...part.lines);
    }
    this.blocks.set(at, lines);
    const oldest = this.blocks.keys().next().value;
    if (this.blocks.size > MOST_BLOCKS && oldest !== undefined) {
      this.blocks.delete(oldest);
    }
    this.tell();
  }

  private ask(from: number, count: number) {
    const params = { path: { run: this.run, stage: this.stage }, query: { from, count } };
    return take(api.GET("/api/v1/runs/{run}/log/{stage}/lines", { params }));
  }

  private tell(): void {
    this.version += 1;
    for (const listener of this.listeners) {
      listener();
    }
  }
}
