// The same bits: graphs drawn at random give equal outputs on every target, with every number of threads, and by the loop interpreter.
// ISOCHRON_SEED=n draws one graph, ISOCHRON_GRAPHS=n so many.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../robot/robot.ts";
import { Comparison } from "./compare.ts";
import { draw } from "./draw.ts";

const nightly = process.env.ISOCHRON_NIGHTLY === "1";
const only = process.env.ISOCHRON_SEED;
/** Every night draws other graphs than the one before; seed 0 is a graph of every kind of kernel. */
const firstSeed = only !== undefined ? Number(only) : nightly ? Math.floor(Date.now() / 86_400_000) * 10_000 : 0;
const graphs = only !== undefined ? 1 : Number(process.env.ISOCHRON_GRAPHS ?? (nightly ? 4000 : 36));
const atOnce = 48;

describe("drawn graphs", () => {
  it("have equal bits on every target, with every number of threads, and by the loop interpreter", {
    timeout: nightly ? 24 * 3_600_000 : 600_000,
  }, async () => {
    const comparison = new Comparison(nightly ? {} : { cacheDir: join(root, ".cache/kernels") });
    for (let first = firstSeed; first < firstSeed + graphs; first += atOnce) {
      const seeds = Array.from({ length: Math.min(atOnce, firstSeed + graphs - first) }, (_, at) => first + at);
      await comparison.run(seeds.map(draw));
      if (nightly) process.stdout.write(`seeds ${first} to ${seeds.at(-1)}: ${comparison}\n`);
    }
    process.stdout.write(`${comparison}\n`);
    expect(comparison.problems.join("\n\n")).toBe("");
    if (only !== undefined) return;
    expect(comparison.interpreted).toBeGreaterThan(graphs / 2);
    expect(comparison.leastRuns).toBeGreaterThan(graphs / 20);
  });
});
