// The integer reference against decimal.js, an independent implementation of the same functions.
import { Decimal } from "decimal.js";
import { describe, expect, it } from "vitest";
import { exactFunctions, type Real, real, ulpsFrom } from "./exact-functions.ts";

const Precise = Decimal.clone({ precision: 60, minE: -9e15, maxE: 9e15 });
/** Reduces arguments of sin and cos, for which 60 digits of π do not do. */
const Wide = Decimal.clone({ precision: 420, minE: -9e15, maxE: 9e15 });
const pi = Wide.acos(-1);

const toDecimal = ({ value, exponent }: Real): Decimal => new Wide(value.toString()).mul(new Wide(2).pow(exponent));

/** The f64 itself: decimal.js would take the number that its shortest text names. */
const dec = (x: number): Decimal => new Precise(toDecimal(real(x)));

const reduced = (x: number): Decimal => new Precise(new Wide(dec(x)).mod(pi.mul(2)).toSignificantDigits(65));
const angle = (y: number, x: number): Decimal => {
  const turned = Precise.atan(dec(y).div(dec(x)));
  return x > 0 ? turned : turned.add(y < 0 ? pi.neg() : pi);
};

const unary: { readonly [name: string]: (x: number) => Decimal } = {
  exp: (x) => Precise.exp(dec(x)),
  log: (x) => Precise.ln(dec(x)),
  tanh: (x) => {
    const doubled = Wide.exp(new Wide(dec(x)).mul(2));
    return doubled.sub(1).div(doubled.add(1));
  },
  sigmoid: (x) => new Precise(1).div(Precise.exp(dec(-x)).add(1)),
  sin: (x) => Precise.sin(reduced(x)),
  cos: (x) => Precise.cos(reduced(x)),
  atan: (x) => Precise.atan(dec(x)),
  // Near its poles it takes as many digits again.
  tan: (x) => Decimal.clone({ precision: 120 }).tan(new Wide(dec(x)).mod(pi.mul(2)).toSignificantDigits(130)),
  asin: (x) => Precise.asin(dec(x)),
  acos: (x) => Precise.acos(dec(x)),
  sinh: (x) => new Wide(dec(x)).sinh(),
  cosh: (x) => new Wide(dec(x)).cosh(),
  expm1: (x) => Wide.exp(new Wide(dec(x))).sub(1),
  log1p: (x) => Wide.ln(new Wide(dec(x)).add(1)),
  log2: (x) => Wide.log2(new Wide(dec(x))),
  // The alternating series, which the reference does not use.
  erf: (x) => {
    const square = new Wide(dec(x)).pow(2);
    let term = new Wide(dec(x));
    let sum = new Wide(0);
    for (let n = 0; n < 2000; n++) {
      sum = sum.add(term.div(2 * n + 1));
      term = term
        .mul(square)
        .neg()
        .div(n + 1);
    }
    return sum.mul(2).div(pi.sqrt());
  },
};

/** Where each function is defined; everywhere unless said. */
const inDomain: { readonly [name: string]: (x: number) => boolean } = {
  log: (x) => x > 0 && x !== 1,
  log2: (x) => x > 0 && x !== 1,
  log1p: (x) => x > -1,
  asin: (x) => Math.abs(x) <= 1,
  acos: (x) => Math.abs(x) < 1,
  erf: (x) => Math.abs(x) < 8,
};
/** The functions that have ordinary values at arguments of any size. */
const everywhere = new Set(["log", "log2", "log1p", "sin", "cos", "tan", "atan"]);

const ordinary = [1, 0.1, 0.75, Math.SQRT2, 1.5707963267948966, 3, 12.5, 88.72283, 300, 2 ** -30, 1e-12];
const huge = [1e22, 2 ** 120 * 1.1, 6381956970095103 * 2 ** 797, Number.MAX_VALUE];

const expectClose = (actual: Real, expected: Decimal, what: string): void => {
  const error = toDecimal(actual).sub(expected).div(expected).abs();
  expect(error.lt("1e-38"), `${what}: ${toDecimal(actual).toSignificantDigits(50)}, decimal.js says ${expected}`).toBe(
    true,
  );
};

describe("exact functions", () => {
  for (const [name, f] of Object.entries(unary)) {
    it(`${name} agrees with decimal.js to 38 digits`, () => {
      const exact = exactFunctions[name as keyof typeof exactFunctions] as (x: number) => Real;
      const signed = [...ordinary, ...ordinary.map((x) => -x)].filter(inDomain[name] ?? (() => true));
      for (const x of [...signed, ...(everywhere.has(name) ? huge : [])]) expectClose(exact(x), f(x), `${name}(${x})`);
    });
  }

  it("pow agrees with decimal.js to 38 digits", () => {
    const pairs = [2, 0.5, 10, 1 + 2 ** -52, 1 - 2 ** -53, 1e-300, 2 ** -1074, 7.25].flatMap((x) =>
      [0.5, -1.75, 2.9, 40.125, -0.001].map((y) => [x, y] as const).filter(([, y]) => Math.abs(y * Math.log(x)) < 800),
    );
    for (const [x, y] of pairs) expectClose(exactFunctions.pow(x, y), Precise.pow(dec(x), dec(y)), `pow(${x}, ${y})`);
  });

  it("atan2 agrees with decimal.js to 38 digits in every quadrant", () => {
    for (const y of [1e-9, 0.3, 1, 77, 1e20])
      for (const x of [2e-5, 0.3, 5, 1e12])
        for (const [sy, sx] of [
          [1, 1],
          [1, -1],
          [-1, 1],
          [-1, -1],
        ] as const)
          expectClose(exactFunctions.atan2(sy * y, sx * x), angle(sy * y, sx * x), `atan2(${sy * y}, ${sx * x})`);
  });

  it("the distance in ulp is one between neighbours of every kind", () => {
    expect(ulpsFrom(real(1), 1 + 2 ** -52, "f64")).toBe(1);
    expect(ulpsFrom(real(1), 1 - 2 ** -53, "f64")).toBe(0.5);
    expect(ulpsFrom(real(-1), -1 - 2 ** -23, "f32")).toBe(1);
    expect(ulpsFrom(real(2 ** -1074), 2 ** -1073, "f64")).toBe(1);
    expect(ulpsFrom(real(0), 2 ** -149, "f32")).toBe(1);
    expect(ulpsFrom(real(Number.MAX_VALUE), Infinity, "f64")).toBe(1);
    expect(ulpsFrom({ value: 1n, exponent: 5000 }, Infinity, "f64")).toBe(0);
    expect(ulpsFrom({ value: 1n, exponent: 5000 }, Number.MAX_VALUE, "f64")).toBeGreaterThan(1e15);
    expect(ulpsFrom(real(1), Number.NaN, "f64")).toBe(Infinity);
  });
});
