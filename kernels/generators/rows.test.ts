// Steps along rows equal their plans bit for bit, whatever is kept between them, under the schedule of every target.
import { describe, it } from "vitest";
import { exp } from "../functions/index.ts";
import { add, div, mul, sqrt, sub } from "../loop/build.ts";
import { interpretKernel } from "../loop/interpret.ts";
import type { Buffer, Expression } from "../loop/ir.ts";
import { target } from "../targets.ts";
import { expectEverySchedule, parameter, reducedByPlan, values } from "../testing/generator-reference.ts";
import { broadcasted, elementsOf, type LaneIndex, type Source, view } from "./access.ts";
import { mapKernel, whole } from "./map.ts";
import { reducers, reducing } from "./reduce.ts";
import { lineWork, RowKernel } from "./rows.ts";

const { fround } = Math;

/** What a step makes of other sources, element by element. */
const made = (
  shape: readonly number[],
  operands: readonly Source[],
  of: (...each: Expression[]) => Expression,
): Source => ({
  scalar: "f32",
  shape,
  at: (at: readonly LaneIndex[], lanes: number) =>
    of(...operands.map((each) => broadcasted(each, shape).at(at, lanes))),
});

/** e^x of each element, as kernels compute it, by the loop interpreter. */
function powersOf(xs: Float32Array): Float32Array {
  const [x, y] = [parameter("x", "f32", xs.length, "read"), parameter("y", "f32", xs.length, "write")];
  const source = made([xs.length], [view(x, [xs.length])], exp);
  const result = new Float32Array(xs.length);
  const kernel = mapKernel("powers", [x, y], [{ source, destination: whole(y, [xs.length]) }], target("x86-64-v3"));
  interpretKernel(kernel, [xs, result]);
  return result;
}

const sumOf = (row: Float32Array): number =>
  reducedByPlan([row.length], [0], [], {
    identity: 0,
    step: (sum, [at]) => fround(sum + row[at!]!),
    merge: (a, b) => fround(a + b),
  });

const larger = (a: number, b: number): number => (Number.isNaN(b) || a < b ? b : a);

function softmaxByPlan(row: Float32Array): Float32Array {
  const top = row.reduce(larger, -Infinity);
  const powers = powersOf(row.map((x) => fround(x - top)));
  const total = sumOf(powers);
  return powers.map((power) => fround(power / total));
}

function normByPlan(row: Float32Array, scale: Float32Array): Float32Array {
  const mean = fround(sumOf(row) / row.length);
  const centred = row.map((x) => fround(x - mean));
  const root = fround(Math.sqrt(fround(fround(sumOf(centred.map((x) => fround(x * x))) / row.length) + fround(1e-5))));
  return centred.map((x, at) => fround(fround(x / root) * scale[at]!));
}

/** The rows of a tensor, each by itself, then one after the other. */
const byRow = (xs: Float32Array, length: number, of: (row: Float32Array) => Float32Array): Float32Array =>
  Float32Array.from(
    Array.from({ length: xs.length / length }, (_, row) => [
      ...of(xs.subarray(row * length, (row + 1) * length)),
    ]).flat(),
  );

const work = (name: string, length: number): Buffer => ({
  ...parameter(name, "f32", length, "write"),
  access: "readwrite",
  private: true,
});
const result = (length: number): Buffer => ({ ...parameter("y", "f32", length, "write"), access: "readwrite" });

const shapes: readonly (readonly number[])[] = [[1, 100], [4, 16], [6, 33], [2, 5, 7], [3, 2, 47], [19]];

describe("steps along rows", () => {
  it.each(shapes)("softmax of [%s, …], the powers kept for a tile", async (...shape) => {
    const length = shape.at(-1)!;
    const x = parameter("x", "f32", elementsOf(shape), "read");
    const [powers, y] = [work("powers", lineWork(shape)), result(x.length)];
    const xs = values(x.length, 61, 50).map((each) => each / 16);
    await expectEverySchedule(
      (each) => {
        const rows = new RowKernel(shape);
        const source = view(x, shape);
        const top = rows.reduce(reducing(source, reducers.max), "f32", (v) => v, undefined, new Set());
        const raised = rows.line(
          made(shape, [source, top], (a, b) => exp(sub(a, b))),
          { work: powers },
        );
        const total = rows.reduce(reducing(raised, reducers.sum), "f32", (v) => v, undefined, new Set([raised]));
        rows.line(made(shape, [raised, total], div), { whole: view(y, shape) });
        return rows.finish("softmax", [x, powers, y], each);
      },
      [xs, new Float32Array(powers.length)],
      byRow(xs, length, softmaxByPlan),
    );
  });

  it.each(shapes)("a norm of [%s, …], its scale read with the row, and its root kept", async (...shape) => {
    const length = shape.at(-1)!;
    const outer = shape.slice(0, -1);
    const x = parameter("x", "f32", elementsOf(shape), "read");
    const scale = parameter("scale", "f32", length, "read");
    const [centred, y] = [work("centred", lineWork(shape)), result(x.length)];
    const roots = { ...result(elementsOf(outer)), name: "roots" };
    const [xs, scales] = [values(x.length, 71), values(length, 72, 9)];
    await expectEverySchedule(
      (each) => {
        const rows = new RowKernel(shape);
        const source = view(x, shape);
        const mean = rows.reduce(reducing(source, reducers.sum), "f32", (v) => div(v, length), undefined, new Set());
        const line = rows.line(made(shape, [source, mean], sub), { work: centred });
        const squares = reducing(
          made(shape, [line], (c) => mul(c, c)),
          reducers.sum,
        );
        const finish = (value: Expression) => sqrt(add(div(value, length), 1e-5));
        const root = rows.reduce(squares, "f32", finish, whole(roots, [...outer, 1]), new Set([line]));
        const parts = [line, root, view(scale, [length])];
        rows.line(
          made(shape, parts, (c, r, s) => mul(div(c, r), s)),
          { whole: view(y, shape) },
        );
        return rows.finish("norm", [x, scale, centred, roots, y], each);
      },
      [xs, scales, new Float32Array(centred.length), new Float32Array(roots.length)],
      byRow(xs, length, (row) => normByPlan(row, scales)),
    );
  });

  it("a line that a reduction does not read is computed before it", async () => {
    const shape = [5, 21];
    const x = parameter("x", "f32", elementsOf(shape), "read");
    const [doubled, y] = [work("doubled", lineWork(shape)), result(x.length)];
    const xs = values(x.length, 81);
    await expectEverySchedule(
      (each) => {
        const rows = new RowKernel(shape);
        const source = view(x, shape);
        const line = rows.line(
          made(shape, [source], (v) => add(v, v)),
          { work: doubled },
        );
        const total = rows.reduce(reducing(source, reducers.sum), "f32", (v) => v, undefined, new Set());
        rows.line(made(shape, [line, total], add), { whole: view(y, shape) });
        return rows.finish("late", [x, doubled, y], each);
      },
      [xs, new Float32Array(doubled.length)],
      byRow(xs, 21, (row) => {
        const total = sumOf(row);
        return row.map((each) => fround(fround(each + each) + total));
      }),
    );
  });
});
