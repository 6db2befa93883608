// The values that a TorchScript archive holds, with its tensors as those of a trace: constants, and states where they are written to.
import type { Dtype } from "../../../kernels/index.ts";
import { currentRecorder, recording } from "../../capture/recorder.ts";
import { constant, type Tensor } from "../../capture/tensor.ts";
import { type StateTensor, state } from "../../capture/trace.ts";
import { type ArrayOf, countOf, newArray, staticShape, type TensorType, tensorType } from "../../graph/tensor-type.ts";
import type { StoredTensor } from "../stored-tensors.ts";
import { cast, unsupportedTorch } from "./call.ts";
import { numberTensor } from "./numbers.ts";
import { optionalTensor } from "./optional.ts";
import { PickledName, PickledObject, PickledTuple, type PickledValue, packedKind, tensorIn } from "./program.ts";
import { elementsOf, type StridedTensor, TensorBudget } from "./tensors.ts";
import {
  kindOfNumber,
  type Memory,
  numberDtypes,
  TorchDevice,
  TorchNumber,
  TorchObject,
  TorchOptional,
  TorchTensor,
  TorchTuple,
  type TorchValue,
} from "./values.ts";

/** A tensor of the file that a step may write to: a state of the graph from the first write on. */
export class Stored implements Memory {
  readonly name: string;
  readonly tensor: StoredTensor;
  #constant: Tensor | undefined;
  /** What was written to what is no state yet. */
  #next: Tensor | undefined;
  #state: StateTensor<Dtype> | undefined;
  written = false;

  constructor(name: string, tensor: StoredTensor, isState: boolean) {
    this.name = name;
    this.tensor = tensor;
    const { dtype, shape, data } = tensor;
    if (isState) this.#state = state(name, tensorType(dtype, shape), data as ArrayOf<Dtype>);
  }

  read(): Tensor {
    if (this.#state) return this.#state.get();
    const { dtype, shape, data } = this.tensor;
    // A constant of the whole trace, wherever it is read first: what is large stands there once.
    this.#constant ??= recording(currentRecorder().whole, () =>
      constant(data as ArrayOf<Dtype>, dtype, shape, this.name),
    );
    return this.#next ?? this.#constant;
  }

  write(next: Tensor): void {
    this.written = true;
    if (this.#state) this.#state.set(next);
    // Found out in a first run, whose graph is thrown away: in the second it is a state.
    else this.#next = next;
  }

  peek(): Tensor | undefined {
    return this.#next;
  }

  poke(next: Tensor | undefined): void {
    this.#next = next;
  }
}

/** What methods write to, by name; with the type of what is None at times, which the file may not say. */
export type States = ReadonlyMap<string, TensorType | undefined>;

/** An attribute of the file's objects that may be set to something else, and so be a state. */
interface Kept {
  readonly object: TorchObject;
  readonly key: string;
  readonly name: string;
  readonly loaded: TorchValue;
  /** Absent where the file has None. */
  readonly memory?: Stored | undefined;
  /** Whether it is set, where it is None at times. */
  readonly isSet?: Stored | undefined;
}

/** Whether a value is set, as a tensor. */
const isSetNow = (value: TorchValue): Tensor =>
  value instanceof TorchOptional ? value.isSet.tensor : constant([value === null ? 0 : 1], "bool", []);

/** Makes the values of a program's pickles, with the tensors of one trace. */
export class Loader {
  readonly stored: Stored[] = [];
  readonly #attributes: Kept[] = [];
  readonly #states: States;
  /** Attributes that are None at times, which was not known before. */
  readonly #optionals = new Map<string, TensorType>();
  readonly #elements: Map<StridedTensor, StoredTensor>;
  readonly #budget: TensorBudget;
  readonly #made = new Map<PickledValue, TorchValue>();

  /** Whether attributes of the objects may only be set to what a graph can keep from step to step. */
  readonly #lasts: boolean;

  constructor(states: States, elements: Map<StridedTensor, StoredTensor>, budget: TensorBudget, lasts = true) {
    this.#lasts = lasts;
    this.#states = states;
    this.#elements = elements;
    this.#budget = budget;
  }

  load(value: PickledValue, name: string): TorchValue {
    if (value === null || typeof value !== "object") return value;
    const known = this.#made.get(value);
    if (known !== undefined) return known;
    const made = this.#make(value, name);
    this.#made.set(value, made);
    return made;
  }

  #make(value: Exclude<PickledValue, null | boolean | bigint | number | string>, name: string): TorchValue {
    const under = (key: string): string => (name === "" ? key : `${name}.${key}`);
    const tensor = tensorIn(value);
    if (tensor) return this.#tensor(tensor, name);
    if (value instanceof PickledTuple)
      return new TorchTuple(value.items.map((each, at) => this.load(each, under(`${at}`))));
    if (Array.isArray(value)) return value.map((each, at) => this.load(each, under(`${at}`)));
    if (value instanceof Map)
      return new Map(
        [...value].map(([key, each]) => [this.load(key, name) as string, this.load(each, under(String(key)))]),
      );
    if (value instanceof PickledObject) {
      const object = new TorchObject(value.type.full, this.#lasts);
      this.#made.set(value, object);
      const packed = packedKind(value.type);
      if (packed) {
        const parts = packed === "Linear" ? linearParts(value.state) : convolutionParts(value.state, name);
        this.#unpack(parts, name, object);
        return object;
      }
      if (value.state !== undefined && !(value.state instanceof Map))
        throw unsupportedTorch(
          `${value.type.full} is made by its own __setstate__`,
          "save the model without packed weights",
        );
      for (const [key, each] of value.state instanceof Map ? value.state : [])
        this.#set(object, String(key), each, under(String(key)));
      return object;
    }
    if (value instanceof PickledName) return new TorchDevice();
    throw unsupportedTorch(`"${name}" is bytes`);
  }

  /** Sets an attribute; one that is a number is a state where methods set it. */
  #set(object: TorchObject, key: string, value: PickledValue, name: string): void {
    const kind = kindOfNumber(value as TorchValue);
    let loaded = kind ? (value as TorchValue) : this.load(value, name);
    let memory: Stored | undefined;
    if (kind) {
      const dtype = numberDtypes[kind];
      const data = newArray<Dtype>(dtype, 1);
      data[0] = dtype === "i64" ? (value as bigint) : Number(value);
      memory = new Stored(name, { dtype, shape: [], data }, this.#states.has(name));
      this.stored.push(memory);
      if (this.#states.has(name)) loaded = new TorchNumber(kind, memory.read());
    } else if (loaded instanceof TorchTensor && loaded.memory instanceof Stored) memory = loaded.memory;
    const type = this.#states.get(name);
    const isSet =
      type &&
      new Stored(`${name}.isSet`, { dtype: "bool", shape: [], data: Uint8Array.of(loaded === null ? 0 : 1) }, true);
    if (type && isSet) {
      if (!memory) {
        const shape = staticShape(type.shape);
        memory = new Stored(
          name,
          { dtype: type.dtype, shape, data: newArray<Dtype>(type.dtype, countOf(shape)) },
          true,
        );
        this.stored.push(memory);
      }
      loaded = new TorchOptional(new TorchNumber("bool", isSet.read()), new TorchTensor(memory));
    }
    if (memory || loaded === null) this.#attributes.push({ object, key, name, loaded, memory, isSet });
    object.attributes.set(key, loaded);
  }

  /** What was written to, and what would have to be kept with whether it is set. */
  get written(): States {
    const names = this.stored.flatMap((each) => (each.written ? [[each.name, undefined] as const] : []));
    return new Map<string, TensorType | undefined>([...names, ...this.#optionals]);
  }

  /** Leaves in the states what attributes have been set to. Throws `import/unsupported` where two that were one no longer are. */
  finish(): void {
    const left = new Map<Stored, Tensor>();
    for (const { object, key, name, loaded, memory, isSet } of this.#attributes) {
      const now = object.attributes.get(key) ?? null;
      if (isSet && now !== loaded) isSet.write(isSetNow(now));
      const tensor = optionalTensor(now)?.read() ?? numberTensor(now);
      const type = tensor?.type ?? memory?.read().type;
      if (!isSet && type && (now instanceof TorchOptional || (now === null) !== (loaded === null)))
        this.#optionals.set(name, type);
      if (!tensor || !memory) continue;
      const known = left.get(memory);
      if (known && known.value !== tensor.value)
        throw unsupportedTorch(`attribute ${key} is set, and shares its tensor with another one`);
      if (now !== loaded || known) left.set(memory, tensor);
    }
    for (const [memory, tensor] of left) memory.write(tensor);
  }

  /** Packed weights of a layer: bytes with a scale, or one for each output, or halves. */
  #unpack({ weight, bias, numbers: settings }: PackedParts, name: string, object: TorchObject): void {
    if (!weight) throw unsupportedTorch(`the packed weights of "${name}" are none`);
    const numbers = (given: readonly number[] | StridedTensor, what: string, dtype: Dtype): TorchTensor => {
      if (!Array.isArray(given)) return this.#tensor(given as StridedTensor, `${name}.${what}`);
      return TorchTensor.of(constant(given, dtype, given.length === 1 ? [] : [given.length]));
    };
    const { quantizer, ...bytes } = weight;
    const { scales, zeroPoints } = quantizer ?? { scales: [1], zeroPoints: [0] };
    const parts = {
      weight: this.#tensor(bytes, `${name}.weight`),
      scales: TorchTensor.of(cast(numbers(scales, "scales", "f32").read(), "f32")),
      zeroPoints: TorchTensor.of(cast(numbers(zeroPoints, "zeroPoints", "i64").read(), weight.dtype)),
      bias: this.load(bias ?? null, `${name}.bias`),
      numbers: settings.map(BigInt),
    };
    for (const [key, each] of Object.entries(parts)) object.attributes.set(key, each);
  }

  #tensor(tensor: StridedTensor, name: string): TorchTensor {
    if (tensor.quantizer) throw unsupportedTorch(`"${name}" is a quantised tensor`);
    let elements = this.#elements.get(tensor);
    if (!elements) {
      elements = elementsOf(tensor, this.#budget);
      this.#elements.set(tensor, elements);
    }
    const memory = new Stored(name, elements, this.#states.has(name));
    this.stored.push(memory);
    return new TorchTensor(memory);
  }
}

/** What packed weights hold: bytes, a bias, and of a convolution its numbers. */
interface PackedParts {
  readonly weight: StridedTensor | undefined;
  readonly bias: PickledValue | undefined;
  readonly numbers: readonly number[];
}

const itemsOf = (value: PickledValue | undefined): readonly PickledValue[] =>
  value instanceof PickledTuple ? value.items : Array.isArray(value) ? value : [];

function linearParts(state: PickledValue | undefined): PackedParts {
  const [weight, bias] = itemsOf(state);
  return { weight: tensorIn(weight), bias, numbers: [] };
}

/**
 * The state of a packed convolution, as PyTorch's serialisation has it since its version 2: strides, paddings, dilations and output
 * paddings behind the number of dimensions, groups, and whether it is transposed.
 */
function convolutionParts(state: PickledValue | undefined, name: string): PackedParts {
  const [version, first, second] = itemsOf(state);
  if (version === "2") {
    const [numbers, weight] = itemsOf(first).map(tensorIn);
    if (!numbers) throw unsupportedTorch(`the packed convolution "${name}" has no numbers`);
    const { data } = elementsOf(numbers, new TensorBudget(0));
    return { weight, bias: itemsOf(second)[0], numbers: Array.from(data as ArrayLike<number>, Number) };
  }
  if (version === 3n) {
    const [, weight, bias] = itemsOf(second);
    return { weight: tensorIn(weight), bias, numbers: itemsOf(first).map(Number) };
  }
  throw unsupportedTorch(
    `the packed convolution "${name}" is of a version of before 2`,
    "save it again by a later PyTorch",
  );
}
