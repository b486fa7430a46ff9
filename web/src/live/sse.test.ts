import { expect, test } from "vitest";

import { EventStream } from "./sse";

const TEXT = 'id: a-1\nevent: reset\ndata: {}\n\n: a comment\nid: a-2\nevent: run\ndata: {"id":\ndata:"x"}\n\nid: a-9\n\n';

test("events are the same wherever the stream was cut", () => {
  for (let cut = 0; cut <= TEXT.length; cut++) {
    const stream = new EventStream();
    const events = [...stream.add(TEXT.slice(0, cut)), ...stream.add(TEXT.slice(cut))];
    expect(events).toEqual([
      { event: "reset", data: "{}" },
      { event: "run", data: '{"id":\n"x"}' },
    ]);
    expect(stream.lastId).toBe("a-9");
  }
});

test("what has not ended yet is not told, and carriage returns are no part of a line", () => {
  const stream = new EventStream();
  expect(stream.add("data: half\r\n")).toEqual([]);
  expect(stream.add("\r\n")).toEqual([{ event: "message", data: "half" }]);
});
