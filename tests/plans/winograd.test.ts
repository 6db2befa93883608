// Winograd's matrices, in the kernel, in the operator's meaning and in its weights, are those that Cook and Toom derive.
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { view } from "../../kernels/generators/access.ts";
import { whole } from "../../kernels/generators/map.ts";
import { winogradBlock, winogradKernel } from "../../kernels/generators/winograd.ts";
import { target } from "../../kernels/index.ts";
import { parameter, values, workArea } from "../../kernels/testing/generator-reference.ts";
import { runNative } from "../../kernels/testing/native-kernel.ts";
import { winogradConv2d } from "../../runtime/operators/winograd.ts";
import { transformedWeight } from "../../runtime/operators/winograd-weight.ts";
import { add, cookToom, type Matrices, multiply, one, type Surd, toNumber, zero } from "./cook-toom.ts";

type Tile = 2 | 4;
const tiles: readonly Tile[] = [2, 4];
const block = 16;

/**
 * The rows of one point may be scaled against each other. Ours are as derived, but for these signs: of F(2×2), the rows of
 * inputs and weights at 0, and those of inputs and outputs at infinity.
 */
const signs = {
  2: { b: [-1, 1, 1, -1], g: [-1, 1, 1, 1], a: [1, 1, 1, -1] },
  4: { b: [1, 1, 1, 1, 1, 1], g: [1, 1, 1, 1, 1, 1], a: [1, 1, 1, 1, 1, 1] },
} as const;

const range = (count: number) => Array.from({ length: count }, (_, at) => at);
const sum = (all: readonly Surd[]) => all.reduce(add, zero);

/** The derived matrices as numbers: Bᵀ and G by point, A by point and row. */
function derived(tile: Tile) {
  const { b, g, a }: Matrices = cookToom(tile);
  const signed = (by: readonly number[], rows: readonly (readonly Surd[])[]) =>
    rows.map((row, at) => row.map((each) => by[at]! * toNumber(each) + 0));
  const columns = range(tile + 2).map((point) => a.map((row) => row[point]!));
  return { b: signed(signs[tile].b, b), g: signed(signs[tile].g, g), a: signed(signs[tile].a, columns) };
}

/** One image for each pixel of a tile, which alone is 1; and weights by which output channel p takes point p alone. */
function probes(tile: Tile) {
  const side = tile + 2;
  const points = side * side;
  const blocks = Math.ceil(points / block);
  const [input, weight] = [
    [points, 1, side, side, block],
    [points, blocks, block, block],
  ];
  const x = new Float32Array(points * points * block);
  const u = new Float32Array(points * blocks * block * block);
  for (const p of range(points)) {
    x[(p * points + p) * block] = 1;
    u[(p * blocks + Math.floor(p / block)) * block * block + (p % block)] = 1;
  }
  return { input, weight, x, u, output: [points, blocks, tile, tile, block] };
}

/** What pixel (r,c) gives to output (y,x) by way of point (p,q), from the outputs for all probes. */
const through = (
  tile: Tile,
  outputs: ArrayLike<number>,
  [r, c]: readonly number[],
  [p, q]: readonly number[],
  [y, x]: readonly number[],
): number => {
  const side = tile + 2;
  const blocks = Math.ceil(side ** 2 / block);
  const [image, channel] = [r! * side + c!, p! * side + q!];
  const plane = (image * blocks + Math.floor(channel / block)) * tile * tile;
  return outputs[(plane + y! * tile + x!) * block + (channel % block)]!;
};

const pairs = (count: number) => range(count).flatMap((a) => range(count).map((b) => [a, b] as const));

/** Expects the outputs of all probes to be the products of the derived factors, each within `steps` roundings of `unit`. */
function expectDerived(tile: Tile, outputs: ArrayLike<number>, unit: number): void {
  const { b, a } = derived(tile);
  const wrong: string[] = [];
  for (const pixel of pairs(tile + 2))
    for (const point of pairs(tile + 2))
      for (const place of pairs(tile)) {
        const [p, q] = point;
        const exact = b[p]![pixel[0]]! * b[q]![pixel[1]]! * a[p]![place[0]]! * a[q]![place[1]]!;
        const found = through(tile, outputs, pixel, point, place);
        if (!(Math.abs(found - exact) <= 8 * unit * Math.abs(exact)))
          wrong.push(`pixel ${pixel}, point ${point}, output ${place}: ${found}, not ${exact}`);
      }
  expect(wrong).toEqual([]);
}

/** Runs the kernel over the probes. */
async function compiledOutputs(tile: Tile): Promise<Float32Array> {
  const { input, weight, output, x, u } = probes(tile);
  const outputs = new Float32Array(output.reduce((a, b) => a * b));
  const to = target("x86-64-v3");
  const { inputs, products } = winogradBlock(tile, block, output.slice(0, 4), to);
  const buffers = [
    parameter("x", "f32", x.length, "read"),
    parameter("u", "f32", u.length, "read"),
    workArea("tiles", inputs),
    { ...workArea("products", products), private: true },
    parameter("y", "f32", outputs.length, "write"),
  ] as const;
  const [xs, us, ins, outs, ys] = buffers;
  const kernel = winogradKernel(
    "winograd",
    buffers,
    view(xs, input!),
    view(us, weight!),
    { inputs: ins, products: outs },
    output.slice(0, 4),
    tile,
    whole(ys, output),
    (each) => each,
    to,
  );
  await runNative(kernel, [x, u, new Float32Array(inputs), new Float32Array(products), outputs]);
  return outputs;
}

const hashOf = (data: Float32Array): string =>
  createHash("sha256").update(new Uint8Array(data.buffer)).digest("hex").slice(0, 16);

/** SHA-256 of the kernel's outputs for all probes, and of the weights made of a fixed sequence; the first 16 digits. */
const golden = {
  2: { kernel: "9dfd813e655fb432", weights: "24153d0ca09b7202" },
  4: { kernel: "bd53cca4c1602a21", weights: "9e0b482f4d4f9777" },
};
const word = "a plan changes only with a word: CHANGELOG.md, docs/kernels.md, and this hash";

describe.each(tiles)("Winograd's algorithm in tiles of %i", (tile) => {
  it("is derived right: weight k takes input y + k to output y, exactly, and nothing else", () => {
    const { b, g, a } = cookToom(tile);
    for (const y of range(tile))
      for (const k of range(3))
        for (const d of range(tile + 2)) {
          const factor = sum(range(tile + 2).map((p) => multiply(multiply(a[y]![p]!, g[p]![k]!), b[p]![d]!)));
          expect(factor).toEqual(d === y + k ? one : zero);
        }
  });

  it("has the derived matrices in its kernel", async () => expectDerived(tile, await compiledOutputs(tile), 2 ** -24));

  it("has the derived matrices in its meaning", () => {
    const { input, weight, output, x, u } = probes(tile);
    const data = new Float64Array(output.reduce((a, b) => a * b));
    winogradConv2d.evaluate(
      [
        { dtype: "f32", shape: input!, data: x },
        { dtype: "f32", shape: weight!, data: u },
      ],
      { tile, rows: tile, columns: tile },
      { dtype: "f32", shape: output, data },
    );
    expectDerived(tile, data, 2 ** -53);
  });

  it("has the derived matrix in its weights, rounded once", () => {
    const { g } = derived(tile);
    for (const [r, c] of pairs(3)) {
      const weight = Float32Array.from({ length: 9 }, (_, at) => Number(at === 3 * r + c));
      const data = transformedWeight(weight, { kind: "winograd", outputs: 1, inputs: 1, tile });
      const found = pairs(tile + 2).map(([p, q]) => data[(p * (tile + 2) + q) * block]!);
      expect(found).toEqual(pairs(tile + 2).map(([p, q]) => Math.fround(g[p]![r]! * g[q]![c]!) + 0));
    }
  });

  it("gives the bits that it has always given", async () => {
    const weights = transformedWeight(values(5 * 16 * 9, 31), { kind: "winograd", outputs: 5, inputs: 16, tile });
    expect({ kernel: hashOf(await compiledOutputs(tile)), weights: hashOf(weights) }, word).toEqual(golden[tile]);
  });
});
