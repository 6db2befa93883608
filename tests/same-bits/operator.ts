// A graph of generated cases of one operator, alone and between exact ones.
import fc from "fast-check";
import type { Random } from "../../kernels/index.ts";
import { Graph, type NamedValue, type Node, nodeOf } from "../../runtime/graph/graph.ts";
import { type Operator, operators } from "../../runtime/index.ts";
import { caseArbitraries } from "../../runtime/testing/cases/index.ts";

export type OperatorName = keyof typeof operators;
/** Sorted: the order in which modules list what they export is not everywhere the same. */
export const operatorNames = (Object.keys(operators) as readonly OperatorName[]).toSorted();

/** One operator for each kind of kernel, and all those that have a kernel of their own. */
export function operatorsOfEveryKernel(): OperatorName[] {
  const found = new Map<string, OperatorName>();
  for (const name of operatorNames) {
    const { kind } = operators[name].lowering;
    if (kind === "composite" || kind === "interpreted" || kind === "reshape") continue;
    found.set(kind === "kernel" ? name : kind, name);
  }
  return [...found.values()];
}

/** Some cases of each operator, side by side in a graph; where it is drawn, results are negated or inverted behind it. */
export function operatorCases(
  random: Random,
  names: readonly OperatorName[],
  count: number,
): {
  readonly graph: Graph /** Which operator each input is an operand of. */;
  readonly operatorOf: readonly OperatorName[];
} {
  const operatorOf: OperatorName[] = [];
  const nodes: Node[] = [];
  const inputs: NamedValue[] = [];
  const outputs: NamedValue[] = [];
  const apply = (operator: Operator, given: readonly NamedValue["value"][], chosen: unknown) => {
    const node = nodeOf(operator, given, { attributes: chosen });
    nodes.push(node);
    return node.outputs[0];
  };
  for (const name of names) {
    const cases = fc.sample(caseArbitraries[name], { numRuns: count, seed: random.whole(0, 2 ** 31 - 1) });
    cases.forEach(({ operands, attributes }, at) => {
      const values = operands.map((type, o) => ({ name: `${name}${at}_${o}`, value: { type } }));
      inputs.push(...values);
      operatorOf.push(...values.map(() => name));
      const given = values.map(({ value }) => value);
      const result = apply(operators[name], given, attributes);
      const inverse = result.type.dtype === "bool" ? operators.logicalNot : operators.neg;
      const value = random.chance(0.5) ? apply(inverse, [result], {}) : result;
      outputs.push({ name: `${name}${at}`, value });
    });
  }
  const graph = new Graph({ name: names[0] ?? "none", inputs, constants: [], states: [], nodes, outputs });
  graph.verify();
  return { graph, operatorOf };
}
