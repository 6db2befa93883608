// The pages in docs/ are followed as they stand: every block of code is a file or a command.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { blocksOf, Reader, runIn, Shelf } from "./page.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

const shelf = new Shelf();
afterAll(() => shelf.remove());

describe("the page on", () => {
  it.each([
    ["the first application", "first-application", 9],
    ["the library alone", "library", 10],
    ["worlds", "worlds", 4],
  ])("%s says what happens", (_, page, least) => {
    const blocks = blocksOf(readFileSync(join(root, "docs", `${page}.md`), "utf8"));
    expect(blocks.length).toBeGreaterThanOrEqual(least);
    const reader = new Reader(shelf, page);
    for (const block of blocks) reader.follow(block);
  });
});

describe("the files of all pages", () => {
  it("are taken by tsc as they are", () => {
    runIn(shelf, shelf.folder, "npx tsc --noEmit");
  });
});
