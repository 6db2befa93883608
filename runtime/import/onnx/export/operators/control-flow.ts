// Choices, loops and scans, as ONNX has them: regions become subgraphs.
import type { Graph } from "../../../../graph/graph.ts";
import type { TensorType } from "../../../../graph/tensor-type.ts";
import { controlOperators } from "../../../../operators/index.ts";
import { type Call, type Entry, rule } from "../call.ts";
import type { GraphWriter, Written } from "../writer.ts";

const flag: TensorType = { dtype: "bool", shape: [] };
const count: TensorType = { dtype: "i64", shape: [] };

function branch(call: Call, region: Graph): GraphWriter {
  const read = call.operands.slice(1);
  return call.surroundings.subgraph(region.name, (inner) => {
    const found = inner.inline(region, read);
    for (const [at, { name, value }] of region.outputs.entries()) inner.writer.output(name, value.type, found[at]!);
  });
}

/** The body of a loop: its number and whether it goes on, and what is carried, in; whether it goes on, and what is carried, out. */
function loopBody(
  call: Call,
  region: Graph,
  carriedTypes: readonly TensorType[],
  inputs: (index: Written, carried: readonly Written[]) => readonly Written[],
  goesOn: (
    going: Written,
    next: readonly Written[],
    inline: (region: Graph, of: readonly Written[]) => Written[],
  ) => Written,
): GraphWriter {
  return call.surroundings.subgraph(region.name, (inner) => {
    const { writer } = inner;
    const index = writer.input("turn", count);
    const going = writer.input("going", flag);
    const carried = carriedTypes.map((type, at) =>
      writer.input(region.inputs.at(at - carriedTypes.length)!.name, type),
    );
    const next = inner.inline(region, inputs(index, carried));
    writer.output(
      "goes_on",
      flag,
      goesOn(going, next, (other, of) => inner.inline(other, of)),
    );
    for (const [at, type] of carriedTypes.entries()) writer.output(region.outputs[at]!.name, type, next[at]!);
  });
}

export const controlFlow: readonly Entry[] = [
  rule(controlOperators.cond, (call) => {
    const [yes, no] = call.node.regions as readonly [Graph, Graph];
    const branches = { then_branch: branch(call, yes), else_branch: branch(call, no) };
    return call.ops("If", [call.operands[0]], branches, call.node.outputs.length);
  }),
  rule(controlOperators.whileLoop, (call, { atMost }) => {
    const [condition, region] = call.node.regions as readonly [Graph, Graph];
    const [first] = call.surroundings.inline(condition, call.operands);
    const types = call.node.inputs.map(({ type }) => type);
    const body = loopBody(
      call,
      region,
      types,
      (_, carried) => carried,
      (__, next, inline) => inline(condition, next)[0]!,
    );
    return call.ops("Loop", [call.number("i64", atMost), first, ...call.operands], { body }, types.length);
  }),
  rule(controlOperators.forLoop, (call) => {
    const [region] = call.node.regions as readonly [Graph];
    const [turns, ...carried] = call.operands;
    const types = call.node.inputs.slice(1).map(({ type }) => type);
    const body = loopBody(
      call,
      region,
      types,
      (index, each) => [index, ...each],
      (going) => going,
    );
    return call.ops("Loop", [turns, undefined, ...carried], { body }, types.length);
  }),
  rule(controlOperators.scan, (call, { carried }) => {
    const [region] = call.node.regions as readonly [Graph];
    const body = call.surroundings.subgraph(region.name, (inner) => {
      const inputs = region.inputs.map(({ name, value }) => inner.writer.input(name, value.type));
      const found = inner.inline(region, inputs);
      for (const [at, { name, value }] of region.outputs.entries()) inner.writer.output(name, value.type, found[at]!);
    });
    const attributes = { body, num_scan_inputs: call.operands.length - carried };
    return call.ops("Scan", call.operands, attributes, call.node.outputs.length);
  }),
];
