// Every operator, compiled, against what it means: generated types, attributes and values, within its stated error.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addsDotOnly, drawnSchedules, functions, runnableTargets, type TargetName } from "../../kernels/index.ts";
import { trace } from "../capture/trace.ts";
import { compile } from "../compiler/compile.ts";
import { Graph, type NamedValue, type Node, nodeOf, type Value } from "../graph/graph.ts";
import { countOf, newArray, showTensorType, staticShape, type TypedArray, tensorType } from "../graph/tensor-type.ts";
import { disagreement } from "../interpreters/disagreement.ts";
import { Interpreter } from "../interpreters/interpreter.ts";
import { decompose } from "../passes/decompose.ts";
import { load } from "../program/program.ts";
import { caseArbitraries, type OperatorCase, valuesFor } from "../testing/cases/index.ts";
import { type Nd, type Operator, operators } from "./index.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");
const casesPerOperator = 50;
/**
 * So many of operators made of others, whose cases are also interpreted as what these are made of, and of elementary functions,
 * which are tested over their whole range where they are defined and are long.
 */
const fewerCases = 16;
/** Every kernel in parts that can be, however small. */
const finest = { mostChunks: 6, leastOperations: 1 };
/** The targets that this machine runs; their outputs must have equal bits. */
const allTargets = runnableTargets();

/** What stands around the operator, so that it is fused in every way: nothing, or an exact operator before or behind. */
type Around = "alone" | "before" | "behind" | "both";
const arounds: readonly Around[] = ["alone", "before", "behind", "both"];

interface Prepared {
  readonly each: OperatorCase;
  readonly inputs: readonly NamedValue[];
  readonly nodes: readonly Node[];
  readonly outputs: readonly NamedValue[];
  readonly core: Node;
}

const involution = (value: Value): Operator => (value.type.dtype === "bool" ? operators.logicalNot : operators.neg);

function prepare(operator: Operator, each: OperatorCase, at: number): Prepared {
  const around = arounds[at % arounds.length]!;
  const nodes: Node[] = [];
  const apply = (used: Operator, inputs: readonly Value[], attributes: unknown): Node => {
    const node = nodeOf(used, inputs, { attributes });
    nodes.push(node);
    return node;
  };
  const inputs = each.operands.map((type, o): NamedValue => ({ name: `x${at}_${o}`, value: { type } }));
  const operands = inputs.map(({ value }) =>
    around === "before" || around === "both" ? apply(involution(value), [value], {}).outputs[0] : value,
  );
  const core = apply(operator, operands, each.attributes);
  const last =
    around === "behind" || around === "both" ? apply(involution(core.outputs[0]), [core.outputs[0]], {}) : core;
  const results = [last.outputs[0], ...core.outputs.slice(1)];
  return { each, inputs, nodes, core, outputs: results.map((value, o) => ({ name: `y${at}_${o}`, value })) };
}

/** All the cases as one graph, so that they are compiled together. */
const graphOf = (name: string, cases: readonly Prepared[]): Graph =>
  new Graph({
    name,
    inputs: cases.flatMap((each) => each.inputs),
    constants: [],
    states: [],
    nodes: cases.flatMap((each) => each.nodes),
    outputs: cases.flatMap((each) => each.outputs),
  });

/** Targets that only add dot products of bytes compile the rest like their base. */
const targetsFor = (name: string): readonly TargetName[] =>
  name.endsWith("Integer") ? allTargets : allTargets.filter((target) => !addsDotOnly(target));

const bytes = (array: TypedArray): Buffer => Buffer.from(array.buffer, array.byteOffset, array.byteLength);

/** Like `toEqual`, which takes long for arrays, and is asked only where bits differ. */
function expectEqual(found: TypedArray, expected: TypedArray, name: string): void {
  if (!bytes(found).equals(bytes(expected))) expect(found, name).toEqual(expected);
}

const isComposite = (operator: Operator): boolean => operator.lowering.kind === "composite";

describe("operators made of others mean what these mean", () => {
  it.each(Object.entries(operators).filter(([, each]) => isComposite(each)))("%s", (name, operator) => {
    const arbitrary = caseArbitraries[name as keyof typeof operators];
    fc.sample(arbitrary, { numRuns: casesPerOperator, seed: 20_261_130 }).forEach((each, at) => {
      const { inputs, nodes, outputs, core } = prepare(operator, each, 0);
      const graph = new Graph({ name, inputs, constants: [], states: [], nodes, outputs });
      const arrays = Object.fromEntries(
        inputs.map(({ name: input, value }, o) => [input, valuesFor(name, value.type, 100 * at + o)]),
      );
      const operands = inputs.map(({ name: input, value }): Nd => {
        return { dtype: value.type.dtype, shape: staticShape(value.type.shape), data: arrays[input]! };
      });
      const meant = new Interpreter(graph).run(arrays);
      const found = new Interpreter(decompose(graph)).run(arrays);
      outputs.forEach(({ name: output }, o) => {
        const problem = disagreement(core, operands, meant[output]!, found[output]!, o);
        const text = `${output} of ${name}(${each.operands.map(showTensorType).join(", ")}, ${JSON.stringify(each.attributes)})`;
        expect(problem && `${text}: ${problem}`).toBeUndefined();
      });
    });
  });
});

describe("compiled operators mean what the interpreter says", () => {
  it.each(Object.entries(operators))("%s", async (name, operator) => {
    expect(operator.name).toBe(name);
    const arbitrary = caseArbitraries[name as keyof typeof operators];
    const prepared = fc
      .sample(arbitrary, {
        numRuns: isComposite(operator) || name in functions ? fewerCases : casesPerOperator,
        seed: 20_261_124,
      })
      .map((each, at) => prepare(operator, each, at));
    const graph = graphOf(name, prepared);
    graph.verify();
    const targets = targetsFor(name);
    const artifact = await compile(graph, { targets, cacheDir });
    const arrays = Object.fromEntries(
      graph.inputs.map(({ name: input, value }, at) => [input, valuesFor(name, value.type, at + 1)]),
    );
    const [outputs, ...others] = targets.map((target) => {
      const program = load(artifact, { target });
      const results = program.newOutputs();
      program.run(arrays, results);
      return results;
    });
    others.forEach((other, at) => {
      for (const output of Object.keys(other))
        expectEqual(other[output]!, outputs![output]!, `${output} on ${targets[at + 1]}`);
    });
    // Every third case: each kernel of a function takes long to compile, and how it is split does not depend on the case.
    const some = prepared.filter((_, at) => at % 3 === 0);
    const parts = await compile(graphOf(name, some), {
      targets: targets.slice(0, 1),
      cacheDir,
      grain: finest,
      schedules: drawnSchedules(2),
    });
    for (const threads of [1, 2, 3]) {
      const program = load(parts, { threads });
      const results = program.newOutputs();
      program.run(arrays, results);
      for (const output of Object.keys(results))
        expectEqual(results[output]!, outputs![output]!, `${output} with ${threads} threads`);
    }
    const meant = new Interpreter(graph).run(arrays);
    for (const { each, core, inputs, outputs: names, nodes } of prepared) {
      const before = nodes[0] !== core && nodes[0]!.inputs[0] === inputs[0]?.value;
      const operands = inputs.map(({ name: input, value }): Nd => {
        const nd = { dtype: value.type.dtype, shape: staticShape(value.type.shape), data: arrays[input]! };
        if (!before) return nd;
        const turned = { ...nd, data: newArray(nd.dtype, countOf(nd.shape)) };
        involution(value).evaluate([nd], {}, turned);
        return turned;
      });
      names.forEach(({ name: output }, o) => {
        const problem = disagreement(core, operands, meant[output]!, outputs![output]!, o);
        const text = `${output} of ${name}(${each.operands.map(showTensorType).join(", ")}, ${JSON.stringify(each.attributes)})`;
        expect(problem && `${text}: ${problem}`).toBeUndefined();
      });
    }
  });
});

describe("pow", () => {
  it("means and computes 1 where JavaScript's power of ones gives NaN", async () => {
    const x = [1, 1, 1, -1, -1, NaN, -1, -8, 1];
    const y = [NaN, Infinity, -Infinity, Infinity, -Infinity, 0, NaN, 1 / 3, 2];
    const type = tensorType("f64", [x.length]);
    const graph = trace((input) => ({ z: input.x.pow(input.y) }), { x: type, y: type }, { name: "powers" });
    const arrays = { x: Float64Array.from(x), y: Float64Array.from(y) };
    const program = load(await compile(graph, { targets: targetsFor("pow"), cacheDir }));
    const outputs = program.newOutputs();
    program.run(arrays, outputs);
    const z = Float64Array.from([1, 1, 1, 1, 1, 1, NaN, NaN, 1]);
    expect(new Interpreter(graph).run(arrays)).toEqual({ z });
    expect(outputs).toEqual({ z });
  });
});
