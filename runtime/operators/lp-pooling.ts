// Power-average pooling: the p-norm of each window of a line, a plane or a volume.
import { z } from "zod";
import { isHalf } from "../../kernels/index.ts";
import type { Value } from "../graph/graph.ts";
import { arrayFrom, countOf } from "../graph/tensor-type.ts";
import { onlyBatch } from "./bounded.ts";
import { requireFloat } from "./composite.ts";
import { abs, mul, pow, sqrt } from "./elementwise.ts";
import { type Builder, type Nd, type Operator, operator } from "./operator.ts";
import { completeWindow, poolType, summedWindows, windowAttributes, windowsOf } from "./pooling.ts";

const attributes = z.strictObject({
  ...windowAttributes,
  /** The exponent, from 1 on. */
  norm: z.number().min(1).max(Number.MAX_VALUE),
});
type Attributes = z.infer<typeof attributes>;

const window = ({ norm: _, ...rest }: Attributes) => rest;

/** Below it powers lose bits, or are 0, in the dtype that they are computed in. */
const leastPower = (dtype: Nd["dtype"]): number => (dtype === "f64" ? 2 ** -1022 : 2 ** -126);

/** |x| to a power, and its root. */
function powers(norm: number, builder: Builder) {
  const number = ({ type: { dtype } }: Value, value: number) =>
    builder.constant({ dtype, shape: [] }, arrayFrom(dtype, [value]));
  const raise = (x: Value): Value => {
    if (norm === 2) return builder.apply(mul, [x, x]);
    const positive = builder.apply(abs, [x]);
    return norm === 1 ? positive : builder.apply(pow, [positive, number(x, norm)]);
  };
  const root = (x: Value): Value => {
    if (norm === 1) return x;
    return norm === 2 ? builder.apply(sqrt, [x]) : builder.apply(pow, [x, number(x, 1 / norm)]);
  };
  return { raise, root };
}

/**
 * (Σ|x|^norm)^(1/norm) over each window of x[n,c,l], x[n,c,h,w] or x[n,c,d,h,w]; padding counts as zeros. Floats.
 *
 * PyTorch's raises x as it is, so that its sums may be negative, and takes a window that `ceil` cuts for as much as a whole one.
 * Error: n + 8 ulp, n the window's size; powers below the normal numbers lose bits.
 */
export const lpPool: Operator<Attributes> = operator({
  name: "lpPool",
  attributes,
  errorUlp: 1,
  infer([x], given) {
    requireFloat("lpPool", x!);
    return poolType("lpPool", x!, window(given));
  },
  evaluate([x], given, result) {
    const { norm } = given;
    windowsOf(x!, window(given), result, (to, values) => {
      const sum = values.reduce<number>((total, each) => total + Math.abs(Number(each)) ** norm, 0);
      result.data[to] = norm === 2 ? Math.sqrt(sum) : sum ** (1 / norm);
    });
  },
  magnitude([x], { norm, size }, { data }) {
    const terms = countOf(size);
    const lost = (terms * leastPower(isHalf(x!.dtype) ? "f32" : x!.dtype)) ** (1 / norm);
    return Float64Array.from(data as ArrayLike<number>, (each) => Math.max(each * (terms + 8), lost));
  },
  bounded: onlyBatch,
  lowering: {
    kind: "composite",
    decompose([x], given, builder) {
      const { raise, root } = powers(given.norm, builder);
      return root(summedWindows(raise(x!), completeWindow(window(given)), builder));
    },
  },
});
