// Large weights that are halves stay that in the portable graph, and products read them so, with the bits of float32.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { runnableTargets } from "../../kernels/index.ts";
import {
  Compilation,
  compile,
  constant,
  conv2d,
  fromHalves,
  type Graph,
  load,
  type Tensor,
  tensorType,
  toHalves,
  trace,
} from "../index.ts";

const [target] = runnableTargets();
const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");
const numbers = (count: number): Float32Array =>
  Float32Array.from({ length: count }, (_, at) => Math.sin(at * 12.9898));

/** The dtypes of constants with more elements than that. */
const large = ({ constants }: Graph, elements = 1 << 17): string[] =>
  constants
    .filter(({ value }) => (value.type.shape as number[]).reduce((a, b) => a * b, 1) > elements)
    .map(({ value }) => value.type.dtype);

const [depth, columns] = [256, 1030];
const product = (dtype: "f16" | "bf16", asFloats: boolean, rows: number) =>
  trace(
    ({ x }) => {
      const bits = toHalves(dtype, numbers(depth * columns));
      const halves = constant(bits, dtype, [depth, columns]) as Tensor;
      const half = x.cast(dtype) as Tensor;
      // The same numbers, which nothing tells from floats.
      const floats = constant(fromHalves(dtype, bits), "f32", [depth, columns]);
      const y = asFloats ? half.cast("f32").matmul(floats).cast(dtype) : half.matmul(halves);
      return { y: y.cast("f32") };
    },
    { x: tensorType("f32", [rows, depth]) },
    { name: "product" },
  );

describe("large weights of halves", () => {
  it.each([
    ["f16", 1],
    ["bf16", 5],
  ] as const)("are read by a product as %s, and give the bits that floats give (rows: %i)", async (dtype, rows) => {
    const graphs = [false, true].map((asFloats) => product(dtype, asFloats, rows));
    const { portable, planned } = Compilation.of(graphs[0]!).methods[0]!;
    expect([large(portable), large(planned)]).toEqual([[dtype], [dtype]]);
    const x = numbers(rows * depth);
    const [halves, floats] = await Promise.all(
      graphs.map(async (graph) => {
        const artifact = await compile(graph, { targets: [target!], cacheDir });
        return { bytes: artifact.bytes.length, y: load(artifact).run({ x }).y };
      }),
    );
    expect(halves!.y).toEqual(floats!.y);
    expect(halves!.bytes / floats!.bytes).toBeLessThan(0.55);
  });

  it("are widened by the plan where a convolution reads them", () => {
    const graph = trace(
      ({ x }) => ({
        y: conv2d(
          x.cast("f16") as Tensor,
          constant(toHalves("f16", numbers(240 * 128 * 9)), "f16", [240, 128, 3, 3]) as Tensor,
        ),
      }),
      { x: tensorType("f32", [1, 128, 5, 5]) },
      { name: "convolution" },
    );
    const { portable, planned } = Compilation.of(graph).methods[0]!;
    expect(large(portable)).toEqual(["f16"]);
    expect(new Set(large(planned))).toEqual(new Set(["f32"]));
  });
});
