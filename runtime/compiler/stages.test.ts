// The stages of compilation: what an artifact keeps is laid out for no machine, and gives the plan of the graph that was traced.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { hashOf, readArchive, runnableTargets, writeArchive } from "../../kernels/index.ts";
import type { Graph } from "../graph/graph.ts";
import { keptFile, parseGraph, writeGraph } from "../graph/graph-file.ts";
import { bytesOfBlock, layoutKept } from "../graph/weights.ts";
import {
  Compilation,
  constant,
  conv2d,
  graphOf,
  graphText,
  load,
  quantize,
  scaledDotProductAttention,
  tensorType,
  trace,
} from "../index.ts";
import { plan } from "../passes/index.ts";
import { evenly, mobileNet, resNet, segmenter, uNet, yolo } from "../testing/networks.ts";
import { compile } from "./compile.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");
const weight = (rows: number, columns: number) => constant(evenly(rows * columns, 3), "f32", [rows, columns], "w");
const rows = trace(
  ({ x }) => ({
    y: scaledDotProductAttention(x, x, x).matmul(weight(64, 300)).sum([1]),
    bytes: quantize(x.matmul(weight(64, 64)), 0.1, 3, "u8"),
  }),
  { x: tensorType("f32", [40, 64]) },
  { name: "rows" },
) as unknown as Graph;

const graphs: { readonly [name: string]: () => Graph } = {
  "a ResNet": () => resNet(32, 32),
  "a ResNeXt": () => resNet(32, 32, 8),
  "a MobileNet": () => mobileNet(32),
  "a U-Net": () => uNet(32, 16, "transposed"),
  "a YOLO": () => yolo(32, 16),
  "a segmenter": () => segmenter(32),
  "attention and products": () => rows,
};

/** What only the plan makes: values and weights in blocks or packed, as this machine's kernels read them. */
const laidOut = /^(blocked|depthwise|grouped|winograd|packed)/;
const operatorsOf = ({ nodes }: Graph): string[] => [...new Set(nodes.map(({ operator }) => operator.name))];

describe.each(Object.entries(graphs))("the compilation of %s", (_, make) => {
  const compilation = Compilation.of(make());
  const [{ portable, planned }] = compilation.methods as [(typeof compilation.methods)[0]];

  it("keeps a graph that is laid out for no machine", () => {
    expect(operatorsOf(portable).filter((name) => laidOut.test(name))).toEqual([]);
    expect(operatorsOf(planned).some((name) => laidOut.test(name))).toBe(true);
  });

  it("is the same from the graph that the artifact keeps", () => {
    const { weights } = compilation;
    const kept = layoutKept(weights, portable);
    const entries = { "weights.bin": bytesOfBlock(weights), [keptFile]: bytesOfBlock(kept) };
    const again = new Compilation({
      forward: parseGraph(writeGraph(portable, kept, hashOf(entries[keptFile])), entries),
    });
    expect(again.methods[0]!.portable.toString()).toBe(portable.toString());
    expect(again.methods[0]!.planned.toString()).toBe(planned.toString());
    expect(Buffer.from(bytesOfBlock(again.weights)).equals(bytesOfBlock(weights))).toBe(true);
  });

  it("adds less than a tenth to the weights that its code reads", () => {
    const { weights } = compilation;
    expect(weights.size).toBeGreaterThan(5000);
    expect(layoutKept(weights, portable).size).toBeLessThan(weights.size / 10);
  });

  it("leaves a graph that has its plan already, as older artifacts keep it", () => {
    expect(plan(planned).toString()).toBe(planned.toString());
  });
});

describe("an artifact", () => {
  it("tells weights as they were traced from those that its code reads, with what sums hide beside them, and refuses others", async () => {
    const [w, b, kernels] = [evenly(32 * 300, 5), evenly(300, 6), evenly(32 * 32 * 9, 7)];
    const method = (name: string) =>
      trace(
        ({ x, plane }) => ({
          y: x.matmul(constant(w, "f32", [32, 300], "w")).add(constant(b, "f32", [300], "b")),
          z: conv2d(plane, constant(kernels, "f32", [32, 32, 3, 3], "kernels"), { padding: 1 }),
        }),
        { x: tensorType("f32", [32, 32]), plane: tensorType("f32", [1, 32, 24, 24]) },
        { name },
      );
    const artifact = await compile(
      { forward: method("one"), again: method("other") },
      { targets: runnableTargets(), cacheDir },
    );
    const entries = readArchive(artifact.bytes);
    expect(entries[keptFile]!.length).toBeLessThan(kernels.byteLength / 4);
    for (const method of ["forward", "again"])
      expect(graphOf(artifact as never, method).constants.map(({ data }) => data)).toEqual([w, b, kernels]);
    const changed = entries[keptFile]!.slice();
    changed[5]! ^= 1;
    const bytes = writeArchive(Object.entries({ ...entries, [keptFile]: changed }));
    expect(() => graphOf({ ...artifact, bytes } as never)).toThrow(
      expect.objectContaining({
        code: "artifact/graph",
        message: expect.stringContaining(`${keptFile} is not what was written`),
      }),
    );
    expect(() => load({ ...artifact, bytes } as never)).toThrow(
      expect.objectContaining({
        code: "artifact/changed",
        message: `${keptFile} of "one" is not what was written`,
      }),
    );
  });
});

describe("the file of a graph", () => {
  it.each([
    ["a number that is none", '"all":"x"'],
    ["a fraction of an integer", '"all":1.5'],
    ["an attribute that an operator does not take", '"axes":[7]'],
  ])("is refused as broken for %s", async (_, wrong) => {
    const graph = trace(
      ({ x }) => ({ y: x.add(constant(5, "i64")).permute([1, 0]) }),
      { x: tensorType("i64", [2, 3]) },
      { name: "whole" },
    );
    const { bytes } = await compile(graph, { targets: ["x86-64-v3"], cacheDir });
    const entries = readArchive(bytes);
    const text = new TextDecoder().decode(entries["graphs/forward.json"]);
    const changed = text.replace(wrong.startsWith('"all"') ? /"all":"?\d+"?/ : '"axes":[1,0]', wrong);
    expect(changed).not.toBe(text);
    const files = { "weights.bin": entries["weights.bin"], [keptFile]: entries[keptFile] };
    expect(() => parseGraph(changed, files as never)).toThrow(expect.objectContaining({ code: "artifact/graph" }));
  });
});

describe("the text of the plan", () => {
  it("says how sums are made, behind the nodes whose bits depend on it", () => {
    const [staged] = Compilation.of(rows).methods;
    expect(graphText(staged!, "graph")).not.toContain("//");
    expect(
      graphText(staged!, "plan")
        .match(/(\w+)\(.*\/\/ .*/g)!
        .map((line) => line.replace(/\(.*\/\//, ":")),
    ).toEqual([
      "tiledAttention: plan: a score one chain along d, their powers in 16 chains, an output one chain over the keys",
      "packedMatmul: plan: one chain along k",
      "sum: plan: 16 chains, cut after 64 steps",
      "packedMatmul: plan: one chain along k",
    ]);
  });

  it("tells Winograd's algorithm from direct convolution, and products in segments from others", () => {
    const text = (graph: Graph) => graphText(Compilation.of(graph).methods[0]!, "plan");
    const network = text(resNet(32, 32));
    expect(network).toMatch(/winogradConv2d\(.*tile=2.*\/\/ plan: Winograd, tiles of 2×2\n/);
    expect(network).toMatch(/blockedConv2d\(.*\/\/ plan: direct, order block ky kx channel\n/);
    const long = trace(
      ({ a, b }) => ({ y: a.matmul(b) }),
      {
        a: tensorType("f32", [4, 2048]),
        b: tensorType("f32", [2048, 8]),
      },
      { name: "long" },
    );
    expect(text(long as unknown as Graph)).toMatch(/matmul\(.*\/\/ plan: 4 segments of k, a chain each\n/);
  });
});

describe("a compilation asked for by hand", () => {
  const graph = trace(({ x }) => ({ y: x.mul(2) }), { x: tensorType("f32", [3]) }, { name: "twice" });

  it("takes a target by its name", () => {
    const { methods } = Compilation.of(graph as never).code("x86-64-v3");
    expect(methods.map(({ calls }) => calls.length)).toEqual([1]);
  });

  it("refuses targets and graphs that are none", () => {
    expect(() => Compilation.of(graph as never).code("x86" as never)).toThrow("Compilation.code: target cannot be");
    expect(() => new Compilation(3 as never)).toThrow("graph cannot be 3");
    expect(() => new Compilation({ forward: 3 } as never)).toThrow("forward cannot be 3");
  });
});
