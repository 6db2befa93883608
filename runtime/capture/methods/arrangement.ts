// Methods of tensors that rearrange elements, beyond transposition and broadcasting.
import { z } from "zod";
import type { Dtype } from "../../../kernels/index.ts";
import { quotientOf } from "../../graph/dimension.ts";
import { located } from "../../graph/place.ts";
import { countOf, type Dimension, type Shape, showShape, showTensorType, sizeOf } from "../../graph/tensor-type.ts";
import { axisIn, toTheEnd } from "../../operators/axis.ts";
import { operators } from "../../operators/index.ts";
import { operandError } from "../../operators/operand-error.ts";
import {
  anyNumberOption,
  dimensions,
  dtypeOption,
  listOf,
  operatorOptions,
  requireArgument,
  wholes,
} from "../options.ts";
import type { Tensor } from "../tensor.ts";
import { ReductionMethods } from "./reduction.ts";
import { isTensor } from "./symbolic.ts";

/** What is added around a tensor. */
export interface PadOptions {
  /** Copies of the tensor's own elements, or `value` ("constant", unless given); as in PyTorch. */
  readonly mode?: "constant" | "reflect" | "replicate" | "circular";
  readonly value?: number;
}

/** A range of one dimension: where it starts and before what it ends, whole where left out, and its step. */
export type Range = readonly [start?: number | null, end?: number | null, step?: number];

const checkPad = operatorOptions<PadOptions>("pad", () => ({
  mode: z.enum(["constant", "reflect", "replicate", "circular"]).optional(),
  value: anyNumberOption,
}));
const checkOneHot = operatorOptions<{ readonly dtype?: Dtype }>("oneHot", () => ({ dtype: dtypeOption }));

const bound = z.int().nullish();
const range = z
  .union([z.tuple([]), z.tuple([bound]), z.tuple([bound, bound]), z.tuple([bound, bound, z.int().optional()])])
  .describe("a range for each dimension: [0, 2], with a step [0, 8, 2], or [] for the whole");

/** How a range with a negative step is read: the dimension backwards, from `start` on. */
interface Backwards {
  readonly start: number;
  readonly end: number;
}

/** A range with a negative step in a dimension read backwards, as Python cuts it. */
function backwards([start, end]: Range, size: number): Backwards {
  const place = (given: number) => Math.min(Math.max(given < 0 ? given + size : given, -1), size - 1);
  const from = size - 1 - (start === null || start === undefined ? size - 1 : place(start));
  const to = size - 1 - (end === null || end === undefined ? -1 : place(end));
  return { start: from, end: Math.max(from, to) };
}

/** The part of `Tensor` that holds these methods. */
export abstract class ArrangementMethods<D extends Dtype> extends ReductionMethods<D> {
  /**
   * The elements in row-major order under another shape, of which one size may be −1: what is left.
   *
   * A shape may be a tensor, whose elements have to be known while the graph is traced.
   */
  reshape(given: Shape | Tensor): Tensor<D> {
    const shape = listOf<Dimension>("reshape", "shape", dimensions, given);
    if (!shape.includes(-1)) return this.apply("reshape", [], { shape });
    return located(() => {
      const others = shape.filter((size) => size !== -1);
      const left = shape.indexOf(-1) === shape.lastIndexOf(-1) ? quotientOf(this.type.shape, others) : undefined;
      if (left !== undefined)
        return this.apply("reshape", [], { shape: shape.map((size) => (size === -1 ? left : size)) });
      const { shape: own } = this.type;
      const count = own.every((size) => typeof size === "number") ? countOf(own) : "the";
      throw operandError(
        "shape",
        `reshape of ${showTensorType(this.type)} to ${showShape(shape)}: no size in place of −1 gives ${count} elements`,
        "leave one size to be found, and others that divide the number of elements",
      );
    });
  }
  /**
   * A box of the tensor: per dimension [start, end, step]; missing dimensions are kept whole.
   *
   * Starts and ends count from the end where they are negative, and are cut to the dimension; left out or null they are its
   * ends. A negative step goes backwards, as in Python: `x.slice([null, null, -1])` is x reversed.
   */
  slice(...ranges: readonly Range[]): Tensor<D> {
    for (const [d, each] of ranges.entries()) requireArgument("slice", `range ${d}`, range, each);
    const sizes = this.type.shape;
    const turned = ranges.flatMap(([, , step = 1], d) => (step < 0 && d < sizes.length ? [d] : []));
    const from: Tensor<D> | this = turned.length > 0 ? this.flip(turned) : this;
    const all = sizes.length > ranges.length ? [...ranges, ...sizes.slice(ranges.length).map((): Range => [])] : ranges;
    const cut = all.map((range, d): Range => {
      const [start, end, step = 1] = range;
      if (!turned.includes(d)) return [start ?? 0, end ?? (d < sizes.length ? toTheEnd : 0), step];
      const back = backwards(range, sizeOf(sizes[d]!));
      return [back.start, back.end, -step];
    });
    return (from as ArrangementMethods<D>).apply("slice", [], {
      starts: cut.map(([start]) => start),
      ends: cut.map(([, end]) => end),
      steps: cut.map(([, , step]) => step),
    });
  }
  /** The elements in reverse along dimensions, all unless named. */
  flip(axes: readonly number[] = this.type.shape.map((_, d) => d)): Tensor<D> {
    return this.apply("flip", [], { axes });
  }
  /** The elements moved on along dimensions; what leaves at one end comes in at the other. */
  roll(shifts: number | readonly number[], axes: number | readonly number[]): Tensor<D> {
    return this.apply("roll", [], { shifts: [shifts].flat(), axes: [axes].flat() });
  }
  /** Repeated so many times along each dimension; along the last ones where there are fewer numbers, new ones where more. */
  tile(given: readonly number[] | Tensor): Tensor<D> {
    const repeats = listOf<number>("tile", "repeats", wholes, given);
    const { shape } = this.type;
    const missing = repeats.length - shape.length;
    const grown = missing > 0 ? this.reshape([...Array<number>(missing).fill(1), ...shape]) : this;
    const all = [...Array<number>(Math.max(0, -missing)).fill(1), ...repeats];
    return (grown as ArrangementMethods<D>).apply("tile", [], { repeats: all });
  }
  /** Parts along `axis`, one after the other: of one size, the last with what is left, or of the sizes in a list. */
  split(size: number | readonly number[], axis = 0): Tensor<D>[] {
    requireArgument("split", "size", z.union([z.number(), wholes]).describe("a size, or a list of sizes"), size);
    return located(() => {
      const { shape } = this.type;
      const what = `split of ${showTensorType(this.type)}`;
      const at = axisIn(what, axis, shape.length);
      const whole = sizeOf(shape[at]!);
      const parts = (length: number) =>
        Array.from({ length: Math.max(1, Math.ceil(whole / length)) }, (_, i) => Math.min(length, whole - i * length));
      const sizes = typeof size !== "number" ? size : size >= 1 ? parts(size) : [];
      const valid = sizes.every((each) => Number.isInteger(each) && each >= 0);
      if (!valid || sizes.length === 0 || sizes.reduce((a, b) => a + b, 0) !== whole)
        throw operandError(
          "ranges",
          `${what} into ${typeof size === "number" ? `parts of ${size}` : `[${size}]`} along dimension ${at}`,
          `give one size from 1 on, or sizes that are ${whole} together`,
        );
      return this.results(operators.split, [], { axis: at, sizes }) as Tensor<D>[];
    });
  }
  /** With so many elements added before and after along each dimension: a number, 0 unless given, or copies. */
  pad(before: readonly number[], after: readonly number[], options: number | PadOptions = 0): Tensor<D> {
    const given = typeof options === "number" ? { value: options } : options;
    checkPad(given);
    const { mode = "constant", value = 0 } = given;
    if (mode === "constant") return this.apply("pad", [], { before, after, value });
    return this.apply("padCopies", [], { before, after, mode });
  }
  /** 1 at the class of `count` that each integer names, 0 elsewhere, along a new last dimension; i64 unless said. */
  oneHot<R extends Dtype = "i64">(count: number, options: { readonly dtype?: R } = {}): Tensor<R> {
    checkOneHot(options);
    const { dtype = "i64" as R } = options;
    return this.apply("oneHot", [], { count, dtype });
  }
  /** The matrices […,m,n] with zeros above the k-th diagonal, which is above the main one where k is positive. */
  tril(k: number | Tensor = 0): Tensor<D> {
    return this.#triangle("tril", k);
  }
  /** The matrices […,m,n] with zeros below the k-th diagonal. */
  triu(k: number | Tensor = 0): Tensor<D> {
    return this.#triangle("triu", k);
  }
  #triangle(name: "tril" | "triu", k: number | Tensor): Tensor<D> {
    if (isTensor(k)) return this.apply(name, [k]);
    requireArgument(name, "k", z.int(), k);
    return this.apply(name, [], { k });
  }
}
