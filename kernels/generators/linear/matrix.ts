// Matrices of f64 in a kernel's work memory: rows of whole vectors, what stands behind a row's end being zeros that nobody asks for.
import {
  add,
  and,
  broadcast,
  constant,
  convert,
  extract,
  type Index,
  index,
  type KernelBuilder,
  load,
  mul,
  shuffle,
  sub,
} from "../../loop/build.ts";
import type { Buffer, Expression } from "../../loop/ir.ts";
import { addressOf, fixed, type LaneIndex, type Source } from "../access.ts";
import type { Destination } from "../map.ts";

/** Elements that are computed at once. */
export const width = 8;

/** Elements of the vectors that cover a row. */
const covered = (columns: number): number => Math.ceil(columns / width) * width;

/** Elements that a row takes: rows that were a multiple of 512 bytes apart would share few lines of the first cache. */
export const rowWork = (columns: number): number => covered(columns) + (covered(columns) % 64 === 0 ? width : 0);

/** Elements that a matrix takes. */
export const matrixWork = (rows: number, columns: number): number => rows * rowWork(columns);

/** A matrix in work memory. */
export class WorkMatrix {
  readonly #k: KernelBuilder;
  readonly #buffer: Buffer;
  readonly rows: number;
  readonly columns: number;
  readonly #stride: number;

  constructor(k: KernelBuilder, buffer: Buffer, rows: number, columns: number) {
    this.#k = k;
    this.#buffer = buffer;
    this.rows = rows;
    this.columns = columns;
    this.#stride = rowWork(columns);
  }

  #place(row: Index, column: Index): Expression {
    return add(mul(index(row), this.#stride), index(column));
  }

  at(row: Index, column: Index): Expression {
    return load(this.#buffer, this.#place(row, column));
  }

  set(row: Index, column: Index, value: Expression): void {
    this.#k.store(this.#buffer, this.#place(row, column), value);
  }

  /** `width` elements from a column that is a multiple of it. */
  vector(row: Index, column: Index): Expression {
    return load(this.#buffer, this.#place(row, column), width);
  }

  setVector(row: Index, column: Index, value: Expression, mask?: Expression): void {
    this.#k.store(this.#buffer, this.#place(row, column), value, mask);
  }

  clear(): void {
    this.#k.for(0, this.rows * this.#stride, width, (at) => this.#k.store(this.#buffer, at, constant("f64", 0, width)));
  }

  /** Sets every element, and zeros behind each row. */
  fill(value: (row: Expression, column: Expression) => Expression): void {
    this.clear();
    this.#k.for(0, this.rows, 1, (row) =>
      this.#k.for(0, this.columns, 1, (column) => this.set(row, column, value(row, column))),
    );
  }

  /** Runs `body` for vectors that cover the columns from one on; the first vector may begin before it. */
  along(from: Index, body: (column: Expression) => void): void {
    this.#k.for(and(index(from), -width), covered(this.columns), width, body);
  }

  /** Makes two rows change places, where they differ, from the vector on in which a column lies. */
  swap(one: Expression, other: Expression, from: Index = 0): void {
    this.along(from, (column) => {
      const upper = this.#k.let(this.vector(one, column));
      this.setVector(one, column, this.vector(other, column));
      this.setVector(other, column, upper);
    });
  }
}

/** Σ of a vector's elements: halves are added, until one is left. */
export function total(k: KernelBuilder, vector: Expression): Expression {
  let rest = vector;
  for (let half = width / 2; half > 1; half /= 2) {
    const lanes = (from: number) => Array.from({ length: half }, (_, lane) => from + lane);
    rest = k.let(add(shuffle(rest, lanes(0)), shuffle(rest, lanes(half))));
  }
  return k.let(add(extract(rest, 0), extract(rest, 1)));
}

/** A row of a matrix. */
export type Row = readonly [matrix: WorkMatrix, row: Index];

/** Σ of products of two rows from a column on, before which one of them is zeros: a chain for each element of a vector, added by halves. */
export function dot(k: KernelBuilder, [a, p]: Row, [b, q]: Row, from: Index = 0): Expression {
  const sum = k.variable(constant("f64", 0, width));
  a.along(from, (column) => sum.set(add(sum.get(), mul(a.vector(p, column), b.vector(q, column)))));
  return total(k, sum.get());
}

/** Takes a factor times a row off another, from a column on, before which the former is zeros; each product is rounded. */
export function subtract(k: KernelBuilder, [a, p]: Row, factor: Expression, [b, q]: Row, from: Index = 0): void {
  const factors = k.let(broadcast(factor, width));
  a.along(from, (column) => a.setVector(p, column, sub(a.vector(p, column), mul(factors, b.vector(q, column)))));
}

/** An element of matrices that a kernel reads, as f64. */
export const read = (source: Source, outer: readonly LaneIndex[], row: Index, column: Index): Expression =>
  convert(source.at([...outer, fixed(row), fixed(column)], 1), "f64");

/** Writes an element of matrices, rounded once. */
export function write(
  k: KernelBuilder,
  destination: Destination,
  outer: readonly LaneIndex[],
  [row, column]: readonly [Index, Index],
  value: Expression,
): void {
  const { base } = addressOf(destination, [...outer, fixed(row), fixed(column)]);
  k.store(destination.buffer, base, convert(value, destination.buffer.scalar));
}
