// Every operator on sizes of 0 and 1: its kernels stay within their buffers, and give what the operator means.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { targetNames } from "../../kernels/index.ts";
import { compile } from "../compiler/compile.ts";
import { Graph, type NamedValue, type Node, nodeOf, type Value } from "../graph/graph.ts";
import {
  arrayOver,
  byteLength,
  countOf,
  newArray,
  showTensorType,
  staticShape,
  type TypedArray,
} from "../graph/tensor-type.ts";
import { disagreement } from "../interpreters/disagreement.ts";
import { Interpreter } from "../interpreters/interpreter.ts";
import { LoopInterpreter } from "../interpreters/loop-interpreter.ts";
import { load } from "../program/program.ts";
import { caseArbitraries, type OperatorCase, valuesFor } from "../testing/cases/index.ts";
import { smallCases } from "../testing/cases/small-sizes.ts";
import { type Nd, type Operator, operators } from "./index.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");
const casesOfEach = 8;

interface Prepared {
  readonly graph: Graph;
  readonly core: Node;
  readonly text: string;
  /** Whether an exact operator stands in front of the operands. */
  readonly turned: boolean;
}

const involution = ({ type }: Value): Operator => (type.dtype === "bool" ? operators.logicalNot : operators.neg);

/** The operator alone, or with exact operators around it, so that it is fused with them. */
function prepare(name: string, operator: Operator, { operands, attributes }: OperatorCase, at: number): Prepared {
  const nodes: Node[] = [];
  const apply = (used: Operator, inputs: readonly Value[], given: unknown): Node => {
    const node = nodeOf(used, inputs, { attributes: given });
    nodes.push(node);
    return node;
  };
  const turned = at % 2 === 1;
  const inputs = operands.map((type, o): NamedValue => ({ name: `x${o}`, value: { type } }));
  const values = inputs.map(({ value }) => (turned ? apply(involution(value), [value], {}).outputs[0] : value));
  const core = apply(operator, values, attributes);
  const last = at % 4 < 2 ? core : apply(involution(core.outputs[0]), [core.outputs[0]], {});
  const output = { name: "y", value: last.outputs[0] };
  return {
    graph: new Graph({ name, inputs, constants: [], states: [], nodes, outputs: [output] }),
    core,
    text: `${name}(${operands.map(showTensorType).join(", ")}, ${JSON.stringify(attributes)})`,
    turned,
  };
}

const inputsOf = (name: string, graph: Graph, seed: number): TypedArray[] =>
  graph.inputs.map(({ value }, at) => valuesFor(name, value.type, seed + at));

const elements = ({ type }: Value, bytes: Uint8Array): TypedArray =>
  arrayOver(type.dtype, bytes.buffer as ArrayBuffer, bytes.byteOffset, byteLength(type));

function operandsOf({ graph, turned }: Prepared, arrays: readonly TypedArray[]): Nd[] {
  return graph.inputs.map(({ value }, at) => {
    const nd: Nd = { dtype: value.type.dtype, shape: staticShape(value.type.shape), data: arrays[at]! };
    if (!turned) return nd;
    const result = { ...nd, data: newArray(nd.dtype, countOf(nd.shape)) };
    involution(value).evaluate([nd], {}, result);
    return result;
  });
}

const meaningOf = ({ graph }: Prepared, arrays: readonly TypedArray[]): TypedArray =>
  new Interpreter(graph).run(Object.fromEntries(graph.inputs.map(({ name }, at) => [name, arrays[at]!])))
    .y as unknown as TypedArray;

describe("on sizes of 0 and 1, kernels stay within their buffers and mean what the interpreter says", () => {
  it.each(Object.entries(operators))("%s", (name, operator) => {
    const cases = smallCases(operator, caseArbitraries[name as keyof typeof operators], casesOfEach, 20_261_130);
    expect(cases.length).toBeGreaterThan(0);
    for (const [at, each] of cases.entries()) {
      const prepared = prepare(name, operator, each, at);
      const arrays = inputsOf(name, prepared.graph, at + 1);
      const target = targetNames[at % targetNames.length]!;
      const options = at % 3 === 0 ? { grain: { mostChunks: 6, leastOperations: 1 } } : {};
      const run = () => new LoopInterpreter(prepared.graph, target, options).step(arrays).outputs[0]!;
      const meant = meaningOf(prepared, arrays);
      let found: TypedArray;
      try {
        found = elements(prepared.graph.outputs[0]!.value, run());
      } catch (error) {
        throw new Error(`${prepared.text} on ${target}: ${String(error)}`, { cause: error });
      }
      const problem = disagreement(prepared.core, operandsOf(prepared, arrays), meant, found);
      expect(problem && `${prepared.text} on ${target}: ${problem}`).toBeUndefined();
    }
  });
});

describe("a graph of every operator on sizes of 0", () => {
  it("compiles, and runs with any number of threads", { timeout: 240_000 }, async () => {
    const prepared = Object.entries(operators).flatMap(([name, operator]) =>
      smallCases(operator, caseArbitraries[name as keyof typeof operators], 3, 5)
        .filter(({ operands }) => operands.some(({ shape }) => shape.includes(0)))
        .map((each, at) => ({ name, ...prepare(name, operator, each, at) })),
    );
    const named = prepared.map((each, at) => ({
      ...each,
      inputs: each.graph.inputs.map(({ name, value }) => ({ name: `${each.name}${at}_${name}`, value })),
      output: { name: `${each.name}${at}`, value: each.graph.outputs[0]!.value },
    }));
    const graph = new Graph({
      name: "empty",
      inputs: named.flatMap(({ inputs }) => inputs),
      constants: [],
      states: [],
      nodes: named.flatMap((each) => each.graph.nodes),
      outputs: named.map(({ output }) => output),
    });
    const artifact = await compile(graph, {
      targets: ["x86-64-v3", "aarch64"],
      cacheDir,
      grain: { mostChunks: 6, leastOperations: 1 },
    });
    for (const threads of [1, 3]) {
      const program = load(artifact, { threads });
      const results = program.newOutputs() as { readonly [name: string]: TypedArray };
      const arrays = named.map((each, at) => inputsOf(each.name, each.graph, at));
      program.run(
        Object.fromEntries(named.flatMap(({ inputs }, at) => inputs.map(({ name }, o) => [name, arrays[at]![o]!]))),
        results,
      );
      for (const [at, each] of named.entries()) {
        const problem = disagreement(
          each.core,
          operandsOf(each, arrays[at]!),
          meaningOf(each, arrays[at]!),
          results[each.output.name]!,
        );
        expect(problem && `${each.text}: ${problem}`).toBeUndefined();
      }
    }
  });
});
