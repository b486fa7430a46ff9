import type { RunSummary } from "../api/client";
import { session } from "../api/session";
import { EventStream } from "./sse";

export interface RunListener {
  /** Read the list now; every later change is told. */
  reset(): void;
  run(run: RunSummary): void;
  /** The connection is there, or was lost and is made again. */
  connected(is: boolean): void;
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
/** The server says something every 15 s; a connection that is silent for so long is dead. */
const SILENCE_MS = 45_000;
/** What never becomes better by asking again. */
const FOR_GOOD = new Set([401, 403, 404]);

/** Follows the runs of a workspace across lost connections, from where the last one ended; gives what ends it. */
export function followRuns(workspace: string, listener: RunListener): () => void {
  const stop = new AbortController();
  let lastId: string | null = null;
  let pause = FIRST_PAUSE_MS;

  const once = async (signal: AbortSignal, alive: () => void): Promise<boolean> => {
    const answer = await open(workspace, lastId, signal);
    if (FOR_GOOD.has(answer.status)) {
      if (answer.status === 401) {
        session.end();
      }
      return false;
    }
    if (!answer.ok || answer.body === null) {
      return true;
    }
    pause = FIRST_PAUSE_MS;
    listener.connected(true);
    const [stream, reader, decoder] = [new EventStream(), answer.body.getReader(), new TextDecoder()];
    stream.lastId = lastId;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        return true;
      }
      alive();
      for (const event of stream.add(decoder.decode(value, { stream: true }))) {
        if (event.event === "reset") {
          listener.reset();
        } else if (event.event === "run") {
          listener.run(JSON.parse(event.data) as RunSummary);
        }
      }
      lastId = stream.lastId;
    }
  };
  const forEver = async () => {
    let goesOn = true;
    while (goesOn && !stop.signal.aborted) {
      const silent = new AbortController();
      let timer = setTimeout(() => silent.abort(), SILENCE_MS);
      const alive = () => {
        clearTimeout(timer);
        timer = setTimeout(() => silent.abort(), SILENCE_MS);
      };
      goesOn = await once(AbortSignal.any([stop.signal, silent.signal]), alive).catch(() => true);
      clearTimeout(timer);
      if (!stop.signal.aborted) {
        listener.connected(false);
        await new Promise((resolve) => setTimeout(resolve, pause));
        pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
      }
    }
  };
  void forEver();
  return () => stop.abort();
}

function open(workspace: string, lastId: string | null, signal: AbortSignal): Promise<Response> {
  const headers = new Headers({ accept: "text/event-stream" });
  const token = session.token();
  if (token !== null) {
    headers.set("authorization", `Bearer ${token}`);
  }
  if (lastId !== null) {
    headers.set("last-event-id", lastId);
  }
  return fetch(`/api/v1/workspaces/${encodeURIComponent(workspace)}/events`, { headers, signal });
}
