// Control flow that is decided, or that repeats what does not change: such choices are inlined, such nodes run before their loop.
import { IsochronError } from "../../kernels/index.ts";
import { boundFault, Graph, match, type NamedValue, type Node, type Results, type Value } from "../graph/graph.ts";
import { type Editor, rewrite } from "../graph/rewrite.ts";
import { controlOperators } from "../operators/index.ts";

/** The results of a region on these operands, its nodes among those of the graph around it. */
function inlined(region: Graph, operands: readonly Value[], editor: Editor): Value[] {
  const values = new Map<Value, Value>(region.inputs.map(({ value }, at) => [value, operands[at]!]));
  for (const { name, value, data } of region.constants) values.set(value, editor.constant(value.type, data, name));
  const current = (value: Value): Value => values.get(value)!;
  for (const { operator, inputs, attributes, regions, outputs } of region.nodes) {
    const results = editor.results(operator, inputs.map(current), { attributes, regions });
    outputs.forEach((value, at) => void values.set(value, results[at]!));
  }
  return region.outputs.map(({ value }) => current(value));
}

const asResults = (values: readonly Value[]): Results => values as unknown as Results;

/** Whether so many elements are within a bound. */
const holds = ({ atMost }: { readonly atMost: number }, count: number): boolean => count >= 0 && count <= atMost;

/** The graph without choices whose predicate is constant, and without loops that run no turn. */
export const foldControl = (graph: Graph): Graph =>
  rewrite(graph, (node, editor) => {
    const number = (value: Value): number | undefined => {
      const data = editor.constantOf(value)?.data;
      return data === undefined ? undefined : Number(data[0]);
    };
    const [first, ...operands] = node.inputs as readonly [Value, ...Value[]];
    if (match(node, controlOperators.cond)) {
      const predicate = number(first);
      if (predicate === undefined) return undefined;
      return asResults(inlined(node.regions![predicate === 0 ? 1 : 0]!, operands, editor));
    }
    const limited = match(node, controlOperators.limit);
    const count = limited && number(first);
    if (limited && count !== undefined && holds(limited.attributes, count)) return first;
    if (match(node, controlOperators.forLoop) && (number(first) ?? 1) <= 0) return asResults(operands);
    return undefined;
  });

/** Refuses a bound that every step would exceed; one in a region is a fault only where that runs. Throws `compile/bound`. */
export function requireBounds({ nodes, constants }: Graph): void {
  const numbers = new Map(constants.map(({ value, data }) => [value, data[0]]));
  for (const node of nodes) {
    const limited = match(node, controlOperators.limit);
    const count = limited && numbers.get(limited.inputs[0]!);
    if (!limited || count === undefined || holds(limited.attributes, Number(count))) continue;
    const { atMost, dimension, fault } = limited.attributes;
    const place = node.place?.text;
    throw new IsochronError("compile/bound", `${boundFault(dimension, atMost, fault)}: it has ${count} in every step`, {
      help: "allow more: { atMost }",
      ...(place === undefined ? {} : { place }),
    });
  }
}

/** The region that a loop repeats, and how many of its inputs come before those that are carried. */
function bodyOf(node: Node): { readonly body: Graph; readonly before: number; readonly carried: number } | undefined {
  const { forLoop, scan, whileLoop } = controlOperators;
  const [first, second] = node.regions ?? [];
  if (match(node, whileLoop)) return { body: second!, before: 0, carried: node.inputs.length };
  if (match(node, forLoop)) return { body: first!, before: 1, carried: node.inputs.length - 1 };
  const scanned = match(node, scan);
  return scanned && { body: first!, before: 0, carried: scanned.attributes.carried };
}

/** A list with others behind the first `at`. */
const inserted = <T>(list: readonly T[], at: number, others: readonly T[]): T[] => [
  ...list.slice(0, at),
  ...others,
  ...list.slice(at),
];

const named = (values: readonly Value[]): NamedValue[] =>
  values.map((value, at) => ({ name: value.hint ?? `hoisted${at}`, value }));

/** The graph whose loops compute before their first turn what is the same in every turn. */
export const hoistInvariants = (graph: Graph): Graph =>
  rewrite(graph, (node, editor) => {
    const loop = bodyOf(node);
    return loop && hoisted(node, loop, editor);
  });

function hoisted(
  node: Node,
  { body, before, carried }: NonNullable<ReturnType<typeof bodyOf>>,
  editor: Editor,
): Results | undefined {
  const outside = new Map<Value, Value>();
  for (let at = 0; at < carried; at++) {
    const { value } = body.inputs[before + at]!;
    if (body.outputs[at]!.value === value) outside.set(value, node.inputs[before + at]!);
  }
  const constants = new Map(body.constants.map((each) => [each.value, each]));
  const moved = new Set<Node>();
  const invariant = new Set<Value>(outside.keys());
  for (const each of body.nodes) {
    const { inputs, outputs, regions } = each;
    const isSame = inputs.every((value) => invariant.has(value) || constants.has(value));
    if (regions || !isSame || !inputs.some((value) => invariant.has(value))) continue;
    moved.add(each);
    for (const value of outputs) invariant.add(value);
  }
  if (moved.size === 0) return undefined;
  const current = (value: Value): Value => {
    const known = outside.get(value);
    if (known) return known;
    const { name, data } = constants.get(value)!;
    const constant = editor.constant(value.type, data, name);
    outside.set(value, constant);
    return constant;
  };
  for (const { operator, inputs, attributes, outputs } of moved) {
    const results = editor.results(operator, inputs.map(current), { attributes });
    outputs.forEach((value, at) => void outside.set(value, results[at]!));
  }
  const rest = body.nodes.filter((each) => !moved.has(each));
  const read = new Set<Value>([...rest.flatMap(({ inputs }) => inputs), ...body.outputs.map(({ value }) => value)]);
  const needed = [...moved].flatMap(({ outputs }) => outputs.filter((value) => read.has(value)));
  const regions = node.regions!.map((region) =>
    region === body
      ? new Graph({
          ...body,
          nodes: rest,
          inputs: inserted(body.inputs, before + carried, named(needed)),
          outputs: inserted(body.outputs, carried, named(needed)),
        })
      : new Graph({
          ...region,
          inputs: inserted(region.inputs, carried, named(needed.map(({ type }) => ({ type })))),
        }),
  );
  const scanned = match(node, controlOperators.scan);
  const operands = needed.map((value) => outside.get(value)!);
  const hintsOf = (values: readonly Value[]) => values.map(({ hint }) => hint);
  const results = editor.results(node.operator, inserted(node.inputs, before + carried, operands), {
    attributes: scanned ? { carried: carried + needed.length } : node.attributes,
    regions,
    hints: inserted(hintsOf(node.outputs), carried, hintsOf(needed)),
  });
  return asResults([...results.slice(0, carried), ...results.slice(carried + needed.length)]);
}
