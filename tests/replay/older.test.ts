// Recordings of older versions replay bit for bit, by the code they carry and by what today's compiler makes of their application.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { runnableTargets } from "../../kernels/index.ts";
import { buildApplication } from "../../launch/build.ts";
import type { Application } from "../../launch/index.ts";
import { readRecording, replay } from "../../sim/index.ts";
import { Workplace } from "../command-line/command.ts";
import across from "./older/across.ts";
import cells from "./older/cells.ts";
import convolutions from "./older/convolutions.ts";
import functions from "./older/functions.ts";
import integers from "./older/integers.ts";
import moving from "./older/moving.ts";
import products from "./older/products.ts";
import rows from "./older/rows.ts";
import transposed from "./older/transposed.ts";

const place = new Workplace();
const pathOf = (name: string): string => fileURLToPath(new URL(`older/${name}`, import.meta.url));
const targets = runnableTargets().filter((name) => !name.includes("+"));

describe("a recording from before channel blocks and split kernels", () => {
  afterAll(() => place.remove());

  // Its sums across rows have got another plan since.
  it("replays by the machine code that it carries", async () => {
    const { code, out, error } = await place.isochron("replay", pathOf("plain.mcap"), "--verify", "--json");
    expect(code, error).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      bitExact: true,
      cycles: 50,
      hash: "d156b994370a6eacf5c0d1bd8b9548f4e8ef52daf5c8b3daed3fdbf69f581a08",
    });
  });
});

/** Recordings of the kernels of version ae15b79, by kind; whether each kind's plan still stands. */
const kinds: readonly { readonly name: string; readonly stands: boolean; readonly application: Application }[] = [
  { name: "products", stands: true, application: products },
  { name: "convolutions", stands: true, application: convolutions },
  { name: "transposed", stands: true, application: transposed },
  { name: "integers", stands: true, application: integers },
  { name: "rows", stands: true, application: rows },
  { name: "across", stands: false, application: across },
  { name: "cells", stands: false, application: cells },
  { name: "functions", stands: true, application: functions },
  { name: "moving", stands: true, application: moving },
];

describe.each(kinds)("a recording of $name from before the plans of November 2026", ({ name, stands, application }) => {
  const older = () => readRecording(pathOf(`${name}.mcap`));

  it("replays by the machine code that it carries", async () => {
    expect(replay(await older())).toMatchObject({ bitExact: true, cycles: 4 });
  });

  if (stands)
    it("replays by the code that is compiled today", async () => {
      const cacheDir = process.env.ISOCHRON_CACHE ?? join(process.cwd(), ".cache", "isochron");
      const { artifacts } = await buildApplication(application, { targets, cacheDir });
      for (const target of targets)
        expect(replay(await older(), { artifacts, target }), target).toMatchObject({ bitExact: true, cycles: 4 });
    });
  else
    it("differs by the code that is compiled today, whose plan is another", async () => {
      const { artifacts } = await buildApplication(application, { targets: targets.slice(0, 1) });
      expect(replay(await older(), { artifacts })).toMatchObject({ bitExact: false });
    });
});
