/** One event of a stream of Server-Sent Events. */
export interface StreamEvent {
  readonly event: string;
  readonly data: string;
}

/**
 * Takes a stream apart, wherever its pieces were cut. The browser's own `EventSource` sends no token and cannot tell why it was refused.
 */
export class EventStream {
  /** The id to come back with; also told by messages without data. */
  lastId: string | null = null;
  private rest = "";
  private event = "";
  private data: string[] = [];

  add(text: string): StreamEvent[] {
    const lines = (this.rest + text).split("\n");
    this.rest = lines.pop() ?? "";
    return lines.flatMap((line) => this.line(line.endsWith("\r") ? line.slice(0, -1) : line));
  }

  private line(line: string): StreamEvent[] {
    if (line === "") {
      const done = this.data.length > 0 ? [{ event: this.event || "message", data: this.data.join("\n") }] : [];
      this.event = "";
      this.data = [];
      return done;
    }
    const [, field = "", value = ""] = /^([^:]*)(?:: ?(.*))?$/.exec(line) ?? [];
    if (field === "event") {
      this.event = value;
    } else if (field === "data") {
      this.data.push(value);
    } else if (field === "id") {
      this.lastId = value;
    }
    return [];
  }
}
