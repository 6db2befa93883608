// Random bits, which a seed and a counter decide.
import { z } from "zod";
import { generators } from "../../kernels/index.ts";
import { countOf, showTensorType, staticShape } from "../graph/tensor-type.ts";
import { hasBounds } from "./bounded.ts";
import { operandError, operator } from "./operator.ts";

const { philoxFactors, philoxRounds, philoxSteps } = generators;

/** The lower and the upper 32 bits of a product of two numbers of 32. */
function wideProduct(a: number, b: number): readonly [low: number, high: number] {
  const product = BigInt(a) * BigInt(b);
  return [Number(product & 0xffffffffn), Number(product >> 32n)];
}

/** The block of four words of a counter of four under a key of two: Philox 4×32 with ten rounds. */
export function philoxBlock(counter: readonly number[], key: readonly number[]): readonly number[] {
  let words = counter;
  let [k0, k1] = key as [number, number];
  for (let round = 0; round < philoxRounds; round++) {
    const [a, b] = [wideProduct(words[0]!, philoxFactors[0]), wideProduct(words[2]!, philoxFactors[1])];
    words = [(b[1] ^ words[1]! ^ k0) >>> 0, b[0], (a[1] ^ words[3]! ^ k1) >>> 0, a[0]];
    [k0, k1] = [(k0 + philoxSteps[0]) >>> 0, (k1 + philoxSteps[1]) >>> 0];
  }
  return words;
}

/** A seed as the two words of a key. */
const keyOf = (seed: number): readonly [number, number] => [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];

const attributes = z.strictObject({
  /** Which sequence it is. */
  seed: z.int().min(0),
  shape: z.array(z.int().min(0)).readonly(),
});

/**
 * Random u32 of `shape`, in row-major order the words of the blocks from a counter on, one u64, four words each: Philox 4×32-10.
 *
 * The same for the same seed and counter; a step that draws n numbers goes on from the counter + ⌈n/4⌉. Exact.
 */
export const philox = operator({
  name: "philox",
  attributes,
  errorUlp: 0,
  infer([counter], { shape }) {
    if (counter!.dtype !== "u64" || hasBounds(counter!) || countOf(staticShape(counter!.shape)) !== 1)
      throw operandError("shape", `philox from ${showTensorType(counter!)}`, "the counter is one u64");
    return { dtype: "u32", shape };
  },
  evaluate([counter], { seed }, { data }) {
    const first = BigInt(counter!.data[0]!);
    for (let i = 0; i < data.length; i += 4) {
      const count = BigInt.asUintN(64, first + BigInt(i / 4));
      const words = philoxBlock([Number(count & 0xffffffffn), Number(count >> 32n), 0, 0], keyOf(seed));
      words.slice(0, data.length - i).forEach((word, at) => {
        data[i + at] = word;
      });
    }
  },
  lowering: {
    kind: "kernel",
    inMemory: [],
    build: ({ name, buffers, operands: [counter], destination, shape, target }, { seed }) =>
      generators.philoxKernel(name, buffers, counter!, keyOf(seed), countOf(shape), destination, target),
  },
});
