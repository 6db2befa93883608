// Sizes of 0: what has no elements is a constant without any, and what is made of nothing is the value that this means.
import { type Graph, isNodeOf, type Node, type Results, type Value } from "../graph/graph.ts";
import { type Editor, rewrite } from "../graph/rewrite.ts";
import { countOf, newArray, staticShape, stored, type TensorType } from "../graph/tensor-type.ts";
import { type Operator, operators } from "../operators/index.ts";

const isEmpty = ({ type }: Value): boolean => type.shape.includes(0);

function filled({ dtype, shape }: TensorType, value: number, editor: Editor): Value {
  const data = newArray(dtype, 1);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[0] = BigInt(value);
  else data[0] = stored(dtype, value);
  const one = editor.constant({ dtype, shape: [] }, data, "fill");
  return shape.length === 0 ? one : editor.apply(operators.broadcastTo, [one], { shape: staticShape(shape) });
}

const sums: readonly Operator[] = [
  operators.sum,
  operators.matmul,
  operators.packedMatmul,
  operators.matmulInteger,
  operators.packedMatmulInteger,
  operators.conv1d,
  operators.conv2d,
  operators.conv3d,
  operators.blockedConv2d,
  operators.groupedConv2d,
  operators.winogradConv2d,
  operators.convInteger,
  operators.blockedConvInteger,
  operators.groupedConvInteger,
  operators.tiledAttention,
  operators.gridSample,
];

/** What an operator gives that sums, multiplies or asks over no elements; the largest of none is refused when it is traced. */
const ofNothing = new Map<Operator, number>([
  ...sums.map((each) => [each, 0] as const),
  [operators.prod, 1],
  [operators.det, 1],
  [operators.any, 0],
  [operators.all, 1],
]);

/** What stands for a node with an empty result or an empty operand. */
function withoutElements(node: Node, editor: Editor): Value | Results | undefined {
  const {
    operator,
    inputs,
    outputs: [{ type }, ...others],
  } = node;
  if (node.regions) return undefined;
  if (node.outputs.every(isEmpty)) {
    const empty = (of: TensorType): Value =>
      editor.constant(of, newArray(of.dtype, countOf(staticShape(of.shape))), "empty");
    return [empty(type), ...others.map((each) => empty(each.type))];
  }
  // What has several results is made of others, which come by here when it is.
  if (others.length > 0 || !inputs.some(isEmpty)) return undefined;
  const value = ofNothing.get(operator);
  if (value !== undefined) return filled(type, value, editor);
  if (isNodeOf(node, operators.pad)) return filled(type, node.attributes.value, editor);
  if (isNodeOf(node, operators.concat)) {
    const parts = inputs.filter((each) => !isEmpty(each));
    return parts.length === 1 ? parts[0] : editor.apply(operators.concat, parts, node.attributes);
  }
  return isNodeOf(node, operators.indexPut) ? inputs[0] : undefined;
}

/** The graph without nodes that have no elements or are made of none, so that every kernel has some of everything. */
export const dropEmpty = (graph: Graph): Graph => rewrite(graph, withoutElements);
