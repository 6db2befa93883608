// A graph of generated cases of one operator, alone and between exact ones.
import fc from "fast-check";
import { Graph, type NamedValue, type Node } from "../../runtime/graph.ts";
import { type Operator, operators } from "../../runtime/index.ts";
import { caseArbitraries } from "../../runtime/testing/operator-cases.ts";
import type { Random } from "./random.ts";

export const operatorNames = Object.keys(operators) as readonly (keyof typeof operators)[];

/** Some cases of an operator, side by side in a graph; where it is drawn, results are negated or inverted behind it. */
export function operatorCases(random: Random, name: keyof typeof operators, count: number): Graph {
  const operator: Operator = operators[name];
  const cases = fc.sample(caseArbitraries[name], { numRuns: count, seed: random.whole(0, 2 ** 31 - 1) });
  const nodes: Node[] = [];
  const inputs: NamedValue[] = [];
  const outputs = cases.map(({ operands, attributes }, at): NamedValue => {
    const values = operands.map((type, o) => ({ name: `x${at}_${o}`, value: { type } }));
    inputs.push(...values);
    const apply = (used: Operator, given: readonly NamedValue["value"][], chosen: unknown) => {
      const parsed = used.parse(chosen);
      const output = {
        type: used.infer(
          given.map(({ type }) => type),
          parsed,
        ),
      };
      nodes.push({ operator: used, attributes: parsed, inputs: given, output });
      return output;
    };
    const result = apply(
      operator,
      values.map(({ value }) => value),
      attributes,
    );
    const behind = random.chance(0.5)
      ? result.type.dtype === "bool"
        ? operators.logicalNot
        : operators.neg
      : undefined;
    return { name: `y${at}`, value: behind ? apply(behind, [result], {}) : result };
  });
  const graph = new Graph({ name, inputs, constants: [], states: [], nodes, outputs });
  graph.verify();
  return graph;
}
