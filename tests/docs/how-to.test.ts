// The pages for who extends Isochron quote its sources: every block stands in the file that its heading names.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "docs/how-to");

describe("a page on how to extend Isochron", () => {
  it.each(readdirSync(folder).filter((page) => page.startsWith("add-")))(
    "%s quotes the sources as they are",
    (page) => {
      const blocks = [...readFileSync(join(folder, page), "utf8").matchAll(/^```ts (\S+)\n(.*?)^```$/gms)];
      expect(blocks.length).toBeGreaterThan(2);
      for (const [, file, text] of blocks) expect(readFileSync(join(root, file!), "utf8")).toContain(text);
    },
  );
});
