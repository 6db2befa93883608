// Axes and ranges of every operator: from the end where negative, refused where they lie outside.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IsochronError } from "../../kernels/index.ts";
import {
  concat,
  constant,
  dequantize,
  Interpreter,
  iota,
  quantize,
  stack,
  type Tensor,
  type TensorType,
  tensorType,
  trace,
} from "../index.ts";
import { caseArbitraries } from "../testing/cases/index.ts";
import { type Operator, operators } from "./index.ts";

const codeOf = (body: () => unknown): string | undefined => {
  try {
    body();
    return undefined;
  } catch (error) {
    return error instanceof IsochronError ? error.code : String(error);
  }
};

type Attributes = { readonly [name: string]: unknown };
const rankOf = (operands: readonly TensorType[], attributes: Attributes): number =>
  (operands[0]?.shape ?? (attributes.shape as readonly number[])).length;

/** The operators with attributes that name dimensions, and those attributes. */
const named = Object.entries(operators).flatMap(([name, operator]: [string, Operator]) =>
  operator.axisAttributes.filter((each) => each === "axis" || each === "axes").map((key) => ({ name, key, operator })),
);
const changed = (value: unknown, change: (axis: number) => number): unknown =>
  Array.isArray(value) ? value.map(change) : change(value as number);

describe("an attribute that names dimensions", () => {
  it("is declared as such by every operator that has one", () => {
    const declared = new Set(named.map(({ name }) => name));
    const having = Object.entries(caseArbitraries).flatMap(([name, cases]) => {
      const [one] = fc.sample(cases as fc.Arbitrary<{ readonly attributes: unknown }>, 1);
      const keys = Object.keys((one?.attributes ?? {}) as object);
      return keys.includes("axis") || keys.includes("axes") ? [name] : [];
    });
    expect(having.length).toBeGreaterThan(15);
    expect(having.filter((name) => !declared.has(name))).toEqual([]);
  });

  it.each(named)("counts from the end where it is negative, and exists: $key of $name", ({ name, key, operator }) => {
    const cases = caseArbitraries[name as keyof typeof operators];
    fc.assert(
      fc.property(cases, fc.nat(3), ({ operands, attributes: given }, beyond) => {
        const attributes = given as Attributes;
        const rank = rankOf(operands, attributes);
        const parse = (change: (axis: number) => number) =>
          operator.parse({ ...attributes, [key]: changed(attributes[key], change) }, operands);
        const plain = parse((each) => each);
        expect(parse((each) => each - rank)).toEqual(plain);
        expect(operator.infer(operands, plain)[0].shape.every((size) => Number(size) >= 0)).toBe(true);
        if (Array.isArray(attributes[key]) && attributes[key].length === 0) return;
        expect(codeOf(() => parse(() => rank + beyond))).toBe("operator/axes");
        expect(codeOf(() => parse(() => -rank - 1 - beyond))).toBe("operator/axes");
        expect(codeOf(() => parse((each) => each + 0.5))).toBe("operator/attributes");
      }),
      { numRuns: 30 },
    );
  });

  it("names each dimension once", () => {
    const x = tensorType("f32", [2, 3]);
    for (const name of ["sum", "mean", "max", "permute"] as const)
      expect(
        codeOf(() => operators[name].parse({ axes: [1, -1], ...(name === "permute" ? {} : { keepDims: true }) }, [x])),
      ).toBe("operator/axes");
    expect(codeOf(() => operators.permute.parse({ axes: [0] }, [x]))).toBe("operator/axes");
  });
});

/** What a traced function makes of x = 0, 1, 2, … */
function result(shape: readonly number[], body: (x: Tensor<"f32">) => Tensor<"f32">) {
  const graph = trace(({ x }) => ({ y: body(x) }), { x: tensorType("f32", shape) }, { name: "g" });
  const count = shape.reduce((a, b) => a * b, 1);
  const { y } = new Interpreter(graph).run({ x: Float32Array.from({ length: count }, (_, i) => i) });
  return { shape: graph.outputs[0]!.value.type.shape, data: [...y] };
}

describe("dimensions of tensor methods", () => {
  it("stack along −1 puts its tensors into the last dimension of the result", () => {
    expect(result([3], (x) => stack([x, x.add(3)], -1))).toEqual({ shape: [3, 2], data: [0, 3, 1, 4, 2, 5] });
    expect(result([3], (x) => stack([x, x.add(3)], -2))).toEqual({ shape: [2, 3], data: [0, 1, 2, 3, 4, 5] });
  });

  it("squeeze of −1 drops the last dimension, unsqueeze of −1 adds one behind all", () => {
    expect(result([3, 1], (x) => x.squeeze(-1)).shape).toEqual([3]);
    expect(result([1, 3, 1], (x) => x.squeeze(-3)).shape).toEqual([3, 1]);
    expect(result([3], (x) => x.unsqueeze(-1)).shape).toEqual([3, 1]);
    expect(result([3], (x) => x.unsqueeze(1)).shape).toEqual([3, 1]);
    expect(result([3], (x) => x.unsqueeze(-2)).shape).toEqual([1, 3]);
    expect(result([3], (x) => x.unsqueeze(-1).mul(x.unsqueeze(0))).data).toEqual([0, 0, 0, 0, 1, 2, 0, 2, 4]);
  });

  it("slice counts places from the end where they are negative, and cuts them to the dimension", () => {
    expect(result([5], (x) => x.slice([-2, 5])).data).toEqual([3, 4]);
    expect(result([5], (x) => x.slice([1, -1])).data).toEqual([1, 2, 3]);
    expect(result([5], (x) => x.slice([-9, 99, 2])).data).toEqual([0, 2, 4]);
    expect(result([5], (x) => x.slice([3, 1])).data).toEqual([]);
    expect(result([2, 3], (x) => x.slice([1, 2])).data).toEqual([3, 4, 5]);
  });

  it("that lie outside are refused at the user's line", () => {
    const refused = (body: (x: Tensor<"f32">) => Tensor) => {
      try {
        trace(({ x }) => ({ y: body(x) }), { x: tensorType("f32", [3]) }, { name: "g" });
        return "nothing";
      } catch (error) {
        if (!(error instanceof IsochronError)) throw error;
        expect(error.place).toMatch(/axis\.test\.ts:\d+:\d+$/);
        expect(error.help).toBeDefined();
        return `${error.code}: ${error.message}`;
      }
    };
    expect(refused((x) => x.unsqueeze(7))).toBe("operator/axes: unsqueeze of f32[3]: there is no dimension 7");
    expect(refused((x) => x.squeeze(1))).toBe("operator/axes: squeeze of f32[3]: there is no dimension 1");
    expect(refused((x) => x.softmax(-2))).toBe("operator/axes: softmax of f32[3]: there is no dimension -2");
    expect(refused((x) => x.sum([0, 0]))).toBe("operator/axes: sum of f32[3]: [0,0] names dimension 0 twice");
    expect(refused((x) => stack([x, x], 2))).toBe("operator/axes: unsqueeze of f32[3]: there is no dimension 2");
    expect(refused((x) => x.slice([0, 2], [0, 1]))).toBe(
      "operator/ranges: slice of f32[3]: starts has 2 numbers for 1 dimension",
    );
    expect(refused((x) => x.pad([1, 1], [0]))).toBe(
      "operator/ranges: pad of f32[3]: before has 2 numbers for 1 dimension",
    );
    expect(refused(() => concat([], 0))).toBe("operator/operands: concat of nothing");
    expect(refused(() => stack([]))).toBe("operator/operands: concat of nothing");
    expect(refused(() => iota("i32", [2, 3], 2))).toBe("operator/axes: iota of [2,3]: there is no dimension 2");
    expect(refused((x) => quantize(x, [1, 2, 3], 0, "u8"))).toBe(
      "operator/axes: quantize of f32[3]: there is no dimension 1",
    );
    expect(refused(() => dequantize(constant([1], "u8"), [1, 2, 3], 0, { axis: 3 }))).toBe(
      "operator/axes: dequantize of u8[1]: there is no dimension 3",
    );
  });
});
