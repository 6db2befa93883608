// Pooling into a given number of windows, whatever the plane's size.
import { z } from "zod";
import type { Value } from "../graph/graph.ts";
import { arrayFrom, countOf, showTensorType, staticShape, type TensorType } from "../graph/tensor-type.ts";
import { onlyBatch } from "./bounded.ts";
import { add, cast, div, maximum } from "./elementwise.ts";
import { indexSelect } from "./gather.ts";
import { ravel, unravel } from "./indexing.ts";
import { type Builder, type Nd, type Operator, operandError, operator, sizes } from "./operator.ts";
import { avgPool, largestOf, maxPool, meanOf, requireImages, sumType } from "./pooling.ts";
import { pad } from "./structure.ts";

const attributes = z.strictObject({ size: sizes });
type Size = z.infer<typeof attributes>["size"];

/** Window i of `count` over a dimension: from ⌊i·length/count⌋ up to below ⌈(i+1)·length/count⌉. */
const windowAt = (i: number, count: number, length: number) => ({
  start: Math.floor((i * length) / count),
  end: Math.ceil(((i + 1) * length) / count),
});

const windowsOf = (count: number, length: number) =>
  Array.from({ length: count }, (_, i) => windowAt(i, count, length));

function adaptiveType(name: string, x: TensorType, size: Size): TensorType {
  requireImages(name, x, size);
  if (x.shape.slice(2).includes(0)) throw operandError("shape", `${name} of ${showTensorType(x)}: the plane is empty`);
  return { dtype: x.dtype, shape: [...x.shape.slice(0, 2), ...size] };
}

/** The elements of each window. */
function forEachWindow(x: Nd, result: Nd, visit: (to: number, values: (number | bigint)[]) => void): void {
  for (let i = 0; i < result.data.length; i++) {
    const [n, c, ...at] = unravel(i, result.shape) as [number, number, ...number[]];
    const windows = at.map((each, d) => windowAt(each, result.shape[d + 2]!, x.shape[d + 2]!));
    const lengths = windows.map(({ start, end }) => end - start);
    const values = Array.from({ length: countOf(lengths) }, (_, tap) => {
      const place = unravel(tap, lengths).map((each, d) => windows[d]!.start + each);
      return x.data[ravel([n, c, ...place], x.shape)]!;
    });
    visit(i, values);
  }
}

/** The window and stride of ordinary pooling where all windows are of one size, side by side. */
function evenWindows(x: Value, size: Size): { readonly size: number[]; readonly stride: number[] } | undefined {
  const plane = staticShape(x.type.shape).slice(2);
  if (plane.some((length, d) => length % size[d]! !== 0)) return undefined;
  const window = plane.map((length, d) => length / size[d]!);
  return { size: window, stride: window };
}

/** All places of the windows over `length` along one dimension combined; one that ends early reads `otherwise`, or its last. */
function along(
  x: Value,
  d: number,
  { count, length, otherwise }: { readonly count: number; readonly length: number; readonly otherwise?: number },
  builder: Builder,
  combine: (a: Value, b: Value) => Value,
): Value {
  const windows = windowsOf(count, length);
  const longest = Math.max(...windows.map(({ start, end }) => end - start));
  const taps = Array.from({ length: longest }, (_, tap) => {
    const places = windows.map(({ start, end }) => (start + tap < end ? start + tap : (otherwise ?? end - 1)));
    const positions = builder.constant({ dtype: "i64", shape: [count] }, arrayFrom("i64", places));
    return builder.apply(indexSelect, [x, positions], { axis: d + 2 });
  });
  return taps.reduce(combine);
}

/** The largest of each of `size` windows over the lines, planes or volumes of x[n,c,…], which may overlap by one. Numbers. Exact. */
export const adaptiveMaxPool = operator({
  name: "adaptiveMaxPool",
  attributes,
  errorUlp: 0,
  infer: ([x], { size }) => adaptiveType("adaptiveMaxPool", x!, size),
  evaluate: ([x], _, result) =>
    forEachWindow(x!, result, (to, values) => {
      result.data[to] = largestOf(values, x!.dtype);
    }),
  bounded: onlyBatch,
  lowering: {
    kind: "composite",
    decompose([x], { size }, builder) {
      const even = evenWindows(x!, size);
      if (even) return builder.apply(maxPool, [x!], even);
      const larger = (a: Value, b: Value) => builder.apply(maximum, [a, b]);
      const plane = staticShape(x!.type.shape).slice(2);
      return size.reduce((of, count, d) => along(of, d, { count, length: plane[d]! }, builder, larger), x!);
    },
  },
});

/**
 * The mean of each of `size` windows over the lines, planes or volumes of x[n,c,…], which may overlap by one.
 *
 * Numbers; integers as in `avgPool`. Error of floats: n + 1 ulp of the mean of |x|, n the largest window.
 */
export const adaptiveAvgPool: Operator<z.infer<typeof attributes>> = operator({
  name: "adaptiveAvgPool",
  attributes,
  errorUlp: 1,
  infer: ([x], { size }) => adaptiveType("adaptiveAvgPool", x!, size),
  evaluate: ([x], _, result) =>
    forEachWindow(x!, result, (to, values) => {
      result.data[to] = meanOf(values, values.length, x!.dtype);
    }),
  magnitude([x], given, result) {
    const data = new Float64Array(result.data.length);
    const absolute = { ...x!, data: Float64Array.from(x!.data as ArrayLike<number>, Math.abs) };
    adaptiveAvgPool.evaluate([absolute], given, { ...result, dtype: "f64", data });
    const longest = given.size.map((count, d) => Math.ceil(x!.shape[d + 2]! / count) + 1);
    return data.map((each) => each * (countOf(longest) + 1));
  },
  bounded: onlyBatch,
  lowering: {
    kind: "composite",
    decompose([given], { size }, builder) {
      const even = evenWindows(given!, size);
      if (even) return builder.apply(avgPool, [given!], even);
      const dtype = sumType(given!.type.dtype);
      const wide = dtype === given!.type.dtype ? given! : builder.apply(cast, [given!], { dtype });
      const plane = staticShape(wide.type.shape).slice(2);
      // Windows that end early read a zero behind the plane.
      const one = plane.map(() => 1);
      const padded = builder.apply(pad, [wide], {
        before: [0, 0, ...one.map(() => 0)],
        after: [0, 0, ...one],
        value: 0,
      });
      const sum = (a: Value, b: Value) => builder.apply(add, [a, b]);
      const total = plane.reduce(
        (of, length, d) => along(of, d, { count: size[d]!, length, otherwise: length }, builder, sum),
        padded,
      );
      const lengths = plane.map((length, d) => windowsOf(size[d]!, length).map(({ start, end }) => end - start));
      const counts = lengths.reduce((all, each) => all.flatMap((a) => each.map((b) => a * b)), [1]);
      const divisor = builder.constant({ dtype, shape: [1, 1, ...size] }, arrayFrom(dtype, counts), "windows");
      const quotient = builder.apply(div, [total, divisor]);
      return wide === given ? quotient : builder.apply(cast, [quotient], { dtype: given!.type.dtype });
    },
  },
});
