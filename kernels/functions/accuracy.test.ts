// Every elementary function, compiled, over its whole range: no error is larger than its doc comment states.
import { describe, expect, it } from "vitest";
import {
  compiledValues,
  type FunctionName,
  neighbour,
  noError,
  note,
  patterns,
  random,
  statedBounds,
  type UnaryName,
  ulpsOfSingle,
  unaryNames,
  type Worst,
  worstOfDoubles,
  worstOfSingles,
} from "../testing/function-accuracy.ts";

const bounds = statedBounds();

const expectWithin = (worst: Worst, bound: number, what: string): void => {
  const where = `${what}(${worst.at.join(", ")}) gave ${worst.computed}: ${worst.ulps} ulp, stated ≤ ${bound}`;
  expect(worst.ulps, where).toBeLessThanOrEqual(bound);
};

const quarterTurns = [
  ...Array.from({ length: 200 }, (_, k) => ((k + 1) * Math.PI) / 4),
  ...Array.from({ length: 60 }, (_, k) => Math.round(2 ** (k * 0.8)) * (Math.PI / 2)),
];
const powersOfTwo = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, k) => 2 ** (from + k));

/** Points around which something changes in a function or in its method. */
const turningPoints: { readonly [name in UnaryName]: readonly number[] } = {
  exp: [
    88.72283905206835, 87.3365447505531, 103.97207708399179, 709.782712893384, 708.3964185322641, 745.1332191019411,
  ],
  log: [Math.SQRT1_2, Math.SQRT2, 2 ** -126, 2 ** -1022, 3.4028234663852886e38],
  tanh: [2 ** -28, 2 ** -12, 0.5493061443340548, 9.01091334727929, 19.06154746539849, 22],
  sigmoid: [
    16.635532333438686, 36.7368005696771, 88.72283905206835, 103.97207708399179, 709.782712893384, 745.1332191019411,
  ],
  sin: [...quarterTurns, 16367173 * 2 ** 72, 6381956970095103 * 2 ** 797, 3.4028234663852886e38],
  cos: [...quarterTurns, 16367173 * 2 ** 72, 6381956970095103 * 2 ** 797, 3.4028234663852886e38],
  atan: [7 / 16, 11 / 16, 19 / 16, 39 / 16, 2 ** -28, 2 ** -12, 2 ** 24, 2 ** 26, 2 ** 53, 2 ** 60],
  tan: [...quarterTurns, 16367173 * 2 ** 72, 6381956970095103 * 2 ** 797, 3.4028234663852886e38],
  asin: [Math.SQRT1_2, 0.8660254037844386, 0.975, 2 ** -27, 2 ** -12],
  acos: [Math.SQRT1_2, 0.8660254037844386, 0.975, 2 ** -27, 2 ** -12],
  sinh: [22, 44.3614195558365, 89.41598629223294, 709.782712893384, 710.4758600739439, 2 ** -28],
  cosh: [22, 44.3614195558365, 89.41598629223294, 709.782712893384, 710.4758600739439, 2 ** -28],
  expm1: [88.72283905206835, 709.782712893384, 17.328679513998633, 37.42994775023705, 2 ** -54],
  log1p: [Math.SQRT2 - 1, Math.SQRT1_2 - 1, 2 ** -54, 2 ** 53, 1 - 2 ** -53],
  log2: [Math.SQRT1_2, Math.SQRT2, 2 ** -126, 2 ** -1022, 3.4028234663852886e38],
  erf: [0.84375, 1.25, 3.8325069, 5.863584748755168, 6, 2 ** -28],
};
const everywhere = [1, 0.5, 2, Math.LN2, Math.LN2 / 2, Math.PI / 4, 2 ** -24, 2 ** -53, 2 ** -126, 2 ** -149];

const around = (points: readonly number[], reach: number, scalar: "f32" | "f64"): number[] =>
  points
    .map((x) => (scalar === "f32" ? Math.fround(x) : x))
    .filter((x) => x !== 0 && Number.isFinite(x))
    .flatMap((x) => Array.from({ length: 2 * reach + 1 }, (_, at) => neighbour(x, at - reach, scalar)))
    .flatMap((x) => [x, -x]);

/** float64 numbers whose logarithm is spread evenly between two powers of two. */
const spread = (next: () => number, low: number, high: number): number =>
  2 ** (low + next() * (high - low)) * (1 + next() * 2 ** -20) * (next() < 0.5 ? -1 : 1);

const anyExponent = (next: () => number): number => spread(next, -1074, 1023.99);

describe("accuracy in float32", () => {
  for (const name of unaryNames) {
    it(`${name} keeps its bound over the whole of float32`, async () => {
      const stride = 1201;
      const sweep = await worstOfSingles(name, patterns(0, Math.floor(2 ** 32 / stride), stride));
      expectWithin(sweep, bounds[name].f32, name);
      const points = around([...turningPoints[name], ...everywhere], 60, "f32");
      expectWithin(await worstOfSingles(name, Float32Array.from(points)), bounds[name].f32, name);
    });
  }

  const binaryWorst = async (
    name: "atan2" | "pow",
    reference: (a: number, b: number) => number,
    pairs: readonly (readonly [number, number])[],
  ): Promise<void> => {
    const [a, b] = [Float32Array.from(pairs, ([x]) => x), Float32Array.from(pairs, ([, y]) => y)];
    const values = await compiledValues(name, [a, b]);
    const worst = noError();
    for (let at = 0; at < values.length; at++)
      note(worst, ulpsOfSingle(reference(a[at]!, b[at]!), values[at]!), [a[at]!, b[at]!], values[at]!);
    expectWithin(worst, bounds[name].f32, name);
  };

  it("atan2 keeps its bound over the plane of float32", async () => {
    const next = random(1);
    const pairs = Array.from({ length: 400_000 }, (_, at): [number, number] => {
      const y = spread(next, -149, 127.99);
      return [y, at % 2 === 0 ? spread(next, -149, 127.99) : y * spread(next, -30, 30)];
    });
    await binaryWorst("atan2", Math.atan2, pairs);
  });

  it("pow keeps its bound over the bases and exponents of float32", async () => {
    const next = random(2);
    const pairs = Array.from({ length: 400_000 }, (_, at): [number, number] => {
      const x = at % 3 === 0 ? 1 + spread(next, -23, -1) : spread(next, -149, 127.99);
      // Results spread evenly over all exponents, both ends overshot.
      const y = (next() * 220 - 110) / Math.log(Math.abs(x));
      return [x, x < 0 ? Math.round(y) : y];
    });
    await binaryWorst("pow", (x, y) => x ** y, pairs);
  });
});

describe("accuracy in float64", () => {
  const inDomain: { readonly [name in UnaryName]: (x: number) => boolean } = {
    exp: () => true,
    log: (x) => x > 0,
    tanh: () => true,
    sigmoid: () => true,
    sin: () => true,
    cos: () => true,
    atan: () => true,
    tan: () => true,
    asin: (x) => Math.abs(x) <= 1,
    acos: (x) => Math.abs(x) < 1,
    sinh: () => true,
    cosh: () => true,
    expm1: () => true,
    log1p: (x) => x > -1,
    log2: (x) => x > 0,
    erf: () => true,
  };
  const range: { readonly [name in UnaryName]: readonly [number, number] } = {
    exp: [-56, 9.6],
    log: [-3, 3],
    tanh: [-30, 4.6],
    sigmoid: [-56, 9.6],
    sin: [-30, 12],
    cos: [-30, 12],
    atan: [-30, 56],
    tan: [-30, 12],
    asin: [-30, 0],
    acos: [-30, 0],
    sinh: [-30, 9.5],
    cosh: [-30, 9.5],
    expm1: [-56, 9.6],
    log1p: [-56, 10],
    log2: [-3, 3],
    erf: [-30, 2.7],
  };
  const worst = async (name: FunctionName, operands: readonly Float64Array[]): Promise<void> => {
    const values = await compiledValues(name, operands);
    expectWithin(worstOfDoubles(name, operands, values), bounds[name].f64, name);
  };

  for (const name of unaryNames) {
    it(`${name} keeps its bound over the whole of float64`, async () => {
      const next = random(name.length + 7);
      const samples = [
        ...Array.from({ length: 12_000 }, () => anyExponent(next)),
        ...Array.from({ length: 20_000 }, () => spread(next, ...range[name])),
        ...Array.from({ length: 3_000 }, () => 1 + spread(next, -53, -1)),
        ...around([...turningPoints[name], ...everywhere, ...powersOfTwo(-1074, -1020)], 3, "f64"),
      ];
      await worst(name, [Float64Array.from(samples.filter((x) => x !== 0 && Number.isFinite(x) && inDomain[name](x)))]);
    });
  }

  it("atan2 keeps its bound over the plane of float64", async () => {
    const next = random(3);
    const y = Float64Array.from({ length: 20_000 }, () => anyExponent(next));
    const x = y.map((each, at) => {
      const close = each * spread(next, -54, 54);
      return at % 2 === 0 && close !== 0 && Number.isFinite(close) ? close : anyExponent(next);
    });
    await worst("atan2", [y, x]);
  });

  it("pow keeps its bound over the bases and exponents of float64", async () => {
    const next = random(4);
    const x = Float64Array.from({ length: 20_000 }, (_, at) =>
      Math.abs(at % 3 === 0 ? 1 + spread(next, -52, -1) : at % 3 === 1 ? spread(next, -4, 4) : anyExponent(next)),
    );
    // Results spread evenly over all exponents, both ends overshot.
    const y = x.map((each) => (next() * 1500 - 752) / (Math.log(each) || 1));
    await worst("pow", [x, y]);
  });
});
