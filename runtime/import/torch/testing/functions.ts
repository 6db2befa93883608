// Functions of TorchScript as graphs of vectors, held to the same functions in JavaScript: what tests of control flow are written with.
import fc from "fast-check";
import { expect } from "vitest";
import type { Tensor } from "../../../capture/tensor.ts";
import { trace } from "../../../capture/trace.ts";
import type { Signature } from "../../../graph/graph.ts";
import { tensorType } from "../../../graph/tensor-type.ts";
import { Interpreter } from "../../../interpreters/interpreter.ts";
import { Evaluator } from "../evaluator.ts";
import { resultsIn, tensorsOf } from "../made-graphs.ts";
import type { TorchProgram } from "../program.ts";
import { parseSource } from "../source/parser.ts";
import { TorchTensor, type TorchValue } from "../values.ts";

/** The graph of the function `f` of a source, of vectors of three float32. */
export function graphOf(source: string, names: readonly string[], atMost?: number) {
  const file = "code/__torch__.py";
  const { definitions } = parseSource(source, file);
  const functions = definitions.flatMap((definition) =>
    definition.kind === "function" ? [[`__torch__.${definition.name}`, { definition, file }] as const] : [],
  );
  const program = { classes: new Map(), functions: new Map(functions) } as unknown as TorchProgram;
  const types = Object.fromEntries(names.map((name) => [name, tensorType("f32", [3])]));
  return trace(
    (inputs: { readonly [name: string]: Tensor }) => {
      const evaluator = new Evaluator(program, [], atMost);
      const given = Object.entries(inputs).map(([name, tensor]) => [name, TorchTensor.of(tensor)] as const);
      const result = evaluator.call(evaluator.function("__torch__.f")!, [], new Map<string, TorchValue>(given));
      return Object.fromEntries(tensorsOf(resultsIn(result)));
    },
    types as Signature,
    { name: "f" },
  );
}

export type Vector = readonly [number, number, number];
const vector: fc.Arbitrary<Vector> = fc.tuple(
  ...([0, 1, 2].map(() => fc.integer({ min: -20, max: 20 })) as [
    fc.Arbitrary<number>,
    fc.Arbitrary<number>,
    fc.Arbitrary<number>,
  ]),
);

/** Zeros without their sign, which whole numbers of JavaScript and of dtypes do not agree in. */
const unsigned = (numbers: readonly number[]): number[] => numbers.map((each) => each + 0);

/** Runs a function's graph on vectors: its results as lists of numbers. */
export function runner(source: string, names: readonly string[] = ["x"], atMost?: number) {
  const graph = graphOf(source, names, atMost);
  const interpreter = new Interpreter(graph);
  return (...vectors: readonly Vector[]): number[][] => {
    const inputs = Object.fromEntries(names.map((name, at) => [name, Float32Array.from(vectors[at]!)]));
    return Object.values(interpreter.run(inputs as never)).map((each) =>
      unsigned([...(each as Iterable<number>)].map(Number)),
    );
  };
}

/** Holds a function to one of JavaScript, over random vectors of whole numbers. */
export function expectSame(source: string, wanted: (x: Vector) => number[][]): void {
  const run = runner(source);
  fc.assert(
    fc.property(vector, (x) => {
      expect(run(x)).toEqual(wanted(x).map(unsigned));
    }),
    { numRuns: 40 },
  );
}

export const sum = (x: readonly number[]): number => x.reduce((a, b) => a + b, 0);
