import { afterEach, beforeEach, expect, test, vi } from "vitest";

import type { RunSummary } from "../api/client";
import { followRuns } from "./events";

interface Call {
  readonly url: string;
  readonly headers: Headers;
}

/** A server that answers one connection after the other. */
function serve(...answers: (() => Response)[]): Call[] {
  const calls: Call[] = [];
  vi.stubGlobal("fetch", (url: string, { headers }: { headers: Headers }) => {
    calls.push({ url, headers });
    const answer = answers[calls.length - 1];
    return answer === undefined ? new Promise(() => {}) : Promise.resolve(answer());
  });
  return calls;
}

function heard() {
  const said: string[] = [];
  const listener = {
    reset: () => said.push("reset"),
    run: (run: RunSummary) => said.push(run.id),
    connected: (is: boolean) => said.push(is ? "connected" : "lost"),
  };
  return { said, listener };
}

beforeEach(() => {
  vi.useFakeTimers();
  const store = { getItem: () => "token-of-ann", setItem: () => {}, removeItem: () => {} };
  vi.stubGlobal("sessionStorage", store);
  vi.stubGlobal("localStorage", store);
});

afterEach(() => vi.useRealTimers());

test("a lost connection goes on after the last event", async () => {
  const first = 'id: a-1\nevent: reset\ndata: {}\n\nid: a-2\nevent: run\ndata: {"id":"run_1"}\n\nid: a-3\n\n';
  const calls = serve(
    () => new Response(first),
    () => new Response("down", { status: 503 }),
    () => new Response('id: a-4\nevent: run\ndata: {"id":"run_2"}\n\n'),
  );
  const { said, listener } = heard();
  const stop = followRuns("a/b", listener);
  await vi.advanceTimersByTimeAsync(5_000);
  stop();
  expect(said.slice(0, 7)).toEqual(["connected", "reset", "run_1", "lost", "lost", "connected", "run_2"]);
  expect(calls.map(({ headers }) => headers.get("last-event-id")).slice(0, 4)).toEqual([null, "a-3", "a-3", "a-4"]);
  expect(calls[0]?.url).toBe("/api/v1/workspaces/a%2Fb/events");
  expect(calls[0]?.headers.get("authorization")).toBe("Bearer token-of-ann");
});

test("whoever may not look is not asked again", async () => {
  const calls = serve(() => new Response("no", { status: 404 }));
  const { said, listener } = heard();
  followRuns("theirs", listener);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(calls).toHaveLength(1);
  expect(said).toEqual(["lost"]);
});

test("who left is told nothing more", async () => {
  const calls = serve(() => new Response("id: a-1\nevent: reset\ndata: {}\n\n"));
  const { said, listener } = heard();
  followRuns("shop", listener)();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(calls).toHaveLength(1);
  expect(said.filter((word) => word === "lost")).toEqual([]);
});
