// The files that are begun first are there.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { longest } from "./longest-first.ts";

it("the test files that are begun first are test files of today", () => {
  const lost = longest.filter((name) => !existsSync(fileURLToPath(new URL(`../${name}`, import.meta.url))));
  expect(lost).toEqual([]);
  expect(new Set(longest).size).toBe(longest.length);
});
