// Linear algebra holds its equations on random matrices of many sizes, and has the same bits compiled as interpreted.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addsDotOnly, runnableTargets } from "../../../kernels/index.ts";
import { compile } from "../../compiler/compile.ts";
import { type TypedArray, tensorType } from "../../graph/tensor-type.ts";
import { Interpreter } from "../../interpreters/interpreter.ts";
import { load } from "../../program/program.ts";
import { given, traced, valuesOf } from "../../testing/traced.ts";
import { type Tensor, where } from "../tensor.ts";
import { trace } from "../trace.ts";
import * as linalg from "./index.ts";

type Wide = linalg.Wide;

/** Numbers in (−1, 1) by a seed, which are the same in float32. */
function random(count: number, seed: number): number[] {
  let state = seed * 2654435761 + 12345;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return Math.fround(state / 2 ** 31);
  });
}

/** What rounding may make of results that are about 1. */
const room = { f32: 2 ** -23, f64: 2 ** -52 } as const;

interface Drawn {
  readonly dtype: Wide;
  readonly batch: number;
  readonly rows: number;
  readonly columns: number;
  readonly seed: number;
}

/** Sizes from 1 to 130, small ones more often. */
const size = fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 20 }) }, fc.integer({ min: 1, max: 130 }));
const drawn: fc.Arbitrary<Drawn> = fc.record({
  dtype: fc.constantFrom("f32" as const, "f64" as const),
  batch: fc.constantFrom(1, 1, 3),
  rows: size,
  columns: size,
  seed: fc.nat(1e6),
});

/** The largest magnitude that a body gives of a drawn matrix, of the dtype's units, for each row. */
function erring(
  { dtype, batch, rows, columns, seed }: Drawn,
  body: (x: Tensor<Wide>, b: Tensor<Wide>) => readonly Tensor<Wide>[],
): number {
  const x = given(dtype, random(batch * rows * columns, seed), [batch, rows, columns]);
  const b = given(dtype, random(batch * rows * 3, seed + 1), [batch, rows, 3]);
  const worst = valuesOf({ x, b }, (v) => {
    const errors = body(v.x as Tensor<Wide>, v.b as Tensor<Wide>).map((each) => each.abs().max());
    return errors.reduce((most, each) => most.maximum(each));
  });
  return Number(worst[0]) / (room[dtype] * Math.max(rows, columns));
}

const square = (each: Drawn): Drawn => ({ ...each, columns: each.rows });
const turned = <D extends Wide>(x: Tensor<D>): Tensor<D> => x.transpose(-1, -2);
const identity = (x: Tensor<Wide>): Tensor<Wide> => linalg.matrixPower(x, 0);
/** A matrix whose diagonal is larger than the rest of its rows. */
const heavy = (x: Tensor<Wide>): Tensor<Wide> => x.add(identity(x).mul(x.type.shape.at(-1) as number));
const positive = (x: Tensor<Wide>): Tensor<Wide> =>
  x.matmul(turned(x)).add(identity(x).mul(x.type.shape.at(-1) as number));
const symmetric = (x: Tensor<Wide>): Tensor<Wide> => x.add(turned(x));
/** Whether columns are orthonormal. */
const orthonormal = (q: Tensor<Wide>): Tensor<Wide> => {
  const product = turned(q).matmul(q);
  return product.sub(identity(product));
};

const holds = (name: string, most: number, of: (each: Drawn) => number) =>
  it(name, () => {
    fc.assert(
      fc.property(drawn, (each) => {
        expect(of(each)).toBeLessThan(most);
      }),
      { numRuns: 8, seed: 20_261_130 },
    );
  });

describe("linear algebra of random matrices", () => {
  holds("cholesky gives the triangle whose square the matrix is", 8, (each) =>
    erring(square(each), (x) => {
      const [a, scale] = [positive(x), each.rows + each.rows];
      const [lower, upper] = [linalg.cholesky(a), linalg.cholesky(a, { upper: true })];
      const product = lower.matmul(turned(lower));
      return [product.sub(a).div(scale), turned(lower).sub(upper), lower.triu(1)];
    }),
  );

  holds("solve, inv and luSolve give what the equation asks for", 8, (each) =>
    erring(square(each), (x, b) => {
      const a = heavy(x);
      const scale = a.abs().sum([-1]).max();
      const { lu, pivots } = linalg.luFactor(a);
      const found = linalg.solve(a, b);
      return [
        a.matmul(found).sub(b),
        linalg.luSolve(lu, pivots, b).sub(found),
        turned(a)
          .matmul(linalg.luSolve(lu, pivots, b, { adjoint: true }))
          .sub(b),
        linalg.solve(a, turned(b), { left: false }).matmul(a).sub(turned(b)),
        a.matmul(linalg.inv(a)).sub(identity(a)),
        scale.mul(0),
      ];
    }),
  );

  holds("lu gives factors of the matrix, whose parts below the diagonal are at most 1", 8, (each) =>
    erring(each, (x) => {
      const { p, l, u } = linalg.lu(x);
      return [p.matmul(l).matmul(u).sub(x), l.abs().sub(1).maximum(0), u.tril(-1), l.triu(1), orthonormal(p)];
    }),
  );

  holds("triangles are solved from either end and either side", 8, (each) =>
    erring(square(each), (x, b) => {
      const a = heavy(x);
      return ([true, false] as const).flatMap((upper) => {
        const triangle = upper ? a.triu() : a.tril();
        const unit = (upper ? x.triu(1) : x.tril(-1)).mul(0.5 / each.rows).add(identity(x));
        return [
          triangle.matmul(linalg.solveTriangular(a, b, { upper })).sub(b),
          linalg.solveTriangular(a, turned(b), { upper, left: false }).matmul(triangle).sub(turned(b)),
          unit.matmul(linalg.solveTriangular(unit.add(identity(x)), b, { upper, unitriangular: true })).sub(b),
        ];
      });
    }),
  );

  holds("qr gives orthonormal columns and a triangle whose product is the matrix", 8, (each) =>
    erring(each, (x) => {
      const [reduced, complete] = [linalg.qr(x), linalg.qr(x, { mode: "complete" })];
      return [
        reduced.q.matmul(reduced.r).sub(x),
        complete.q.matmul(complete.r).sub(x),
        orthonormal(reduced.q),
        orthonormal(complete.q),
        reduced.r.tril(-1),
      ];
    }),
  );

  holds("eigh gives orthonormal vectors and ascending values that make up the matrix", 16, (each) =>
    erring(square(each), (x) => {
      const a = symmetric(x);
      const { eigenvalues, eigenvectors: v } = linalg.eigh(a);
      const upper = linalg.eigh(a.triu(), { uplo: "U" });
      const [n] = eigenvalues.type.shape.slice(-1) as [number];
      return [
        v.mul(eigenvalues.unsqueeze(-2)).matmul(turned(v)).sub(a),
        orthonormal(v),
        linalg.eigvalsh(a).sub(eigenvalues),
        upper.eigenvalues.sub(eigenvalues),
        ...(n > 1
          ? [
              eigenvalues
                .slice([], [0, n - 1])
                .sub(eigenvalues.slice([], [1, n]))
                .maximum(0),
            ]
          : []),
      ];
    }),
  );

  const ones = (n: number, at: (row: number, column: number) => number) =>
    given(
      "f64",
      Array.from({ length: n * n }, (_, i) => at(Math.floor(i / n), i % n)),
      [1, n, n],
    );
  const besides = (row: number, column: number): number => (column === row + 1 ? 1 : 0);
  const size = 24;

  holds("eig gives vectors that are turned and scaled by values, of real and complex matrices", 64, (each) =>
    erring({ ...square(each), rows: Math.min(each.rows, 60), columns: Math.min(each.rows, 60) }, (x) =>
      [x, { real: x, imaginary: x.mul(x).sub(0.3) }].flatMap((given) => {
        const { eigenvalues: l, eigenvectors: v } = linalg.eig(given);
        const [a, b] = "imaginary" in given ? [given.real, given.imaginary] : [given, given.mul(0)];
        const [re, im] = [l.real.unsqueeze(-2), l.imaginary.unsqueeze(-2)];
        const alone = linalg.eigvals(given);
        const lengths = v.real.mul(v.real).add(v.imaginary.mul(v.imaginary)).sum([-2]);
        return [
          a
            .matmul(v.real)
            .sub(b.matmul(v.imaginary))
            .sub(v.real.mul(re).sub(v.imaginary.mul(im))),
          a
            .matmul(v.imaginary)
            .add(b.matmul(v.real))
            .sub(v.real.mul(im).add(v.imaginary.mul(re))),
          alone.real.sub(l.real),
          alone.imaginary.sub(l.imaginary),
          lengths.sub(1),
        ];
      }),
    ),
  );

  it.each([
    ["turns of a circle, which one shift does not find", 6, (i: number, j: number) => ((i + 1) % 6 === j ? 1 : 0)],
    ["one block of Jordan's", 12, (i: number, j: number) => (i === j ? 2 : besides(i, j))],
    ["zeros", 5, () => 0],
    ["numbers that fall", 9, (i: number, j: number) => 10 ** -(2 * i + j)],
  ] as const)("eig of a matrix of %s has vectors that it turns and scales", (_, n, at) => {
    const x = ones(n, at);
    const found = valuesOf({ x }, (v) => {
      const { eigenvalues: l, eigenvectors: u } = linalg.eig(v.x);
      const [re, im] = [l.real.unsqueeze(-2), l.imaginary.unsqueeze(-2)];
      const errors = [
        v.x.matmul(u.real).sub(u.real.mul(re).sub(u.imaginary.mul(im))),
        v.x.matmul(u.imaginary).sub(u.real.mul(im).add(u.imaginary.mul(re))),
        u.real.mul(u.real).add(u.imaginary.mul(u.imaginary)).sum([-2]).sub(1),
      ];
      return errors.map((each) => each.abs().max()).reduce((most, each) => most.maximum(each));
    });
    expect(Number(found[0])).toBeLessThan(16 * n * room.f64);
  });

  holds("svd gives orthonormal vectors and descending values that make up the matrix", 16, (each) =>
    erring(each, (x) => {
      const [whole, small] = [linalg.svd(x), linalg.svd(x, { fullMatrices: false })];
      const [n] = small.s.type.shape.slice(-1) as [number];
      return [
        small.u.mul(small.s.unsqueeze(-2)).matmul(small.vh).sub(x),
        orthonormal(whole.u),
        orthonormal(turned(whole.vh)),
        orthonormal(small.u),
        orthonormal(turned(small.vh)),
        linalg.svdvals(x).sub(whole.s),
        ...(n > 1
          ? [
              small.s
                .slice([], [1, n])
                .sub(small.s.slice([], [0, n - 1]))
                .maximum(0),
            ]
          : []),
      ];
    }),
  );

  holds("svd and eigh of matrices of lower rank have orthonormal vectors as well", 16, (each) =>
    erring({ ...each, rows: Math.max(each.rows, 2), columns: Math.max(each.columns, 2) }, (x) => {
      const [rows, columns] = x.type.shape.slice(-2) as [number, number];
      const low = x.slice([], [], [0, 1]).matmul(x.slice([], [0, 1], []));
      const { u, s, vh } = linalg.svd(low);
      const [n] = s.type.shape.slice(-1) as [number];
      const product = u
        .slice([], [], [0, n])
        .mul(s.unsqueeze(-2))
        .matmul(vh.slice([], [0, n], []));
      const { eigenvectors } = linalg.eigh(low.matmul(turned(low)));
      expect([rows, columns]).toContain(n);
      return [product.sub(low), orthonormal(u), orthonormal(turned(vh)), orthonormal(eigenvectors)];
    }),
  );

  it.each([
    ["zeros", () => 0],
    ["ones", () => 1],
    ["one block of Jordan's, whose least singular value is nothing", besides],
    ["zeros on the diagonal between ones", (i: number, j: number) => (i === j && i % 5 !== 0 ? 1 : besides(i, j))],
    ["numbers that fall", (i: number, j: number) => 10 ** -(i + j)],
    ["numbers that grow", (i: number, j: number) => 10 ** (i + j - 2 * size)],
    ["Wilkinson's pairs", (i: number, j: number) => (i === j ? Math.abs(i - size / 2) : besides(i, j) + besides(j, i))],
    [
      "numbers beside one whose squares are no numbers",
      (i: number, j: number) => (i + j === 0 ? 1 : 2 ** -530 * (1 + ((i * i + j) % 7))),
    ],
    ["large numbers", (i: number, j: number) => (2 ** 1000 * ((i * j) % 7)) / 7],
    ["equal values", (i: number, j: number) => (i === j ? 3 : 0)],
    ["a few equal values", (i: number, j: number) => (i === j ? i % 2 : 0) + 1e-9 * (((i + 1) * (j + 1)) % 3)],
  ] as const)("svd and eigh of a matrix of %s make it up by orthonormal vectors", (_, at) => {
    const x = ones(size, at);
    const y = ones(
      size,
      (i, j) => at(Math.max(i, j), Math.min(i, j)) + (i === j ? 0 : at(Math.min(i, j), Math.max(i, j))),
    );
    const found = valuesOf({ x, y }, (v) => {
      const { u, s, vh } = linalg.svd(v.x);
      const { eigenvalues, eigenvectors: q } = linalg.eigh(v.y);
      const error = (product: Tensor<"f64">, of: Tensor<"f64">) =>
        product
          .sub(of)
          .abs()
          .max()
          .div(
            of
              .abs()
              .max()
              .maximum(2 ** -1000),
          );
      const errors = [
        error(u.mul(s.unsqueeze(-2)).matmul(vh), v.x),
        error(q.mul(eigenvalues.unsqueeze(-2)).matmul(turned(q)), v.y),
        ...[u, turned(vh), q].map(
          (each) =>
            orthonormal(each as Tensor<Wide>)
              .abs()
              .max() as Tensor<"f64">,
        ),
      ];
      return errors.reduce((most, each) => most.maximum(each));
    });
    expect(Number(found[0])).toBeLessThan(16 * size * room.f64);
  });

  holds("pinv and lstsq give what Moore and Penrose ask for", 64, (each) =>
    erring({ ...each, columns: Math.max(1, Math.floor(each.rows / 2)) }, (x, b) => {
      const inverse = linalg.pinv(x);
      const { solution } = linalg.lstsq(x, b);
      const rest = x.matmul(solution).sub(b);
      return [
        x.matmul(inverse).matmul(x).sub(x),
        turned(x).matmul(rest).div(each.rows),
        inverse.matmul(b).sub(solution),
      ].map((error) => error.div(linalg.cond(x).max().maximum(1)));
    }),
  );
});

describe("each matrix of a batch", () => {
  it("has the results that it has alone", () => {
    const x = given("f32", random(3 * 9 * 9, 5), [3, 9, 9]);
    const results = (v: Tensor<"f32">) => {
      const { u, s, vh } = linalg.svd(v);
      const { eigenvalues, eigenvectors } = linalg.eigh(v);
      const { q, r } = linalg.qr(v);
      const solved = linalg.solve(v, v.mul(2).add(1));
      return [u, s.unsqueeze(-2), vh, eigenvalues.unsqueeze(-2), eigenvectors, q, r, solved];
    };
    const joined = (v: Tensor<"f32">) =>
      results(v).reduce<Tensor<"f32"> | undefined>((all, each) => (all ? all.add(each) : each), undefined)!;
    const whole = valuesOf({ x }, (v) => joined(v.x));
    const alone = [0, 1, 2].flatMap((at) => valuesOf({ x }, (v) => joined(v.x.slice([at, at + 1]))));
    expect(whole).toEqual(alone);
  });
});

describe("compiled linear algebra", () => {
  it("has the interpreter's bits on every target, at sizes up to 130", async () => {
    const types = {
      a: tensorType("f32", [130, 130]),
      b: tensorType("f64", [2, 33, 33]),
      c: tensorType("f32", [70, 41]),
      d: tensorType("f64", [41, 70]),
    };
    const graph = trace(
      ({ a, b, c, d }) => {
        const eigen = linalg.eigh(b);
        const general = linalg.eig({ real: b, imaginary: b.mul(b) });
        const { u, s, vh } = linalg.svd(c);
        const { q, r } = linalg.qr(d);
        return {
          // Products of matrices have bits of their own, compiled: what is positive definite is so by its diagonal.
          factor: linalg.cholesky(where(identity(a).notEqual(0), 200, a)),
          solution: linalg.solve(a, turned(a)),
          inverse: linalg.inv(b),
          values: eigen.eigenvalues,
          vectors: eigen.eigenvectors,
          complex: general.eigenvalues.imaginary,
          general: general.eigenvectors.real,
          u,
          s,
          vh,
          q,
          r,
          wide: linalg.svdvals(d),
        };
      },
      types,
      { name: "linear" },
    );
    const inputs: { [name: string]: TypedArray } = {
      a: Float32Array.from(random(130 * 130, 1)),
      b: Float64Array.from(random(2 * 33 * 33, 2)),
      c: Float32Array.from(random(70 * 41, 3)),
      d: Float64Array.from(random(41 * 70, 4)),
    };
    const meant = new Interpreter(graph).run(inputs as never);
    const cacheDir = join(fileURLToPath(new URL("../../..", import.meta.url)), ".cache/kernels");
    const artifact = await compile(graph, { cacheDir });
    for (const target of runnableTargets().filter((name) => !addsDotOnly(name))) {
      const program = load(artifact, { target });
      const outputs = program.newOutputs();
      program.run(inputs as never, outputs);
      expect(outputs, target).toEqual(meant);
    }
  });
});

describe("matrices without a result", () => {
  const singular = given("f64", [1, 2, 2, 4], [2, 2]);
  const indefinite = given("f64", [1, 2, 2, 1], [2, 2]);
  const single = given("f64", [1, 0, 0, 1, 1, 2, 2, 4], [2, 2, 2]);

  it("are faults of solve, inv and cholesky", () => {
    const fault = /a matrix is singular/;
    expect(() => valuesOf({ singular }, (v) => linalg.inv(v.singular))).toThrow(fault);
    expect(() => valuesOf({ single }, (v) => linalg.solve(v.single, v.single))).toThrow(fault);
    expect(() => valuesOf({ indefinite }, (v) => linalg.cholesky(v.indefinite))).toThrow(
      /linalg.cholesky: a matrix is not positive definite/,
    );
  });

  it("are told by the functions that give information, with the place", () => {
    expect(valuesOf({ single }, (v) => linalg.invEx(v.single).info)).toEqual([0, 2]);
    expect(valuesOf({ single }, (v) => linalg.solveEx(v.single, v.single).info)).toEqual([0, 2]);
    expect(valuesOf({ single }, (v) => linalg.luFactor(v.single).info)).toEqual([0, 2]);
    expect(traced({ indefinite }, (v) => linalg.choleskyEx(v.indefinite).info)).toEqual({
      dtype: "i32",
      shape: [],
      values: [2],
    });
    expect(valuesOf({ indefinite }, (v) => linalg.choleskyEx(v.indefinite).factor)).toEqual([1, 0, 2, Number.NaN]);
  });

  it("have NaN for eigenvalues and singular values where an element is not finite", () => {
    const odd = given("f32", [1, 2, 2, Infinity], [2, 2]);
    const none = [Number.NaN, Number.NaN];
    expect(valuesOf({ odd }, (v) => linalg.eigvalsh(v.odd))).toEqual(none);
    expect(valuesOf({ odd }, (v) => linalg.svdvals(v.odd))).toEqual(none);
    expect(valuesOf({ odd }, (v) => linalg.svd(v.odd).u)).toEqual([...none, ...none]);
  });

  it("are refused where they are no square matrices, or of another dtype", () => {
    const wide = given("f32", [1, 2], [1, 2]);
    expect(() => valuesOf({ wide }, (v) => linalg.inv(v.wide))).toThrow("linalg.inv of [1,2]");
    const none = given("f32", [], [2, 0]);
    expect(() => valuesOf({ none }, (v) => linalg.luFactor(v.none).lu)).toThrow(
      "lu of f32[2,0], which has no elements",
    );
    expect(() => valuesOf({ none }, (v) => linalg.qr(v.none).q)).toThrow("reflections of f32[2,0]");
    const half = given("f16", [1], [1, 1]);
    expect(() => valuesOf({ half }, (v) => linalg.eigvalsh(v.half as never))).toThrow("eigh is not defined on f16");
  });
});
