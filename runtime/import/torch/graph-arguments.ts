// What a graph of a TorchScript method is made with: types of its tensors, values of what is fixed, and lists and tuples of them.
import { z } from "zod";
import { IsochronError } from "../../../kernels/index.ts";
import type { Tensor } from "../../capture/tensor.ts";
import { type TensorType, tensorType } from "../../graph/tensor-type.ts";
import { TorchTensor, TorchTuple, type TorchValue } from "./values.ts";

/** A value of a parameter that is no tensor, fixed when a graph is made. */
export type FixedArgument = number | boolean | string | null;

/** The type of a tensor, a value that is fixed, or the elements of a list or tuple. */
export type GraphArgument = TensorType | FixedArgument | readonly GraphArgument[];

/** Arguments by the names of parameters. */
export type GraphArguments = { readonly [name: string]: GraphArgument };

const argument: z.ZodType<GraphArgument> = z.lazy(() =>
  z.union([
    z.array(argument),
    z.looseObject({ dtype: z.string(), shape: z.array(z.int().min(0)) }) as unknown as z.ZodType<TensorType>,
    z.number(),
    z.boolean(),
    z.string(),
    z.null(),
  ]),
);

/** What the arguments of a graph may be. */
export const graphArguments = z
  .record(z.string(), argument)
  .describe("types of tensors, and values of others, by the names of parameters");

/** The arguments of a method: the types of the tensors among them, and what is made of these where it runs. */
export interface MethodArguments {
  readonly types: { readonly [name: string]: TensorType };
  make(tensors: { readonly [name: string]: Tensor }): Map<string, TorchValue>;
}

const isList = (given: GraphArgument): given is readonly GraphArgument[] => Array.isArray(given);

/** The type of the elements of a list or tuple, as annotations write it. */
const elementOf = (type: string): string => /^(?:Optional\[)?(?:List|Tuple)\[(.*?)\]+$/.exec(type)?.[1] ?? "";

/** The arguments of a method. Tensors of a list are called by their places: `xs.0`. Throws `import/size` for what is not given. */
export function argumentsOf(
  method: string,
  parameters: readonly { readonly name: string; readonly type: string; readonly isOptional: boolean }[],
  inputs: GraphArguments,
): MethodArguments {
  const types: { [name: string]: TensorType } = {};
  type Make = (tensors: { readonly [name: string]: Tensor }) => TorchValue;
  const maker = (given: GraphArgument, type: string, name: string): Make => {
    if (isList(given)) {
      const items = given.map((each, at) => maker(each, elementOf(type), `${name}.${at}`));
      const isTuple = /^(?:Optional\[)?Tuple\b/.test(type);
      return (tensors) => {
        const made = items.map((each) => each(tensors));
        return isTuple ? new TorchTuple(made) : made;
      };
    }
    if (typeof given === "object" && given !== null) {
      types[name] = tensorType(given.dtype, given.shape);
      return (tensors) => TorchTensor.of(tensors[name]!);
    }
    const fixed = typeof given === "number" && /^(?:Optional\[)?int\b/.test(type) ? BigInt(given) : given;
    return () => fixed;
  };
  const makers = new Map<string, Make>();
  for (const { name, type, isOptional } of parameters) {
    const given = Object.hasOwn(inputs, name) ? inputs[name] : undefined;
    if (given !== undefined) makers.set(name, maker(given, type, name));
    else if (type.startsWith("Optional[")) makers.set(name, () => null);
    else if (!isOptional) throw missing(method, name, type);
  }
  return { types, make: (tensors) => new Map([...makers].map(([name, make]) => [name, make(tensors)])) };
}

function missing(method: string, name: string, type: string): IsochronError {
  const isTensor = type === "Tensor";
  const isList = type.startsWith("List[Tensor");
  const example = 'tensorType("f32", [1, 3])';
  const shown = isTensor ? example : isList ? `[${example}]` : "…";
  return new IsochronError(
    "import/size",
    `input "${name}" of ${method} is ${type}, whose ${isTensor ? "shape" : isList ? "length" : "value"} the model does not say`,
    { help: `give it: model.graph({ inputs: { ${name}: ${shown} } })` },
  );
}
