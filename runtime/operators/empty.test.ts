// What is made of nothing: sums are 0, products 1, and what has no value is refused when it is traced.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { IsochronError } from "../../kernels/index.ts";
import { countOf } from "../graph/tensor-type.ts";
import {
  compile,
  concat,
  constant,
  conv2d,
  gridSample,
  Interpreter,
  load,
  matmulInteger,
  type Signature,
  scaledDotProductAttention,
  staticShape,
  type Tensor,
  type TypedArray,
  tensorType,
  trace,
} from "../index.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");

const types = {
  none: tensorType("f32", [0, 3]),
  wide: tensorType("f32", [2, 0]),
  deep: tensorType("f32", [0, 4]),
  grid: tensorType("f32", [64, 2]),
  line: tensorType("f32", [2, 4]),
  tall: tensorType("f32", [64, 48]),
  short: tensorType("f32", [0, 48]),
  plane: tensorType("f32", [1, 0, 4, 4]),
  image: tensorType("f32", [1, 3, 8, 8]),
  bytes: tensorType("u8", [2, 3]),
  four: tensorType("f32", [4, 0, 1]),
  row: tensorType("f32", [1, 15]),
} as const;
type Inputs = { readonly [name in keyof typeof types]: Tensor<(typeof types)[name]["dtype"]> };

const weight = (...shape: number[]) =>
  constant(
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i % 3),
    "f32",
    shape,
  );
const split = ({ image }: Inputs) => {
  const c = conv2d(image, weight(16, 3, 3, 3), { padding: 1 });
  const joined = concat([c.slice([0, 1], [0, 0]).relu(), c.slice([0, 1], [0, 16])], 1);
  return { joined, apart: conv2d(c, weight(16, 16, 3, 3)), together: conv2d(joined, weight(16, 16, 3, 3)) };
};

/** Each with its right value; one number stands for all elements, none for a tensor without any. */
const cases: { readonly [name: string]: readonly [(x: Inputs) => Tensor, readonly number[], number | undefined] } = {
  sum: [(x) => x.none.sum([0]), [3], 0],
  prod: [(x) => x.none.prod([0]), [3], 1],
  mean: [(x) => x.none.mean([0]), [3], NaN],
  any: [(x) => x.none.less(0).any([0]), [3], 0],
  all: [(x) => x.none.less(0).all([0]), [3], 1],
  sumOfRows: [(x) => x.none.sum([1]), [0], undefined],
  maxOfRows: [(x) => x.none.max([1]), [0], undefined],
  softmax: [(x) => x.none.softmax(0), [0, 3], undefined],
  product: [(x) => x.wide.matmul(x.none), [2, 3], 0],
  linear: [(x) => x.wide.linear(constant([], "f32", [5, 0]), constant([7, 7, 7, 7, 7], "f32")), [2, 5], 7],
  sampled: [(x) => gridSample(x.none, x.grid), [64], 0],
  noQueries: [(x) => scaledDotProductAttention(x.deep, x.line, x.line), [0, 4], undefined],
  noKeys: [(x) => scaledDotProductAttention(x.line, x.deep, x.deep), [2, 4], 0],
  noDepth: [(x) => scaledDotProductAttention(x.wide, x.wide, x.line.mul(0).add(3)), [2, 4], 3],
  noChannels: [(x) => conv2d(x.plane, constant([], "f32", [16, 0, 3, 3])), [1, 16, 2, 2], 0],
  channelsBehindAll: [
    (x) => conv2d(x.image, weight(16, 3, 3, 3), { padding: 1 }).slice([0, 1], [16, 16]),
    [1, 0, 8, 8],
    undefined,
  ],
  splitByNothing: [(x) => split(x).together.sub(split(x).apart), [1, 16, 6, 6], 0],
  noColumns: [(x) => matmulInteger(x.bytes, constant([], "i8", [3, 0])), [2, 0], undefined],
  noDepthOfBytes: [(x) => matmulInteger(x.bytes.slice([0, 2], [3, 3]), constant([], "i8", [0, 40])), [2, 40], 0],
  joined: [(x) => concat([x.short.neg(), x.tall.mul(0).add(5)], 0), [64, 48], 5],
  padded: [(x) => x.short.neg().pad([32, 0], [32, 0], 2), [64, 48], 2],
  broadcast: [(x) => x.four.add(x.row), [4, 0, 15], undefined],
  sorted: [(x) => x.none.sort(0).values, [0, 3], undefined],
};

describe("what is made of nothing", () => {
  it("has the right value, interpreted and compiled, in any number of parts", async () => {
    const graph = trace(
      (x) => Object.fromEntries(Object.entries(cases).map(([name, [make]]) => [name, make(x as Inputs)])),
      types,
      { name: "nothing" },
    );
    const inputs = Object.fromEntries(
      Object.entries(types).map(([name, { dtype, shape }]) => {
        const count = countOf(staticShape(shape));
        return [
          name,
          dtype === "u8" ? new Uint8Array(count).fill(2) : Float32Array.from({ length: count }, (_, i) => i % 7),
        ];
      }),
    );
    const meant = new Interpreter<Signature, Signature>(graph as never).run(inputs as never);
    const artifact = await compile(graph, { cacheDir, grain: { mostChunks: 2, leastOperations: 1 } });
    const program = load(artifact as never, { threads: 2 });
    const found = program.newOutputs() as { readonly [name: string]: TypedArray };
    program.run(inputs as never, found as never);
    for (const [name, [, shape, value]] of Object.entries(cases)) {
      const { type } = graph.outputs.find((each) => each.name === name)!.value;
      expect(type.shape, name).toEqual(shape);
      const right = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => value);
      expect([...(meant[name] as Float32Array)], `${name}, interpreted`).toEqual(right);
      expect([...(found[name] as Float32Array)], `${name}, compiled`).toEqual(right);
    }
  });

  it.each([
    ["the largest", (x: Inputs) => x.none.max([0]), "max of f32[0,3]: dimension 0 has no elements"],
    ["the smallest of all", (x: Inputs) => x.none.min(), "min of f32[0,3]: dimension 0 has no elements"],
    [
      "the border of an image without pixels",
      (x: Inputs) => gridSample(x.none, x.grid, { outside: "border" }),
      "gridSample of f32[0,3]: an image without pixels has no border",
    ],
  ] as const)("is refused at the user's line where it has no value: %s", (_, make, message) => {
    let thrown: unknown;
    try {
      trace((x) => ({ y: make(x as Inputs) }), types, { name: "g" });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(IsochronError);
    expect(thrown).toMatchObject({ code: "operator/empty", message, place: expect.stringContaining("empty.test.ts") });
  });
});
