// Runs methods of a TorchScript model with values in hand: statement by statement, whatever the values are.
import { errorAt, IsochronError } from "../../../kernels/index.ts";
import { recording } from "../../capture/recorder.ts";
import { isTensorValue, type ModelValue } from "../onnx/values/value.ts";
import type { StoredTensor } from "../stored-tensors.ts";
import { torchMisfit } from "./call.ts";
import { EagerRecorder, elementsComputed } from "./eager-recorder.ts";
import { Evaluator } from "./evaluator.ts";
import { Loader } from "./load-values.ts";
import { namedIn } from "./made-graphs.ts";
import type { TorchProgram } from "./program.ts";
import { typeText } from "./source/types.ts";
import { type StridedTensor, TensorBudget } from "./tensors.ts";
import { kindOfTorch, TorchObject, TorchTensor, TorchTuple, type TorchValue } from "./values.ts";

/**
 * A value of TorchScript as JavaScript has it: a tensor `{ dtype, shape, data }`, an int as bigint (where one is taken, a whole number
 * too), a float as number, a list or tuple as an array, a dictionary as a map.
 */
export type TorchData =
  | StoredTensor
  | bigint
  | number
  | boolean
  | string
  | null
  | readonly TorchData[]
  | ReadonlyMap<string | bigint | number | boolean, TorchData>;

const isList = (value: TorchData): value is readonly TorchData[] => Array.isArray(value);
const isMap = (value: TorchData): value is ReadonlyMap<string | bigint | number | boolean, TorchData> =>
  value instanceof Map;

/** The objects of a model, and its methods with values in hand. */
export class TorchInterpreter {
  readonly #program: TorchProgram;
  readonly #path: string;
  readonly #recorder = new EagerRecorder();
  readonly #root: TorchObject;
  readonly #constants: readonly TorchValue[];

  constructor(program: TorchProgram, elements: Map<StridedTensor, StoredTensor>, bytes: number, path: string) {
    this.#program = program;
    this.#path = path;
    const loader = new Loader(new Map(), elements, new TensorBudget(bytes), false);
    const [root, constants] = recording(this.#recorder, () => [
      loader.load(program.root, ""),
      program.constants.map((each, at) => loader.load(each, `constant${at}`)),
    ]);
    if (!(root instanceof TorchObject)) throw torchMisfit("the archive holds no object");
    this.#root = root;
    this.#constants = constants;
  }

  /**
   * What a method gives for some values of its parameters, in their order.
   *
   * Throws `import/name` for a method that there is not, `import/type` for a value of another kind than the parameter's,
   * `import/raised` for what the model itself refuses, `import/unsupported` for operators that are not there.
   */
  run(method: string, ...values: readonly TorchData[]): TorchData {
    return this.#placed(() => given(this.#call(method, values)));
  }

  /** The same with values by name, and the tensors of the result by what they are called. */
  named(method: string, inputs: { readonly [name: string]: ModelValue }): { readonly [name: string]: ModelValue } {
    return this.#placed(() => {
      const { parameters } = this.#defined(method).definition;
      const values = parameters.slice(1).map(({ name }) => {
        const value = Object.hasOwn(inputs, name) ? inputs[name]! : null;
        if (value === null || isTensorValue(value)) return value;
        throw new IsochronError("import/type", `input "${name}" is no tensor`, { help: "{ dtype, shape, data }" });
      });
      const results = [...namedIn(this.#call(method, values))];
      return Object.fromEntries(results.map(([name, value]) => [name, tensorOf(value)]));
    });
  }

  /** A tensor of the model by the names of attributes that lead to it, such as a buffer: `"memory.hidden"`. */
  tensor(name: string): StoredTensor | undefined {
    let found: TorchValue | undefined = this.#root;
    for (const key of name.split(".")) found = found instanceof TorchObject ? found.attributes.get(key) : undefined;
    const tensor = found;
    return tensor instanceof TorchTensor ? this.#placed(() => elementsComputed(tensor.read())) : undefined;
  }

  #defined(method: string) {
    const found = new Evaluator(this.#program, this.#constants).method(this.#root, method);
    if (found) return found;
    throw new IsochronError("import/name", `the model has no method "${method}"`);
  }

  #call(method: string, values: readonly TorchData[]): TorchValue {
    const defined = this.#defined(method);
    const parameters = defined.definition.parameters.slice(1);
    const taken = values.map((value, at) => {
      const { name = `${at}`, type } = parameters[at] ?? {};
      return this.#taken(value, type ? typeText(type) : "Tensor", `argument ${name} of ${method}`);
    });
    return new Evaluator(this.#program, this.#constants).call(defined, [this.#root, ...taken]);
  }

  /** A value of JavaScript as one of TorchScript. */
  #taken(value: TorchData, type: string, what: string): TorchValue {
    const plain = type.replace(/^Optional\[(.*)\]$/, "$1");
    if (value === null || typeof value === "boolean" || typeof value === "string" || typeof value === "bigint")
      return value;
    if (typeof value === "number") {
      if (plain !== "int" || Number.isSafeInteger(value)) return plain === "int" ? BigInt(value) : value;
      throw new IsochronError("import/type", `${what} is an int, and got ${value}`);
    }
    const inner = /^(?:List|Dict|Tuple)\[(?:.*, )?([^,]*)\]$/.exec(plain)?.[1] ?? "Tensor";
    if (isList(value)) {
      const items = value.map((each, at) => this.#taken(each, inner, `element ${at} of ${what}`));
      return plain.startsWith("Tuple") ? new TorchTuple(items) : items;
    }
    if (isMap(value))
      return new Map([...value].map(([key, each]) => [key, this.#taken(each, inner, `${what}, ${key}`)]));
    return TorchTensor.of(this.#recorder.tensor(value));
  }

  #placed<T>(body: () => T): T {
    try {
      return recording(this.#recorder, body);
    } catch (error) {
      throw errorAt(error, this.#path);
    }
  }
}

/** A result as JavaScript has it. */
function given(value: TorchValue): TorchData {
  if (value instanceof TorchTensor) return elementsComputed(value.read());
  if (value instanceof TorchTuple) return value.items.map(given);
  if (Array.isArray(value)) return value.map(given);
  if (value instanceof Map) return new Map([...value].map(([key, each]) => [key, given(each)]));
  if (typeof value !== "object" || value === null) return value;
  throw torchMisfit(`the method gives ${kindOfTorch(value)}`);
}

/** A result that is one tensor; numbers are those of no dimension. */
function tensorOf(value: TorchValue): ModelValue {
  if (value instanceof TorchTensor) return elementsComputed(value.read());
  if (typeof value === "string") return { shape: [], data: [value] };
  if (typeof value === "bigint") return { dtype: "i64", shape: [], data: BigInt64Array.of(value) };
  if (typeof value === "number") return { dtype: "f64", shape: [], data: Float64Array.of(value) };
  if (typeof value === "boolean") return { dtype: "bool", shape: [], data: Uint8Array.of(Number(value)) };
  throw torchMisfit(`the method gives ${kindOfTorch(value)}`);
}
