// `isochron build` takes along what an application reads, refuses what it cannot resolve, and starts what it made.

import { existsSync, readFileSync, renameSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { readArchive } from "../../kernels/index.ts";
import { doubling, type Ended, Workplace } from "./command.ts";

const place = new Workplace();
afterAll(() => place.remove());

/** An application with lines of its own, before its declaration and in it. */
const reading = (lines: string, declared = ""): string => `${lines}\n${doubling(undefined, declared)}`;

const whole = ({ code, out, error }: Ended): string => {
  expect({ code, error }).toEqual({ code: 0, error: "" });
  return out.trimEnd();
};

/** Files that are read as the application loads, in its summary, by a module in another folder, by a worker, and imported. */
const app = `import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { gain } from "./parts/gain.js";
import settings from "./settings.json" with { type: "json" };
import greeting from "./greeting.txt" with { type: "text" };
import tone from "./parts/gain.bin" with { type: "bytes" };
const builtin = createRequire(import.meta.url);
const { sep } = builtin("node:path");
const answer = await new Promise((done) => new Worker(new URL("./worker.mjs", import.meta.url)).once("message", done));
const first = readFileSync(new URL(\`first é.txt\`, import.meta.url), "utf8");
if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) throw new Error("started by itself");
const models = new URL("models/", import.meta.url);
${doubling(
  undefined,
  `app.summary(() => ({
    gain, speed: settings.speed, greeting, tone: tone[0]!, sep, answer: String(answer), first,
    late: readFileSync(new URL("late.txt", import.meta.url), "utf8"),
    model: readFileSync(new URL("net/a.bin", models))[0]!,
  }));`,
)}`;

const sources = {
  "whole/app.ts": app,
  "whole/parts/gain.ts": `import { readFileSync } from "node:fs";
export const gain = readFileSync(new URL("gain.bin", import.meta.url))[0]!;\n`,
  "whole/parts/gain.bin": Uint8Array.of(7),
  "whole/settings.json": '{"speed":3}',
  "whole/greeting.txt": "hello",
  "whole/first é.txt": "first",
  "whole/late.txt": "late",
  "whole/models/net/a.bin": Uint8Array.of(9),
  "whole/parts/plain.mjs": "export const plain = 7;",
  "whole/worker.mjs": `import { parentPort } from "node:worker_threads";
import { plain } from "./parts/plain.mjs";
parentPort?.postMessage(\`worker \${plain}\`);\n`,
};

const world = z.object({
  gain: z.literal(7),
  speed: z.literal(3),
  greeting: z.literal("hello"),
  tone: z.literal(7),
  sep: z.literal("/"),
  answer: z.literal("worker 7"),
  first: z.literal("first"),
  late: z.literal("late"),
  model: z.literal(9),
});
const facts = z.object({ world, hash: z.string() });

describe("a built application", () => {
  let fromSource: Ended;
  let built: Ended;
  let fromBuilt: Ended;
  beforeAll(async () => {
    place.write(sources);
    fromSource = await place.isochron("run", "whole/app.ts", "-d", "50ms", "--json");
    built = await place.isochron("build", "whole/app.ts", "-o", "whole.isoapp", "--json");
    renameSync(place.path("whole"), place.path("elsewhere"));
    fromBuilt = await place.isochron("run", "whole.isoapp", "-d", "50ms", "--json");
  });

  it("reads the files that its modules name and import, with its sources or without", () => {
    const result = facts.parse(JSON.parse(whole(fromBuilt)));
    expect(facts.parse(JSON.parse(whole(fromSource)))).toEqual(result);
  });

  it("holds each of those files once", () => {
    const { files } = z.object({ files: z.array(z.string()) }).parse(JSON.parse(whole(built)));
    expect(files.map((name) => name.replace(/^files\/[0-9a-f]{16}\//, "")).sort()).toEqual([
      "first é.txt",
      "gain.bin",
      "late.txt",
      "models/net/a.bin",
      "worker.mjs",
    ]);
    const entries = readArchive(readFileSync(place.path("whole.isoapp")));
    expect(Object.keys(entries).filter((name) => name.startsWith("files/"))).toEqual(files);
  });
});

describe("isochron build", () => {
  const refused: readonly (readonly [name: string, line: string, code: string, said: string])[] = [
    ["a path made of where it lies", "console.log(fileURLToPath(import.meta.url));", "unresolved", "import.meta.url"],
    ["its folder", 'export const f = import.meta.dirname + "/a.bin";', "unresolved", "import.meta.dirname"],
    [
      "a name that is computed",
      "export const f = (n: string) => new URL(n, import.meta.url);",
      "unresolved",
      "import.meta.url",
    ],
    ["a module of its own by require", 'createRequire(import.meta.url)("./a.cjs");', "unresolved", "import.meta.url"],
    ["all that import.meta is", "export const { url } = import.meta;", "unresolved", "import.meta"],
    ["a file that is not there", 'export const f = new URL("none.bin", import.meta.url);', "missing-file", "none.bin"],
    ["the folder that it lies in", 'export const f = new URL(".", import.meta.url);', "folder", "holds the module"],
    ["what no bundler takes", 'export const f = () => import("./a.bin");', "bundle", ".bin"],
  ];
  let ended: readonly Ended[];
  beforeAll(async () => {
    const head =
      'import { fileURLToPath } from "node:url";\nimport { createRequire } from "node:module";\nvoid [fileURLToPath, createRequire];\n';
    place.write({ "refused/a.bin": "a", "refused/a.cjs": "module.exports = 1;" });
    for (const [at, [, line]] of refused.entries()) place.write({ [`refused/${at}.ts`]: reading(head + line) });
    ended = await place.each(refused.map((_, at) => ["build", `refused/${at}.ts`, "-o", `refused-${at}.isoapp`]));
  });

  it.each(refused.map((each, at) => [...each, at] as const))(
    "refuses an application that names %s, with the file and the line",
    (_, __, code, said, at) => {
      const { code: exit, error } = ended[at]!;
      expect(error).toContain(`error[build/${code}]: `);
      expect(error.split("\n")[0]).toContain(said);
      expect(error).toMatch(new RegExp(`--> \\S*refused/${at}\\.ts:4:\\d+`));
      expect(exit).toBe(1);
      expect(existsSync(place.path(`refused-${at}.isoapp`))).toBe(false);
    },
  );

  it("starts what it made in an empty folder, and writes nothing where that fails", async () => {
    place.write({
      "here.txt": "here",
      "here.ts": reading('import { readFileSync } from "node:fs";\nreadFileSync("here.txt");'),
    });
    const [failed, unasked] = await place.each([
      ["build", "here.ts", "-o", "here.isoapp"],
      ["build", "here.ts", "-o", "unasked.isoapp", "--no-start"],
    ]);
    expect(failed!.code).toBe(1);
    expect(failed!.error).toContain("error[build/start]: here.isoapp does not start where its sources are not\n");
    expect(failed!.error).toContain("here.txt");
    expect(failed!.error).toContain('new URL("FILE", import.meta.url)');
    expect(existsSync(place.path("here.isoapp"))).toBe(false);
    whole(unasked!);
    expect(existsSync(place.path("unasked.isoapp"))).toBe(true);
  });
});
