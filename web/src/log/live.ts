import { api, type RunView, take } from "../api/client";
import { type Frame, frames } from "./frames";

/** Where a stage's log is read from. */
export interface Place {
  readonly stage: string;
  readonly attempt: number;
  readonly offset: number;
}

export interface Listener {
  /** The stage that is wanted, and the first byte that is not known yet; `null` = no log. */
  place(): Place | null;
  run(run: RunView): void;
  frame(frame: Frame): void;
  /** The connection is there, or was lost and is made again. */
  connected(is: boolean): void;
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;

/** Follows a run until its end, across lost connections; gives what ends it from outside. */
export function follow(run: string, listener: Listener): () => void {
  let stopped = false;
  let socket: WebSocket | null = null;
  let pause = FIRST_PAUSE_MS;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const again = () => {
    if (!stopped) {
      listener.connected(false);
      timer = setTimeout(connect, pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
  };
  const connect = async () => {
    try {
      const { ticket } = await take(api.POST("/api/v1/runs/{run}/live/ticket", { params: { path: { run } } }));
      if (!stopped) {
        socket = open(run, ticket, listener, () => (pause = FIRST_PAUSE_MS), again);
      }
    } catch {
      again();
    }
  };
  void connect();
  return () => {
    stopped = true;
    clearTimeout(timer);
    socket?.close(1000);
  };
}

function open(run: string, ticket: string, listener: Listener, well: () => void, again: () => void): WebSocket {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/api/v1/runs/${run}/live?ticket=${ticket}`);
  socket.binaryType = "arraybuffer";
  let taken = 0;
  let ended = false;
  socket.onopen = () => {
    const place = listener.place();
    const wish = place === null ? { logs: false } : { logs: true, stages: [place.stage], from: [place] };
    socket.send(JSON.stringify({ message: "subscribe", ...wish }));
    listener.connected(true);
  };
  socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
    well();
    if (typeof data === "string") {
      const said = JSON.parse(data) as { message: "run"; run: RunView } | { message: "end" };
      ended = said.message === "end";
      if (said.message === "run") {
        listener.run(said.run);
      }
      return;
    }
    const before = taken;
    for (const frame of frames(data)) {
      taken += frame.bytes.length;
      listener.frame(frame);
    }
    if (taken > before) {
      socket.send(JSON.stringify({ message: "ack", bytes: taken }));
    }
  };
  socket.onclose = () => {
    if (!ended) {
      again();
    }
  };
  return socket;
}
