import { beforeEach, expect, test, vi } from "vitest";

import { codeOf, recall, remember } from "./oauth-flow";

beforeEach(() => {
  const kept = new Map<string, string>();
  vi.stubGlobal("sessionStorage", {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => kept.set(name, value),
    removeItem: (name: string) => kept.delete(name),
  });
});

const ADDRESS = "https://git.example.org/login/oauth/authorize?client_id=x&state=abc";

test("what this browser began it finishes once", () => {
  remember(ADDRESS, "shop", "ours", 1_000);
  expect(recall("abc", 2_000)).toMatchObject({ workspace: "shop", forge: "ours" });
  expect(recall("abc", 2_000)).toBeNull();
});

test("another state, none, or one that is too old is nothing that was begun", () => {
  expect(recall("abc")).toBeNull();
  remember(ADDRESS, "shop", "ours", 1_000);
  expect(recall("other", 2_000)).toBeNull();
  expect(recall(null, 2_000)).toBeNull();
  expect(recall("abc", 700_000)).toBeNull();
  remember("https://git.example.org/authorize", "shop", "ours", 1_000);
  expect(recall("", 2_000)).toBeNull();
});

test("a code keeps every character", () => {
  expect(codeOf("a/+é", "s")).toBe("612f2bc3a9.s");
});
