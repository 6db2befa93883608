// Computes at compile time what depends on constants only.
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
  const [value] = node.inputs;
  const constant = isNodeOf(node, operators.permute) ? editor.constantOf(value!) : undefined;
  if (!constant || byteLength(constant.value.type) < mostHeldTwice) return undefined;
  const { dtype, shape } = constant.value.type;
  return {
    of: constant,
    by: (data) => constantValue(node, [{ dtype, shape: staticShape(shape), data }])!,
  };
}

/** The graph with every node over constants replaced by its value, with the bits that computing it in a step would give. */
export const foldConstants = (graph: Graph): Graph =>
  rewrite(graph, (node, editor) => {
    const {
      operator,
      inputs,
      outputs: [output, ...others],
    } = node;
    // What packed weights hold is read where it is needed.
    if (node.regions || others.length > 0 || operator === operators.bitField) return undefined;
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
