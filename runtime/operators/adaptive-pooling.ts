// Pooling into a given number of windows, whatever the plane's size.
import { z } from "zod";
import type { Value } from "../graph.ts";
import { arrayFrom, countOf, showTensorType, staticShape, type TensorType } from "../tensor-type.ts";
import { add, cast, div, maximum } from "./elementwise.ts";
import { gather } from "./gather.ts";
import { ravel, unravel } from "./indexing.ts";
import { type Builder, type Nd, type Operator, operandError, operator, pair } from "./operator.ts";
import { avgPool, largestOf, maxPool, meanOf, requireImages, sumType } from "./pooling.ts";
import { pad } from "./structure.ts";

const attributes = z.strictObject({ size: pair });
type Size = z.infer<typeof attributes>["size"];

/** Window i of `count` over a dimension: from ⌊i·length/count⌋ up to below ⌈(i+1)·length/count⌉. */
const windowAt = (i: number, count: number, length: number) => ({
  start: Math.floor((i * length) / count),
  end: Math.ceil(((i + 1) * length) / count),
});

const windowsOf = (count: number, length: number) =>
  Array.from({ length: count }, (_, i) => windowAt(i, count, length));

function adaptiveType(name: string, x: TensorType, size: Size): TensorType {
  requireImages(name, x);
  const shape = staticShape(x.shape);
  if (shape.slice(2).includes(0)) throw operandError("shape", `${name} of ${showTensorType(x)}: the plane is empty`);
  return { dtype: x.dtype, shape: [...shape.slice(0, 2), ...size] };
}

/** The elements of each window. */
function forEachWindow(x: Nd, result: Nd, visit: (to: number, values: (number | bigint)[]) => void): void {
  for (let i = 0; i < result.data.length; i++) {
    const [n, c, row, column] = unravel(i, result.shape) as [number, number, number, number];
    const rows = windowAt(row, result.shape[2]!, x.shape[2]!);
    const columns = windowAt(column, result.shape[3]!, x.shape[3]!);
    const values: (number | bigint)[] = [];
    for (let y = rows.start; y < rows.end; y++)
      for (let left = columns.start; left < columns.end; left++) values.push(x.data[ravel([n, c, y, left], x.shape)]!);
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
  d: 0 | 1,
  { count, length, otherwise }: { readonly count: number; readonly length: number; readonly otherwise?: number },
  builder: Builder,
  combine: (a: Value, b: Value) => Value,
): Value {
  const windows = windowsOf(count, length);
  const longest = Math.max(...windows.map(({ start, end }) => end - start));
  const taps = Array.from({ length: longest }, (_, tap) => {
    const places = windows.map(({ start, end }) => (start + tap < end ? start + tap : (otherwise ?? end - 1)));
    const positions = builder.constant({ dtype: "i64", shape: [count] }, arrayFrom("i64", places));
    return builder.apply(gather, [x, positions], { axis: d + 2 });
  });
  return taps.reduce(combine);
}

/** The largest of each of `size` windows over the planes of x[n,c,h,w], which may overlap by one. Numbers. Exact. */
export const adaptiveMaxPool = operator({
  name: "adaptiveMaxPool",
  attributes,
  errorUlp: 0,
  infer: ([x], { size }) => adaptiveType("adaptiveMaxPool", x!, size),
  evaluate: ([x], _, result) =>
    forEachWindow(x!, result, (to, values) => {
      result.data[to] = largestOf(values, x!.dtype);
    }),
  lowering: {
    kind: "composite",
    decompose([x], { size }, builder) {
      const even = evenWindows(x!, size);
      if (even) return builder.apply(maxPool, [x!], even);
      const larger = (a: Value, b: Value) => builder.apply(maximum, [a, b]);
      const [height, width] = staticShape(x!.type.shape).slice(2) as [number, number];
      const rows = along(x!, 0, { count: size[0], length: height }, builder, larger);
      return along(rows, 1, { count: size[1], length: width }, builder, larger);
    },
  },
});

/**
 * The mean of each of `size` windows over the planes of x[n,c,h,w], which may overlap by one.
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
  lowering: {
    kind: "composite",
    decompose([given], { size }, builder) {
      const even = evenWindows(given!, size);
      if (even) return builder.apply(avgPool, [given!], even);
      const dtype = sumType(given!.type.dtype);
      const wide = dtype === given!.type.dtype ? given! : builder.apply(cast, [given!], { dtype });
      const [height, width] = staticShape(wide.type.shape).slice(2) as [number, number];
      // Windows that end early read a zero behind the plane.
      const padded = builder.apply(pad, [wide], { before: [0, 0, 0, 0], after: [0, 0, 1, 1], value: 0 });
      const sum = (a: Value, b: Value) => builder.apply(add, [a, b]);
      const rows = along(padded, 0, { count: size[0], length: height, otherwise: height }, builder, sum);
      const total = along(rows, 1, { count: size[1], length: width, otherwise: width }, builder, sum);
      const counts = windowsOf(size[0], height).flatMap((y) =>
        windowsOf(size[1], width).map((x) => (y.end - y.start) * (x.end - x.start)),
      );
      const divisor = builder.constant({ dtype, shape: [1, 1, ...size] }, arrayFrom(dtype, counts), "windows");
      const quotient = builder.apply(div, [total, divisor]);
      return wide === given ? quotient : builder.apply(cast, [quotient], { dtype: given!.type.dtype });
    },
  },
});
