import { renderToStaticMarkup } from "react-dom/server";
import { expect, test } from "vitest";

import { elsewhere, faultOf, Given, given, type Input, InputFields, takes } from "./inputs";

const input = (name: string, type: Input["type"], more: Partial<Input> = {}): Input => ({
  name,
  type,
  from: "file",
  required: false,
  variable: `CIRCLE_INPUT_${name.toUpperCase()}`,
  ...more,
});
const version = input("version", "string", { required: true, pattern: "[0-9.]+", description: "What to <b>release</b>" });
const copies = input("copies", "number", { min: 1, max: 9, default: "2" });
const dry = input("dry", "boolean", { default: "false" });
const place = input("place", "choice", { options: ["qa", "live"] });
const all = [version, copies, dry, place];

const drawn = (inputs: readonly Input[], values = {}, faults: readonly { field?: string; message: string }[] = []) =>
  renderToStaticMarkup(<InputFields inputs={inputs} values={values} faults={faults} set={() => undefined} changed={() => undefined} />);

test("each type has its own field, with what it takes and what counts without a value", () => {
  const text = drawn([version]);
  expect(text).toContain("version (must be given)");
  expect(text).toContain("required");
  expect(text).toContain("What to &lt;b&gt;release&lt;/b&gt; · the whole of it matches [0-9.]+");
  expect(drawn([copies])).toMatch(/<input[^>]*inputMode="decimal"[^>]*value="2"|<input[^>]*value="2"[^>]*inputMode="decimal"/);
  expect(drawn([copies])).toContain("at least 1 · at most 9");
  expect(drawn([dry])).toContain('<option value="false" selected="">no</option>');
  expect(drawn([dry])).not.toContain("(nothing)");
  expect(drawn([place])).toContain('<option value="" selected="">(nothing)</option>');
  expect(drawn([place], { place: "live" })).toContain('<option value="live" selected="">live</option>');
});

test("a fault stands at its field, and a screen reader is told of it", () => {
  const faults = [{ field: "inputs.place", message: "it takes one of: qa, live" }];
  const text = drawn(all, {}, faults);
  expect(text.match(/role="alert"/g)).toHaveLength(1);
  const [, id] = /aria-describedby="([^"]+)" aria-invalid="true"/.exec(text) ?? [];
  expect(text).toContain(`<span id="${id}" class="fault" role="alert">it takes one of: qa, live</span>`);
  expect(drawn(all)).not.toContain("aria-invalid");
});

test("what no field shows is told beside them", () => {
  const faults = [{ field: "inputs.gone", message: "no such input" }, { field: "inputs.copies", message: "it is at most 9" }, { message: "busy" }];
  expect(faultOf(faults, "copies")).toBe("it is at most 9");
  expect(faultOf(faults, "version")).toBeUndefined();
  expect(elsewhere(faults, all).map(({ message }) => message)).toEqual(["no such input", "busy"]);
});

test("only what differs from the default is sent", () => {
  expect(given(all, {})).toEqual({});
  expect(given(all, { copies: "2", dry: "false", version: "" })).toEqual({});
  expect(given(all, { copies: "3", version: "1.2", gone: "x" })).toEqual({ version: "1.2", copies: "3" });
  expect(given([input("text", "string", { default: "a" })], { text: "" })).toEqual({ text: "" });
});

test("bounds of a text count its characters", () => {
  expect(takes(input("v", "string", { min: 2, max: 5 }))).toEqual(["at least 2 characters", "at most 5 characters"]);
  expect(takes(place)).toEqual([]);
});

test("a run shows what it was told as text", () => {
  const text = renderToStaticMarkup(<Given inputs={{ version: "<b>1.2</b>" }} />);
  expect(text).toContain("<dt>version</dt><dd><code>&lt;b&gt;1.2&lt;/b&gt;</code></dd>");
  expect(renderToStaticMarkup(<Given inputs={{}} />)).toBe("");
});
