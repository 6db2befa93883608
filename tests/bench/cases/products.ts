// Matrix products of every shape: large, rectangular, with one row and with few, by constants and by other inputs.

import { exportOnnx } from "../../../runtime/import/index.ts";
import { constant, type Tensor, tensorType, trace } from "../../../runtime/index.ts";
import { type BenchCase, numbers, plainGraph } from "../case.ts";

/** What the right factor is: laid out in advance, given as PyTorch keeps a linear layer's, or computed anew for each call. */
type Right = "constant" | "transposed" | "input";

function product(name: string, [m, k, n]: readonly [number, number, number], right: Right): BenchCase {
  const shape = right === "transposed" ? [n, k] : [k, n];
  const weight = numbers(k * n, 3);
  const left = tensorType("f32", [m, k]);
  const options = { name: "product" };
  const graph =
    right === "input"
      ? trace(({ a, b }) => ({ c: a.matmul(b) }), { a: left, b: tensorType("f32", [k, n]) }, options)
      : trace(
          ({ a }) => {
            const b: Tensor<"f32"> = constant(weight, "f32", shape, "b");
            return { c: a.matmul(right === "transposed" ? b.permute() : b) };
          },
          { a: left },
          options,
        );
  return {
    name,
    graph: plainGraph(graph),
    model: () => exportOnnx(plainGraph(graph)),
    flops: 2 * m * k * n,
    atLeast: 1,
    aim: 1.05,
  };
}

const sizes = [
  [1024, 1024, 1024],
  [2048, 2048, 2048],
  [197, 768, 768],
  [197, 768, 3072],
  [1, 1024, 1024],
  [8, 1024, 1024],
  [32, 512, 512],
] as const;

/** The rows, made when asked for. */
export const products = sizes.flatMap((size) =>
  (["constant", "transposed", "input"] as const).map((right) => ({
    name: `gemm ${size.join("x")} ${right}`,
    // With few rows a product reads its weights about as fast as it multiplies.
    cold: size[0] <= 32 && right === "constant",
    make: (name: string) => product(name, size, right),
  })),
);
