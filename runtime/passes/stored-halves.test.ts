// Large weights that are halves stay that in the portable graph, and products read them so, with the bits of float32.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { runnableTargets } from "../../kernels/index.ts";
import { Compilation, compile, constant, conv2d, type Graph, load, type Tensor, tensorType, trace } from "../index.ts";
import { foldHalves } from "./fold-constants.ts";

const [target] = runnableTargets();
const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");

/** The dtypes of constants with more elements than that. */
const large = ({ constants }: Graph, elements = 1 << 17): string[] =>
  constants
    .filter(({ value }) => (value.type.shape as number[]).reduce((a, b) => a * b, 1) > elements)
    .map(({ value }) => value.type.dtype);

const [depth, columns] = [256, 1030];
/** Halves of either sign that are neither large nor small. */
const halves = (dtype: "f16" | "bf16", count: number): Uint16Array => {
  const least = dtype === "f16" ? 0x3000 : 0x3e00;
  return Uint16Array.from({ length: count }, (_, at) => (least + ((at * 7919) & 0x3ff)) | ((at * 31) & 0x8000));
};

describe("large weights of halves", () => {
  it.each([
    ["f16", 1],
    ["bf16", 5],
  ] as const)("are read by a product as %s, and give the bits that floats give (rows: %i)", async (dtype, rows) => {
    const graph = trace(
      ({ x }) => {
        const w = constant(halves(dtype, depth * columns), dtype, [depth, columns]) as Tensor;
        return { y: (x.cast(dtype) as Tensor).matmul(w).cast("f32") };
      },
      { x: tensorType("f32", [rows, depth]) },
      { name: "product" },
    );
    const { portable, planned } = Compilation.of(graph).methods[0]!;
    expect([large(portable), large(planned)]).toEqual([[dtype], [dtype]]);
    const floats = foldHalves(portable);
    expect(large(floats)).toContain("f32");
    const x = Float32Array.from({ length: rows * depth }, (_, at) => Math.sin(at * 12.9898));
    const [stored, wide] = await Promise.all(
      [graph as unknown as Graph, floats].map(async (each) => {
        const artifact = await compile(each, { targets: [target!], cacheDir });
        return { bytes: artifact.bytes.length, y: load(artifact).run({ x }).y };
      }),
    );
    expect(stored!.y).toEqual(wide!.y);
    expect(stored!.bytes / wide!.bytes).toBeLessThan(0.55);
  });

  it("are widened by the plan where a convolution reads them", () => {
    const graph = trace(
      ({ x }) => {
        const w = constant(halves("f16", 240 * 128 * 9), "f16", [240, 128, 3, 3]) as Tensor;
        return { y: conv2d(x.cast("f16") as Tensor, w) };
      },
      { x: tensorType("f32", [1, 128, 5, 5]) },
      { name: "convolution" },
    );
    const { portable, planned } = Compilation.of(graph).methods[0]!;
    expect(large(portable)).toEqual(["f16"]);
    expect(new Set(large(planned))).toEqual(new Set(["f32"]));
  });
});
