// No pass changes a type: what one loses is an error that names it, and the passes that once lost something keep it.
import { describe, expect, it } from "vitest";
import { Graph } from "../graph/graph.ts";
import { rewrite } from "../graph/rewrite.ts";
import {
  concat,
  constant,
  conv2d,
  dequantize,
  Interpreter,
  quantize,
  type Signature,
  type Tensor,
  tensorType,
  trace,
} from "../index.ts";
import { operators } from "../operators/index.ts";
import { withPlan } from "../testing/with-plan.ts";
import { checked } from "./checked.ts";

const x = { x: tensorType("f32", [2, 3]) };
const graph = trace(({ x }) => ({ y: x.neg().sum([0]) }), x, { name: "g" }) as unknown as Graph;

const failure = (body: () => unknown): unknown => {
  try {
    return body();
  } catch (error) {
    return error;
  }
};

describe("a pass that changes a type", () => {
  it("is an error that names the pass, the node and its place, even where the change would not show behind it", () => {
    const lossy = (given: Graph): Graph =>
      rewrite(given, ({ operator, inputs }, editor) =>
        operator === operators.neg ? editor.apply(operators.reshape, [inputs[0]!], { shape: [2, 3, 1] }) : undefined,
      );
    expect(failure(() => checked("lossy", lossy, graph))).toMatchObject({
      code: "compile/pass",
      message: 'pass "lossy" of graph "g": neg : f32[2,3] was replaced by f32[2,3,1]',
      place: expect.stringContaining("checked.test.ts"),
      help: expect.stringContaining("Isochron's own"),
    });
  });

  it("is an error where a node, an output or a state is not what it was", () => {
    const type = tensorType("f32", [4]);
    const wrongNode = (given: Graph): Graph =>
      new Graph({
        ...given,
        nodes: given.nodes.map((node, at) => (at === 0 ? { ...node, outputs: [{ type }] as const } : node)),
      });
    expect(failure(() => checked("p", wrongNode, graph))).toMatchObject({ code: "compile/pass" });
    const renamed = (given: Graph): Graph =>
      new Graph({ ...given, outputs: given.outputs.map(({ value }) => ({ name: "other", value })) });
    expect(failure(() => checked("p", renamed, graph))).toMatchObject({
      message: 'pass "p" of graph "g": output y: f32[3] became other: f32[3]',
    });
    const without = (given: Graph): Graph => new Graph({ ...given, outputs: [] });
    expect(failure(() => checked("p", without, graph))).toMatchObject({
      message: 'pass "p" of graph "g": 1 outputs became 0',
    });
  });

  it("is an error of ours where it ends in an exception", () => {
    const broken = (): Graph => {
      throw new TypeError("undefined is no object");
    };
    expect(failure(() => checked("broken", broken, graph))).toMatchObject({
      code: "compile/pass",
      message: 'pass "broken" of graph "g": undefined is no object',
    });
  });
});

/** What a graph means, and what its simplified form does. */
function both(body: (x: Tensor<"f32">) => Tensor<"f32">, shape: readonly number[]) {
  const given = trace(({ x }) => ({ y: body(x) }), { x: tensorType("f32", shape) }, { name: "g" });
  const count = shape.reduce((a, b) => a * b, 1);
  const data = { x: Float32Array.from({ length: count }, (_, i) => Math.sin(i) * 3) };
  const simple = withPlan(given as unknown as Graph) as unknown as Graph<typeof given.signature.inputs, Signature>;
  const [meant, found] = [new Interpreter(given).run(data).y, new Interpreter(simple).run(data).y as Float32Array];
  const names = simple.nodes.map(({ operator }) => operator.name);
  return { meant, found, names, difference: Math.max(0, ...meant.map((each, i) => Math.abs(each - found[i]!))) };
}

describe("parts of a tensor", () => {
  const line = (...values: number[]) => Float32Array.from(values, (i) => Math.sin(i) * 3);

  it("that are empty because they start behind their end are not taken for what lies between", () => {
    const { meant, found } = both((x) => concat([x.slice([3, 1]), x.slice([1, 4])], 0), [5]);
    expect(found).toEqual(line(1, 2, 3));
    expect(meant).toEqual(found);
    const columns = both((x) => concat([x.slice([0, 2], [5, 3]), x.slice([0, 2], [3, 5])], 1), [2, 5]);
    expect(columns.found).toEqual(line(3, 4, 8, 9));
  });

  it("that follow each other are left together", () => {
    const { found, names } = both((x) => concat([x.slice([0, 2]), x.slice([2, 5])], 0), [5]);
    expect(found).toEqual(line(0, 1, 2, 3, 4));
    expect(names).toEqual([]);
  });
});

describe("attention whose scale has dimensions of its own", () => {
  it.each([[[1, 1, 1]], [[1]], [[]], [[1, 1]]])("%j keeps the rank of the scores", (scale) => {
    const { meant, found, names } = both(
      (x) => {
        const [q, k, v] = [x.slice([0, 4]), x.slice([4, 12]).permute(), x.slice([12, 20])];
        const scores = q.matmul(k).mul(constant([0.5], "f32", scale));
        return scores.softmax(-1).matmul(v).sum([-2]);
      },
      [20, 8],
    );
    expect(found).toHaveLength(8);
    expect(names.includes("tiledAttention")).toBe(scale.length < 3);
    meant.forEach((each, i) => {
      expect(found[i]).toBeCloseTo(each, 6);
    });
  });
});

describe("quantised fusions", () => {
  const byte = (of: Tensor<"f32">, scale: number, zero: number) =>
    dequantize(quantize(of, scale, zero, "u8"), scale, zero);
  const weight = (shape: readonly number[], scale: readonly number[] | number) =>
    dequantize(
      constant(
        Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => ((i * 37) % 200) - 100),
        "i8",
        shape,
      ),
      scale,
      0,
      { axis: 0 },
    );
  const product = (x: Tensor<"f32">) => conv2d(byte(x, 0.03, 100), weight([4, 3, 1, 1], 0.01));
  /** Each with the shape of its result, whose first size is what was broadcast. */
  const cases: readonly [string, (x: Tensor<"f32">) => Tensor<"f32">, boolean][] = [
    ["a bias for each channel", (x) => byte(product(x).add(constant([1, 2, 3, 4], "f32", [4, 1, 1])), 0.1, 9), true],
    ["one bias for all", (x) => byte(product(x).add(1.5), 0.1, 9), true],
    [
      "a bias that adds a dimension",
      (x) => byte(product(x).add(constant([1.5], "f32", [1, 1, 1, 1, 1])), 0.1, 9),
      false,
    ],
    [
      "a bias that repeats the sum",
      (x) => byte(product(x).add(constant([1, 2], "f32", [2, 1, 1, 1, 1])), 0.1, 9),
      false,
    ],
    ["a bias for each column", (x) => byte(product(x).add(constant([1, 2, 3, 4, 5], "f32", [5])), 0.1, 9), false],
    [
      "a bound that adds a dimension",
      (x) => byte(product(x).maximum(constant([0], "f32", [1, 1, 1, 1, 1])), 0.1, 9),
      false,
    ],
    [
      "a bound that repeats the sum",
      (x) => byte(product(x).maximum(constant([0, 0], "f32", [2, 1, 1, 1, 1])), 0.1, 9),
      false,
    ],
    [
      "a scale that repeats the sum",
      (x) =>
        dequantize(
          quantize(product(x), constant([0.1, 0.1], "f32", [2, 1, 1, 1, 1]), constant([3], "u8"), "u8"),
          0.1,
          3,
        ),
      false,
    ],
    [
      "an input's scale that adds a dimension",
      (x) =>
        dequantize(quantize(x.reshape([6, 10]), 0.03, 100, "u8"), constant([0.03], "f32", [1, 1, 1]), 100)
          .reshape([6, 10])
          .matmul(weight([4, 10], 0.01).permute()),
      false,
    ],
    ["a scale beyond float32's normal numbers", (x) => conv2d(byte(x, 1e-30, 0), weight([4, 3, 1, 1], 1e-20)), false],
  ];

  it.each(cases)("mean what they stand for, with %s", (_, body, fuses) => {
    const { meant, found, names, difference } = both(body, [1, 3, 4, 5]);
    expect(found).toHaveLength(meant.length);
    // One step of the rounding at most: sums in integers are nearer to the numbers than chains of floats.
    expect(difference).toBeLessThanOrEqual(0.1001);
    const integer = names.some((name) => /requantize|Integer/.test(name));
    if (fuses) expect(integer).toBe(true);
    else expect(names).not.toContain("requantize");
  });
});
