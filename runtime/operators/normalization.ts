// Normalisation along dimensions: log-softmax, layer norm and RMS norm, made of reductions and pointwise chains.
import { z } from "zod";
import type { Value } from "../graph/graph.ts";
import { arrayFrom, countOf, sameType, showShape, showTensorType, type TensorType } from "../graph/tensor-type.ts";
import { axisAttribute } from "./axis.ts";
import { lastAxes, neutralAlong } from "./bounded.ts";
import { centred, centredError } from "./centred.ts";
import { countedAlong, mean, requireFloat } from "./composite.ts";
import { add, div, exp, log, mul, sqrt, sub } from "./elementwise.ts";
import { lines } from "./indexing.ts";
import { type Builder, type Nd, type Operator, operandError, operator } from "./operator.ts";
import { max, sum } from "./reduction.ts";

/**
 * x − max − ln Σ e^(x − max) along `axis`. x: float of any shape → the same type.
 *
 * Error: 4 ulp of |x − max| + |ln Σ| + n + 1, n the length of the axis.
 */
export const logSoftmax: Operator<{ readonly axis: number }> = operator({
  name: "logSoftmax",
  attributes: z.strictObject({ axis: axisAttribute() }),
  errorUlp: 4,
  infer([x]) {
    requireFloat("logSoftmax", x!);
    return x!;
  },
  evaluate([x], { axis }, { data }) {
    for (const line of lines(x!.shape, axis)) {
      const values = line.map((at) => Number(x!.data[at]!));
      const top = Math.max(...values);
      const total = Math.log(values.reduce((a, b) => a + Math.exp(b - top), 0));
      line.forEach((at, i) => {
        data[at] = values[i]! - top - total;
      });
    }
  },
  magnitude([x], { axis }, { data }) {
    const magnitude = new Float64Array(data.length);
    for (const line of lines(x!.shape, axis)) {
      const top = Math.max(...line.map((at) => Number(x!.data[at]!)));
      for (const at of line) {
        const below = Math.abs(Number(x!.data[at]!) - top);
        magnitude[at] = below + Math.log(line.length) + line.length + 1;
      }
    }
    return magnitude;
  },
  bounded: ([x], { axis }) => neutralAlong(x!, [axis], -Infinity),
  lowering: {
    kind: "composite",
    decompose([x], { axis }, builder) {
      const along = { axes: [axis], keepDims: true };
      const below = builder.apply(sub, [x!, builder.apply(max, [x!], along)]);
      const total = builder.apply(log, [builder.apply(sum, [builder.apply(exp, [below])], along)]);
      return builder.apply(sub, [below, total]);
    },
  },
});

/** The last `dimensions` of x form a row; epsilon is added to the mean square of a row. */
const attributes = z.strictObject({ dimensions: z.int().min(1), epsilon: z.number().min(0) });

function normalizedType(name: string, operands: readonly TensorType[], dimensions: number): TensorType {
  const [x, ...parameters] = operands as [TensorType, ...TensorType[]];
  requireFloat(name, x);
  if (dimensions > x.shape.length)
    throw operandError("axes", `${name} of ${showTensorType(x)} over its last ${dimensions} dimensions`);
  const row = x.shape.slice(-dimensions);
  for (const each of parameters) {
    if (!sameType(each, { dtype: x.dtype, shape: row }))
      throw operandError(
        "shape",
        `${name} of ${showTensorType(x)} with ${showTensorType(each)}`,
        `scale and shift must be ${x.dtype}${showShape(row)}`,
      );
  }
  return x;
}

const numbers = ({ data }: Nd): Float64Array => Float64Array.from(data as ArrayLike<number>);

/** x / √(mean of x² along rows + epsilon). */
function byRootMeanSquare(x: Value, { dimensions, epsilon }: z.infer<typeof attributes>, builder: Builder): Value {
  const { dtype } = x.type;
  const small = builder.constant({ dtype, shape: [] }, arrayFrom(dtype, [epsilon]));
  const axes = lastAxes(x.type, dimensions);
  const square = builder.apply(mean, [builder.apply(mul, [x, x])], { axes, keepDims: true });
  return builder.apply(div, [x, builder.apply(sqrt, [builder.apply(add, [square, small])])]);
}

/** (x − mean) / √(variance + epsilon) along rows. */
export function standardized(x: Value, given: z.infer<typeof attributes>, builder: Builder): Value {
  return byRootMeanSquare(centred(x, lastAxes(x.type, given.dimensions), builder), given, builder);
}

function layerNormValue(operands: readonly Value[], given: z.infer<typeof attributes>, builder: Builder): Value {
  const [x, scale, shift] = operands as [Value, Value, Value];
  return builder.apply(add, [builder.apply(mul, [standardized(x, given, builder), scale]), shift]);
}

function rmsNormValue(operands: readonly Value[], given: z.infer<typeof attributes>, builder: Builder): Value {
  const [x, scale] = operands as [Value, Value];
  return builder.apply(mul, [byRootMeanSquare(x, given, builder), scale]);
}

/** Visits the rows of x: their elements, and where the first of them lies. */
function forEachRow(x: Nd, dimensions: number, visit: (row: Float64Array, from: number) => void): void {
  const length = countOf(x.shape.slice(-dimensions));
  const values = numbers(x);
  for (let from = 0; from < values.length; from += length) visit(values.subarray(from, from + length), from);
}

const meanOf = (row: Float64Array): number => row.reduce((a, b) => a + b, 0) / row.length;
const meanSquare = (row: Float64Array): number => row.reduce((a, b) => a + b * b, 0) / row.length;

/**
 * (x − mean) / √(variance + epsilon) · scale + shift over the last dimensions; scale and shift have their shape. Floats.
 *
 * The mean is taken away twice (`centred`), so that a row of one value gives the shift. With d = x − mean, s the root, n the
 * length of a row and f = (n + 2)·mean|x|·ulp(1), let e = (n + 2)·(mean|d| + f) + 2·(|d| + f): the error is one ulp of
 * |scale|·(e/s·(1 + |d|/s) + |d|/s·(n + 6)) + |shift|.
 */
export const layerNorm: Operator<z.infer<typeof attributes>> = operator({
  name: "layerNorm",
  attributes,
  errorUlp: 1,
  infer: (operands, { dimensions }) => normalizedType("layerNorm", operands, dimensions),
  evaluate([x, scale, shift], { dimensions, epsilon }, { data }) {
    forEachRow(x!, dimensions, (row, from) => {
      const mean = meanOf(row);
      const distances = row.map((each) => each - mean);
      const root = Math.sqrt(meanSquare(distances) + epsilon);
      distances.forEach((each, i) => {
        data[from + i] = (each / root) * Number(scale!.data[i]!) + Number(shift!.data[i]!);
      });
    });
  },
  magnitude([x, scale, shift], { dimensions, epsilon }, { data }) {
    const magnitude = new Float64Array(data.length);
    const precision = x!.dtype === "f32" ? 2 ** -23 : 2 ** -52;
    forEachRow(x!, dimensions, (row, from) => {
      const mean = meanOf(row);
      const distances = row.map((each) => each - mean);
      const root = Math.sqrt(meanSquare(distances) + epsilon);
      const [size, spread] = [meanOf(row.map(Math.abs)), meanOf(distances.map(Math.abs))];
      distances.forEach((each, i) => {
        const ratio = Math.abs(each) / root;
        const error = centredError(Math.abs(each), spread, size, row.length, precision);
        const unscaled = (error / root) * (1 + ratio) + ratio * (row.length + 6);
        magnitude[from + i] = Math.abs(Number(scale!.data[i]!)) * unscaled + Math.abs(Number(shift!.data[i]!));
      });
    });
    return magnitude;
  },
  bounded: (operands, given) =>
    countedAlong(operands, lastAxes(operands[0]!, given.dimensions), (values, builder) =>
      layerNormValue(values, given, builder),
    ),
  lowering: { kind: "composite", decompose: layerNormValue },
});

/** x / √(mean of x² + epsilon) · scale over the last dimensions; scale has their shape. Floats. Error: n/2 + 4 ulp, n the length of a row. */
export const rmsNorm: Operator<z.infer<typeof attributes>> = operator({
  name: "rmsNorm",
  attributes,
  errorUlp: 1,
  infer: (operands, { dimensions }) => normalizedType("rmsNorm", operands, dimensions),
  evaluate([x, scale], { dimensions, epsilon }, { data }) {
    forEachRow(x!, dimensions, (row, from) => {
      const root = Math.sqrt(meanSquare(row) + epsilon);
      row.forEach((each, i) => {
        data[from + i] = (each / root) * Number(scale!.data[i]!);
      });
    });
  },
  magnitude([x], { dimensions }, { data }) {
    const terms = countOf(x!.shape.slice(-dimensions)) / 2 + 4;
    return Float64Array.from(data as ArrayLike<number>, (each) => Math.abs(each) * terms);
  },
  bounded: (operands, given) =>
    countedAlong(operands, lastAxes(operands[0]!, given.dimensions), (values, builder) =>
      rmsNormValue(values, given, builder),
    ),
  lowering: { kind: "composite", decompose: rmsNormValue },
});
