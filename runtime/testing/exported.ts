// Graphs of one operator each, as they are generated, with finite values: what an exporter is held to.
import fc from "fast-check";
import { Graph, type NamedValue, nodeOf } from "../graph/graph.ts";
import type { TypedArray } from "../graph/tensor-type.ts";
import { type Operator, operators } from "../operators/index.ts";
import { caseArbitraries, valuesFor } from "./cases/index.ts";

/** Operators that ONNX cannot say: parts of plans and what bounds become, which no traced graph has, linear algebra, random bits, and bits as another type before set 26. */
export const notExported: ReadonlySet<string> = new Set([
  "packedMatmul",
  "blockedConv2d",
  "depthwiseConv2d",
  "groupedConv2d",
  "groupedConvInteger",
  "winogradConv2d",
  "requantize",
  "packedMatmulInteger",
  "blockedConvInteger",
  "tiledAttention",
  "cholesky",
  "lu",
  "luSolve",
  "triangularSolve",
  "reflections",
  "reflected",
  "eig",
  "eigh",
  "svd",
  "philox",
  "bitCast",
  "bitField",
  "inFront",
]);

/** A graph of one node, and values for its inputs. */
export interface OneOperator {
  readonly graph: Graph;
  readonly inputs: { readonly [name: string]: TypedArray };
  /** The case in words. */
  readonly text: string;
}

/** What runtimes do with infinities, NaN and very large numbers is not what is compared, nor division of integers by zero. */
function tamed(name: string, operand: number, data: TypedArray): TypedArray {
  const divides = operand === 1 && ["div", "remainder", "floorDivide"].includes(name);
  const isFloat = data instanceof Float32Array || data instanceof Float64Array;
  for (let at = 0; at < data.length; at++) {
    const each = data[at]!;
    if (isFloat && !(Math.abs(Number(each)) <= 1e4)) data[at] = 0.5 + (at % 3);
    if (divides && Number(data[at]) === 0) data[at] = (typeof each === "bigint" ? 3n : 3) as never;
  }
  return data;
}

/** So many graphs of an operator. */
export function graphsOf(name: keyof typeof operators, count: number): OneOperator[] {
  const operator: Operator = operators[name];
  return fc.sample(caseArbitraries[name], { numRuns: count, seed: 20_261_130 }).map((each, at) => {
    const inputs = each.operands.map((type, o): NamedValue => ({ name: `x${o}`, value: { type } }));
    const node = nodeOf(
      operator,
      inputs.map(({ value }) => value),
      { attributes: each.attributes },
    );
    const outputs = node.outputs.map((value, o) => ({ name: `y${o}`, value }));
    const graph = new Graph({ name, inputs, constants: [], states: [], nodes: [node], outputs });
    const arrays = inputs.map(
      ({ name: input, value }, o) => [input, tamed(name, o, valuesFor(name, value.type, 100 * at + o))] as const,
    );
    return { graph, inputs: Object.fromEntries(arrays), text: graph.toString() };
  });
}
