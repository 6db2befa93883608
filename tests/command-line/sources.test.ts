// The command from sources: it runs from chunks that are made of the files as they are, and shares its modules with applications.
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { readArchive } from "../../kernels/index.ts";
import { doubling, Workplace } from "./command.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const place = new Workplace();
afterAll(() => place.remove());

describe("an application that the command runs from sources", () => {
  it("has the modules that the command has, however it names them, and the same RxJS", async () => {
    place.write({
      "shares.ts": `import * as named from "isochron";
import * as located from "${root}launch/index.ts";
import { Observable } from "rxjs";
${doubling(
  undefined,
  `console.log(JSON.stringify({
    isSame: Object.keys(located).length > 10 && Object.entries(located).every(([name, each]) => (named as any)[name] === each),
    isOneRxjs: app.on("/value") instanceof Observable,
    frame: new Error().stack?.split("\\n").find((line) => line.includes("/chunks-") || line.includes("/launch/")),
  }));`,
)}`,
    });
    const { code, out, error } = await place.isochron("run", "shares.ts", "--duration", "10ms");
    expect({ code, error }).toEqual({ code: 0, error: "" });
    expect(JSON.parse(out.split("\n")[0] ?? "")).toEqual({
      isSame: true,
      isOneRxjs: true,
      frame: expect.stringContaining("/.cache/start/chunks-"),
    });
  });
});

describe("a built application", () => {
  it("names of RxJS the parts that it uses, and has the same RxJS as the command", async () => {
    place.write({
      "parts.ts": `import { map, Observable } from "rxjs";
import { map as renamed } from "rxjs/operators";
import * as whole from "rxjs";
${doubling(
  undefined,
  `const stream = app.on("/value");
  console.log([map === renamed, stream instanceof Observable, stream.pipe(map(String)) instanceof whole.Observable].join());`,
)}`,
    });
    expect(await place.isochron("build", "parts.ts", "-o", "parts.isoapp")).toMatchObject({ code: 0, error: "" });
    const code = Buffer.from(readArchive(readFileSync(place.path("parts.isoapp")))["application.mjs"] ?? []).toString();
    const imported = [...code.matchAll(/^import .* from "(rxjs.*)";$/gm)].map(([, name]) => name);
    expect(imported.toSorted()).toEqual(["rxjs/internal/Observable", "rxjs/internal/operators/map"]);
    const { out, error } = await place.isochron("run", "parts.isoapp", "--duration", "10ms");
    expect(error).toBe("");
    expect(out.split("\n")[0]).toBe("true,true,true");
  });
});

describe("the chunks of the sources", () => {
  it("are made once, and anew when a file has changed, also to one of the same size and time", async () => {
    const copy = mkdtempSync(join(tmpdir(), "isochron-sources-"));
    try {
      for (const folder of ["kernels", "runtime", "scheduler", "nodes", "sim", "launch", "package.json"])
        cpSync(join(root, folder), join(copy, folder), { recursive: true, filter: (path) => !path.endsWith(".node") });
      symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
      const made = () => JSON.parse(readFileSync(join(copy, ".cache/start/list.json"), "utf8")).folder as string;
      const help = async () => (await place.start([join(copy, "launch/bin/isochron.mjs"), "--help"]).ended).out;
      const source = join(copy, "launch/command-line.ts");
      const inThePast = () => utimesSync(source, 1e9, 1e9);
      inThePast();
      // What was written just now is looked at twice.
      const before = await help();
      expect(before).toContain("replays it bit for bit");
      await help();
      const first = made();
      await help();
      expect(made()).toBe(first);
      writeFileSync(source, readFileSync(source, "utf8").replace("replays it bit for bit", "replays it bit fur bit"));
      inThePast();
      expect(await help()).toBe(before.replace("bit for bit", "bit fur bit"));
      expect(made()).not.toBe(first);
      // Where they cannot be written, the sources run as they are.
      rmSync(join(copy, ".cache"), { recursive: true });
      writeFileSync(join(copy, ".cache"), "");
      expect(await help()).toBe(before.replace("bit for bit", "bit fur bit"));
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  });
});
