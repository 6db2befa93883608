// Operators of the user's own, in the form that the importer calls all operators in.
import { IsochronError } from "../../../kernels/index.ts";
import { isTensor } from "../../capture/methods/symbolic.ts";
import type { Tensor } from "../../capture/tensor.ts";
import type { Call, Definition, Definitions } from "./call.ts";
import { type AttributeProto, AttributeProto_AttributeType as AttributeType } from "./format/onnx_pb.ts";
import { modelError, unsupported } from "./import-error.ts";

/** An attribute of a node, as an operator of the user's own gets it. */
export type AttributeValue = number | string | readonly number[] | readonly string[];

/** What an operator of the user's own computes: its results, from its operands and the attributes of the node. */
export type ImportedOperator = (
  inputs: readonly (Tensor | undefined)[],
  attributes: { readonly [name: string]: AttributeValue },
) => Tensor | readonly Tensor[];

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function attributeValue(attribute: AttributeProto): AttributeValue {
  switch (attribute.type) {
    case AttributeType.INT:
      return Number(attribute.i);
    case AttributeType.FLOAT:
      return attribute.f;
    case AttributeType.STRING:
      return textOf(attribute.s);
    case AttributeType.INTS:
      return attribute.ints.map(Number);
    case AttributeType.FLOATS:
      return attribute.floats;
    case AttributeType.STRINGS:
      return attribute.strings.map(textOf);
    default:
      throw unsupported(
        `attribute "${attribute.name}" is ${AttributeType[attribute.type]}: functions get numbers and texts`,
      );
  }
}

/** What a function of the user's own gives; what it throws is an error about it. Throws `import/operator`. */
function callOwn(body: () => unknown): unknown {
  try {
    return body();
  } catch (cause) {
    if (cause instanceof IsochronError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new IsochronError("import/operator", `its function throws: ${why}`, { cause });
  }
}

const definitionOf =
  (compute: ImportedOperator): Definition =>
  (call: Call) => {
    const inputs = call.inputs.map((_, at) => call.optional(at));
    const attributes = Object.fromEntries([...call.attributes].map(([name, each]) => [name, attributeValue(each)]));
    const given: unknown = callOwn(() => compute(inputs, attributes));
    const results: unknown[] = Array.isArray(given) ? given : [given];
    const tensors = results.filter(isTensor);
    if (tensors.length < results.length)
      throw modelError("its function gives what is no tensor", "give a tensor, or a list of tensors");
    return tensors;
  };

/** The definitions of functions by the operators' full names. */
export const userOperators = (given: { readonly [name: string]: ImportedOperator }): Definitions =>
  Object.fromEntries(Object.entries(given).map(([name, compute]) => [name, definitionOf(compute)]));
