// Tensors of PyTorch's pickles: views of storages, which several may share, and their elements in row-major order.
import { bytesOf, type Dtype, IsochronError } from "../../../kernels/index.ts";
import { countOf, newArray, type TypedArray } from "../../graph/tensor-type.ts";
import type { StoredTensor } from "../stored-tensors.ts";
import { type Pickled, PickledName, PickledTuple, pickleError } from "./pickle.ts";

/** Bytes that the tensors of a file have together beyond those of the file: an element that is repeated takes no room in it. */
const mostRepeated = 2 ** 30;

/** Memory that tensors are views of. */
export interface Storage {
  /** The entry that holds it. */
  readonly key: string;
  readonly bytes: Uint8Array;
  /** The type of its elements; absent where each tensor says its own. */
  readonly dtype?: Dtype;
}

/** How bytes of a quantised tensor stand for numbers: one scale for all, or one for each index of an axis. */
export interface Quantizer {
  readonly scales: readonly number[] | StridedTensor;
  readonly zeroPoints: readonly number[] | StridedTensor;
  readonly axis?: number;
}

/** A view of a storage: where it begins, and how many elements lie between neighbours. */
export interface StridedTensor {
  readonly storage: Storage;
  readonly dtype: Dtype;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly quantizer?: Quantizer;
}

/** PyTorch's classes of storages, and the elements that they have; quantised ones are the integers behind. */
const storages: { readonly [name: string]: Dtype } = {
  DoubleStorage: "f64",
  FloatStorage: "f32",
  HalfStorage: "f16",
  BFloat16Storage: "bf16",
  LongStorage: "i64",
  IntStorage: "i32",
  ShortStorage: "i16",
  CharStorage: "i8",
  ByteStorage: "u8",
  BoolStorage: "bool",
  QInt8Storage: "i8",
  QUInt8Storage: "u8",
  QInt32Storage: "i32",
};

/** PyTorch's names of element types. */
export const torchDtypes: { readonly [name: string]: Dtype } = {
  float64: "f64",
  float32: "f32",
  float16: "f16",
  bfloat16: "bf16",
  int64: "i64",
  int32: "i32",
  int16: "i16",
  int8: "i8",
  uint64: "u64",
  uint32: "u32",
  uint16: "u16",
  uint8: "u8",
  bool: "bool",
  float8_e4m3fn: "f8e4m3fn",
  float8_e4m3fnuz: "f8e4m3fnuz",
  float8_e5m2: "f8e5m2",
  float8_e5m2fnuz: "f8e5m2fnuz",
  float8_e8m0fnu: "f8e8m0",
};

type Value = Pickled<Storage | StridedTensor>;

const isMade = (value: Value | undefined): value is { readonly made: Storage | StridedTensor } =>
  typeof value === "object" && value !== null && "made" in value;

/** The tensor that a value is; undefined where it is none. */
export const tensorIn = (value: Value | undefined): StridedTensor | undefined =>
  isMade(value) && "storage" in value.made ? value.made : undefined;

const itemsOf = (value: Value | undefined): readonly Value[] =>
  value instanceof PickledTuple ? value.items : Array.isArray(value) ? value : [];

/** A whole number from 0 that an array may have elements. */
function size(value: Value | undefined, what: string): number {
  if (typeof value === "bigint" && value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  throw pickleError(`${what} is not a whole number from 0`);
}

/** The storage that a persistent identifier names: `("storage", class, key, place, elements)`. */
export function storageOf(id: Value, entry: (key: string) => Uint8Array | undefined): Value {
  const [kind, type, key, , count] = itemsOf(id);
  if (kind !== "storage" || !(type instanceof PickledName) || typeof key !== "string")
    throw pickleError("the pickle refers to what is no storage of a tensor");
  const bytes = entry(key);
  if (!bytes) throw pickleError(`storage "${key}" is not in the archive`);
  const isUntyped = type.name === "UntypedStorage";
  const dtype = Object.hasOwn(storages, type.name) ? storages[type.name] : undefined;
  if (!isUntyped && !dtype)
    throw new IsochronError(
      "import/unsupported",
      `storage "${key}" is a ${type.full}, whose elements Isochron does not have`,
      {
        help: "convert the tensor before it is saved: x.to(torch.float32)",
      },
    );
  const wanted = size(count, `the length of storage "${key}"`) * (dtype ? bytesOf(dtype) : 1);
  if (wanted > bytes.length) throw pickleError(`storage "${key}" has ${bytes.length} bytes, and should have ${wanted}`);
  return { made: { key, bytes: bytes.subarray(0, wanted), ...(dtype ? { dtype } : {}) } };
}

/** What is wrong with a tensor that reaches beyond its storage; undefined for others. */
export function outside({ storage, dtype, offset, shape, strides }: StridedTensor): string | undefined {
  if (strides.length !== shape.length) return "has other strides than sizes";
  const last = shape.reduce((sum, length, at) => sum + (length - 1) * strides[at]!, offset);
  const there = Math.floor(storage.bytes.length / bytesOf(dtype));
  if (shape.includes(0) || last < there) return undefined;
  return `reaches element ${last}, and the storage has ${there}`;
}

/** A tensor over a storage, held to the storage's size. */
function strided([storage, offset, shape, strides]: readonly Value[], given?: Dtype): StridedTensor {
  const made = isMade(storage) ? storage.made : undefined;
  if (!made || "storage" in made) throw pickleError("a tensor is made of what is no storage");
  const what = `a tensor of storage "${made.key}"`;
  const dtype = given ?? made.dtype;
  if (!dtype) throw pickleError(`${what} does not say what its elements are`);
  const tensor = {
    storage: made,
    dtype,
    offset: size(offset, `the beginning of ${what}`),
    shape: itemsOf(shape).map((each) => size(each, `a size of ${what}`)),
    strides: itemsOf(strides).map((each) => size(each, `a stride of ${what}`)),
  };
  const wrong = outside(tensor);
  if (wrong !== undefined) throw pickleError(`${what} ${wrong}`);
  return tensor;
}

/** How a tensor of bytes stands for numbers: `(scheme, scale, zero point)`, or with tensors of them and an axis. */
function quantizer(value: Value | undefined): Quantizer {
  const [scheme, scale, zeroPoint, axis] = itemsOf(value);
  const name = scheme instanceof PickledName ? scheme.name : "";
  if (name === "per_tensor_affine" && typeof scale === "number" && typeof zeroPoint === "bigint")
    return { scales: [scale], zeroPoints: [Number(zeroPoint)] };
  const [scales, zeroPoints] = [tensorIn(scale), tensorIn(zeroPoint)];
  if (name.startsWith("per_channel_affine") && scales && zeroPoints)
    return { scales, zeroPoints, axis: size(axis, "the axis of a quantised tensor") };
  throw pickleError(`a tensor is quantised by ${name || "no scheme"}, which Isochron does not know`);
}

/** What the functions that make tensors give; undefined for any other. */
export function rebuilt(name: PickledName, args: readonly Value[]): Value | undefined {
  switch (name.full) {
    case "torch._utils._rebuild_tensor":
    case "torch._utils._rebuild_tensor_v2":
      return { made: strided(args) };
    case "torch._utils._rebuild_tensor_v3": {
      const dtype = args[6] instanceof PickledName ? args[6].name : "";
      if (!Object.hasOwn(torchDtypes, dtype))
        throw new IsochronError("import/unsupported", `a tensor is of dtype ${dtype}, which Isochron does not have`);
      return { made: strided(args, torchDtypes[dtype]!) };
    }
    case "torch._utils._rebuild_qtensor":
      return { made: { ...strided(args), quantizer: quantizer(args[4]) } };
    case "torch._utils._rebuild_parameter":
    case "torch._utils._rebuild_parameter_with_state":
    case "torch._utils._rebuild_buffer":
      return args[0];
    default:
      return undefined;
  }
}

const arrays = <D extends Dtype>(dtype: D) => newArray(dtype, 0).constructor as new (buffer: ArrayBuffer) => TypedArray;

/** Whether the elements lie as in an array of the shape. */
function isContiguous({ shape, strides }: StridedTensor): boolean {
  let next = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== next) return false;
    next *= shape[axis]!;
  }
  return true;
}

/** Counts what the tensors of a file take in memory. */
export class TensorBudget {
  #left: number;

  constructor(fileBytes: number) {
    this.#left = fileBytes + mostRepeated;
  }

  /** Throws `import/size-limit`. */
  take({ storage, dtype, shape }: StridedTensor): void {
    this.#left -= countOf(shape) * bytesOf(dtype);
    if (this.#left >= 0) return;
    const message = `with ${dtype}[${shape}] of storage "${storage.key}" its tensors are ${mostRepeated} bytes larger than the file`;
    throw new IsochronError("import/size-limit", message, { help: "save contiguous tensors: x.contiguous()" });
  }
}

/** The elements of a tensor in row-major order; they are copies. Throws `import/size-limit`. */
export function elementsOf(tensor: StridedTensor, budget: TensorBudget): StoredTensor {
  const { storage, dtype, offset, shape, strides } = tensor;
  const width = bytesOf(dtype);
  const count = countOf(shape);
  budget.take(tensor);
  const Kind = arrays(dtype);
  if (count === 0) return { dtype, shape, data: newArray<Dtype>(dtype, 0) };
  const span = 1 + shape.reduce((sum, length, axis) => sum + (length - 1) * strides[axis]!, 0);
  const own = new Uint8Array(storage.bytes.subarray(offset * width, (offset + span) * width));
  const source = new Kind(own.buffer);
  if (isContiguous(tensor)) return { dtype, shape, data: source };
  const data: TypedArray = newArray<Dtype>(dtype, count);
  const index = shape.map(() => 0);
  for (let at = 0, from = 0; at < count; at++) {
    data[at] = source[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= shape[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return { dtype, shape, data };
}
