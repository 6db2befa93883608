// Products of bytes around zero points of either side, against sums written out.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import {
  compile,
  constant,
  convInteger,
  Interpreter,
  load,
  matmulInteger,
  type Program,
  type Tensor,
  tensorType,
  trace,
} from "../index.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");
type Byte = "u8" | "i8";

/** Bytes that are spread over the whole range. */
const bytes = (dtype: Byte, count: number, seed: number): Uint8Array | Int8Array => {
  const values = Array.from({ length: count }, (_, i) => (i * 89 + seed * 57 + i * i * 13) % 256);
  return dtype === "u8" ? Uint8Array.from(values) : Int8Array.from(values);
};

interface Lines {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
  readonly zero: (channel: number) => number;
}

/** x[1,c,…] convolved with w[o,c/groups,…] around zero points, padding included, written out. */
function convolved(x: Lines, w: Lines, stride: readonly number[], padding: number, groups: number): number[] {
  const [, , ...plane] = x.shape as [number, number, ...number[]];
  const [o, inner, ...kernel] = w.shape as [number, number, ...number[]];
  const out = plane.map((size, d) => Math.floor((size + 2 * padding - kernel[d]!) / stride[d]!) + 1);
  const count = (of: readonly number[]) => of.reduce((a, b) => a * b, 1);
  const at = (i: number, of: readonly number[]) => of.map((size, d) => Math.floor(i / count(of.slice(d + 1))) % size);
  return Array.from({ length: o * count(out) }, (_, i) => {
    const channel = Math.floor(i / count(out));
    const place = at(i % count(out), out);
    let sum = 0;
    for (let k = 0; k < inner; k++)
      for (let t = 0; t < count(kernel); t++) {
        const from = at(t, kernel).map((tap, d) => place[d]! * stride[d]! + tap - padding);
        if (from.some((each, d) => each < 0 || each >= plane[d]!)) continue;
        const plane0 = Math.floor(channel / (o / groups)) * inner + k;
        const position = from.reduce((sum, each, d) => sum * plane[d]! + each, plane0);
        const weight = w.data[(channel * inner + k) * count(kernel) + t]! - w.zero(channel);
        sum += (x.data[position]! - x.zero(0)) * weight;
      }
    return sum;
  });
}

/** The result, interpreted and compiled. */
async function results(
  inputs: { readonly [name: string]: Uint8Array | Int8Array },
  body: (x: { readonly [name: string]: Tensor<Byte> }) => { readonly [name: string]: Tensor<"i32"> },
) {
  const types = Object.fromEntries(
    Object.entries(inputs).map(([name, data]) => [
      name,
      tensorType(data instanceof Uint8Array ? "u8" : "i8", [data.length]),
    ]),
  );
  const graph = trace((x) => body(x as never), types as never, { name: "bytes" });
  const meant = new Interpreter(graph).run(inputs as never) as { readonly [name: string]: Int32Array };
  const found = (load(await compile(graph, { cacheDir })) as unknown as Program).run(inputs as never);
  expect(found).toEqual(meant);
  return meant;
}

describe("products of bytes around zero points", () => {
  it("are right for either sign on either side, and zero points for all, by row and by column", async () => {
    const [m, k, n] = [3, 5, 4];
    const [au, ai, bu, bi] = [
      bytes("u8", m * k, 1),
      bytes("i8", m * k, 2),
      bytes("u8", k * n, 3),
      bytes("i8", k * n, 4),
    ];
    const fixed = Uint8Array.from(bu, (each) => 255 - each);
    const [rows, columns] = [Uint8Array.of(3, 128, 255), Uint8Array.of(0, 7, 200, 255)];
    const found = await results({ au, ai, bu, bi, rows, columns }, ({ au, ai, bu, bi, rows, columns }) => {
      const [lu, li] = [au!.reshape([m, k]), ai!.reshape([m, k])];
      const [ru, ri] = [bu!.reshape([k, n]), bi!.reshape([k, n])];
      return {
        plain: matmulInteger(lu, ri),
        unsigned: matmulInteger(lu, ru, 3, 200),
        left: matmulInteger(li, ru, -4, 0),
        signed: matmulInteger(li, ri, 5, -128),
        tensors: matmulInteger(lu, ru, rows!, columns!),
        fixed: matmulInteger(lu, constant(fixed, "u8", [k, n]), rows!.unsqueeze(1), 9),
      };
    });
    const right = (
      a: ArrayLike<number>,
      b: ArrayLike<number>,
      za: (row: number) => number,
      zb: (c: number) => number,
    ) =>
      Array.from({ length: m * n }, (_, i) => {
        const [row, column] = [Math.floor(i / n), i % n];
        return Array.from(
          { length: k },
          (_, j) => (a[row * k + j]! - za(row)) * (b[j * n + column]! - zb(column)),
        ).reduce((x, y) => x + y);
      });
    const always = (value: number) => () => value;
    expect([...found.plain!]).toEqual(right(au, bi, always(0), always(0)));
    expect([...found.unsigned!]).toEqual(right(au, bu, always(3), always(200)));
    expect([...found.left!]).toEqual(right(ai, bu, always(-4), always(0)));
    expect([...found.signed!]).toEqual(right(ai, bi, always(5), always(-128)));
    expect([...found.tensors!]).toEqual(
      right(
        au,
        bu,
        (row) => rows[row]!,
        (column) => columns[column]!,
      ),
    );
    expect([...found.fixed!]).toEqual(right(au, fixed, (row) => rows[row]!, always(9)));
  });

  it("are right in convolutions over lines, planes and volumes, of groups, with padding that is the zero point", async () => {
    const x = bytes("u8", 2 * 3 * 4 * 5, 1);
    const w = bytes("u8", 4 * 2 * 2 * 2 * 2, 5);
    const zeros = Uint8Array.of(0, 10, 100, 255);
    const zero = Uint8Array.of(77);
    const found = await results({ x, w, zeros, zero }, ({ x, w, zeros, zero }) => ({
      line: convInteger(x!.reshape([1, 2, 60]), w!.slice([0, 16]).reshape([4, 2, 2]), {
        zeroPoint: 7,
        weightZeroPoint: zeros!,
        padding: 1,
        stride: [3],
      }),
      plane: convInteger(x!.reshape([1, 2, 12, 5]), w!.slice([0, 16]).reshape([4, 1, 2, 2]), {
        zeroPoint: zero!,
        weightZeroPoint: zeros!,
        groups: 2,
        padding: 1,
      }),
      volume: convInteger(x!.reshape([1, 2, 3, 4, 5]), w!.slice([0, 64]).reshape([4, 2, 2, 2, 2]), {
        zeroPoint: zero!.reshape([]),
        weightZeroPoint: 9,
        padding: 1,
        stride: [2, 1, 2],
      }),
    }));
    const of = (data: ArrayLike<number>, shape: readonly number[], point: (channel: number) => number): Lines => ({
      shape,
      data,
      zero: point,
    });
    const weights = (channel: number) => zeros[channel]!;
    expect([...found.line!]).toEqual(
      convolved(
        of(x, [1, 2, 60], () => 7),
        of(w, [4, 2, 2], weights),
        [3],
        1,
        1,
      ),
    );
    expect([...found.plane!]).toEqual(
      convolved(
        of(x, [1, 2, 12, 5], () => 77),
        of(w, [4, 1, 2, 2], weights),
        [1, 1],
        1,
        2,
      ),
    );
    expect([...found.volume!]).toEqual(
      convolved(
        of(x, [1, 2, 3, 4, 5], () => 77),
        of(w, [4, 2, 2, 2, 2], () => 9),
        [2, 1, 2],
        1,
        1,
      ),
    );
  });

  it("are refused where a zero point is of another dtype, or one of many for the input", () => {
    const make = (body: (x: Tensor<"u8">) => Tensor) => () =>
      trace(({ x }) => ({ y: body(x) }), { x: tensorType("u8", [1, 1, 4]) }, { name: "g" });
    expect(make((x) => matmulInteger(x, x.permute([0, 2, 1]), constant(1, "i8")))).toThrow("with the zero point i8");
    expect(make((x) => matmulInteger(x, x.permute([0, 2, 1]), 300))).toThrow("zero point 300");
    expect(make((x) => convInteger(x, x, { zeroPoint: constant([1, 2], "u8") }))).toThrow("zero points are u8[2]");
    expect(make((x) => convInteger(x, x, { stride: [1, 2] }))).toThrow("with stride [1,2]");
  });
});
