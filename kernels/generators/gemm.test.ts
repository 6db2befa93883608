// Products in packed blocks equal the plan of a plain product bit for bit, under the schedule of every target.
import { describe, expect, it } from "vitest";
import { add } from "../loop/build.ts";
import type { Buffer } from "../loop/ir.ts";
import { printKernel } from "../loop/print.ts";
import { splitKernel } from "../loop/split.ts";
import { type Caches, type Target, target } from "../targets.ts";
import { expectEverySchedule, fma32, parameter, values } from "../testing/generator-reference.ts";
import { broadcasted, elementsOf, view } from "./access.ts";
import { blockWidth, columnWork, copied, firstColumn, gemmKernel, gemmWork, type RightFactor } from "./gemm.ts";
import { whole } from "./map.ts";

type SomeCaches = Partial<Caches>;

/** A target on a machine with other caches. */
const withCaches = (given: Target, caches: SomeCaches): Target => ({
  ...given,
  machine: { ...given.machine, caches: { ...given.machine.caches, ...caches } },
});

/** Caches so small that every loop of the schedule turns. */
const tiny: SomeCaches = { rowBytes: 600, mostBlocks: 2, mostDepth: 6, aliasBytes: 16 };
const ample: SomeCaches = { rowBytes: 2 ** 20, mostBlocks: 64, mostDepth: 2 ** 20, aliasBytes: 2 ** 20 };

interface Shape {
  readonly batch: number;
  readonly m: number;
  readonly k: number;
  readonly n: number;
}

const work = (name: string, length: number): Buffer => ({
  ...parameter(name, "f32", length, "write"),
  access: "readwrite",
});

/** a · b + bias, one fused multiply-add per k, ascending from +0. */
function byPlan({ batch, m, k, n }: Shape, as: Float32Array, bs: Float32Array, bias: Float32Array): Float32Array {
  return Float32Array.from({ length: batch * m * n }, (_, at) => {
    const [row, column] = [Math.floor(at / n), at % n];
    let sum = 0;
    for (let i = 0; i < k; i++) sum = fma32(as[row * k + i]!, bs[i * n + column]!, sum);
    return Math.fround(sum + bias[column]!);
  });
}

async function check(shape: Shape, kind: RightFactor["kind"], caches: SomeCaches): Promise<void> {
  const { batch, m, k, n } = shape;
  const as = values(batch * m * k, 51, 40);
  const bs = values(k * n, 52, 90);
  const biases = values(n, 53);
  const width = blockWidth(m, n);
  const blocks = [Math.ceil(n / width), k, width];
  const packed = new Float32Array(elementsOf(blocks));
  for (let at = 0; at < packed.length; at++) {
    const [block, i, lane] = [Math.floor(at / (k * width)), Math.floor(at / width) % k, at % width];
    packed[at] = bs[i * n + firstColumn(block, width, n) + lane]!;
  }
  const given = kind === "packed" ? packed : bs;
  const [a, b, bias] = [
    parameter("a", "f32", as.length, "read"),
    parameter("b", "f32", given.length, "read"),
    parameter("bias", "f32", n, "read"),
  ];
  const y = parameter("y", "f32", batch * m * n, "write");
  const left = view(a, [batch, m, k]);
  const form = kind === "packed" ? { kind, columns: n, width } : copied(n);
  const wanted = (["x86-64-v3", "x86-64-v4", "aarch64"] as const).map((each) =>
    gemmWork(left, form, withCaches(target(each), caches)),
  );
  // Every target's schedule has room for the largest.
  const area = (name: "rows" | "sums"): Buffer => ({
    ...work(name, Math.max(1, ...wanted.map((each) => each[name] ?? 0))),
    private: true,
  });
  const [rows, sums] = [area("rows"), area("sums")];
  const columns = work("columns", columnWork(k, n, withCaches(target("x86-64-v3"), caches)));
  const right: RightFactor =
    kind === "packed"
      ? { kind, blocks: view(b, blocks), columns: n }
      : { kind, source: broadcasted(view(b, [k, n]), [batch, k, n]), work: columns };
  await expectEverySchedule(
    (each) =>
      gemmKernel(
        "gemm",
        [a, b, bias, rows, sums, columns, y],
        left,
        right,
        { rows, sums },
        whole(y, [batch, m, n]),
        (value, at) => add(value, view(bias, [n]).at([at[2]!], value.type.lanes)),
        withCaches(each, caches),
      ),
    [as, given, biases, new Float32Array(rows.length), new Float32Array(sums.length), new Float32Array(columns.length)],
    byPlan(shape, as, bs, biases),
  );
}

const shapes: readonly Shape[] = [
  { batch: 1, m: 1, k: 9, n: 300 },
  { batch: 2, m: 2, k: 4, n: 65 },
  { batch: 1, m: 5, k: 8, n: 161 },
  { batch: 2, m: 17, k: 7, n: 33 },
  { batch: 1, m: 31, k: 12, n: 100 },
  { batch: 1, m: 64, k: 4, n: 224 },
  { batch: 1, m: 5, k: 16, n: 127 },
];

describe.each(["packed", "plain"] as const)("product by a %s factor", (kind) => {
  it.each(shapes)("of $batch × [$m,$k] and $n columns, in small caches", (shape) => check(shape, kind, tiny));
  it.each(shapes)("of $batch × [$m,$k] and $n columns, in large caches", (shape) => check(shape, kind, ample));
});

describe("product by a packed factor of 128 kB or more", () => {
  it.each([
    { rows: 20, depth: 128, fetches: true },
    // One tile of rows reads each block once, in order.
    { rows: 1, depth: 128, fetches: false },
    { rows: 20, depth: 32, fetches: false },
  ])("fetches ahead where tiles read it again and it is large: $rows rows, $depth deep", ({ rows, depth, fetches }) => {
    const n = 288;
    const width = blockWidth(rows, n);
    const blocks = [Math.ceil(n / width), depth, width];
    const a = view(parameter("a", "f32", rows * depth, "read"), [rows, depth]);
    const b = parameter("b", "f32", elementsOf(blocks), "read");
    const y = parameter("y", "f32", rows * n, "write");
    const right: RightFactor = { kind: "packed", blocks: view(b, blocks), columns: n };
    const destination = whole(y, [rows, n]);
    const kernel = gemmKernel(
      "gemm",
      [a.buffer, b, y],
      a,
      right,
      {},
      destination,
      (value) => value,
      target("x86-64-v4"),
    );
    expect(printKernel(kernel).includes("prefetch b[")).toBe(fetches);
  });
});

describe("product in threads", () => {
  it("is split by blocks of rows, each with its copy, the last one by panels", () => {
    const [m, k, n] = [512, 1024, 512];
    const a = view(parameter("a", "f32", m * k, "read"), [m, k]);
    const b = view(parameter("b", "f32", k * n, "read"), [k, n]);
    const y = parameter("y", "f32", m * n, "write");
    const rows: Buffer = { ...work("rows", gemmWork(a, copied(n), target("x86-64-v4")).rows!), private: true };
    const columns = work("columns", columnWork(k, n, target("x86-64-v4")));
    const kernel = gemmKernel(
      "gemm",
      [a.buffer, b.buffer, rows, columns, y],
      a,
      { kind: "plain", source: b, work: columns },
      { rows },
      whole(y, [m, n]),
      (value) => value,
      target("x86-64-v4"),
    );
    const split = splitKernel(kernel);
    // Its rows, the buffer number 2, are each chunk's own.
    expect(split?.steps.map(({ own }) => own)).toEqual([[], [2], [], []]);
  });
});
