// The one way a pass edits a graph: it visits nodes in order and says what stands in their place.
import { IsochronError } from "../../kernels/index.ts";
import type { Builder, Operator } from "../operators/index.ts";
import { constantValueOf } from "./facts.ts";
import { formed } from "./forms.ts";
import {
  type Constant,
  Graph,
  type Making,
  mapRegions,
  type Node,
  type NodeParts,
  nodeOf,
  type Results,
  type Value,
} from "./graph.ts";
import { sameType, showTensorType, type TensorType, type TypedArray } from "./tensor-type.ts";

/** What a rule can do: look up, and build what replaces the node it was given. */
export interface Editor extends Builder {
  /** A constant of elements, or of those of another in another form. */
  constant(type: TensorType, data: TypedArray | Making, name?: string): Value;
  /** The data of a value that is a constant. */
  constantOf(value: Value): Constant | undefined;
  /** The node of the new graph that computes a value. */
  producerOf(value: Value): Node | undefined;
}

/** Says what replaces a node's one result, or all of several, its operands already rewritten; undefined keeps the node. */
export type Rule = (node: Node, editor: Editor) => Value | Results | undefined;

const isOne = (replacement: Value | Results): replacement is Value => "type" in replacement;

/** One result or several as a list. */
export const allOf = (replacement: Value | Results): Results => (isOne(replacement) ? [replacement] : replacement);

/** The elements that were made last, since who asks for some often asks twice. */
let last: { readonly made: Making; readonly data: TypedArray } | undefined;

function elementsOf(made: Making): TypedArray {
  if (last?.made === made) return last.data;
  const { data } = made.of;
  // Forgotten first: those of two are not held at once.
  last = undefined;
  last = { made, data: formed(data, made.of.value.type.dtype, made.form) };
  return last.data;
}

const madeConstant = (type: TensorType, made: Making, name: string): Constant => ({
  name,
  value: { type },
  made,
  get data() {
    return elementsOf(made);
  },
});

class Rewriting implements Editor {
  readonly nodes: Node[] = [];
  readonly constants: Constant[];
  readonly #constants: Map<Value, Constant>;
  readonly #producers = new Map<Value, Node>();
  /** The node being replaced, whose place and name new nodes take. */
  #origin: Node | undefined;

  constructor(constants: readonly Constant[]) {
    this.constants = [...constants];
    this.#constants = new Map(constants.map((each) => [each.value, each]));
  }

  replacing(node: Node, rule: Rule): Results {
    this.#origin = node;
    const replacement = rule(node, this);
    this.#origin = undefined;
    if (replacement) return allOf(replacement);
    this.push(node);
    return node.outputs;
  }

  push(node: Node): void {
    this.nodes.push(node);
    for (const output of node.outputs) this.#producers.set(output, node);
  }

  apply(operator: Operator, inputs: readonly Value[], attributes: unknown = {}): Value {
    return this.results(operator, inputs, { attributes })[0];
  }

  results(operator: Operator, inputs: readonly Value[], parts?: NodeParts): Results {
    const node = nodeOf(operator, inputs, { ...parts, place: this.#origin?.place });
    this.push(node);
    return node.outputs;
  }

  constant(type: TensorType, data: TypedArray | Making, name = "c"): Value {
    const entry: Constant =
      "form" in data ? madeConstant(type, data, name) : { name, value: constantValueOf(type, data), data };
    this.constants.push(entry);
    this.#constants.set(entry.value, entry);
    return entry.value;
  }

  constantOf(value: Value): Constant | undefined {
    return this.#constants.get(value);
  }
  producerOf(value: Value): Node | undefined {
    return this.#producers.get(value);
  }
}

/** What stands for a node must have its type: a broadcast or a dimension that is lost would show far from here, or nowhere. */
function requireSameType({ operator, place }: Node, { type, hint }: Value, { type: found }: Value): void {
  if (sameType(found, type)) return;
  const name = `${operator.name}${hint === undefined ? "" : ` %${hint}`}`;
  const at = place?.text;
  throw new IsochronError(
    "graph/invalid",
    `${name} : ${showTensorType(type)} was replaced by ${showTensorType(found)}`,
    at === undefined ? {} : { place: at },
  );
}

/** Applies a rule to every node. */
export function rewrite(graph: Graph, rule: Rule): Graph {
  const editor = new Rewriting(graph.constants);
  const replaced = new Map<Value, Value>();
  const current = (value: Value): Value => replaced.get(value) ?? value;
  for (const node of graph.nodes) {
    const operands = node.inputs.map(current);
    const replacements = editor.replacing({ ...node, inputs: operands }, rule);
    node.outputs.forEach((value, at) => {
      const replacement = replacements[at]!;
      if (replacement === value) return;
      requireSameType(node, value, replacement);
      replaced.set(value, replacement);
    });
  }
  return new Graph({
    name: graph.name,
    inputs: graph.inputs,
    constants: editor.constants,
    states: graph.states.map((each) => ({ ...each, next: current(each.next) })),
    nodes: editor.nodes,
    outputs: graph.outputs.map(({ name, value }) => ({ name, value: current(value) })),
  });
}

/** A pass that goes through the regions of a graph first, those inside of them before. */
export const descending =
  (pass: (graph: Graph) => Graph) =>
  (graph: Graph): Graph =>
    pass(mapRegions(graph, descending(pass)));
