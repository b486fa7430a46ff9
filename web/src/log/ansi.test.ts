import { expect, test } from "vitest";

import { pieces, settled } from "./ansi";

test("colours become names and are never markup", () => {
  expect(pieces("\u001b[1;31mfailed\u001b[0m: <script>")).toEqual([
    { text: "failed", look: "fg-1 bold" },
    { text: ": <script>", look: "" },
  ]);
  expect(pieces("\u001b[38;5;208morange\u001b[92mgreen")).toEqual([
    { text: "orange", look: "" },
    { text: "green", look: "fg-10" },
  ]);
});

test("what moves a cursor, rings a bell or names a window is left out", () => {
  const text = pieces("a\u001b[2K\u001b[1Gb\u0007c\u001b]0;title\u0007d\u001b(e\u0000")
    .map((piece) => piece.text)
    .join("");
  expect(text).toBe("abcd(e");
});

test("a plain line is one piece", () => {
  expect(pieces("plain")).toEqual([{ text: "plain", look: "" }]);
  expect(pieces("")).toEqual([]);
});

test("a line that rewrites itself shows its last writing", () => {
  expect(settled("10%\r50%\r100%")).toBe("100%");
  expect(settled("from windows\r")).toBe("from windows");
});
