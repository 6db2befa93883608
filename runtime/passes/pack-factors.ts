// Lays constant right factors of matrix products out in the order in which products read them.
import { generators } from "../../kernels/index.ts";
import type { Graph, Value } from "../graph.ts";
import { operators } from "../operators/index.ts";
import { packFactor } from "../operators/packed-matmul.ts";
import { rewrite } from "../rewrite.ts";
import { staticShape } from "../tensor-type.ts";

/** The graph with products by constant matrices packed, each matrix once. */
export function packFactors(graph: Graph): Graph {
  const known = new Map<Value, Value>();
  return rewrite(graph, ({ operator, inputs, output }, editor) => {
    if (operator !== operators.matmul) return undefined;
    const [a, b] = inputs as [Value, Value];
    const factor = editor.constantOf(b);
    const [rows, columns] = staticShape(output.type.shape).slice(-2) as [number, number];
    const [depth] = staticShape(b.type.shape) as [number];
    if (!factor || b.type.shape.length !== 2 || !generators.packs(rows, depth, columns)) return undefined;
    let packed = known.get(b);
    if (!packed) {
      const { dtype, shape, data } = packFactor(b.type.dtype, factor.data, depth, columns);
      packed = editor.constant({ dtype, shape }, data, factor.name);
      known.set(b, packed);
    }
    return editor.apply(operators.packedMatmul, [a, packed], { columns });
  });
}
