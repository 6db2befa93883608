// Lays constant right factors of matrix products out in the order in which products read them.
import { generators, isFloatDtype } from "../../kernels/index.ts";
import { formedShape } from "../graph/forms.ts";
import type { Graph, Value } from "../graph/graph.ts";
import { type Editor, rewrite } from "../graph/rewrite.ts";
import { staticShape } from "../graph/tensor-type.ts";
import { operators } from "../operators/index.ts";
import { isWideningOfHalves } from "./fold-constants.ts";

/** The halves that a value is made of by a cast, which a product reads as they are. */
function storedHalves(value: Value, editor: Editor): Value {
  const node = editor.producerOf(value);
  return node && isWideningOfHalves(node) ? node.inputs[0]! : value;
}

/** The graph with products by constant matrices packed, each matrix once for each width of blocks. */
export function packFactors(graph: Graph): Graph {
  const known = new Map<string, Value>();
  const names = new Map<Value, number>();
  return rewrite(graph, ({ operator, inputs, outputs: [output] }, editor) => {
    if (operator !== operators.matmul || !isFloatDtype(output.type.dtype)) return undefined;
    const [a, b] = inputs as [Value, Value];
    const factor = editor.constantOf(storedHalves(b, editor));
    const [rows, columns] = staticShape(output.type.shape).slice(-2) as [number, number];
    const shape = staticShape(b.type.shape);
    if (!factor || shape.length !== 2 || !generators.packs(rows, shape[0]!, columns)) return undefined;
    const width = generators.blockWidth(rows, columns);
    if (!names.has(b)) names.set(b, names.size);
    const key = `${names.get(b)} ${width}`;
    let packed = known.get(key);
    if (!packed) {
      const form = { kind: "factor", depth: shape[0]!, columns, width } as const;
      const type = { dtype: factor.value.type.dtype, shape: formedShape(form) };
      packed = editor.constant(type, { of: factor, form }, factor.name);
      known.set(key, packed);
    }
    return editor.apply(operators.packedMatmul, [a, packed], { columns });
  });
}
