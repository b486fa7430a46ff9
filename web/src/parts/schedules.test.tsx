import { renderToStaticMarkup } from "react-dom/server";
import { expect, test } from "vitest";

import type { Schemas } from "../api/client";
import { Polling } from "./polling";
import { ScheduleFacts } from "./schedules";

const schedule = (more: Partial<Schemas["ScheduleView"]> = {}): Schemas["ScheduleView"] => ({
  id: "sch_1",
  name: "nightly",
  from: "service",
  cron: "0 3 * * *",
  zone: "Asia/Shanghai",
  next: ["2100-01-02T19:00:00Z"],
  created_at: "2026-01-01T00:00:00Z",
  ...more,
});
const drawn = (more: Partial<Schemas["ScheduleView"]> = {}) => renderToStaticMarkup(<ScheduleFacts schedule={schedule(more)} />);

test("a schedule says when it runs, where, and what it gives", () => {
  const text = drawn({ branch: "next", inputs: { place: "live", version: "1.2" } });
  for (const told of ["nightly", "<code>0 3 * * *</code> Asia/Shanghai", "next", "place=live version=1.2", 'dateTime="2100-01-02T19:00:00Z"']) {
    expect(text).toContain(told);
  }
  expect(drawn({ from: "file", name: "0 3 * * * Asia/Shanghai" })).toContain("of the pipeline file");
});

test("a pause names who paused it, and what was left out is told until it runs again", () => {
  const paused = drawn({ paused_by: "mia", next: [] });
  expect(paused).toContain("paused by mia");
  const why = "run 7 has not ended";
  const last = { due: "2026-01-02T03:00:00Z", delivery: "dlv_1" };
  expect(drawn({ last, left_out: { due: "2026-01-03T03:00:00Z", why } })).toContain(why);
  expect(drawn({ last, left_out: { due: "2026-01-01T03:00:00Z", why } })).not.toContain(why);
  expect(drawn({ next: [] })).toContain("never again");
});

test("looking at a repository says what was seen, and what it answers instead", () => {
  const polled = (more: Partial<Schemas["PollView"]>) => renderToStaticMarkup(<Polling poll={{ every_s: 300, ...more }} />);
  expect(polled({})).toContain("It was not seen yet");
  expect(polled({})).not.toContain("last look");
  const seen = polled({ refs: 3, looked_at: "2026-01-02T03:00:00Z", next_at: "2100-01-02T03:05:00Z", failures: 4, trouble: "no route" });
  for (const told of ["every 5 min.", "3 branches and tags seen", "last look", "next look", "4 times in a row: no route"]) {
    expect(seen).toContain(told);
  }
  expect(seen).not.toContain("ull requests");
  expect(polled({ pulls: {} })).toContain("Pull requests were not seen yet");
  const pulls = polled({ pulls: { open: 2, looked_at: "2026-01-02T03:00:00Z", failures: 3, trouble: "no token" } });
  expect(pulls).toContain("2 open pull requests seen");
  expect(pulls).toContain("does not tell of pull requests, 3 times in a row: no token");
  expect(polled({ every_s: 90 })).toContain("every 90 s.");
  expect(polled({ every_s: 7200 })).toContain("every 2 h.");
});
