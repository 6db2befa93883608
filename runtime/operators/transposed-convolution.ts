// Transposed convolution, made of one convolution per phase of a small stride, or per group of phases that read the same inputs.
import { z } from "zod";
import { isFloatDtype } from "../../kernels/index.ts";
import type { Value } from "../graph/graph.ts";
import { arrayFrom, countOf, showTensorType, staticShape } from "../graph/tensor-type.ts";
import { onlyBatch } from "./bounded.ts";
import { conv2d } from "./contraction.ts";
import { indexSelect } from "./gather.ts";
import { type Builder, type Operator, operandError, operator, pair } from "./operator.ts";
import { broadcastTo, concat, pad, permute, reshape, slice } from "./structure.ts";

const widths = z.tuple([z.int().min(0), z.int().min(0)]).readonly();

const attributes = z.strictObject({
  stride: pair,
  dilation: pair,
  /** Rows and columns cut off each end of the result. */
  padding: widths,
  /** Rows and columns added at its end. */
  outputPadding: widths,
  groups: z.int().min(1),
  /** As of conv2d. */
  convolution: z.literal("direct").optional(),
});
type Attributes = z.infer<typeof attributes>;
type Axis = 0 | 1;

/** The outputs of one dimension that lie at stride · q + phase: which taps reach them, and from where. */
interface Phase {
  /** Taps in the order in which they read ascending inputs. */
  readonly taps: readonly number[];
  /** The input that the first of them reads for the first output. */
  readonly first: number;
  /** Distance between the inputs that neighbouring taps read. */
  readonly dilation: number;
}

const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));

/** The phases of one dimension; output y, at stride · q + phase, takes taps at y + padding. */
function phasesOf(kernel: number, stride: number, dilation: number, padding: number): Phase[] {
  return Array.from({ length: stride }, (_, phase) => {
    const taps = Array.from({ length: kernel }, (_, tap) => tap).filter(
      (tap) => (phase + padding - tap * dilation) % stride === 0,
    );
    taps.reverse();
    const first = taps[0] === undefined ? 0 : (phase + padding - taps[0] * dilation) / stride;
    return { taps, first, dilation: dilation / divisor(dilation, stride) };
  });
}

/** Part of a tensor along one dimension, from `start`, of `length`; what lies outside is 0. */
export function cut(x: Value, axis: number, start: number, length: number, builder: Builder): Value {
  const shape = staticShape(x.type.shape);
  const size = shape[axis]!;
  const [low, high] = [Math.min(Math.max(start, 0), size), Math.max(0, Math.min(start + length, size))];
  const at = (value: number, otherwise: (size: number) => number) =>
    shape.map((each, d) => (d === axis ? value : otherwise(each)));
  const zero = () => 0;
  const inside = Math.max(low, high);
  const part =
    low === 0 && inside === size
      ? x
      : builder.apply(slice, [x], { starts: at(low, zero), ends: at(inside, (each) => each), steps: at(1, () => 1) });
  const before = Math.min(length, Math.max(0, -start));
  const after = length - before - (inside - low);
  return before + after === 0
    ? part
    : builder.apply(pad, [part], { before: at(before, zero), after: at(after, zero), value: 0 });
}

/**
 * x[n,c,h,w] spread over w[c,o/groups,kh,kw] → [n,o,h',w'], h' = (h − 1)·stride − 2·padding + dilation·(kh − 1) + outputPadding + 1.
 *
 * Each output is the sum of the taps that reach it, inputs beyond the edges being zeros that are multiplied like any other. Floats
 * of one dtype. Error: one ulp of |x|·|w| per tap.
 */
export const convTranspose2d: Operator<Attributes> = operator({
  name: "convTranspose2d",
  attributes,
  errorUlp: 1,
  infer([x, w], { stride, dilation, padding, outputPadding, groups }) {
    const wrong = (why: string) =>
      operandError("shape", `convTranspose2d of ${showTensorType(x!)} with ${showTensorType(w!)}: ${why}`);
    if (x!.dtype !== w!.dtype || !isFloatDtype(x!.dtype)) throw wrong("both must be of one float dtype");
    if (x!.shape.length !== 4 || w!.shape.length !== 4)
      throw wrong("the input is [n,c,h,w] and the weight [c,o/groups,kh,kw]");
    const [c, ...plane] = staticShape(x!.shape.slice(1)) as [number, ...number[]];
    const [i, o, ...kernel] = staticShape(w!.shape) as [number, number, ...number[]];
    if (c !== i || c % groups !== 0) throw wrong(`${c} channels in ${groups} groups do not fit a weight for ${i}`);
    if (outputPadding.some((each, d) => each >= Math.max(stride[d]!, dilation[d]!)))
      throw wrong(`an output padding of ${outputPadding} is not below the stride or the dilation`);
    const out = plane.map(
      (size, d) => (size - 1) * stride[d]! - 2 * padding[d]! + dilation[d]! * (kernel[d]! - 1) + outputPadding[d]! + 1,
    );
    if (out.some((size) => size < 1)) throw wrong("the padding leaves nothing of the result");
    return { dtype: x!.dtype, shape: [x!.shape[0]!, o * groups, ...out] };
  },
  evaluate([x, w], { stride, dilation, padding, groups }, result) {
    const [, channels, height, width] = x!.shape as [number, number, number, number];
    const [, perGroup, kh, kw] = w!.shape as [number, number, number, number];
    const [n, outputs, oh, ow] = result.shape as [number, number, number, number];
    const inner = channels / groups;
    let at = 0;
    for (let b = 0; b < n; b++)
      for (let o = 0; o < outputs; o++)
        for (let y = 0; y < oh; y++)
          for (let xx = 0; xx < ow; xx++) {
            const [first, to] = [Math.floor(o / perGroup) * inner, o % perGroup];
            let total = 0;
            for (let ky = 0; ky < kh; ky++)
              for (let kx = 0; kx < kw; kx++) {
                const row = (y + padding[0] - ky * dilation[0]) / stride[0];
                const column = (xx + padding[1] - kx * dilation[1]) / stride[1];
                if (!Number.isInteger(row) || !Number.isInteger(column)) continue;
                const inside = row >= 0 && row < height && column >= 0 && column < width;
                for (let i = first; i < first + inner; i++) {
                  const from = inside ? Number(x!.data[((b * channels + i) * height + row) * width + column]!) : 0;
                  total += from * Number(w!.data[((i * perGroup + to) * kh + ky) * kw + kx]!);
                }
              }
            result.data[at++] = total;
          }
  },
  magnitude(operands, given, result) {
    const absolute = operands.map((each) => ({
      ...each,
      data: Float64Array.from(each.data as ArrayLike<number>, Math.abs),
    }));
    const data = new Float64Array(result.data.length);
    convTranspose2d.evaluate(absolute, given, { ...result, dtype: "f64", data });
    const [c, , kh, kw] = operands[1]!.shape as [number, number, number, number];
    const terms = countOf([c / given.groups, kh, kw]);
    return data.map((each) => each * terms);
  },
  bounded: onlyBatch,
  lowering: {
    kind: "composite",
    decompose([x, w], given, builder) {
      const [{ shape: result }] = convTranspose2d.infer([x!.type, w!.type], given);
      const [n, outputs, ...out] = staticShape(result) as [number, number, number, number];
      const { stride, dilation, padding } = given;
      const kernel = staticShape(w!.type.shape).slice(2);
      const along = (d: Axis): PhaseAxis => ({
        count: Math.ceil(out[d]! / stride[d]),
        phases: phasesOf(kernel[d]!, stride[d], dilation[d], padding[d]),
      });
      const axes = [along(0), along(1)] as const;
      const weight = groupedWeight(w!, given, builder);
      const apart = stride[0] * stride[1] <= mostPlanes;
      const woven = (apart ? wovenPlanes : wovenGroups)(x!, weight, axes, given, builder);
      const shape = [n, outputs, axes[0].count * stride[0], axes[1].count * stride[1]];
      const whole = builder.apply(reshape, [woven], { shape });
      return cut(cut(whole, 2, 0, out[0], builder), 3, 0, out[1], builder);
    },
  },
});

/** Phases of both dimensions that are a convolution each, which writes its outputs where they belong. */
const mostPlanes = 9;

interface PhaseAxis {
  readonly count: number;
  readonly phases: readonly Phase[];
}

/** Rows and columns of parts woven into each other, by joining them along a dimension behind their own. */
const joined = (parts: readonly Value[], axis: number, builder: Builder): Value =>
  parts.length === 1 ? parts[0]! : builder.apply(concat, parts, { axis });

/** [n,o,rows,phases of rows,columns,phases of columns] of a convolution for each pair of phases. */
function wovenPlanes(
  x: Value,
  weight: Value,
  axes: readonly [PhaseAxis, PhaseAxis],
  given: Attributes,
  builder: Builder,
): Value {
  const [rows, columns] = axes;
  const lines = rows.phases.map((row) => {
    const planes = columns.phases.map((column) => {
      const plane = phasePlane(x, weight, [row, column], axes, given, builder);
      const [n, outputs] = staticShape(plane.type.shape) as [number, number];
      return builder.apply(reshape, [plane], { shape: [n, outputs, rows.count, 1, columns.count, 1] });
    });
    return joined(planes, 5, builder);
  });
  return joined(lines, 3, builder);
}

/** The weights of the taps of rows and of columns, in their order. */
function pickTaps(weight: Value, tapsOf: readonly (readonly number[])[], builder: Builder): Value {
  return tapsOf.reduce((of, taps, d) => {
    if (taps.length === of.type.shape[d + 2] && taps.every((tap, at) => tap === at)) return of;
    const positions = builder.constant({ dtype: "i64", shape: [taps.length] }, arrayFrom("i64", taps), "taps");
    return builder.apply(indexSelect, [of, positions], { axis: d + 2 });
  }, weight);
}

/** Phases whose taps read the same inputs, each with as many taps. */
interface PhaseGroup {
  readonly numbers: readonly number[];
  readonly phases: readonly Phase[];
}

function groupsOf(phases: readonly Phase[]): PhaseGroup[] {
  const groups = new Map<string, { numbers: number[]; phases: Phase[] }>();
  for (const [at, phase] of phases.entries()) {
    const key = `${phase.taps.length} from ${phase.first}`;
    const group = groups.get(key) ?? { numbers: [], phases: [] };
    group.numbers.push(at);
    group.phases.push(phase);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/**
 * The same, all pairs of phases that read the same inputs computed by one convolution, as so many more outputs: their number
 * depends on how far taps reach in inputs, and not on the stride.
 */
function wovenGroups(
  x: Value,
  weight: Value,
  axes: readonly [PhaseAxis, PhaseAxis],
  given: Attributes,
  builder: Builder,
): Value {
  const [rows, columns] = axes.map(({ phases }) => groupsOf(phases)) as [PhaseGroup[], PhaseGroup[]];
  const lines = rows.map((row) => {
    const planes = columns.map((column) => groupPlanes(x, weight, [row, column], axes, given, builder));
    return inOrder(joined(planes, 5, builder), 5, columns, builder);
  });
  return inOrder(joined(lines, 3, builder), 3, rows, builder);
}

/** Phases that were joined group by group, in their own order. */
function inOrder(value: Value, axis: number, groups: readonly PhaseGroup[], builder: Builder): Value {
  const numbers = groups.flatMap((each) => each.numbers);
  if (numbers.every((each, at) => each === at)) return value;
  const places = numbers.map((_, phase) => numbers.indexOf(phase));
  const positions = builder.constant({ dtype: "i64", shape: [places.length] }, arrayFrom("i64", places), "phases");
  return builder.apply(indexSelect, [value, positions], { axis });
}

/** The outputs at the phases of a group of rows and one of columns, [n,o,rows,phases of rows,columns,phases of columns]. */
function groupPlanes(
  x: Value,
  weight: Value,
  pair: readonly [PhaseGroup, PhaseGroup],
  axes: readonly [PhaseAxis, PhaseAxis],
  given: Attributes,
  builder: Builder,
): Value {
  const { dtype } = x.type;
  const { groups } = given;
  const [n] = staticShape(x.type.shape) as [number];
  const [outputs, inputs] = staticShape(weight.type.shape) as [number, number];
  const [r, c] = pair.map(({ phases }) => phases.length) as [number, number];
  const [h, w] = pair.map(({ phases }) => phases[0]!.taps.length) as [number, number];
  const shape = [n, outputs, axes[0].count, r, axes[1].count, c];
  if (h === 0 || w === 0)
    return builder.apply(broadcastTo, [builder.constant({ dtype, shape: [] }, arrayFrom(dtype, [0]))], { shape });
  const picked = pickTaps(
    weight,
    pair.map(({ phases }) => phases.flatMap(({ taps }) => taps)),
    builder,
  );
  const perGroup = outputs / groups;
  const split = builder.apply(reshape, [picked], { shape: [groups, perGroup, inputs, r, h, c, w] });
  const turned = builder.apply(permute, [split], { axes: [0, 3, 5, 1, 2, 4, 6] });
  const kernel = builder.apply(reshape, [turned], { shape: [outputs * r * c, inputs, h, w] });
  const window = pair.map(({ phases }) => phases[0]!) as [Phase, Phase];
  const planes = builder.apply(conv2d, [neededBy(window, x, axes, builder), kernel], {
    stride: [1, 1],
    dilation: window.map(({ dilation }) => dilation),
    ...kindOf(given),
  });
  const apart = builder.apply(reshape, [planes], {
    shape: [n, groups, r, c, perGroup, axes[0].count, axes[1].count],
  });
  return builder.apply(reshape, [builder.apply(permute, [apart], { axes: [0, 1, 4, 5, 2, 6, 3] })], { shape });
}

/** The inputs that the taps of a phase of each dimension read. */
const neededBy = (
  phases: readonly [Phase, Phase],
  x: Value,
  axes: readonly [PhaseAxis, PhaseAxis],
  builder: Builder,
): Value =>
  ([0, 1] as const).reduce((of, d) => {
    const { taps, first, dilation } = phases[d];
    return cut(of, d + 2, first, axes[d].count + (taps.length - 1) * dilation, builder);
  }, x);

/** What the convolutions of all phases have of the whole's attributes. */
const kindOf = ({ groups, convolution }: Attributes) => ({ groups, ...(convolution ? { convolution } : {}) });

/** w[c,o/groups,kh,kw] as the weight of a convolution, [o,c/groups,kh,kw]. */
function groupedWeight(w: Value, { groups }: Attributes, builder: Builder): Value {
  const [c, o, kh, kw] = staticShape(w.type.shape) as [number, number, number, number];
  const split = builder.apply(reshape, [w], { shape: [groups, c / groups, o, kh, kw] });
  const turned = builder.apply(permute, [split], { axes: [0, 2, 1, 3, 4] });
  return builder.apply(reshape, [turned], { shape: [groups * o, c / groups, kh, kw] });
}

/** The outputs at one phase of both dimensions: a convolution with the taps that reach them. */
function phasePlane(
  x: Value,
  weight: Value,
  phases: readonly [Phase, Phase],
  axes: readonly [PhaseAxis, PhaseAxis],
  given: Attributes,
  builder: Builder,
): Value {
  const { dtype } = x.type;
  const [n] = staticShape(x.type.shape) as [number];
  if (phases.some(({ taps }) => taps.length === 0)) {
    const shape = [n, staticShape(weight.type.shape)[0]!, axes[0].count, axes[1].count];
    return builder.apply(broadcastTo, [builder.constant({ dtype, shape: [] }, arrayFrom(dtype, [0]))], { shape });
  }
  const picked = pickTaps(
    weight,
    phases.map(({ taps }) => taps),
    builder,
  );
  return builder.apply(conv2d, [neededBy(phases, x, axes, builder), picked], {
    stride: [1, 1],
    dilation: phases.map(({ dilation }) => dilation),
    ...kindOf(given),
  });
}
