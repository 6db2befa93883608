// Logs like those of public reports on streams and cameras (../shared/cases): what is right for each, run by the command.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { Workplace } from "../command-line/command.ts";

const cases = fileURLToPath(new URL("../../../shared/cases/logs", import.meta.url));
const place = new Workplace();
afterAll(() => place.remove());

/** Runs a case's application on one of its logs; what `--json` says. */
async function run(id: string, log: string, application = "app.ts"): Promise<unknown> {
  const { code, out, error } = await place.isochron(
    "run",
    `${cases}/${id}/${application}`,
    "--log",
    `${cases}/${id}/${log}`,
    "--json",
  );
  expect({ code, error }).toEqual({ code: 0, error: "" });
  return JSON.parse(out);
}

describe.skipIf(!existsSync(cases))("a log like that of a public report (needs ../shared)", () => {
  it("has 385 pairs of equal stamps, though they jump back by 100 s", { timeout: 120_000 }, async () => {
    expect(await run("L18", "stamps-jump.mcap")).toMatchObject({ world: { exact: 385, approximate: 385 } });
  });

  it("is quiet for 33.3 ms after each of its jittery messages but the last", { timeout: 120_000 }, async () => {
    expect(await run("L27", "jitter.mcap")).toMatchObject({ cycles: 100, world: { quiet: 99 } });
  });
});
