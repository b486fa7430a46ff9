import { expect, test } from "vitest";

import { frames } from "./frames";
import { MOST_LINES, Tail } from "./tail";

const bytes = (text: string) => new TextEncoder().encode(text);

test("pieces become lines wherever they were cut", () => {
  const whole = bytes("grüße\nzwei\ndrei");
  for (let cut = 0; cut <= whole.length; cut++) {
    const tail = new Tail(7, 100);
    tail.add(100, whole.subarray(0, cut));
    tail.add(100 + cut, whole.subarray(cut));
    expect([tail.line(7), tail.line(8), tail.line(9), tail.line(10)]).toEqual(["grüße", "zwei", "drei", undefined]);
    expect(tail.total).toBe(10);
    expect(tail.offset).toBe(100 + whole.length);
  }
});

test("what comes again counts once, and a hole is not filled with what comes after it", () => {
  const tail = new Tail(0, 0);
  tail.add(0, bytes("one\ntwo\n"));
  tail.add(0, bytes("one\ntwo\n"));
  tail.add(4, bytes("two\nthree\n"));
  tail.add(100, bytes("far away\n"));
  expect([0, 1, 2, 3].map((at) => tail.line(at))).toEqual(["one", "two", "three", undefined]);
});

test("an endless log is kept in bounds and keeps its numbers", () => {
  const tail = new Tail(0, 0);
  let offset = 0;
  for (let round = 0; round < 10; round++) {
    const chunk = bytes(Array.from({ length: 5_000 }, (_, at) => `line ${round * 5_000 + at}\n`).join(""));
    tail.add(offset, chunk);
    offset += chunk.length;
  }
  expect(tail.total).toBe(50_000);
  expect(tail.total - tail.from).toBeLessThanOrEqual(MOST_LINES);
  expect(tail.line(49_999)).toBe("line 49999");
  expect(tail.line(tail.from)).toBe(`line ${tail.from}`);
  expect(tail.line(tail.from - 1)).toBeUndefined();
});

test("a message is taken apart frame by frame", () => {
  const encode = (header: object, body: string) => {
    const head = bytes(JSON.stringify(header));
    const out = new Uint8Array(4 + head.length + body.length);
    new DataView(out.buffer).setUint32(0, head.length);
    out.set(head, 4);
    out.set(bytes(body), 4 + head.length);
    return out;
  };
  const chunk = { frame: "chunk", stage: "build", attempt: 1, sequence: 0, offset: 0, len: 3 };
  const mark = { frame: "mark", stage: "build", attempt: 1, offset: 3, mark: { mark: "begin", group: 0, title: "make" } };
  const message = new Uint8Array([...encode(chunk, "abc"), ...encode(mark, "")]);
  const [first, second] = frames(message.buffer);
  expect(first?.header).toEqual(chunk);
  expect(new TextDecoder().decode(first?.bytes)).toBe("abc");
  expect(second?.header).toEqual(mark);
});
