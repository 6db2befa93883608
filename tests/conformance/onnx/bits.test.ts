// Cases of ONNX's backend tests have equal bits on every target, with every number of threads: one of each operator, at night all.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { addsDotOnly } from "../../../kernels/index.ts";
import { root } from "../../robot/robot.ts";
import { Comparison, machineTargets } from "../../same-bits/compare.ts";
import type { Draw } from "../../same-bits/draw.ts";
import { casesOf, defaultData } from "./cases.ts";
import { runsOf } from "./check.ts";
import { sample } from "./sample.ts";

const nightly = process.env.ISOCHRON_NIGHTLY === "1";
const atOnce = 48;

/** A case as something that is run in every way; undefined where there is no graph of it. */
function drawOf(each: Parameters<typeof runsOf>[0], seed: number): Draw | undefined {
  const found = runsOf(each);
  if (!found) return undefined;
  const { graph, runs } = found;
  return {
    seed,
    graph,
    options: {},
    methods: { forward: graph },
    steps: runs.map((inputs) => ({ method: "forward", inputs })),
    interpreted: nightly ? ["x86-64-v3"] : [],
  };
}

describe.skipIf(!existsSync(defaultData))("cases of ONNX's backend tests (needs ../shared)", () => {
  it("have equal bits on every target, with every number of threads", {
    timeout: nightly ? 86_400_000 : 600_000,
  }, async () => {
    const cases = nightly ? casesOf(defaultData) : [...new Set(sample.map(([, each]) => each))];
    const comparison = new Comparison({ cacheDir: join(root, ".cache/kernels") });
    let graphs = 0;
    for (let first = 0; first < cases.length; first += atOnce) {
      const draws = cases.slice(first, first + atOnce).flatMap((each, at) => drawOf(each, first + at) ?? []);
      graphs += draws.length;
      await comparison.run(draws);
      if (nightly) process.stdout.write(`cases ${first} to ${first + atOnce}: ${comparison}\n`);
    }
    expect(comparison.problems.join("\n\n")).toBe("");
    expect(graphs).toBeGreaterThan(cases.length * 0.9);
    // Targets that add dot products have code of those graphs alone that have any.
    for (const target of machineTargets().filter((name) => !addsDotOnly(name)))
      expect(comparison.ranOn(target)).toBe(graphs);
  });
});
