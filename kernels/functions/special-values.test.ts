// Zeros, infinities, NaN, the ends of the range and exact results of every elementary function, as C's annex F has them.
import { describe, expect, it } from "vitest";
import { compiledValues, type FloatScalar, type FunctionName, unaryNames } from "../testing/function-accuracy.ts";

const { NaN: nan, POSITIVE_INFINITY: inf, MAX_VALUE: max, MIN_VALUE: min } = Number;
type Row = readonly [argument: number, result: number];
type PairRow = readonly [first: number, second: number, result: number];

const odd: readonly Row[] = [
  [0, 0],
  [-0, -0],
  [nan, nan],
];

const shared: { readonly [name in Exclude<FunctionName, "atan2" | "pow">]: readonly Row[] } = {
  exp: [
    [0, 1],
    [-0, 1],
    [inf, inf],
    [-inf, 0],
    [nan, nan],
    [1e9, inf],
    [-1e9, 0],
  ],
  log: [
    [0, -inf],
    [-0, -inf],
    [1, 0],
    [inf, inf],
    [-1, nan],
    [-inf, nan],
    [nan, nan],
  ],
  tanh: [...odd, [inf, 1], [-inf, -1], [1e9, 1], [-1e9, -1]],
  sigmoid: [
    [0, 0.5],
    [-0, 0.5],
    [inf, 1],
    [-inf, 0],
    [nan, nan],
    [1e9, 1],
    [-1e9, 0],
  ],
  sin: [...odd, [inf, nan], [-inf, nan]],
  cos: [
    [0, 1],
    [-0, 1],
    [inf, nan],
    [-inf, nan],
    [nan, nan],
  ],
  atan: [...odd, [inf, Math.PI / 2], [-inf, -Math.PI / 2]],
  tan: [...odd, [inf, nan], [-inf, nan]],
  asin: [...odd, [1, Math.PI / 2], [-1, -Math.PI / 2], [1.5, nan], [-2, nan], [inf, nan], [-inf, nan]],
  acos: [
    [1, 0],
    [-1, Math.PI],
    [0, Math.PI / 2],
    [-0, Math.PI / 2],
    [1.5, nan],
    [-2, nan],
    [inf, nan],
    [-inf, nan],
    [nan, nan],
  ],
  sinh: [...odd, [inf, inf], [-inf, -inf], [1e9, inf], [-1e9, -inf]],
  cosh: [
    [0, 1],
    [-0, 1],
    [inf, inf],
    [-inf, inf],
    [nan, nan],
    [1e9, inf],
    [-1e9, inf],
  ],
  expm1: [...odd, [inf, inf], [-inf, -1], [1e9, inf], [-1e9, -1]],
  log1p: [...odd, [-1, -inf], [-2, nan], [inf, inf], [-inf, nan]],
  log2: [
    [0, -inf],
    [-0, -inf],
    [1, 0],
    [8, 3],
    [2 ** -100, -100],
    [2 ** 127, 127],
    [inf, inf],
    [-1, nan],
    [-inf, nan],
    [nan, nan],
  ],
  erf: [...odd, [inf, 1], [-inf, -1], [1e9, 1], [-1e9, -1]],
};

const ofDoubles: typeof shared = {
  exp: [
    [709.782712893384, 1.7976931348622732e308],
    [709.7827128933841, inf],
    [-745.1332191019411, min],
    [-745.1332191019412, 0],
    [min, 1],
    [-min, 1],
  ],
  log: [
    [min, -744.4400719213812],
    [-min, nan],
    [max, 709.782712893384],
  ],
  tanh: [
    [min, min],
    [-min, -min],
    [max, 1],
  ],
  sigmoid: [
    [min, 0.5],
    [-745.1332191019411, min],
    [-745.1332191019412, 0],
    [max, 1],
  ],
  sin: [
    [min, min],
    [-min, -min],
    [-(2 ** -1022), -(2 ** -1022)],
    [max, 0.004961954789184062],
  ],
  cos: [
    [min, 1],
    [max, -0.9999876894265599],
  ],
  atan: [
    [min, min],
    [-min, -min],
    [max, Math.PI / 2],
  ],
  tan: [
    [min, min],
    [-min, -min],
    [max, -0.004962015874444895],
  ],
  asin: [
    [min, min],
    [-min, -min],
    [1 + 2 ** -52, nan],
  ],
  acos: [
    [min, Math.PI / 2],
    [1 + 2 ** -52, nan],
  ],
  sinh: [
    [min, min],
    [-min, -min],
    [710.4758600739439, 1.7976931348621744e308],
    [710.475860073944, inf],
  ],
  cosh: [
    [min, 1],
    [710.4758600739439, 1.7976931348621744e308],
    [710.475860073944, inf],
  ],
  expm1: [
    [min, min],
    [-min, -min],
    [709.782712893384, 1.7976931348622732e308],
    [709.7827128933841, inf],
  ],
  log1p: [
    [min, min],
    [-min, -min],
    [max, 709.782712893384],
  ],
  log2: [
    [min, -1074],
    [-min, nan],
    [2 ** 1023, 1023],
    [max, 1024],
  ],
  erf: [
    [min, min],
    [-min, -min],
    [max, 1],
  ],
};

const leastSingle = 2 ** -149;
const ofSingles: typeof shared = {
  exp: [
    [88.72283935546875, inf],
    [-103.97207641601562, leastSingle],
    [-103.97208404541016, 0],
    [leastSingle, 1],
  ],
  log: [
    [leastSingle, -103.27893],
    [-leastSingle, nan],
  ],
  tanh: [
    [leastSingle, leastSingle],
    [-leastSingle, -leastSingle],
  ],
  sigmoid: [
    [-103.97207641601562, leastSingle],
    [-103.97208404541016, 0],
  ],
  sin: [
    [leastSingle, leastSingle],
    [-leastSingle, -leastSingle],
  ],
  cos: [[leastSingle, 1]],
  atan: [
    [leastSingle, leastSingle],
    [-leastSingle, -leastSingle],
  ],
  tan: [
    [leastSingle, leastSingle],
    [-leastSingle, -leastSingle],
  ],
  asin: [
    [leastSingle, leastSingle],
    [-leastSingle, -leastSingle],
  ],
  acos: [[leastSingle, Math.PI / 2]],
  sinh: [
    [leastSingle, leastSingle],
    [-leastSingle, -leastSingle],
    [89.5, inf],
  ],
  cosh: [
    [leastSingle, 1],
    [89.5, inf],
  ],
  expm1: [
    [leastSingle, leastSingle],
    [-leastSingle, -leastSingle],
    [88.72283935546875, inf],
  ],
  log1p: [
    [leastSingle, leastSingle],
    [-leastSingle, -leastSingle],
  ],
  log2: [[leastSingle, -149]],
  erf: [
    [leastSingle, leastSingle],
    [-leastSingle, -leastSingle],
  ],
};

const { PI: pi } = Math;
/** C11 F.10.1.4. */
const atan2Rows: readonly PairRow[] = [
  ...[1, -1].flatMap((s): PairRow[] => [
    [s * 0, -0, s * pi],
    [s * 0, 0, s * 0],
    [s * 0, -1, s * pi],
    [s * 0, -inf, s * pi],
    [s * 0, 1, s * 0],
    [s * 0, inf, s * 0],
    [s * 1, 0, (s * pi) / 2],
    [s * 1, -0, (s * pi) / 2],
    [s * leastSingle, 0, (s * pi) / 2],
    [s * 1, -inf, s * pi],
    [s * 1, inf, s * 0],
    [s * inf, 1, (s * pi) / 2],
    [s * inf, -1, (s * pi) / 2],
    [s * inf, 0, (s * pi) / 2],
    [s * inf, -inf, s * 2.356194490192345],
    [s * inf, inf, (s * pi) / 4],
    [s * 1, 1, (s * pi) / 4],
    [s * 1, -1, s * 2.356194490192345],
    [s * leastSingle, 2 ** 127, s * 2 ** -276],
    [s * leastSingle, -(2 ** 127), s * pi],
    [s * 2 ** 127, leastSingle, (s * pi) / 2],
    [s * leastSingle, leastSingle, (s * pi) / 4],
  ]),
  ...[0, 1, -1, inf, nan].flatMap((x): PairRow[] => [
    [nan, x, nan],
    [x, nan, nan],
  ]),
];

/** C11 F.10.4.4, and what it implies at the ends of the range. */
const powRows: readonly PairRow[] = [
  ...[1, -1].flatMap((s): PairRow[] => [
    // pow(±0, y)
    [s * 0, -1, s * inf],
    [s * 0, -3, s * inf],
    [s * 0, -2, inf],
    [s * 0, -0.5, inf],
    [s * 0, -(2 ** 60), inf],
    [s * 0, -inf, inf],
    [s * 0, 1, s * 0],
    [s * 0, 3, s * 0],
    [s * 0, 2, 0],
    [s * 0, 0.5, 0],
    [s * 0, 2 ** 60, 0],
    [s * 0, inf, 0],
    // pow(x, ±∞)
    [s * 0.5, -inf, inf],
    [s * 0.5, inf, 0],
    [s * 1.5, -inf, 0],
    [s * 1.5, inf, inf],
    [s * leastSingle, -inf, inf],
    // Whole powers of either sign
    [s * 2, 3, s * 8],
    [s * 2, 10, 1024],
    [s * 2, -1, s * 0.5],
    [s * 3, 5, s * 243],
    [s * 10, 6, 1e6],
    [s * 2, 2 ** 60, inf],
    [s * 2, -(2 ** 60), 0],
    [s * 2, 1e30, inf],
    [s * 0.5, 1e30, 0],
    [s * 1, 16777215, s],
    [s * 1, 16777216, 1],
  ]),
  [-1, inf, 1],
  [-1, -inf, 1],
  // pow(+1, y) and pow(x, ±0) are 1 even for NaN
  ...[0, -0, 1, -1, 0.5, inf, -inf, nan, 1e30].map((y): PairRow => [1, y, 1]),
  ...[0, -0, 1, -1, 0.5, inf, -inf, nan, 1e30].flatMap((x): PairRow[] => [
    [x, 0, 1],
    [x, -0, 1],
  ]),
  [-2, 0.5, nan],
  [-2, -1.5, nan],
  [-leastSingle, 1 / 3, nan],
  [-1, 0.5, nan],
  // pow(−∞, y)
  [-inf, -3, -0],
  [-inf, -2, 0],
  [-inf, -0.5, 0],
  [-inf, 3, -inf],
  [-inf, 2, inf],
  [-inf, 0.5, inf],
  [-inf, inf, inf],
  [-inf, -inf, 0],
  // pow(+∞, y)
  [inf, -1, 0],
  [inf, -leastSingle, 0],
  [inf, 1, inf],
  [inf, leastSingle, inf],
  [inf, inf, inf],
  [inf, -inf, 0],
  // Square roots and ends
  [4, 0.5, 2],
  [9, -0.5, 1 / 3],
  [2, 127, 2 ** 127],
  [2, -149, leastSingle],
  [leastSingle, 1, leastSingle],
  [leastSingle, leastSingle, 1],
  [nan, 1, nan],
  [2, nan, nan],
  [nan, nan, nan],
];
const powOfDoubles: readonly PairRow[] = [
  [2, -1074, min],
  [2, -1075, 0],
  [2, -1076, 0],
  [2, 1023, 2 ** 1023],
  [2, 1024, inf],
  [-2, 1025, -inf],
  [-2, -1075.5, nan],
  [min, 1, min],
  [min, -1, inf],
  [max, 1, max],
  [max, -1, 5.562684646268003e-309],
  [-1, 2 ** 53 - 1, -1],
  [-1, 2 ** 53, 1],
  [1 + 2 ** -52, max, inf],
  [1 - 2 ** -53, max, 0],
  [1 + 2 ** -52, -max, 0],
];

const asText = (x: number): string => (Object.is(x, -0) ? "-0" : String(x));

/** Compares as text, so that a zero shows its sign and its arguments. */
async function expectRows(
  name: FunctionName,
  scalar: FloatScalar,
  rows: readonly (readonly number[])[],
): Promise<void> {
  const make = (values: readonly number[]) =>
    scalar === "f32" ? Float32Array.from(values) : Float64Array.from(values);
  const arity = rows[0]!.length - 1;
  const operands = Array.from({ length: arity }, (_, at) => make(rows.map((row) => row[at]!)));
  const shown = (values: ArrayLike<number>) =>
    rows.map((_, at) => {
      const arguments_ = operands.map((each) => asText(each[at]!)).join(", ");
      return `${name}(${arguments_}) = ${asText(values[at]!)}`;
    });
  expect(shown(await compiledValues(name, operands))).toEqual(shown(make(rows.map((row) => row.at(-1)!))));
}

describe("special values", () => {
  for (const name of unaryNames) {
    it(`${name} of zeros, infinities, NaN and the ends of float32`, () =>
      expectRows(name, "f32", [...shared[name], ...ofSingles[name]]));
    it(`${name} of zeros, infinities, NaN and the ends of float64`, () =>
      expectRows(name, "f64", [...shared[name], ...ofDoubles[name]]));
  }
  for (const scalar of ["f32", "f64"] as const)
    it(`atan2 follows C's table of signed zeros and infinities in ${scalar}`, () =>
      expectRows("atan2", scalar, atan2Rows));
  it("pow follows C's table of special values in f32", () => expectRows("pow", "f32", powRows));
  it("pow follows C's table of special values in f64", () => expectRows("pow", "f64", [...powRows, ...powOfDoubles]));
});
