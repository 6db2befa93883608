// Computes at compile time what depends on constants only.
import { isHalf } from "../../kernels/index.ts";
import { constantValue } from "../compiler/constant-value.ts";
import { type Graph, isNodeOf, type Making, type Node } from "../graph/graph.ts";
import { type Editor, rewrite } from "../graph/rewrite.ts";
import { byteLength, countOf, staticShape } from "../graph/tensor-type.ts";
import { type Nd, operators } from "../operators/index.ts";

/** Largest constant, in elements, that folding may make of next to nothing, or by reading operands many times. */
const foldLimit = 1 << 20;
/** How much more a constant made element by element may hold than those that it is made of: weights are laid out whatever their size. */
const mostGrowth = 2;
/** Kinds of operators that read each element of their operands about once. */
const elementwise: ReadonlySet<Node["operator"]["lowering"]["kind"]> = new Set([
  "pointwise",
  "source",
  "reshape",
  "concat",
  "pad",
]);

/** Bytes of a constant from which on its elements are not held twice: as they were, and in another order. */
const mostHeldTwice = 1 << 20;

/** A large constant in another order of dimensions, which is not made before it is needed. */
function turned(node: Node, editor: Editor): Making | undefined {
  if (!isNodeOf(node, operators.permute)) return undefined;
  const constant = editor.constantOf(node.inputs[0]!);
  if (!constant || byteLength(constant.value.type) < mostHeldTwice) return undefined;
  const sizes = staticShape(constant.value.type.shape);
  const order = [...node.attributes.axes];
  return {
    of: constant,
    form: { kind: "arrangement", shape: [...sizes], parts: sizes.map((size) => [size]), order },
  };
}

/** Halves of which there are more stay halves in the portable graph: what they are computed in takes twice the bytes. */
const mostWidened = 1 << 18;

/** Whether a node makes many halves the float32 that they are computed in. */
export const isWideningOfHalves = ({ operator, inputs: [x], outputs: [output] }: Node): boolean =>
  operator === operators.cast &&
  isHalf(x!.type.dtype) &&
  output.type.dtype === "f32" &&
  countOf(staticShape(x!.type.shape)) > mostWidened;

/**
 * The graph with every node over constants replaced by its value, with the bits that computing it in a step would give; large weights
 * stay the halves that they are.
 */
export const foldConstants = (graph: Graph): Graph => fold(graph, isWideningOfHalves);

/** The same of large halves too, where no product reads them as they are. */
export const foldHalves = (graph: Graph): Graph =>
  graph.nodes.some(isWideningOfHalves) ? fold(graph, () => false) : graph;

const fold = (graph: Graph, stays: (node: Node) => boolean): Graph =>
  rewrite(graph, (node, editor) => {
    const {
      operator,
      inputs,
      outputs: [output, ...others],
    } = node;
    // What packed weights hold is read where it is needed.
    if (node.regions || others.length > 0 || operator === operators.bitField || stays(node)) return undefined;
    const moved = turned(node, editor);
    if (moved) return editor.constant(output.type, moved, output.hint ?? operator.name);
    const operands: Nd[] = [];
    for (const value of inputs) {
      const found = editor.constantOf(value);
      if (!found) return undefined;
      operands.push({ dtype: value.type.dtype, shape: staticShape(value.type.shape), data: found.data });
    }
    const shape = staticShape(output.type.shape);
    const given = operands.reduce((sum, { data }) => sum + data.length, 0);
    const most = elementwise.has(operator.lowering.kind) ? Math.max(foldLimit, mostGrowth * given) : foldLimit;
    if (countOf(shape) > most) return undefined;
    const data = constantValue(node, operands);
    return data && editor.constant(output.type, data, output.hint ?? operator.name);
  });
