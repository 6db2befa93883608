// The pages in docs/ are followed as they stand, every block of code is a file or a command; and so are examples in comments.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { examples, examplesOf, files } from "./examples.ts";
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

describe("the examples of public items", () => {
  const folder = join(shelf.folder, "examples");
  let said: Readonly<Record<string, string>>;

  beforeAll(() => {
    mkdirSync(join(folder, "msg"), { recursive: true });
    writeFileSync(join(folder, "msg/Wheel.msg"), "float32 speed\n");
    for (const { name, source } of examples) writeFileSync(join(folder, name), source);
    const run = `const said = {};
for (const name of ${JSON.stringify(examples.map(({ name }) => name))}) {
  const lines = (said[name] = []);
  console.log = (...values) => lines.push(values.join(" "));
  await import("./" + name);
}
process.stdout.write(JSON.stringify(said));`;
    writeFileSync(join(folder, "all.mjs"), run);
    said = JSON.parse(runIn(shelf, folder, "node --import isochron/hook all.mjs"));
  });

  it.each(Object.entries(files))("%s has them", (file, least) => {
    expect(examplesOf(file).length).toBeGreaterThanOrEqual(least);
  });

  it("are all run: no other file has any", () => {
    const found = runIn(
      shelf,
      root,
      "git ls-files runtime kernels scheduler nodes sim launch | xargs grep -lF ' * @example' || true",
    );
    expect(found.trim().split("\n").sort()).toEqual(Object.keys(files).sort());
  });

  it.each(examples)("$name prints what it says", ({ name, text }) => {
    const promised = [...text.matchAll(/^.*console\.log\(.*\); \/\/ (.*)$/gm)].map(([, line]) => line);
    expect(said[name]).toEqual(promised);
  });
});

describe("the files of all pages and examples", () => {
  it("are taken by tsc as they are", () => {
    runIn(shelf, shelf.folder, "npx tsc --noEmit");
  });
});
