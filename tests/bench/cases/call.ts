// Suite `call`: what a call from JavaScript costs, as the time of a program that computes next to nothing.
import { tensorType, trace } from "../../../runtime/index.ts";
import { type BenchCase, type BenchEntry, plainGraph } from "../case.ts";

function addition(name: string, count: number): BenchCase {
  const type = tensorType("f32", [count]);
  const graph = trace(({ a, b }) => ({ sum: a.add(b) }), { a: type, b: type }, { name: "addition" });
  const port = (name: string) => ({ name, shape: [count] });
  return {
    name,
    graph: plainGraph(graph),
    model: {
      inputs: [port("a"), port("b")],
      outputs: [port("sum")],
      initializers: [],
      nodes: [{ op: "Add", inputs: ["a", "b"], outputs: ["sum"] }],
    },
    flops: count,
  };
}

export const call: readonly BenchEntry[] = [
  { name: "addition of 16", nativeCalls: 100_000, make: (name) => addition(name, 16) },
];
