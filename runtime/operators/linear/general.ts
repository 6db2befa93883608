// Eigenvalues of any square matrices, which are complex.
import { z } from "zod";
import { generators } from "../../../kernels/index.ts";
import { showTensorType, sizeOf } from "../../graph/tensor-type.ts";
import { operandError } from "../operator.ts";
import { matrixOperator, matrixSizes, type Rows, sized, zeros } from "./matrices.ts";
import { dot, scaleOf } from "./spectrum.ts";

interface Complex {
  readonly re: number;
  readonly im: number;
}

const none: Complex = { re: 0, im: 0 };
const plus = (x: Complex, y: Complex): Complex => ({ re: x.re + y.re, im: x.im + y.im });
const minus = (x: Complex, y: Complex): Complex => ({ re: x.re - y.re, im: x.im - y.im });
const times = (x: Complex, y: Complex): Complex => ({ re: x.re * y.re - x.im * y.im, im: x.re * y.im + x.im * y.re });
const by = (x: Complex, factor: number): Complex => ({ re: x.re * factor, im: x.im * factor });
const mirrored = (x: Complex): Complex => ({ re: x.re, im: -x.im });
const squareOf = (x: Complex): number => x.re * x.re + x.im * x.im;
const sizeIn = (x: Complex): number => Math.abs(x.re) + Math.abs(x.im);
function quotient(x: Complex, y: Complex): Complex {
  const square = squareOf(y);
  return { re: (x.re * y.re + x.im * y.im) / square, im: (x.im * y.re - x.re * y.im) / square };
}

/** Complex matrices, imaginary parts as rows behind the real ones. */
class Complexes {
  readonly all: Rows;
  readonly size: number;

  constructor(all: Rows) {
    this.all = all;
    this.size = all.length / 2;
  }

  at(row: number, column: number): Complex {
    return { re: this.all[row]![column]!, im: this.all[row + this.size]![column]! };
  }

  set(row: number, column: number, { re, im }: Complex): void {
    this.all[row]![column] = re;
    this.all[row + this.size]![column] = im;
  }
}

function reflectRows(matrix: Complexes, v: readonly Complex[], tau: number, from: number, first: number): void {
  for (let column = first; column < matrix.size; column++) {
    let sum = none;
    for (let row = from; row < matrix.size; row++) sum = plus(sum, times(mirrored(v[row]!), matrix.at(row, column)));
    const off = by(sum, tau);
    for (let row = from; row < matrix.size; row++)
      matrix.set(row, column, minus(matrix.at(row, column), times(v[row]!, off)));
  }
}

function hessenberg(h: Complexes, vectors: Complexes | undefined): void {
  const { size } = h;
  for (let at = 0; at < size - 2; at++) {
    const v = Array.from({ length: size }, (_, row) => (row > at + 1 ? h.at(row, at) : none));
    const [re, im] = [Float64Array.from(v, (x) => x.re), Float64Array.from(v, (x) => x.im)];
    const squares = dot(re, re) + dot(im, im);
    if (!(squares > generators.leastSquares)) continue;
    const alpha = h.at(at + 1, at);
    const length = Math.sqrt(squareOf(alpha));
    const norm = Math.sqrt(squareOf(alpha) + squares);
    const phase = length === 0 ? { re: 1, im: 0 } : { re: alpha.re / length, im: alpha.im / length };
    v[at + 1] = plus(alpha, by(phase, norm));
    re[at + 1] = v[at + 1]!.re;
    im[at + 1] = v[at + 1]!.im;
    const tau = 1 / (norm * (norm + length));
    reflectRows(h, v, tau, at + 1, at);
    for (let row = at + 2; row < size; row++) h.set(row, at, none);
    for (let row = 0; row < size; row++) {
      const [own, under] = [h.all[row]!, h.all[row + size]!];
      const off = by({ re: dot(own, re) - dot(under, im), im: dot(own, im) + dot(under, re) }, tau);
      for (let column = at + 1; column < size; column++)
        h.set(row, column, minus(h.at(row, column), times(off, mirrored(v[column]!))));
    }
    if (vectors) reflectRows(vectors, v.map(mirrored), tau, at + 1, 0);
  }
}

function rootOf({ re, im }: Complex): Complex {
  const larger = Math.sqrt((Math.sqrt(re * re + im * im) + Math.abs(re)) * 0.5);
  const smaller = im / ((larger === 0 ? 1 : larger) * 2);
  return re < 0 ? { re: Math.abs(smaller), im: im < 0 ? -larger : larger } : { re: larger, im: smaller };
}

function shiftOf(h: Complexes, to: number, tries: number): Complex {
  const [a, b, c, d] = [h.at(to - 1, to - 1), h.at(to - 1, to), h.at(to, to - 1), h.at(to, to)];
  if (tries % 10 === 9) return { re: d.re + sizeIn(c), im: d.im };
  const half = by(minus(a, d), 0.5);
  const product = times(b, c);
  const root = rootOf(plus(times(half, half), product));
  const larger = half.re * root.re + half.im * root.im < 0 ? minus(half, root) : plus(half, root);
  return sizeIn(larger) < 2 ** -400 ? d : minus(d, quotient(product, larger));
}

function sweep(
  h: Complexes,
  vectors: Complexes | undefined,
  [from, to]: readonly [number, number],
  tries: number,
): void {
  const shift = shiftOf(h, to, tries);
  for (let at = from; at <= to; at++) h.set(at, at, minus(h.at(at, at), shift));
  const turns: (readonly [p: Complex, q: Complex])[] = [];
  for (let at = from; at < to; at++) {
    const [a, b] = [h.at(at, at), h.at(at + 1, at)];
    const length = Math.sqrt(squareOf(a) + squareOf(b));
    const [p, q] = [by(a, 1 / length), by(b, 1 / length)];
    turns[at] = [p, q];
    for (let column = at; column < h.size; column++) {
      const [x, y] = [h.at(at, column), h.at(at + 1, column)];
      h.set(at, column, plus(times(mirrored(p), x), times(mirrored(q), y)));
      h.set(at + 1, column, minus(times(p, y), times(q, x)));
    }
    h.set(at, at, { re: length, im: 0 });
    h.set(at + 1, at, none);
  }
  const turned = (matrix: Complexes, one: readonly [number, number], other: readonly [number, number], at: number) => {
    const [p, q] = turns[at]!;
    const [x, y] = [matrix.at(...one), matrix.at(...other)];
    matrix.set(...one, plus(times(p, x), times(q, y)));
    matrix.set(...other, minus(times(mirrored(p), y), times(mirrored(q), x)));
  };
  for (let row = 0; row <= to; row++)
    for (let at = Math.max(row - 1, from); at < to; at++) turned(h, [row, at], [row, at + 1], at);
  for (let at = from; at <= to; at++) h.set(at, at, plus(h.at(at, at), shift));
  if (!vectors) return;
  for (let at = from; at < to; at++)
    for (let column = 0; column < h.size; column++) turned(vectors, [at, column], [at + 1, column], at);
}

/** Makes a matrix triangular; whether that does not end. */
function triangular(h: Complexes, vectors: Complexes | undefined): boolean {
  let [bottom, tries] = [h.size - 1, 0];
  for (let turn = 0; turn < h.size * (generators.mostSweeps + 1) && bottom > 0; turn++) {
    let from = 0;
    for (let at = 0; at < bottom; at++) {
      const neighbours = sizeIn(h.at(at, at)) + sizeIn(h.at(at + 1, at + 1));
      if (!(sizeIn(h.at(at + 1, at)) <= neighbours * 2 ** -53 + 2 ** -58)) continue;
      from = at + 1;
      h.set(at + 1, at, none);
    }
    if (from > bottom - 1) [bottom, tries] = [bottom - 1, 0];
    else sweep(h, vectors, [from, bottom], tries++);
  }
  return bottom > 0;
}

/** The eigenvector of a value of the diagonal. */
function vectorOf(h: Complexes, vectors: Complexes, own: number): readonly Complex[] {
  const x: Complex[] = [];
  x[own] = { re: 1, im: 0 };
  for (let at = own - 1; at >= 0; at--) {
    let sum = none;
    for (let column = at + 1; column <= own; column++) sum = plus(sum, times(h.at(at, column), x[column]!));
    const difference = minus(h.at(at, at), h.at(own, own));
    x[at] = quotient(
      { re: -sum.re, im: -sum.im },
      sizeIn(difference) < 2 ** -53 ? { re: 2 ** -53, im: 0 } : difference,
    );
    if (sizeIn(x[at]!) > 2 ** 200) for (let each = at; each <= own; each++) x[each] = by(x[each]!, 2 ** -200);
  }
  const found = Array.from({ length: h.size }, (_, column) => {
    let sum = none;
    for (let row = 0; row <= own; row++) sum = plus(sum, times(x[row]!, vectors.at(row, column)));
    return sum;
  });
  const [re, im] = [Float64Array.from(found, (each) => each.re), Float64Array.from(found, (each) => each.im)];
  const length = Math.sqrt(dot(re, re) + dot(im, im));
  let place = 0;
  for (const [at, each] of found.entries()) if (squareOf(each) > squareOf(found[place]!)) place = at;
  const divisor = Math.sqrt(squareOf(found[place]!)) * length;
  const factor = { re: found[place]!.re / divisor, im: -found[place]!.im / divisor };
  return found.map((each, at) => {
    const turned = times(each, factor);
    return at === place ? { re: turned.re, im: 0 } : turned;
  });
}

/** Eigenvectors in columns and eigenvalues below them, real parts beside imaginary ones; as `eigKernel` plans it. */
function eigenOf(x: Rows, vectors: boolean): Rows {
  const size = x.length;
  const results = zeros(vectors ? size + 1 : 1, 2 * size);
  const parts = [...x.map((row) => row.subarray(0, size)), ...x.map((row) => row.subarray(size))];
  const scale = scaleOf(parts);
  if (!Number.isFinite(scale)) return results.map((row) => row.fill(Number.NaN));
  const factor = 1 / scale;
  const h = new Complexes(parts.map((row) => row.map((value) => value * factor)));
  const schur = new Complexes(zeros(2 * size, size));
  for (let at = 0; at < size; at++) schur.set(at, at, { re: 1, im: 0 });
  hessenberg(h, vectors ? schur : undefined);
  const spoiled = triangular(h, vectors ? schur : undefined) ? Number.NaN : 0;
  const give = (row: number, own: number, { re, im }: Complex): void => {
    results[row]![own] = re + spoiled;
    results[row]![own + size] = im + spoiled;
  };
  for (let own = 0; own < size; own++) {
    give(vectors ? size : 0, own, by(h.at(own, own), scale));
    if (vectors) for (const [row, each] of vectorOf(h, schur, own).entries()) give(row, own, each);
  }
  return results;
}

/**
 * Eigenvectors in columns, of length 1, and eigenvalues below them, of each complex matrix of x[…,n,2n], f32 or f64, real parts beside
 * imaginary ones → […,n+1,2n]; without `vectors` […,1,2n]. NaN where an element is not finite. Exact, as the kernel plans it.
 */
export const eig = matrixOperator({
  name: "eig",
  attributes: z.strictObject({ vectors: z.boolean() }),
  infer([x], { vectors }) {
    const [rows, columns] = matrixSizes("eig", x!).map(sizeOf) as [number, number];
    if (columns !== 2 * rows)
      throw operandError(
        "shape",
        `eig of ${showTensorType(x!)}`,
        "it takes real parts beside imaginary ones, […,n,2n]",
      );
    return sized(x!, vectors ? rows + 1 : 1, columns);
  },
  evaluate: ([x], { vectors }) => eigenOf(x!, vectors),
  inMemory: [],
  plan: "reflections, then the QR algorithm, in f64",
  work: ([shape]) => generators.eigWork(shape![0]!),
  build: ({ name, buffers, operands: [x], destination, work }, { vectors }) =>
    generators.eigKernel(
      name,
      buffers,
      x!,
      vectors,
      { matrix: work.matrix!, vectors: work.vectors!, lines: work.lines! },
      destination,
    ),
});
