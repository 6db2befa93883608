// Symbolic dimensions: operators take them as they are, binding gives them sizes, and sizes that are missing are said.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IsochronError } from "../../kernels/index.ts";
import { batchNorm, layerNorm, linear } from "../functional.ts";
import type { Value } from "../graph/graph.ts";
import { Graph, nodeOf } from "../graph/graph.ts";
import { sumOf } from "../graph/tensor-type.ts";
import {
  concat,
  cond,
  constant,
  conv1d,
  conv2d,
  conv3d,
  convTranspose2d,
  type Dimension,
  forLoop,
  full,
  iota,
  ones,
  resize,
  scaledDotProductAttention,
  state,
  sym,
  type TensorType,
  tensorType,
  trace,
  where,
} from "../index.ts";
import { operators } from "../operators/index.ts";
import { bindSymbols } from "../passes/index.ts";
import { caseArbitraries } from "../testing/cases/index.ts";

/** What users write over a number of images that is not known yet. */
const network = (n: Dimension): Graph =>
  trace(
    ({ images, rows, lines, volumes }) => {
      const features = conv2d(images, ones("f32", [4, 3, 3, 3]), { padding: 1 });
      const scale = ones("f32", [4]);
      const normed = batchNorm(features, scale, scale, { scale, shift: scale });
      const pooled = normed.maxPool(2).avgPool(2, { padding: 1 }).adaptiveAvgPool([2, 2]).globalMaxPool();
      const flat = pooled
        .reshape([n, -1])
        .add(features.groupNorm(2).instanceNorm().reshape([n, -1]).mean([1], { keepDims: true }));
      const layer = linear(rows, ones("f32", [4, 8]), ones("f32", [4])).softmax(-1);
      const heads = rows.reshape([n, 2, 4]).unsqueeze(1);
      const seen = scaledDotProductAttention(heads, heads, heads).squeeze(1).flip([1]).permute([1, 0, 2]);
      const more = concat([rows, rows.neg(), ones("f32", [2, 8])], 0).pad([1, 0], [0, 0]);
      const top = rows
        .topK(2)
        .values.add(rows.sort().values.slice([], [0, 2]))
        .cumsum(1);
      return {
        flat,
        both: flat.add(layer).tile([1, 2]),
        seen,
        more,
        half: rows.matmul(ones("f32", [8, 3])).indexSelect(1, constant([0, 2], "i64")),
        normed: layerNorm(rows, ones("f32", [8]), ones("f32", [8])).variance([0]),
        top: where(top.greater(0), top, full("f32", [n, 2], 1)),
        larger: resize(images, [16, 16]).add(convTranspose2d(images, ones("f32", [3, 3, 2, 2]), { stride: 2 })),
        lines: conv1d(lines, ones("f32", [1, 2, 3])),
        volumes: conv3d(volumes, ones("f32", [1, 1, 2, 2, 2])),
        numbers: iota("i64", [n, 2], 0),
        classes: iota("i64", [n]).oneHot(3),
        each: rows.slice([], [1, 3, 2]).split(1, 1)[0]!.flatten(),
      };
    },
    {
      images: tensorType("f32", [n, 3, 8, 8]),
      rows: tensorType("f32", [n, 8]),
      lines: tensorType("f32", [n, 2, 5]),
      volumes: tensorType("f32", [n, 1, 3, 3, 3]),
    },
    { name: "network" },
  );

const controlled = (n: Dimension): Graph =>
  trace(
    ({ x, flag }) => {
      const level = state("level", tensorType("f32", []), 1);
      const chosen = cond(
        flag,
        (a) => a.add(ones("f32", [n, 2])),
        (a) => a.reshape([2, n]).permute(),
        x,
      );
      const looped = forLoop(constant(3, "i64"), (_, a) => a.mul(level.get()), chosen, { atMost: 3 });
      level.set(looped.max());
      return { looped };
    },
    { x: tensorType("f32", [n, 2]), flag: tensorType("bool", []) },
    { name: "controlled" },
  );

describe("a graph over a symbolic dimension", () => {
  it.each([
    ["of images, rows, lines and volumes", network],
    ["that regions, attributes and states depend on", controlled],
  ])("becomes, when it is bound, the graph that is traced over the size: %s", (_, made) => {
    const symbolic = made(sym("n"));
    expect(symbolic.toString()).toMatch(/\[(\w+,)*n(,\w+)*\]/);
    expect(bindSymbols(symbolic, { n: 4 }).toString()).toBe(made(4).toString());
  });

  it("prints sums of dimensions, which are equal whatever their order", () => {
    const [n, k] = [sym("n"), sym("k")];
    const graph = trace(
      ({ x, y }) => ({
        sum: concat([x, y], 0)
          .add(concat([y, x], 0))
          .pad([1], [2]),
      }),
      { x: tensorType("f32", [n]), y: tensorType("f32", [k]) },
      { name: "g" },
    );
    expect(graph.toString()).toContain("(sum: f32[k+n+3])");
    expect(bindSymbols(graph, { n: 4, k: 2 }).outputs[0]!.value.type.shape).toEqual([9]);
    expect(sumOf([n, 2, sumOf([k, n, 1])])).toMatchObject({ name: "k+n+n+3" });
  });
});

/** A graph of one node, the given types its inputs. */
function nodeGraph(
  operator: (typeof operators)[keyof typeof operators],
  types: readonly TensorType[],
  attributes: unknown,
) {
  const inputs = types.map((type, at) => ({ name: `x${at}`, value: { type } as Value }));
  const node = nodeOf(
    operator,
    inputs.map(({ value }) => value),
    { attributes },
  );
  const outputs = node.outputs.map((value, at) => ({ name: `y${at}`, value }));
  return new Graph({ name: "g", inputs, constants: [], states: [], nodes: [node], outputs });
}

describe("the type of every operator over a symbolic dimension", () => {
  it.each(Object.entries(operators))("is refused, or becomes that of the size: %s", (name, operator) => {
    const cases = fc.sample(caseArbitraries[name as keyof typeof operators], { numRuns: 4, seed: 20_261_130 });
    for (const { operands, attributes } of cases) {
      const sizes = [...new Set(operands.flatMap(({ shape }) => shape as readonly number[]))];
      for (const size of sizes) {
        // Everything of this size has the name, so that what agrees still does.
        const named = operands.map(({ dtype, shape }) => ({
          dtype,
          shape: shape.map((each) => (each === size ? sym("n") : each)),
        }));
        const known = nodeGraph(operator, operands, attributes);
        let symbolic: Graph;
        try {
          symbolic = nodeGraph(operator, named, attributes);
        } catch (error) {
          expect(error).toBeInstanceOf(IsochronError);
          expect((error as IsochronError).code).toMatch(/^operator\//);
          continue;
        }
        expect(bindSymbols(symbolic, { n: size }).toString()).toBe(known.toString());
      }
    }
  });
});

describe("a size that is not known yet", () => {
  const traced = (body: Parameters<typeof trace>[0]) => () =>
    trace(body as never, { x: tensorType("f32", [sym("n"), 4, sym("n")]) }, { name: "g" });

  it.each([
    [
      "a part of it",
      ({ x }) => ({ y: x!.slice([1]) }),
      "operator/size",
      /^slice of f32\[n,4,n\]: the size of .*"n" is not known/,
    ],
    ["a product of sizes", ({ x }) => ({ y: x!.flatten() }), "operator/shape", /^reshape of f32\[n,4,n\] to \[-1\]/],
    [
      "another shape",
      ({ x }) => ({ y: x!.reshape([sym("n"), 5]) }),
      "operator/shape",
      /not the same elements whatever/,
    ],
    ["as a number", ({ x }) => ({ y: x!.add(x!.shape[0]!) }), "tensor/unknown-size", /^the size of dimension "n"/],
    [
      "beside another",
      ({ x }) => ({ y: x!.add(ones("f32", [sym("m")])) }),
      "operator/shape",
      /f32\[n,4,n\] and f32\[m\]/,
    ],
  ] as [string, Parameters<typeof trace>[0], string, RegExp][])(
    "is refused where it matters, at the user's line: %s",
    (_, body, code, message) => {
      expect(traced(body)).toThrow(
        expect.objectContaining({
          code,
          message: expect.stringMatching(message),
          ...(code.startsWith("operator/") ? { place: expect.stringMatching(/dimensions\.test\.ts:\d+:\d+$/) } : {}),
        }),
      );
    },
  );
});
