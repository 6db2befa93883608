// Suite `call`: what a call from JavaScript costs, as the time of a program that computes next to nothing.

import { exportOnnx } from "../../../runtime/import/index.ts";
import { tensorType, trace } from "../../../runtime/index.ts";
import { type BenchCase, type BenchEntry, plainGraph } from "../case.ts";

function addition(name: string, count: number): BenchCase {
  const type = tensorType("f32", [count]);
  const graph = trace(({ a, b }) => ({ sum: a.add(b) }), { a: type, b: type }, { name: "addition" });
  return {
    name,
    graph: plainGraph(graph),
    model: () => exportOnnx(graph),
    flops: count,
  };
}

export const call: readonly BenchEntry[] = [
  { name: "addition of 16", nativeCalls: 100_000, make: (name) => addition(name, 16) },
];
