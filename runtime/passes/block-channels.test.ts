// Convolutions in channel blocks: the plan as text, its meaning, and how far whole networks stray from the exact result.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runnableTargets } from "../../kernels/index.ts";
import { compile, constant, conv2d, explain, Interpreter, load, type Tensor, tensorType, trace } from "../index.ts";
import { evenly, layer } from "../testing/networks.ts";
import { randomInput, randomNetwork } from "../testing/random-networks.ts";
import { withPlan } from "../testing/with-plan.ts";
import { blockChannels, winogradTile } from "./block-channels.ts";
import { passes } from "./index.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");
const targets = runnableTargets();

describe("blockChannels", () => {
  it("packs weights and keeps channels in blocks from one convolution to the next", () => {
    const graph = trace(
      ({ x }) => {
        const a = layer(x, { outputs: 24 }).relu();
        const b = layer(a, { outputs: 24, groups: 24, seed: 3 });
        return { y: layer(b.add(a), { outputs: 32, kernel: 1, seed: 5 }) };
      },
      { x: tensorType("f32", [1, 3, 9, 9]) },
      { name: "g" },
    );
    const planned = withPlan(graph);
    planned.verify();
    expect(planned.toString()).toMatchInlineSnapshot(`
      "graph g(x: f32[1,3,9,9]) -> (y: f32[1,32,9,9])
        const @w : f32[2,1,3,3,16,16]
        const @b : f32[1,2,1,1,16]
        const @w1 : f32[2,3,3,16]
        const @b1 : f32[1,2,1,1,16]
        const @w2 : f32[2,2,1,1,16,16]
        const @b2 : f32[1,2,1,1,16]
        %0 = pad(%x, before=[0,0,1,1], after=[0,0,1,1], value=0)                               : f32[1,3,11,11]
        %1 = blockedConv2d(%0, @w, stride=[1,1], dilation=[1,1], channels=3, layout=planar)    : f32[1,2,9,9,16]
        %2 = add(%1, @b)                                                                       : f32[1,2,9,9,16]
        %3 = maximum(%2, 0)                                                                    : f32[1,2,9,9,16]
        %4 = pad(%3, before=[0,0,1,1,0], after=[0,0,1,1,0], value=0)                           : f32[1,2,11,11,16]
        %5 = depthwiseConv2d(%4, @w1, stride=[1,1], dilation=[1,1])                            : f32[1,2,9,9,16]
        %6 = add(%5, @b1)                                                                      : f32[1,2,9,9,16]
        %7 = add(%6, %3)                                                                       : f32[1,2,9,9,16]
        %8 = blockedConv2d(%7, @w2, stride=[1,1], dilation=[1,1], channels=24, layout=blocked) : f32[1,2,9,9,16]
        %9 = add(%8, @b2)                                                                      : f32[1,2,9,9,16]
        %10 = reshape(%9, shape=[1,2,81,16])                                                   : f32[1,2,81,16]
        %11 = permute(%10, axes=[0,1,3,2])                                                     : f32[1,2,16,81]
        %12 = reshape(%11, shape=[1,32,9,9])                                                   : f32[1,32,9,9]
        return y=%12"
    `);
  });

  it("writes a residual once, into the middle of what the next convolution reads", () => {
    const graph = trace(
      ({ x }) => {
        const a = layer(x, { outputs: 16 }).relu();
        const b = a.add(layer(a, { outputs: 16, seed: 3 })).relu();
        return { y: b.add(layer(b, { outputs: 16, seed: 5 })) };
      },
      { x: tensorType("f32", [1, 3, 6, 6]) },
      { name: "g" },
    );
    const kernels = explain(graph as never, "x86-64-v3")
      .split("\n")
      .filter((line) => /^ +\d+ {2}\S+ /.test(line))
      .map((line) => line.trim());
    expect(kernels).toMatchInlineSnapshot(`
      [
        "0  pad  (→ scratch pad: f32[1,3,8,8], input x: f32[1,3,6,6])",
        "1  blockedConv2d+maximum  (→ scratch pad: f32[1,1,8,8,16], weights b: f32[1,1,1,1,16], scratch pad: f32[1,3,8,8], weights w: f32[1,1,3,3,16,16])",
        "2  pad border  (→ scratch pad: f32[1,1,8,8,16])",
        "3  blockedConv2d+maximum  (→ scratch pad: f32[1,1,8,8,16], scratch pad: f32[1,1,8,8,16], weights b: f32[1,1,1,1,16], weights w: f32[1,1,3,3,16,16])",
        "4  pad border  (→ scratch pad: f32[1,1,8,8,16])",
        "5  blockedConv2d+add  (→ scratch add: f32[1,1,6,6,16], scratch pad: f32[1,1,8,8,16], weights b: f32[1,1,1,1,16], weights w: f32[1,1,3,3,16,16])",
        "6  permute  (→ output y: f32[1,1,16,36], scratch add: f32[1,1,6,6,16])",
      ]
    `);
  });

  it("chooses Winograd's algorithm by the shape, and says so", () => {
    const graph = trace(
      ({ x, small, tiny }) => ({
        large: layer(x, { outputs: 32 }),
        middle: layer(small, { outputs: 32 }),
        little: layer(tiny, { outputs: 32 }),
      }),
      {
        x: tensorType("f32", [1, 32, 20, 22]),
        small: tensorType("f32", [1, 32, 7, 9]),
        tiny: tensorType("f32", [1, 32, 4, 4]),
      },
      { name: "g" },
    );
    const text = withPlan(graph)
      .toString()
      .split("\n")
      .filter((line) => /onv2d|pad/.test(line));
    expect(text).toMatchInlineSnapshot(`
      [
        "  %2 = pad(%1, before=[0,0,1,1,0], after=[0,0,1,3,0], value=0)                             : f32[1,2,22,26,16]",
        "  %3 = winogradConv2d(%2, @w, tile=4, rows=20, columns=22)                                 : f32[1,2,20,22,16]",
        "  %10 = pad(%9, before=[0,0,1,1,0], after=[0,0,2,2,0], value=0)                            : f32[1,2,10,12,16]",
        "  %11 = winogradConv2d(%10, @w1, tile=2, rows=7, columns=9)                                : f32[1,2,7,9,16]",
        "  %18 = pad(%17, before=[0,0,1,1,0], after=[0,0,1,1,0], value=0)                           : f32[1,2,6,6,16]",
        "  %19 = blockedConv2d(%18, @w2, stride=[1,1], dilation=[1,1], channels=32, layout=blocked) : f32[1,2,4,4,16]",
      ]
    `);
  });
});

describe("weights in channel blocks", () => {
  it.each([
    ["all channels", "blockedConv2d", 32, 20, 1],
    ["each channel alone", "depthwiseConv2d", 24, 24, 24],
    ["small groups", "groupedConv2d", 32, 32, 8],
    ["groups of whole blocks", "blockedConv2d", 64, 32, 2],
  ] as const)("of %s lie where the kernel reads them", (_, kernel, inputs, outputs, groups) => {
    // Small integers, whose sums are exact, in a window that is no square.
    const numbers = (count: number, seed: number) => evenly(count, seed, 8).map(Math.round);
    const perOutput = (inputs / groups) * 6;
    const shape = [outputs, inputs / groups, 3, 2];
    const graph = trace(
      ({ x }) => ({ y: conv2d(x, constant(numbers(outputs * perOutput, 3), "f32", shape, "w"), { groups }) }),
      { x: tensorType("f32", [1, inputs, 5, 4]) },
      { name: "g" },
    );
    const planned = blockChannels(passes.decompose(graph as never));
    expect(planned.nodes.map(({ operator }) => operator.name)).toContain(kernel);
    const x = numbers(inputs * 20, 4);
    expect(new Interpreter(planned as typeof graph).run({ x }).y).toEqual(new Interpreter(graph).run({ x }).y);
  });
});

describe("networks in channel blocks", () => {
  it("mean what they meant before", () => {
    fc.assert(
      fc.property(randomNetwork, (graph) => {
        const x = randomInput();
        const plain = passes.decompose(graph);
        const planned = passes.eliminateDeadCode(blockChannels(plain));
        planned.verify();
        const [before, after] = [new Interpreter(plain).run({ x }), new Interpreter(planned).run({ x })];
        for (const name of ["y", "z"]) {
          const [expected, found] = [before[name]!, after[name]!] as [Float32Array, Float32Array];
          const range = Math.max(1e-3, ...expected.map(Math.abs));
          expect(found.length).toBe(expected.length);
          expected.forEach((value, i) => {
            if (!(Math.abs(found[i]! - value) <= 2e-5 * range))
              expect(`${name}[${i}] = ${found[i]}`).toBe(`${name}[${i}] = ${value}`);
          });
        }
      }),
      { numRuns: 60, seed: 23 },
    );
  });

  it("stay within 2e-5 of the output's range with Winograd's algorithm in every layer, with equal bits on every target", async () => {
    const graph = trace(
      ({ x }) => {
        let y: Tensor<"f32"> = layer(x, { outputs: 32, seed: 11 }).relu();
        for (let at = 0; at < 3; at++) {
          const z = layer(layer(y, { outputs: 48, seed: 20 + at }).relu(), { outputs: 32, seed: 30 + at });
          y = y.add(z).relu();
        }
        const half = layer(y.maxPool(2), { outputs: 64, seed: 40 }).relu();
        return { y, half: layer(half, { outputs: 40, seed: 41 }) };
      },
      { x: tensorType("f32", [1, 32, 21, 22]) },
      { name: "network" },
    );
    const planned = withPlan(graph);
    const convolutions = planned.nodes.filter((node) => node.operator.name.endsWith("onv2d"));
    expect(convolutions.map((node) => node.operator.name)).toEqual(new Array(9).fill("winogradConv2d"));
    const x = evenly(32 * 21 * 22, 6);
    const exact = new Interpreter(graph).run({ x });
    const artifact = await compile(graph, { targets, cacheDir });
    const [first, ...others] = targets.map((target) => {
      const program = load(artifact, { target });
      const outputs = program.newOutputs();
      program.run({ x }, outputs);
      return outputs;
    });
    for (const other of others) expect(other).toEqual(first);
    for (const name of ["y", "half"] as const) {
      const range = Math.max(...exact[name]) - Math.min(...exact[name]);
      const worst = exact[name].reduce((most, value, i) => Math.max(most, Math.abs(first![name][i]! - value)), 0);
      expect(worst / range).toBeLessThanOrEqual(2e-5);
      expect(worst).toBeGreaterThan(0);
    }
  });
});

describe("the algorithm of a 3×3 convolution", () => {
  // Multiply-adds of each pair of channels + 26 for each of its weights, by hand: 9·(pixels + 26), 16·(tiles of 2 + 26), 36·(tiles of 4 + 26).
  it.each([
    { rows: 5, columns: 5, costs: [459, 560, 1080], tile: undefined },
    { rows: 1, columns: 64, costs: [810, 928, 1512], tile: undefined },
    { rows: 7, columns: 7, costs: [675, 672, 1080], tile: 2 },
    { rows: 14, columns: 14, costs: [1998, 1200, 1512], tile: 2 },
    { rows: 15, columns: 20, costs: [2934, 1696, 1656], tile: 4 },
    { rows: 56, columns: 56, costs: [28458, 12960, 7992], tile: 4 },
  ])("counts the bytes of weights beside multiplications, at $rows by $columns", ({ rows, columns, costs, tile }) => {
    expect(winogradTile(64, 64, rows, columns)).toBe(tile);
    expect([undefined, 2, 4][costs.indexOf(Math.min(...costs))]).toBe(tile);
  });
});
