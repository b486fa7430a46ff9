import { expect, test } from "vitest";

import { type DiffLine, diff } from "./diff";

const SIGNS = { same: " ", added: "+", removed: "-" };
const drawn = (lines: readonly DiffLine[]) => lines.map(({ kind, text }) => SIGNS[kind] + text);

test("only what differs is marked", () => {
  expect(drawn(diff("a\nb\nc\nd\n", "a\nx\nc\nd\n"))).toEqual([" a", "-b", "+x", " c", " d"]);
  expect(drawn(diff("a\nb\nc\n", "c\na\nb\n"))).toEqual(["+c", " a", " b", "-c"]);
  expect(drawn(diff("a\na\n", "a\na\na\n"))).toEqual([" a", " a", "+a"]);
});

test("an absent text is all new or all gone", () => {
  expect(drawn(diff(null, "a\nb\n"))).toEqual(["+a", "+b"]);
  expect(drawn(diff("a\n", undefined))).toEqual(["-a"]);
  expect(diff("", null)).toEqual([]);
});

test("either text can be read out of it again", () => {
  const texts = ["", "a", "a\nb\na\nc", "b\na\nb\nc\nc", "c\nb\na", "a\nb\nc\na\nb\nc"];
  for (const before of texts) {
    for (const after of texts) {
      const all = diff(before, after);
      const without = (kind: DiffLine["kind"]) => all.filter((line) => line.kind !== kind).map((line) => line.text);
      expect(without("added").join("\n")).toBe(before);
      expect(without("removed").join("\n")).toBe(after);
    }
  }
});

test("texts too long to compare are shown whole", () => {
  const long = (word: string) => Array.from({ length: 3_000 }, (_, at) => `${word} ${at}`).join("\n");
  const all = diff(long("old"), long("new"));
  expect(all.filter((line) => line.kind === "removed")).toHaveLength(3_000);
  expect(all.filter((line) => line.kind === "added")).toHaveLength(3_000);
});
