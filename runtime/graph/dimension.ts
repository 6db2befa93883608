// Dimensions of tensors: known, named until the graph is compiled, or known at run time up to a maximum.
import { IsochronError } from "../../kernels/index.ts";

/** A dimension whose size is given when the graph is compiled. */
export interface SymbolDimension {
  readonly kind: "symbol";
  readonly name: string;
  /** What it is the sum of, where it is one. */
  readonly parts?: readonly Dimension[];
}

/** A dimension with a maximum, whose actual count is known only at run time. */
export interface BoundedDimension {
  readonly kind: "bounded";
  readonly name: string;
  readonly max: number;
  /** What it is the sum of, where it is one. */
  readonly parts?: readonly Dimension[];
}

/** A size, a named one that is bound when the graph is compiled, or one that is known at run time, up to a bound. */
export type Dimension = number | SymbolDimension | BoundedDimension;
export type Shape = readonly Dimension[];

/** A named dimension, bound by `compile(graph, { dimensions })`; of one name it is the same wherever it is made. */
export const sym = (name: string): SymbolDimension => ({ kind: "symbol", name });

/** A dimension of at most `max`. */
export const bounded = (name: string, max: number): BoundedDimension => ({ kind: "bounded", name, max });

/** Whether something is a dimension, whoever gives it. */
export const isDimension = (size: Dimension): boolean =>
  typeof size === "number"
    ? Number.isSafeInteger(size) && size >= 0
    : size !== null &&
      typeof size === "object" &&
      typeof size.name === "string" &&
      (size.kind === "symbol" || (size.kind === "bounded" && isDimension(size.max)));

export const isSymbol = (size: Dimension): size is SymbolDimension =>
  typeof size !== "number" && size.kind === "symbol";
export const isBounded = (size: Dimension): size is BoundedDimension =>
  typeof size !== "number" && size.kind === "bounded";

/** Whether a dimension is known only at run time, or a sum that is once its names have their sizes. */
export const mayBeBounded = (size: Dimension): boolean =>
  typeof size !== "number" && (size.kind === "bounded" || (size.parts?.some(mayBeBounded) ?? false));
/** Whether a dimension is a number. */
export const isKnownSize = (size: Dimension): size is number => typeof size === "number";

export function showDimension(dimension: Dimension): string {
  if (typeof dimension === "number") return String(dimension);
  return dimension.kind === "symbol" ? dimension.name : `${dimension.name}≤${dimension.max}`;
}

export const showShape = (shape: Shape): string => `[${shape.map(showDimension).join(",")}]`;

export function sameDimension(a: Dimension, b: Dimension): boolean {
  if (typeof a === "number" || typeof b === "number") return a === b;
  return a.kind === b.kind && a.name === b.name && (a.kind === "symbol" || (b.kind === "bounded" && a.max === b.max));
}

export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((each, d) => sameDimension(each, b[d]!));

/** The shape as numbers. Throws `tensor/unknown-size` where a dimension is still a name or a bound. */
export function staticShape(shape: Shape): number[] {
  return shape.map((dimension) => {
    if (typeof dimension === "number") return dimension;
    throw new IsochronError(
      "tensor/unknown-size",
      `the size of dimension "${showDimension(dimension)}" is not known yet`,
      {
        help:
          dimension.kind === "symbol"
            ? "it is known when the graph is compiled: give the input's type a number, if the size matters here"
            : "it is known at run time: take the maximum, x.toMaximum(0)",
      },
    );
  });
}

/** A dimension as a number. Throws `tensor/unknown-size`. */
export const sizeOf = (dimension: Dimension): number => staticShape([dimension])[0]!;

/** The largest size that a dimension may have. Throws `tensor/unknown-size`. */
export const mostOf = (size: Dimension): number => (isBounded(size) ? size.max : sizeOf(size));

/** A bounded dimension as large as it may be. */
export const largestSize = (size: Dimension): Dimension => (isBounded(size) ? size.max : size);

export const countOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** What dimensions are together: a number where all are known, else a dimension that keeps what it is the sum of. */
export function sumOf(dimensions: Shape): Dimension {
  const parts = dimensions.flatMap((each) => (typeof each === "number" ? [each] : (each.parts ?? [each])));
  const known = parts.reduce<number>((sum, each) => (typeof each === "number" ? sum + each : sum), 0);
  const named = parts.filter((each) => typeof each !== "number");
  // In a fixed order: the sum of two dimensions is the same whichever comes first.
  const sorted = named.sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
  const all = known === 0 ? sorted : [...sorted, known];
  if (all.length <= 1) return all[0] ?? 0;
  const name = all.map((each) => (typeof each === "number" ? String(each) : each.name)).join("+");
  if (sorted.some(isSymbol)) return { kind: "symbol", name, parts: all };
  return { kind: "bounded", name, max: all.reduce<number>((sum, each) => sum + mostOf(each), 0), parts: all };
}

/** A dimension with others in place of those that are no sums. */
export function replaced(size: Dimension, by: (part: SymbolDimension | BoundedDimension) => Dimension): Dimension {
  if (typeof size === "number") return size;
  return size.parts ? sumOf(size.parts.map((each) => replaced(each, by))) : by(size);
}

/** Attributes with other dimensions in the shape among them, where they have one. */
export function withShape(attributes: unknown, change: (size: Dimension) => Dimension): unknown {
  const { shape } = attributes as { readonly shape?: unknown };
  if (!Array.isArray(shape)) return attributes;
  return { ...(attributes as object), shape: (shape as Dimension[]).map(change) };
}

/** The names of symbols in a dimension, those of the parts of sums. */
export const symbolsOf = (size: Dimension): string[] =>
  typeof size === "number" ? [] : (size.parts?.flatMap(symbolsOf) ?? (size.kind === "symbol" ? [size.name] : []));

/** What some dimensions are in all divided by what others are: a dimension, or undefined where that is none. */
export function quotientOf(all: Shape, others: Shape): Dimension | undefined {
  const named = all.filter((each) => typeof each !== "number");
  for (const each of others) {
    if (typeof each === "number") continue;
    const at = named.findIndex((own) => sameDimension(own, each));
    if (at < 0) return undefined;
    named.splice(at, 1);
  }
  const numbers = (shape: Shape) => countOf(shape.filter((each) => typeof each === "number"));
  const factor = numbers(all) / numbers(others);
  if (named.length === 0) return Number.isInteger(factor) ? factor : undefined;
  return named.length === 1 && factor === 1 ? named[0] : undefined;
}
