// Operators with bounded results mean what they are made of, and compile to it: generated cases of each.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addsDotOnly, runnableTargets } from "../../kernels/index.ts";
import { compile } from "../compiler/compile.ts";
import { Graph, type NamedValue, nodeOf } from "../graph/graph.ts";
import {
  arrayFrom,
  type BoundedDimension,
  showTensorType,
  type TensorType,
  type TypedArray,
} from "../graph/tensor-type.ts";
import { Interpreter } from "../interpreters/interpreter.ts";
import { declutter } from "../passes/index.ts";
import { load } from "../program/program.ts";
import { boundedCases, type OperatorCase, valuesFor } from "../testing/cases/index.ts";
import { boundedOperators } from "./index.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");
type Name = keyof typeof boundedOperators;

/** One application of an operator, whose dimension has a name of its own. */
function prepare(name: Name, { operands, attributes }: OperatorCase, at: number) {
  const { dimension } = attributes as { readonly dimension: BoundedDimension };
  const own = { ...(attributes as object), dimension: { ...dimension, name: `n${at}` } };
  const inputs = operands.map((type, o): NamedValue => ({ name: `x${at}_${o}`, value: { type } }));
  const node = nodeOf(
    boundedOperators[name],
    inputs.map(({ value }) => value),
    { attributes: own },
  );
  const outputs = node.outputs.map((value, o): NamedValue => ({ name: `y${at}_${o}`, value }));
  const arrays = inputs.map(({ name: input, value: { type } }, o) => [input, valuesOf(name, type, o, 7 * at + o)]);
  return { inputs, node, outputs, arrays: Object.fromEntries(arrays) as { readonly [name: string]: TypedArray } };
}

/** Values that each operator has something to choose from; a count lies within its dimension. */
function valuesOf(name: Name, type: TensorType, operand: number, seed: number): TypedArray {
  const drawn = valuesFor(name, type, seed + 1);
  if (name === "truncate" && operand === 1) return BigInt64Array.of(BigInt(seed % 2));
  if (name === "unique") return repeated(drawn, 5);
  if (name !== "nonMaxSuppression") return drawn;
  // Boxes of whole and half numbers that overlap; now and then one of a NaN, an infinity, or turned over.
  const next = [...valuesFor("", { dtype: "u32", shape: type.shape }, seed + 1)].map(Number);
  const corner = (value: number, at: number) => (value % 7) / 2 + (at % 4 < 2 ? 0 : 3);
  const plain = next.map((value, at) => [corner(value, at), (value % 9) / 2, (value % 5) / 4][operand]!);
  return arrayFrom(
    type.dtype,
    plain.map((value, at) => (next[at]! % 41 === 0 ? Number(drawn[at]) : value)),
  );
}

/** The first so many elements again and again. */
function repeated(array: TypedArray, count: number): TypedArray {
  for (let at = count; at < array.length; at++) (array as Float32Array)[at] = (array as Float32Array)[at % count]!;
  return array;
}

const graphOf = (name: string, cases: readonly ReturnType<typeof prepare>[]): Graph =>
  new Graph({
    name,
    inputs: cases.flatMap(({ inputs }) => inputs),
    constants: [],
    states: [],
    nodes: cases.map(({ node }) => node),
    outputs: cases.flatMap(({ outputs }) => outputs),
  });

const casesOf = (name: Name, count: number) =>
  fc.sample(boundedCases[name], { numRuns: count, seed: 20_261_130 }).map((each, at) => prepare(name, each, at));
const names = Object.keys(boundedOperators) as Name[];

describe("operators with as many results as the values say", () => {
  it.each(names)("mean what they are made of: %s", (name) => {
    for (const each of casesOf(name, 20)) {
      const graph = graphOf(name, [each]);
      const meant = new Interpreter(graph).run(each.arrays);
      const made = new Interpreter(declutter(graph)).run(each.arrays);
      const types = each.inputs.map(({ value }) => showTensorType(value.type)).join(", ");
      expect(made, `${name}(${types}, ${JSON.stringify(each.node.attributes)})`).toEqual(meant);
    }
  });

  it.each(names)("compile to what they mean, with equal bits on every target: %s", async (name) => {
    const cases = casesOf(name, 4);
    const graph = graphOf(name, cases);
    const targets = runnableTargets().filter((target) => !addsDotOnly(target));
    const artifact = await compile(graph, { targets, cacheDir });
    const arrays = Object.assign({}, ...cases.map((each) => each.arrays)) as { readonly [name: string]: TypedArray };
    const meant = new Interpreter(graph).run(arrays);
    for (const target of targets) {
      for (const threads of [1, 3]) {
        const program = load(artifact, { target, threads });
        const outputs = program.newOutputs();
        program.run(arrays, outputs);
        expect(outputs, `${target}, ${threads} threads`).toEqual(meant);
      }
    }
  });
});
