// Operators made of others: softmax, mean, linear layers, positions of extremes.
import { z } from "zod";
import { isFloatDtype, isStored } from "../../kernels/index.ts";
import type { Value } from "../graph/graph.ts";
import { arrayFrom, countOf, sameShape, showTensorType, staticShape, type TensorType } from "../graph/tensor-type.ts";
import { axisAttribute } from "./axis.ts";
import { type Bounded, boundedAlong, extremeOf, neutralAlong, unlessAlong } from "./bounded.ts";
import { matmul } from "./contraction.ts";
import * as elementwise from "./elementwise.ts";
import { lines } from "./indexing.ts";
import { type Builder, type Nd, type Operator, operandError, operator } from "./operator.ts";
import { forEachElement, max, min, reducedType, reductionAttributes, sum } from "./reduction.ts";
import { size } from "./sizes.ts";
import { iota, permute } from "./structure.ts";

const { add, cast, div, equal, exp, logicalOr, mul, notEqual, sub, where } = elementwise;
const axisOnly = z.strictObject({ axis: axisAttribute() });

const isFloat = ({ dtype }: TensorType): boolean => isFloatDtype(dtype);

export function requireFloat(name: string, x: TensorType): void {
  if (!isFloat(x))
    throw operandError("dtype", `${name} is not defined on ${x.dtype}`, "convert the operand with .cast()");
}

const scalar = (builder: Builder, dtype: TensorType["dtype"], value: number): Value =>
  builder.constant({ dtype, shape: [] }, arrayFrom(dtype, [value]));

/** How many elements x has along some dimensions, of which some may be bounded, as a number of a dtype. */
export function countAlong(x: Value, axes: readonly number[], dtype: TensorType["dtype"], builder: Builder): Value {
  const sizes = axes.map((axis) => builder.apply(size, [x], { axis }));
  return builder.apply(cast, [sizes.reduce((a, b) => builder.apply(mul, [a, b]))], { dtype });
}

/**
 * By other operators where one of these dimensions of the first operand is bounded, else at the maximum: floats that are only
 * stored in float32, rounded once.
 */
export function countedAlong(
  operands: readonly TensorType[],
  axes: readonly number[],
  value: (operands: readonly Value[], builder: Builder) => Value,
): Bounded | undefined {
  if (!boundedAlong(operands[0]!, axes)) return unlessAlong(operands, axes);
  return {
    kind: "others",
    decompose(given, builder) {
      const { dtype } = given[0]!.type;
      if (!isStored(dtype)) return value(given, builder);
      const wide = given.map((each) => builder.apply(cast, [each], { dtype: "f32" }));
      return builder.apply(cast, [value(wide, builder)], { dtype });
    },
  };
}

/**
 * e^(x − max) / Σ e^(x − max) along `axis`. x: float of any shape → the same type.
 *
 * Error: 4 ulp of y·(n + 1 + |x − max|), n the length of the axis: the difference is rounded before it is raised.
 */
export const softmax = operator({
  name: "softmax",
  attributes: axisOnly,
  errorUlp: 4,
  infer([x]) {
    requireFloat("softmax", x!);
    return x!;
  },
  evaluate([x], { axis }, { data }) {
    for (const line of lines(x!.shape, axis)) {
      const values = line.map((at) => Number(x!.data[at]!));
      const top = Math.max(...values);
      const powers = values.map((value) => Math.exp(value - top));
      const total = powers.reduce((a, b) => a + b, 0);
      line.forEach((at, i) => {
        data[at] = powers[i]! / total;
      });
    }
  },
  magnitude([x], { axis }, { data }) {
    const magnitude = new Float64Array(data.length);
    for (const line of lines(x!.shape, axis)) {
      const top = Math.max(...line.map((at) => Number(x!.data[at]!)));
      for (const at of line) {
        magnitude[at] = Number(data[at]!) * (line.length + 1 + Math.abs(Number(x!.data[at]!) - top));
      }
    }
    return magnitude;
  },
  bounded: ([x], { axis }) => neutralAlong(x!, [axis], -Infinity),
  lowering: {
    kind: "composite",
    decompose([x], { axis }, builder) {
      const along = { axes: [axis], keepDims: true };
      const powers = builder.apply(exp, [builder.apply(sub, [x!, builder.apply(max, [x!], along)])]);
      return builder.apply(div, [powers, builder.apply(sum, [powers], along)]);
    },
  },
});

/** Σ x / n. x: float. Error: n + 1 ulp of Σ|x| / n. */
export const mean: Operator<z.infer<typeof reductionAttributes>> = operator({
  name: "mean",
  attributes: reductionAttributes,
  errorUlp: 1,
  infer([x], attributes) {
    requireFloat("mean", x!);
    return reducedType(x!, attributes);
  },
  evaluate([x], { axes }, { data }) {
    const totals = new Float64Array(data.length);
    forEachElement(x!, axes, (to, from) => {
      totals[to] = totals[to]! + Number(x!.data[from]!);
    });
    const n = countOf(axes.map((axis) => x!.shape[axis]!));
    for (let i = 0; i < data.length; i++) data[i] = totals[i]! / n;
  },
  magnitude([x], { axes }, { data }) {
    const magnitude = new Float64Array(data.length);
    const n = countOf(axes.map((axis) => x!.shape[axis]!));
    forEachElement(x!, axes, (to, from) => {
      magnitude[to] = magnitude[to]! + (Math.abs(Number(x!.data[from]!)) * (n + 1)) / n;
    });
    return magnitude;
  },
  bounded: (operands, attributes) =>
    countedAlong(operands, attributes.axes, ([x], builder) => {
      const { dtype } = x!.type;
      return builder.apply(div, [
        builder.apply(sum, [x!], attributes),
        countAlong(x!, attributes.axes, dtype, builder),
      ]);
    }),
  lowering: {
    kind: "composite",
    decompose([x], attributes, builder) {
      const n = countOf(staticShape(attributes.axes.map((axis) => x!.type.shape[axis]!)));
      return builder.apply(div, [builder.apply(sum, [x!], attributes), scalar(builder, x!.type.dtype, n)]);
    },
  },
});

/** x[…,i] · wᵀ + b. w: [o,i], b: [o]; floats of one dtype → […,o]. Error: i + 1 ulp of |x|·|w|ᵀ + |b|. */
export const linear: Operator<Record<string, never>> = operator({
  name: "linear",
  attributes: z.strictObject({}),
  errorUlp: 1,
  infer([x, w, b]) {
    requireFloat("linear", x!);
    const shown = `linear of ${showTensorType(x!)} with weight ${showTensorType(w!)} and bias ${showTensorType(b!)}`;
    if (x!.shape.length < 2 || w!.shape.length !== 2 || !sameShape(b!.shape, w!.shape.slice(0, 1))) {
      throw operandError("shape", shown, "x is […,n,i], the weight [o,i], the bias [o]");
    }
    const [product] = matmul.infer([x!, { dtype: w!.dtype, shape: [...w!.shape].reverse() }], {});
    return add.infer([product, b!], {});
  },
  evaluate([x, w, b], _, { data }) {
    const [outputs, inputs] = w!.shape as [number, number];
    for (let i = 0; i < data.length; i++) {
      const [row, o] = [Math.floor(i / outputs), i % outputs];
      let total = 0;
      for (let j = 0; j < inputs; j++) total += Number(x!.data[row * inputs + j]!) * Number(w!.data[o * inputs + j]!);
      data[i] = total + Number(b!.data[o]!);
    }
  },
  magnitude(operands, attributes, result) {
    const absolute = operands.map(
      (each): Nd => ({ ...each, data: Float64Array.from(each.data as ArrayLike<number>, Math.abs) }),
    );
    const data = new Float64Array(result.data.length);
    linear.evaluate(absolute, attributes, { ...result, data });
    return data.map((each) => each * (operands[1]!.shape[1]! + 1));
  },
  bounded: (operands) => unlessAlong(operands, [operands[0]!.shape.length - 1]),
  lowering: {
    kind: "composite",
    decompose: ([x, w, b], _, builder) =>
      builder.apply(add, [builder.apply(matmul, [x!, builder.apply(permute, [w!], { axes: [1, 0] })]), b!]),
  },
});

/** The position along `axis` of the first extreme element; NaN counts as the extreme. → i64. Exact. */
const positionOf = (
  name: string,
  extreme: Operator,
  which: "least" | "greatest",
  beats: (value: number | bigint, best: number | bigint) => boolean,
) =>
  operator({
    name,
    attributes: axisOnly,
    errorUlp: 0,
    infer([x], { axis }) {
      if (x!.dtype === "bool") throw operandError("dtype", `${name} is not defined on bool`, "cast to u8 first");
      if (x!.shape[axis] === 0)
        throw operandError("shape", `${name} of ${showTensorType(x!)} along ${axis} has no elements`);
      return { dtype: "i64", shape: x!.shape.filter((_, d) => d !== axis) };
    },
    evaluate([x], { axis }, { data }) {
      lines(x!.shape, axis).forEach((line, to) => {
        let best = 0;
        line.forEach((at, i) => {
          const [value, record] = [x!.data[at]!, x!.data[line[best]!]!];
          if (!Number.isNaN(record) && (Number.isNaN(value) || beats(value, record))) best = i;
        });
        data[to] = BigInt(best);
      });
    },
    bounded: ([x], { axis }) => neutralAlong(x!, [axis], extremeOf(x!.dtype, which)),
    lowering: {
      kind: "composite",
      decompose([x], { axis }, builder) {
        const shape = staticShape(x!.type.shape);
        const best = builder.apply(extreme, [x!], { axes: [axis], keepDims: true });
        const hit = builder.apply(equal, [x!, best]);
        const found = isFloat(x!.type) ? builder.apply(logicalOr, [hit, builder.apply(notEqual, [x!, x!])]) : hit;
        const positions = builder.apply(iota, [], { dtype: "i64", shape, axis });
        const candidates = builder.apply(where, [found, positions, scalar(builder, "i64", shape[axis]!)]);
        return builder.apply(min, [candidates], { axes: [axis], keepDims: false });
      },
    },
  });

export const argmax = positionOf("argmax", max, "least", (value, best) => value > best);
export const argmin = positionOf("argmin", min, "greatest", (value, best) => value < best);
