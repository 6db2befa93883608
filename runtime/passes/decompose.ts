// Replaces composite operators by the primitive ones that they are made of, and computes stored elements in what they are computed in.
import { arithmeticOf, type Dtype, isStored } from "../../kernels/index.ts";
import type { Graph, Results, Value } from "../graph/graph.ts";
import { allOf, type Editor, rewrite } from "../graph/rewrite.ts";
import type { TensorType } from "../graph/tensor-type.ts";
import { type Builder, type Operator, operators } from "../operators/index.ts";

const typesOf = (values: readonly Value[]): TensorType[] => values.map(({ type }) => type);

/** Whether an operator computes with elements that are only stored, which it does in another type. */
const computesStored = ({ moves, lowering }: Operator, operands: readonly Value[]): boolean =>
  !moves && lowering.kind !== "control" && operands.some(({ type }) => isStored(type.dtype));

/** Builds primitive operators whatever it is asked for. */
const primitives = (editor: Editor): Builder => {
  const cast = (value: Value, dtype: Dtype): Value =>
    value.type.dtype === dtype ? value : editor.apply(operators.cast, [value], { dtype });
  const nested: Builder = {
    constant: (type, data, name) => editor.constant(type, data, name),
    apply: (operator, operands, attributes) => nested.results(operator, operands, { attributes })[0],
    results(operator, operands, parts = {}) {
      const { lowering } = operator;
      const { attributes = {} } = parts;
      const types = typesOf(operands);
      if (computesStored(operator, operands)) {
        const wide = operands.map((value) => cast(value, arithmeticOf(value.type.dtype)));
        const results = nested.results(operator, wide, parts);
        const meant = operator.infer(types, operator.parse(attributes, types));
        return results.map((value, at) => cast(value, meant[at]!.dtype)) as unknown as Results;
      }
      if (lowering.kind !== "composite") return editor.results(operator, operands, parts);
      return allOf(lowering.decompose(operands, operator.parse(attributes, types), nested));
    },
  };
  return nested;
};

/** The graph in primitive operators, of which only those that move and convert elements meet what is only stored. */
export const decompose = (graph: Graph): Graph =>
  rewrite(graph, ({ operator, attributes, inputs }, editor) => {
    if (computesStored(operator, inputs)) return primitives(editor).results(operator, inputs, { attributes });
    const { lowering } = operator;
    return lowering.kind === "composite" ? lowering.decompose(inputs, attributes, primitives(editor)) : undefined;
  });
