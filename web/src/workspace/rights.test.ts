import { expect, test } from "vitest";

import { at, may, moved, named } from "./rights";

test("each role may what those before it may", () => {
  expect(may("viewer", "viewer")).toBe(true);
  expect(may("viewer", "developer")).toBe(false);
  expect(may("releaser", "developer")).toBe(true);
  expect(may("developer", "admin")).toBe(false);
  expect(may(null, "viewer")).toBe(false);
});

test("an address names its workspace, whatever stands in the name", () => {
  expect(at("shop")).toBe("/w/shop");
  expect(at("a/b", "services", "x y")).toBe("/w/a%2Fb/services/x%20y");
  expect(named(at("a/b", "services"))).toBe("a/b");
  expect(named("/runs/run_1")).toBeNull();
  expect(named("/w/%")).toBeNull();
});

test("another workspace is entered at the same kind of page", () => {
  expect(moved("/w/shop/services/web", "pay")).toBe("/w/pay/services");
  expect(moved("/w/shop/forges", "pay")).toBe("/w/pay/forges");
  expect(moved("/w/shop", "pay")).toBe("/w/pay");
  expect(moved("/runs/run_1", "pay")).toBe("/w/pay");
});
