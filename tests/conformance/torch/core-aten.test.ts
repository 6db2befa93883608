// Each operator of PyTorch's Core ATen list is there, or docs/pytorch.md says why it is not.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { coreOperators, isThere, refusedCore } from "./core-aten.ts";

const page = readFileSync(new URL("../../../docs/pytorch.md", import.meta.url), "utf8");

test("the Core ATen list of PyTorch is there as a whole, but for what is refused with a reason", () => {
  expect(coreOperators.length).toBe(191);
  expect(coreOperators.filter((name) => !isThere(name) && !Object.hasOwn(refusedCore, name))).toEqual([]);
});

test("the page on PyTorch names each operator of the list that is refused, with its reason", () => {
  for (const [name, reason] of Object.entries(refusedCore)) {
    expect(coreOperators).toContain(name);
    expect(page).toContain(`| \`${name}\` | ${reason} |`);
  }
});
