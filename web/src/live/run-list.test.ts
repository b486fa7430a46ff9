import { expect, test } from "vitest";

import type { RunSummary } from "../api/client";
import { changed, continued } from "./run-list";

const run = (number: number, more: Partial<RunSummary> = {}): RunSummary => ({
  id: `run_${number}`,
  service: "svc_1",
  service_name: "shop",
  number,
  state: "running",
  event: "push",
  ref: "refs/heads/main",
  actor: "ann",
  cancelling: false,
  created_at: `2026-01-02T03:04:0${number}Z`,
  ...more,
});
const all = { service: null, state: null };
const numbers = (list: readonly RunSummary[]) => list.map((one) => one.number);

test("a new run comes to its place, a changed one stays in its own", () => {
  const list = [run(5), run(3)];
  expect(numbers(changed(list, run(7), all))).toEqual([7, 5, 3]);
  expect(numbers(changed(list, run(4), all))).toEqual([5, 4, 3]);
  expect(numbers(changed(list, run(1), all))).toEqual([5, 3, 1]);
  const after = changed(list, run(3, { state: "failed" }), all);
  expect(after.map((one) => one.state)).toEqual(["running", "failed"]);
  expect(numbers(list)).toEqual([5, 3]);
});

test("runs of one moment are told apart by their ids", () => {
  const at = "2026-01-02T03:04:05Z";
  expect(numbers(changed([run(5), run(3, { created_at: at })], run(4, { created_at: at }), all))).toEqual([5, 4, 3]);
});

test("a filtered list takes what fits and gives up what fits no more", () => {
  const running = { service: null, state: "running" };
  expect(numbers(changed([run(5), run(3)], run(5, { state: "succeeded" }), running))).toEqual([3]);
  expect(numbers(changed([run(3)], run(5, { state: "succeeded" }), running))).toEqual([3]);
  expect(numbers(changed([run(3)], run(5, { service_name: "pay" }), { service: "shop", state: null }))).toEqual([3]);
});

test("a page that came meanwhile doubles nothing", () => {
  expect(numbers(continued([run(5), run(4)], [run(4), run(3)]))).toEqual([5, 4, 3]);
});
