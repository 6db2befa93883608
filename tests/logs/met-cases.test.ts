// Logs like those of public reports on streams and cameras (../shared/cases): what is right for each, run by the command.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { Workplace } from "../command-line/command.ts";
import { applicationText } from "./cases.ts";

const cases = fileURLToPath(new URL("../../../shared/cases/logs", import.meta.url));
const place = new Workplace();
afterAll(() => place.remove());

/** The name of a copy of a case's application. */
function applicationOf(id: string, file: string): string {
  const name = `${id}-${file}`;
  place.write({ [name]: applicationText(`${cases}/${id}/${file}`) });
  return name;
}

/** Runs a case's application on one of its logs; what `--json` says. */
async function run(id: string, log: string, application = "app.ts"): Promise<unknown> {
  const { code, out, error } = await place.isochron(
    "run",
    applicationOf(id, application),
    "--log",
    `${cases}/${id}/${log}`,
    "--json",
  );
  expect({ code, error }).toEqual({ code: 0, error: "" });
  return JSON.parse(out);
}

/** What the picture cases' applications tell: the mean of each frame, as text. */
const seenIn = z.object({ world: z.object({ seen: z.string() }) }).transform(({ world }) => world);

describe.skipIf(!existsSync(cases))("a log like that of a public report (needs ../shared)", () => {
  it("has 385 pairs of equal stamps, though they jump back by 100 s", { timeout: 120_000 }, async () => {
    expect(await run("L18", "stamps-jump.mcap")).toMatchObject({ world: { exact: 385, approximate: 385 } });
  });

  it("is quiet for 33.3 ms after each of its jittery messages but the last", { timeout: 120_000 }, async () => {
    expect(await run("L27", "jitter.mcap")).toMatchObject({ cycles: 100, world: { quiet: 99 } });
  });

  it("shows every frame of cameras that send bytes after the picture's end", { timeout: 240_000 }, async () => {
    for (const name of ["ff-padding", "leftover", "vendor-tail", "zeros"]) {
      const { seen } = seenIn.parse(await run("L13", `${name}.mcap`));
      // OpenCV's mean of all colours is 137.339.
      expect(seen.split(" ").every((mean) => Math.abs(Number(mean) - 137.339) < 0.3)).toBe(true);
      expect(seen.split(" ").length).toBeGreaterThanOrEqual(5);
    }
  });

  it("shows every frame of ffmpeg's 4:2:2, which samples 2x2 1x2 1x2", { timeout: 120_000 }, async () => {
    const { seen } = seenIn.parse(await run("L15", "ffmpeg-422.mcap"));
    // OpenCV's mean of all colours is 137.022.
    expect(
      seen
        .split(" ")
        .map(Number)
        .every((mean) => Math.abs(mean - 137.022) < 0.3),
    ).toBe(true);
    expect(seen.split(" ").length).toBeGreaterThanOrEqual(5);
  });

  it("shows depth of 16 bits, as PNG and as compressedDepth", { timeout: 120_000 }, async () => {
    for (const log of ["png16.mcap", "compressed-depth.mcap"]) {
      const { seen } = seenIn.parse(await run("L17", log, "mono16.ts"));
      expect(new Set(seen.split(" "))).toEqual(new Set(["1865.500"]));
    }
  });
});
