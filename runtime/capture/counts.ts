// Which outputs of a graph say how many elements others have.
import type { BoundedDimension } from "../graph/dimension.ts";
import { match, type NamedValue, type Node } from "../graph/graph.ts";
import { showDimension } from "../graph/tensor-type.ts";
import { operators } from "../operators/index.ts";

/** The output that counts each bounded dimension, by the dimension as it is shown; of several the first. */
export function countsAmong(nodes: readonly Node[], outputs: readonly NamedValue[]): Map<string, NamedValue> {
  const returned = new Map(outputs.map((each) => [each.value, each]));
  const counts = new Map<string, NamedValue>();
  for (const node of nodes) {
    const output = returned.get(node.outputs.at(-1)!);
    if (!output) continue;
    const sized = match(node, operators.size);
    const { dimension: own } = node.attributes as { readonly dimension?: BoundedDimension };
    const dimension = sized
      ? node.inputs[0]!.type.shape[sized.attributes.axis]!
      : node.operator.count
        ? own
        : undefined;
    if (dimension === undefined || typeof dimension === "number") continue;
    const shown = showDimension(dimension);
    if (!counts.has(shown)) counts.set(shown, output);
  }
  return counts;
}
