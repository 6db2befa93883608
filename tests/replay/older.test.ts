// Recordings of older versions replay bit for bit, by the code they carry and by what today's compiler makes of their application.
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runnableTargets } from "../../kernels/index.ts";
import { Workplace } from "../command-line/command.ts";

const place = new Workplace();
const pathOf = (name: string): string => fileURLToPath(new URL(`older/${name}`, import.meta.url));
const recording = pathOf("plain.mcap");
const built = place.path("plain.isoapp");
const recorded = { cycles: 50, hash: "d156b994370a6eacf5c0d1bd8b9548f4e8ef52daf5c8b3daed3fdbf69f581a08" };
const targets = runnableTargets().filter((name) => !name.includes("+"));

/** Verifies the recording; what the command printed. */
async function verified(...options: string[]): Promise<unknown> {
  const { code, out, error } = await place.isochron("replay", recording, "--verify", "--json", ...options);
  expect({ code, error }).toEqual({ code: 0, error: "" });
  return JSON.parse(out);
}

describe("a recording from before channel blocks and split kernels", () => {
  beforeAll(async () => {
    const { code, error } = await place.isochron("build", pathOf("plain.ts"), "-o", built);
    expect({ code, error }).toEqual({ code: 0, error: "" });
  }, 120_000);
  afterAll(() => place.remove());

  it("replays by the machine code that it carries", async () => {
    expect(await verified()).toMatchObject({ bitExact: true, ...recorded });
  });

  it.each(targets)("replays by the code that is compiled today, on %s", async (target) => {
    expect(await verified("--app", built, "--target", target)).toMatchObject({ bitExact: true, ...recorded });
  });

  it("is what its application still gives", async () => {
    const { out } = await place.isochron("run", built, "--duration", "400ms", "--json");
    expect(JSON.parse(out)).toMatchObject(recorded);
  });
});
