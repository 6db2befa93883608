// How far whole networks stray from the exact result, by the numeric plan of their convolutions.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { runnableTargets } from "../../kernels/index.ts";
import { compile, type Graph, Interpreter, load } from "../index.ts";
import { evenly, resNet, uNet } from "../testing/networks.ts";
import { withPlan } from "../testing/with-plan.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");

/** The best target of this machine: all give the same bits. */
const targets = runnableTargets().slice(0, 1);

/** The largest difference of a compiled network from what it means, as a share of the output's range. */
async function strayOf(graph: Graph, x: Float32Array): Promise<number> {
  const exact = new Interpreter(graph).run({ x }).y as Float32Array;
  const program = load(await compile(graph, { cacheDir, targets }));
  const outputs = program.newOutputs();
  program.run({ x }, outputs);
  const found = outputs.y as Float32Array;
  const range = Math.max(...exact) - Math.min(...exact);
  return exact.reduce((most, value, i) => Math.max(most, Math.abs(found[i]! - value)), 0) / range;
}

const algorithms = (graph: Graph): string[] => [
  ...new Set(
    withPlan(graph)
      .nodes.filter(({ operator }) => /conv/i.test(operator.name))
      .map(({ operator, attributes }) =>
        `${operator.name} ${(attributes as { readonly tile?: number }).tile ?? ""}`.trim(),
      ),
  ),
];

/** What whole networks are held to is 2e-5; the best of other runtimes with Winograd's algorithm stays at 2e-6. */
const usual = 2e-6;

describe("whole networks", () => {
  it("a U-Net stays within 2e-6 of the output's range", async () => {
    const graph = uNet(24, 32, "transposed");
    expect(algorithms(graph)).toEqual(["blockedConv2d", "winogradConv2d 4", "winogradConv2d 2"]);
    const stray = await strayOf(graph, evenly(3 * 24 * 24, 6));
    expect(stray).toBeLessThanOrEqual(usual);
    expect(stray).toBeGreaterThan(0);
  });

  it("a ResNet of 18 layers stays within 2e-6 of the output's range", async () => {
    const graph = resNet(96, 32);
    expect(algorithms(graph)).toEqual(["blockedConv2d", "winogradConv2d 4", "winogradConv2d 2"]);
    const stray = await strayOf(graph, evenly(3 * 96 * 96, 6));
    expect(stray).toBeLessThanOrEqual(usual);
    expect(stray).toBeGreaterThan(0);
  });
});
