// Normalisation by channel: batch, group and instance norm.
import { z } from "zod";
import type { Value } from "../graph/graph.ts";
import {
  arrayFrom,
  countOf,
  sameDimension,
  showTensorType,
  sizeOf,
  staticShape,
  type TensorType,
} from "../graph/tensor-type.ts";
import { onlyBatch } from "./bounded.ts";
import { requireFloat } from "./composite.ts";
import { add, div, mul, sqrt, sub } from "./elementwise.ts";
import { standardized } from "./normalization.ts";
import { type Builder, type Nd, operandError, operator } from "./operator.ts";
import { reshape } from "./structure.ts";

/** x is float[n,c,…], and each parameter has one element for each channel. */
function channelType(name: string, [x, ...parameters]: readonly TensorType[]): TensorType {
  requireFloat(name, x!);
  const channels = x!.shape[1];
  const fits = ({ dtype, shape: [size, ...rest] }: TensorType) =>
    dtype === x!.dtype && rest.length === 0 && size !== undefined && sameDimension(size, channels!);
  if (x!.shape.length >= 2 && parameters.every(fits)) return x!;
  throw operandError(
    "shape",
    `${name} of ${[x!, ...parameters].map(showTensorType).join(", ")}`,
    "the input is [n,c,…], and what is given for its channels is [c], all of one float dtype",
  );
}

/** Something of each channel, shaped to broadcast over x[n,c,…]. */
const perChannel = (each: Value, x: Value, builder: Builder): Value =>
  builder.apply(reshape, [each], { shape: [...staticShape(each.type.shape), ...x.type.shape.slice(2).map(() => 1)] });

/** x · scale + shift by channel, where they are given. */
function scaled(x: Value, scale: Value | undefined, shift: Value | undefined, builder: Builder): Value {
  const product = scale ? builder.apply(mul, [x, perChannel(scale, x, builder)]) : x;
  return shift ? builder.apply(add, [product, perChannel(shift, x, builder)]) : product;
}

const channelOf = (i: number, shape: readonly number[]): number => Math.floor(i / countOf(shape.slice(2))) % shape[1]!;
const parameter = (of: Nd | undefined, channel: number, otherwise: number): number =>
  of ? Number(of.data[channel]!) : otherwise;

/**
 * (x − mean) / √(variance + epsilon) · scale + shift by channel; x: [n,c,…], the others [c], scale and shift where given.
 *
 * Computed as x·s + (shift − mean·s) with s = scale / √(variance + epsilon), which constants make two numbers per channel.
 * Floats. Error: 8 ulp of (|x| + |mean|)·|s| + |shift|.
 */
export const batchNorm = operator({
  name: "batchNorm",
  attributes: z.strictObject({ epsilon: z.number().min(0) }),
  errorUlp: 8,
  infer: (operands) => channelType("batchNorm", operands),
  evaluate([x, mean, variance, scale, shift], { epsilon }, { data }) {
    for (let i = 0; i < data.length; i++) {
      const c = channelOf(i, x!.shape);
      const root = Math.sqrt(Number(variance!.data[c]!) + epsilon);
      const factor = parameter(scale, c, 1) / root;
      data[i] = Number(x!.data[i]!) * factor + (parameter(shift, c, 0) - Number(mean!.data[c]!) * factor);
    }
  },
  magnitude([x, mean, variance, scale, shift], { epsilon }, { data }) {
    return Float64Array.from({ length: data.length }, (_, i) => {
      const c = channelOf(i, x!.shape);
      const factor = parameter(scale, c, 1) / Math.sqrt(Number(variance!.data[c]!) + epsilon);
      const size = Math.abs(Number(x!.data[i]!)) + Math.abs(Number(mean!.data[c]!));
      return size * Math.abs(factor) + Math.abs(parameter(shift, c, 0));
    });
  },
  bounded: onlyBatch,
  lowering: {
    kind: "composite",
    decompose([x, mean, variance, scale, shift], { epsilon }, builder) {
      const { dtype } = x!.type;
      const number = (value: number) => builder.constant({ dtype, shape: [] }, arrayFrom(dtype, [value]));
      const root = builder.apply(sqrt, [builder.apply(add, [variance!, number(epsilon)])]);
      const factor = builder.apply(div, [scale ?? number(1), root]);
      const offset = builder.apply(sub, [shift ?? number(0), builder.apply(mul, [mean!, factor])]);
      return scaled(x!, factor, offset, builder);
    },
  },
});

const groupAttributes = z.strictObject({ groups: z.int().min(1), epsilon: z.number().min(0) });
type GroupAttributes = z.infer<typeof groupAttributes>;

/** How many elements are normalised together. */
const rowLength = (shape: readonly number[], groups: number): number => countOf(shape.slice(1)) / groups;

function evaluateGroups([x, scale, shift]: readonly Nd[], { groups, epsilon }: GroupAttributes, { data }: Nd): void {
  const length = rowLength(x!.shape, groups);
  for (let from = 0; from < data.length; from += length) {
    const row = Float64Array.from({ length }, (_, i) => Number(x!.data[from + i]!));
    const mean = row.reduce((a, b) => a + b, 0) / length;
    const root = Math.sqrt(row.reduce((a, b) => a + (b - mean) ** 2, 0) / length + epsilon);
    row.forEach((each, i) => {
      const c = channelOf(from + i, x!.shape);
      data[from + i] = ((each - mean) / root) * parameter(scale, c, 1) + parameter(shift, c, 0);
    });
  }
}

/** As of `layerNorm`: what rounding the mean and the root makes of each element. */
function groupMagnitude([x, scale, shift]: readonly Nd[], { groups, epsilon }: GroupAttributes): Float64Array {
  const length = rowLength(x!.shape, groups);
  const magnitude = new Float64Array(x!.data.length);
  for (let from = 0; from < magnitude.length; from += length) {
    const row = Float64Array.from({ length }, (_, i) => Number(x!.data[from + i]!));
    const mean = row.reduce((a, b) => a + b, 0) / length;
    const root = Math.sqrt(row.reduce((a, b) => a + (b - mean) ** 2, 0) / length + epsilon);
    const size = row.reduce((a, b) => a + Math.abs(b), 0) / length;
    row.forEach((each, i) => {
      const c = channelOf(from + i, x!.shape);
      const ratio = Math.abs(each - mean) / root;
      const error = (length + 2) * size + Math.abs(each - mean);
      const unscaled = (error / root) * (1 + ratio) + ratio * (length + 6);
      magnitude[from + i] = Math.abs(parameter(scale, c, 1)) * unscaled + Math.abs(parameter(shift, c, 0));
    });
  }
  return magnitude;
}

function normalizeGroups(operands: readonly Value[], { groups, epsilon }: GroupAttributes, builder: Builder): Value {
  const [x, scale, shift] = operands;
  const shape = staticShape(x!.type.shape);
  const rows = builder.apply(reshape, [x!], { shape: [shape[0]!, groups, rowLength(shape, groups)] });
  const even = builder.apply(reshape, [standardized(rows, { dimensions: 1, epsilon }, builder)], { shape });
  return scaled(even, scale, shift, builder);
}

/**
 * (x − mean) / √(variance + epsilon) · scale + shift, the mean and the variance of each group of neighbouring channels of each
 * image; x: [n,c,…], scale and shift [c] where given. Floats. Error: as of `layerNorm`, a row being what is normalised together.
 */
export const groupNorm = operator({
  name: "groupNorm",
  attributes: groupAttributes,
  errorUlp: 1,
  infer(operands, { groups }) {
    const x = channelType("groupNorm", operands);
    const channels = sizeOf(x.shape[1]!);
    if (channels % groups === 0) return x;
    throw operandError(
      "shape",
      `groupNorm of ${showTensorType(x)} in ${groups} groups: they do not divide ${channels} channels`,
    );
  },
  evaluate: evaluateGroups,
  magnitude: groupMagnitude,
  bounded: onlyBatch,
  lowering: { kind: "composite", decompose: normalizeGroups },
});

const withGroups = (x: TensorType | Nd, epsilon: number): GroupAttributes => ({
  groups: Number(x.shape[1]!) || 1,
  epsilon,
});

/** Group norm of each channel by itself. */
export const instanceNorm = operator({
  name: "instanceNorm",
  attributes: z.strictObject({ epsilon: z.number().min(0) }),
  errorUlp: 1,
  infer: (operands) => channelType("instanceNorm", operands),
  evaluate: (operands, { epsilon }, result) => evaluateGroups(operands, withGroups(operands[0]!, epsilon), result),
  magnitude: (operands, { epsilon }) => groupMagnitude(operands, withGroups(operands[0]!, epsilon)),
  bounded: onlyBatch,
  lowering: {
    kind: "composite",
    decompose: (operands, { epsilon }, builder) =>
      normalizeGroups(operands, withGroups(operands[0]!.type, epsilon), builder),
  },
});
