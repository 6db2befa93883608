// PyTorch's operators and models have equal bits on every target, with every number of threads: some of them, at night all.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { addsDotOnly, IsochronError } from "../../../kernels/index.ts";
import { computedGraph, operatorCases } from "../../../runtime/import/torch/testing/operator-cases.ts";
import { matrix, modelOf, randomPrograms, vector } from "../../../runtime/import/torch/testing/programs.ts";
import type { Graph } from "../../../runtime/index.ts";
import { root } from "../../robot/robot.ts";
import { Comparison, machineTargets } from "../../same-bits/compare.ts";
import type { Draw } from "../../same-bits/draw.ts";
import { runsOf } from "./check.ts";
import { defaultFolder, fixturesIn, hasFixtures } from "./fixtures.ts";

const nightly = process.env.ISOCHRON_NIGHTLY === "1";
const atOnce = 48;
/** By day one case in so many, and small models. */
const every = nightly ? 1 : 120;
const byDay = new Set(["ekf", "cond_export"]);

/** Cases of operators, their tensors inputs where they may be. */
const ofOperators = (): readonly Draw[] =>
  operatorCases()
    .map((each, seed) => ({ each, seed }))
    .filter(({ seed }) => seed % every === 0)
    .map(({ each, seed }) => {
      const { graph, inputs } = computedGraph(each);
      const methods = { forward: graph };
      const interpreted = nightly ? (["x86-64-v3"] as const) : [];
      return { seed, graph, options: {}, methods, steps: [{ method: "forward", inputs }], interpreted };
    });

/** Models with their calls; their seeds begin where those of cases end. */
async function ofModels(firstSeed: number): Promise<readonly Draw[]> {
  const fixtures = fixturesIn(defaultFolder).filter(({ name }) => nightly || byDay.has(name));
  const draws: Draw[] = [];
  for (const [at, fixture] of fixtures.entries()) {
    const { graphs, steps } = await runsOf(fixture, defaultFolder);
    const [graph] = Object.values(graphs);
    if (graph) draws.push({ seed: firstSeed + at, graph, options: {}, methods: graphs, steps, interpreted: [] });
  }
  return draws;
}

/** Random programs; those that no graph is made of are told apart where their results are looked at. */
async function ofPrograms(firstSeed: number): Promise<readonly Draw[]> {
  const draws: Draw[] = [];
  for (const program of randomPrograms().filter(({ seed }) => nightly || seed % 32 === 0)) {
    const model = await modelOf(program);
    let graph: Graph;
    try {
      graph = model.graph({ inputs: { x: matrix, y: vector } }) as unknown as Graph;
    } catch (error) {
      if (error instanceof IsochronError && error.code === "import/unsupported") continue;
      throw error;
    }
    const steps = program.calls.map(({ x, y }) => ({
      method: "forward",
      inputs: [Float32Array.from(x), Float32Array.from(y)],
    }));
    const interpreted = nightly ? (["x86-64-v3"] as const) : [];
    draws.push({ seed: firstSeed + program.seed, graph, options: {}, methods: { forward: graph }, steps, interpreted });
  }
  return draws;
}

describe("PyTorch's operators, random programs, and models (which need ../shared)", () => {
  it("have equal bits on every target, with every number of threads", {
    timeout: nightly ? 86_400_000 : 600_000,
  }, async () => {
    const operators = ofOperators();
    const models = hasFixtures ? await ofModels(operatorCases().length) : [];
    const programs = await ofPrograms(2 * operatorCases().length);
    expect(programs.length).toBeGreaterThan(0);
    const draws = [...operators, ...models, ...programs];
    const comparison = new Comparison({ cacheDir: join(root, ".cache/kernels") });
    for (let first = 0; first < draws.length; first += atOnce) {
      await comparison.run(draws.slice(first, first + atOnce));
      if (nightly) process.stdout.write(`${first} to ${first + atOnce}: ${comparison}\n`);
    }
    expect(comparison.problems.join("\n\n")).toBe("");
    if (hasFixtures) expect(models.length).toBeGreaterThanOrEqual(nightly ? 30 : byDay.size);
    // Targets that add dot products have code of those graphs alone that have any.
    for (const target of machineTargets().filter((name) => !addsDotOnly(name)))
      expect(comparison.ranOn(target)).toBe(draws.length);
  });
});
