// Programs of f16 and bf16: what they store, what they compute in, and where they round.
import { describe, expect, it } from "vitest";
import { type Half, halfOfNumber, numberOfHalf } from "../../kernels/index.ts";
import { tensorType } from "../graph/tensor-type.ts";
import { ran } from "../testing/ran.ts";
import { fromHalves, toHalves } from "./halves.ts";
import { constant, type Tensor, where } from "./tensor.ts";
import { state, trace } from "./trace.ts";

const halves: readonly Half[] = ["f16", "bf16"];
const bitsOf = (half: Half, values: readonly number[]) => Uint16Array.from(values, (each) => halfOfNumber(half, each));
const rounded = (half: Half, value: number) => numberOfHalf(half, halfOfNumber(half, Math.fround(value)));

describe.each(halves)("%s", (half) => {
  it("is an input, an output and a state, and is cast to float32 and back", async () => {
    const graph = trace(
      ({ x, y }) => {
        const last = state("last", tensorType(half, [4]), 1.5);
        const before = last.get();
        last.set(x);
        return { wide: x.cast("f32"), narrow: y.cast(half), before };
      },
      { x: tensorType(half, [4]), y: tensorType("f32", [4]) },
      { name: `casts_${half}` },
    );
    const values = [1 / 3, -70000, 1e-6, Number.NaN];
    const { meant } = await ran(graph, { x: bitsOf(half, values), y: Float32Array.from(values) });
    const bits = bitsOf(half, values.map(Math.fround));
    expect(meant).toEqual({
      wide: Float32Array.from(bits, (each) => numberOfHalf(half, each)),
      narrow: bits,
      before: bitsOf(half, [1.5, 1.5, 1.5, 1.5]),
    });
  });

  it("is rounded behind every operator, however many are computed in one kernel", async () => {
    const graph = trace(
      ({ x }) => ({
        y: x
          .mul(x)
          .add(1 / 3)
          .sub(x)
          .div(3),
      }),
      { x: tensorType(half, [20]) },
      { name: `chain_${half}` },
    );
    const x = bitsOf(
      half,
      Array.from({ length: 20 }, (_, at) => 1.37 * at - 9),
    );
    const { meant, artifact } = await ran(graph, { x });
    const r = (value: number) => rounded(half, value);
    const third = r(1 / 3);
    const meantBy = Array.from(x, (bits) => {
      const v = numberOfHalf(half, bits);
      return halfOfNumber(half, Math.fround(r(r(r(v * v) + third) - v) / 3));
    });
    expect([...meant.y!]).toEqual(meantBy);
    expect(artifact.manifest.targets["x86-64-v3"]!.methods.forward!.kernels).toHaveLength(1);
  });

  it("is summed in float32, and rounded at the end", async () => {
    // One by one, ones would stop to count in a half at 2048, or at 256.
    const graph = trace(
      ({ x }) => ({ sum: x.sum(), mean: x.mean([1]), product: x.matmul(x.permute()) }),
      { x: tensorType(half, [2, 3000]) },
      { name: `sums_${half}` },
    );
    const { meant } = await ran(graph, { x: bitsOf(half, new Array<number>(6000).fill(1)) });
    expect(numberOfHalf(half, meant.sum![0]! as number)).toBe(rounded(half, 6000));
    expect(numberOfHalf(half, meant.mean![0]! as number)).toBe(1);
    expect(numberOfHalf(half, meant.product![3]! as number)).toBe(rounded(half, 3000));
  });

  it("keeps its bits where elements are only moved or chosen", async () => {
    const graph = trace(
      ({ x, at }) => {
        const padded = x.pad([1, 0], [0, 1], 0.1);
        return {
          padded,
          moved: padded.permute().flip().slice([1, 5]),
          taken: x.indexSelect(0, at.cast("i32")),
          chosen: where(x.greater(0), x, x.roll(1, 1)),
        };
      },
      { x: tensorType(half, [4, 6]), at: tensorType("f32", [3]) },
      { name: `moves_${half}` },
    );
    const x = Uint16Array.from({ length: 24 }, (_, at) => at * 1301);
    const { meant } = await ran(graph, { x, at: Float32Array.of(2, 0, 3) });
    expect(meant.padded![0]).toBe(halfOfNumber(half, 0.1));
    expect([...meant.taken!].slice(0, 6)).toEqual([...x.slice(12, 18)]);
  });

  it("is a constant of its numbers, or of its bits, shown as numbers", () => {
    const graph = trace(
      ({ x }) => {
        const numbers = constant([0.1, 2], half, [2]);
        const bits = constant(bitsOf(half, [0.1, 2]), half, [2]);
        return { y: x.add(numbers).sub(bits).mul(0.25) as Tensor };
      },
      { x: tensorType(half, [2]) },
      { name: "constants" },
    );
    expect(graph.constants.slice(0, 2).map(({ data }) => [...data])).toEqual([
      [...bitsOf(half, [0.1, 2])],
      [...bitsOf(half, [0.1, 2])],
    ]);
    expect(String(graph)).toContain("0.25");
  });

  it("meets no other dtype unless it is cast, and holds what it can", () => {
    const traced = (fn: (x: Tensor<Half>, y: Tensor<"f32">) => Tensor) => () =>
      trace(({ x, y }) => ({ z: fn(x, y) }), { x: tensorType(half, [2]), y: tensorType("f32", [2]) }, { name: "g" });
    expect(traced((x, y) => x.add(y as unknown as Tensor<Half>))).toThrow(
      `add of ${half}[2] and f32[2]: the dtypes differ`,
    );
    expect(traced((x) => x.add(1e39))).toThrow(`1e+39 is no ${half}`);
    expect(traced((x) => x.matmul(x.cast("f64") as unknown as Tensor<Half>))).toThrow("matmul");
  });
});

describe("arrays of halves", () => {
  it("are made of numbers, rounded once, and read as numbers", () => {
    const made = toHalves("f16", [1, 1 / 3, -0, Infinity, NaN]);
    expect([...made]).toEqual([0x3c00, 0x3555, 0x8000, 0x7c00, 0x7e00]);
    expect([...fromHalves("f16", made)]).toEqual([1, 0.333251953125, -0, Infinity, NaN]);
    expect([...toHalves("bf16", Float32Array.of(1, 3e38))]).toEqual([0x3f80, 0x7f62]);
  });

  it("are refused of numbers that they do not hold, and of what is no array", () => {
    expect(() => toHalves("f16", [1, 65520])).toThrow("toHalves: 65520 at position 1 is no f16");
    expect(() => toHalves("f32" as "f16", [])).toThrow(expect.objectContaining({ code: "tensor/argument" }));
    expect(() => fromHalves("bf16", [1] as never)).toThrow(expect.objectContaining({ code: "tensor/argument" }));
  });
});

describe("names of halves", () => {
  it.each([
    ["half", "f16"],
    ["float16", "f16"],
    ["torch.bfloat16", "bf16"],
  ])("%s is answered by %s", (name, meant) => {
    expect(() => tensorType(name as "f32", [])).toThrow(
      expect.objectContaining({ help: expect.stringContaining(`did you mean ${meant}?`) }),
    );
  });
});
