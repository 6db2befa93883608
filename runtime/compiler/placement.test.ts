// What is joined, padded or split is not copied, and has the bits that it has without.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addsDotOnly, runnableTargets } from "../../kernels/index.ts";
import { Graph } from "../graph/graph.ts";
import { compile, concat, explain, load, simplified, state, tensorType, trace } from "../index.ts";
import { evenly, layer, uNet, yolo } from "../testing/networks.ts";
import { randomInput, randomNetwork } from "../testing/random-networks.ts";
import { planFusion } from "./fusion.ts";
import { tensorMemory } from "./memory.ts";
import { planPlaces } from "./placement.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");
const finest = { mostChunks: 6, leastOperations: 1 };
const targets = runnableTargets().filter((name) => !addsDotOnly(name));

/** The kernels of a graph, one line each. */
const kernelsOf = (graph: unknown): string[] =>
  explain(graph as Graph, "x86-64-v3")
    .split("\n")
    .filter((line) => /^ +\d+ {2}\S+ /.test(line))
    .map((line) => line.trim().replace(/^\d+ {2}/, ""));

/** Kernels that only move what another one has computed. */
const copiesOf = (graph: unknown): string[] =>
  kernelsOf(graph).filter(
    (line) => /^(concat|slice|permute|copy|reshape|pad) /.test(line) && !/^pad border/.test(line),
  );

/** The graph with everything that is joined, padded or cut as an output too, so that each of these has memory of its own. */
function apart(graph: Graph): Graph {
  const plain = simplified(graph);
  const joins = plain.nodes.filter(({ operator }) => ["concat", "pad", "slice"].includes(operator.name));
  const values = [...new Set(joins.flatMap(({ inputs }) => inputs))].filter((value) =>
    plain.nodes.some(({ outputs: [output] }) => output === value),
  );
  const more = values.map((value, at) => ({ name: `part${at}`, value }));
  return new Graph({ ...plain, outputs: [...plain.outputs, ...more] });
}

type Outputs = { readonly [name: string]: unknown };

async function run(graph: Graph, x: Float32Array, options: object = {}, threads = 1): Promise<Outputs> {
  const artifact = await compile(graph, { targets: targets.slice(0, 1), cacheDir, ...options });
  const program = load(artifact, { threads });
  const outputs = program.newOutputs();
  program.run({ x }, outputs);
  return outputs;
}

describe("placement", () => {
  it("computes both ways of a U-Net into what joins them, and that into its padding", () => {
    for (const up of ["transposed", "nearest"] as const)
      expect(copiesOf(uNet(16, 16, up))).toEqual([
        "pad  (→ scratch pad: f32[1,3,18,18], input x: f32[1,3,16,16])",
        expect.stringMatching(/^pad .*1,1,10,10,16.*1,2,18,18,16/), // the largest of each window, into its padding
        expect.stringMatching(/^pad .*1,2,6,6,16.*1,4,10,10,16/),
        expect.stringMatching(/^permute /),
      ]);
  });

  it("joins, splits and pools in a YOLO without copies but those that padding needs", () => {
    const copies = copiesOf(yolo(32, 16)).map((line) => line.split(" ")[0]);
    expect(new Set(copies)).toEqual(new Set(["pad", "permute"]));
    expect(copies.filter((name) => name === "permute")).toHaveLength(4); // the parts of the result, straight into it
  });

  it("leaves where outputs lie what is an output and a part of another one", async () => {
    const graph = trace(
      ({ x }) => {
        const twice = x.mul(2);
        return { joined: concat([twice, x.neg()], 0), padded: twice.pad([1, 0], [0, 1]), twice };
      },
      { x: tensorType("f32", [2, 3]) },
      { name: "parts" },
    );
    expect(await run(graph as unknown as Graph, Float32Array.of(1, 2, 3, 4, 5, 6))).toEqual({
      joined: Float32Array.of(2, 4, 6, 8, 10, 12, -1, -2, -3, -4, -5, -6),
      padded: Float32Array.of(0, 0, 0, 0, 2, 4, 6, 0, 8, 10, 12, 0),
      twice: Float32Array.of(2, 4, 6, 8, 10, 12),
    });
  });

  it("copies what is joined under a shape that its place cannot have", async () => {
    const graph = trace(
      ({ x }) => ({ y: concat([x.mul(2).reshape([3, 2]), x.reshape([3, 2])], 1) }),
      { x: tensorType("f32", [2, 3]) },
      { name: "reshaped" },
    );
    expect(await run(graph as unknown as Graph, Float32Array.of(1, 2, 3, 4, 5, 6))).toEqual({
      y: Float32Array.of(2, 4, 1, 2, 6, 8, 3, 4, 10, 12, 5, 6),
    });
  });

  it("leaves no gaps between neighbours that another kernel reads as vectors", () => {
    const stacked = trace(
      ({ a, b }) => {
        const product = a.matmul(b);
        const column = product.reshape([3, 20, 1]);
        return { y: concat([column, column.neg()], 2), z: product.matmul(b) };
      },
      { a: tensorType("f32", [3, 20]), b: tensorType("f32", [20, 20]) },
      { name: "stacked" },
    );
    const plain = simplified(stacked as unknown as Graph);
    const outputs = new Map(
      plain.outputs.map(({ name, value }, index) => [value, tensorMemory({ kind: "output", index }, name, value.type)]),
    );
    const places = planPlaces(plain, planFusion(plain, outputs.keys()), outputs);
    const product = plain.nodes.find(({ operator }) => operator.name === "matmul")!;
    expect(places.get(product.outputs[0])!.strides).toEqual([20, 1]);
  });

  it("reads a part of a tensor where it lies", () => {
    const graph = trace(
      ({ x }) => {
        const y = layer(x, { outputs: 48, kernel: 1 });
        return { y: layer(y.slice([0, 1], [16, 48], [1, 7], [0, 8, 2]), { outputs: 16, kernel: 1, seed: 4 }) };
      },
      { x: tensorType("f32", [1, 16, 8, 8]) },
      { name: "g" },
    );
    expect(kernelsOf(graph).map((line) => line.split("  ")[0])).toEqual([
      "permute",
      "blockedConv2d+add",
      "blockedConv2d+add",
      "permute",
    ]);
  });

  it("joins what is joined already, twice, and what others read too, into an output and a state", async () => {
    const graph = trace(
      ({ x }) => {
        const memory = state("memory", tensorType("f32", [1, 32, 4, 4]));
        const a = layer(x, { outputs: 16, kernel: 1, seed: 3 });
        const b = layer(a, { outputs: 16, kernel: 1, seed: 5 }).relu();
        const inner = concat([a, b], 1);
        memory.set(inner.add(memory.get()));
        return { y: concat([inner, b, inner], 1), z: layer(inner, { outputs: 8, kernel: 1, seed: 7 }) };
      },
      { x: tensorType("f32", [1, 16, 4, 4]) },
      { name: "g" },
    ) as unknown as Graph;
    const x = evenly(256, 1);
    const placed = await run(graph, x);
    const alone = await run(apart(graph), x);
    for (const name of ["y", "z"]) expect(placed[name]).toEqual(alone[name]);
  });

  it("leaves a U-Net the bits that it has without, on every target", async () => {
    const graph = uNet(16, 16, "transposed");
    const x = evenly(3 * 16 * 16, 3);
    const { y } = await run(apart(graph), x);
    const artifact = await compile(graph, { targets, cacheDir });
    for (const target of targets) {
      const program = load(artifact, { target });
      const outputs = program.newOutputs();
      program.run({ x }, outputs);
      expect(outputs.y).toEqual(y);
    }
  });

  it("leaves a YOLO the bits that it has without, with threads", async () => {
    const graph = yolo(32, 8);
    const x = evenly(3 * 32 * 32, 3);
    const { y } = await run(apart(graph), x);
    expect((await run(graph, x, { grain: finest }, 3)).y).toEqual(y);
  });

  it("leaves random networks the bits that they have without", async () => {
    for (const graph of fc.sample(randomNetwork, { numRuns: 8, seed: 41 })) {
      const x = randomInput();
      const [placed, alone] = [await run(graph, x, { grain: finest }, 2), await run(apart(graph), x)];
      expect([placed.y, placed.z], graph.toString()).toEqual([alone.y, alone.z]);
    }
  });
});
