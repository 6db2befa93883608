// A call of an operator: its arguments by the names of its schema, as the types that it asks for.
import { type Dtype, dtypes, IsochronError, isFloatDtype } from "../../../kernels/index.ts";
import { refuseWhere } from "../../capture/linalg/matrices.ts";
import { constant, type Tensor } from "../../capture/tensor.ts";
import { fixedNumbers } from "./known.ts";
import { promoteTypes, resultType } from "./promotion.ts";
import type { Argument, Schema } from "./schema.ts";
import {
  kindOfTorch,
  TorchComplex,
  TorchDevice,
  TorchNumber,
  TorchObject,
  TorchQuantized,
  TorchTensor,
  TorchTuple,
  type TorchValue,
} from "./values.ts";

/** A number where an operator takes a tensor or a number. */
export type Scalar = bigint | number | boolean;

export const isScalar = (value: TorchValue): value is Scalar =>
  typeof value === "bigint" || typeof value === "number" || typeof value === "boolean";

/** c10::ScalarType by number, as TorchScript writes dtypes. */
const scalarTypes: readonly (Dtype | undefined)[] = [
  "u8",
  "i8",
  "i16",
  "i32",
  "i64",
  "f16",
  "f32",
  "f64",
  undefined,
  undefined,
  undefined,
  "bool",
  undefined,
  undefined,
  undefined,
  "bf16",
];

/** The number of a dtype. */
export const scalarTypeOf = (dtype: Dtype): bigint => BigInt(scalarTypes.indexOf(dtype));

/** What is valid in PyTorch, and has nothing here that it could become. */
export const unsupportedTorch = (message: string, help?: string): IsochronError =>
  new IsochronError("import/unsupported", message, help === undefined ? {} : { help });

/** Operands that do not belong to an operator. */
export const torchMisfit = (message: string): IsochronError =>
  new IsochronError("import/model", message, { help: "run the model in PyTorch with the same types" });

/** A whole number that JavaScript counts with. */
export function wholeNumber(value: bigint | number): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw torchMisfit(`${value} is no count`);
}

/** An axis counted from the front, of so many dimensions. */
export function axisOf(axis: number, rank: number): number {
  if (axis < -rank || axis >= rank) throw torchMisfit(`dimension ${axis} of ${rank} dimensions`);
  return axis < 0 ? axis + rank : axis;
}

/** A dtype by its number. */
export function dtypeOf(value: TorchValue): Dtype {
  const dtype = typeof value === "bigint" ? scalarTypes[Number(value)] : undefined;
  if (dtype && dtypes.includes(dtype)) return dtype;
  throw unsupportedTorch(`dtype ${value} of PyTorch is not there`, "convert to float32, float64 or an integer before");
}

/** Numbers of a list or tuple. */
export const itemsOfTorch = (value: TorchValue): readonly TorchValue[] | undefined =>
  Array.isArray(value) ? value : value instanceof TorchTuple ? value.items : undefined;

/** Whether a value may be given for a type of a schema. */
function fits(value: TorchValue, type: string, expands: boolean): boolean {
  const element = /^(.*?)(\?)?\[\]$/.exec(type);
  if (element) {
    const items = itemsOfTorch(value);
    if (!items) return expands && fits(value, element[1]!, false);
    return items.every((each) => (each === null ? element[2] !== undefined : fits(each, element[1]!, false)));
  }
  switch (type) {
    case "Tensor":
      return value instanceof TorchTensor;
    case "Complex":
      return value instanceof TorchComplex;
    case "Quantized":
      return value instanceof TorchQuantized;
    case "Packed":
      return value instanceof TorchObject;
    case "int":
    case "ScalarType":
    case "Layout":
    case "MemoryFormat":
      return typeof value === "bigint";
    case "float":
      return typeof value === "number" || typeof value === "bigint";
    case "bool":
      return typeof value === "boolean";
    case "Scalar":
      return isScalar(value) || value instanceof TorchNumber;
    // A size, which a run may decide.
    case "Size":
      return typeof value === "bigint" || (value instanceof TorchNumber && value.kind === "int");
    // An index that is a number of a run.
    case "RunInt":
      return value instanceof TorchNumber && value.kind === "int";
    case "str":
      return typeof value === "string";
    case "Any":
      return true;
    case "Device":
      return value instanceof TorchDevice;
    default:
      return false;
  }
}

/** A default as the schema writes it. */
function defaultOf({ default: text }: Argument): TorchValue {
  if (text === undefined || text === "None") return null;
  if (text === "True" || text === "False") return text === "True";
  if (text === "[]") return [];
  if (text.startsWith("["))
    return text
      .slice(1, -1)
      .split(",")
      .map((each) => BigInt(each.trim()));
  if (/^-?\d+$/.test(text)) return BigInt(text);
  if (/^-?[\d.e-]+$/.test(text)) return Number(text);
  if (text.startsWith('"') || text.startsWith("'")) return text.slice(1, -1);
  return null;
}

/** A tensor of no dimension where a number belongs is its number, if that is known. */
function implicit(value: TorchValue, type: string): TorchValue {
  if (!(value instanceof TorchTensor) || !(type === "int" || type === "Scalar" || type === "Size")) return value;
  const { dtype } = value;
  if (isFloatDtype(dtype) || value.rank > 0) return value;
  return fixedNumbers(value.read())?.[0] ?? value;
}

/** The arguments of a call by the names of a schema; undefined where they do not fit it. */
export function bound(
  schema: Schema,
  positional: readonly TorchValue[],
  keywords: ReadonlyMap<string, TorchValue>,
): ReadonlyMap<string, TorchValue> | undefined {
  const places = schema.arguments.filter(({ keywordOnly }) => !keywordOnly);
  if (positional.length > places.length) return undefined;
  for (const name of keywords.keys()) if (!schema.arguments.some((each) => each.name === name)) return undefined;
  const found = new Map<string, TorchValue>();
  for (const argument of schema.arguments) {
    const at = places.indexOf(argument);
    const value = at >= 0 && at < positional.length ? positional[at]! : keywords.get(argument.name);
    const given = value === undefined ? undefined : implicit(value, argument.type);
    if (given === undefined) {
      if (argument.default === undefined && !argument.optional) return undefined;
      found.set(argument.name, defaultOf(argument));
    } else if (given === null ? argument.optional : fits(given, argument.type, argument.expands)) {
      found.set(argument.name, given);
    } else return undefined;
  }
  return found;
}

/** Arguments as TorchScript gives them: a bool where an operator takes any number is an int there, which results are promoted by. */
export function withIntegers(schema: Schema, given: ReadonlyMap<string, TorchValue>): ReadonlyMap<string, TorchValue> {
  const integer = (value: TorchValue): TorchValue => {
    if (typeof value === "boolean") return value ? 1n : 0n;
    if (value instanceof TorchNumber && value.kind === "bool") return new TorchNumber("int", cast(value.tensor, "i64"));
    return value;
  };
  const scalars = schema.arguments.filter(({ type }) => type === "Scalar");
  return new Map([...given, ...scalars.map(({ name }) => [name, integer(given.get(name) ?? null)] as const)]);
}

/** The arguments of one call. */
export class TorchCall {
  readonly #given: ReadonlyMap<string, TorchValue>;
  /** The most that a size may be that values decide, where nothing else says it. */
  readonly atMost: number | undefined;
  /** Raises an error where any element is true, once the model runs. */
  readonly refuse: (wrong: Tensor<"bool">, message: string) => void;

  constructor(given: ReadonlyMap<string, TorchValue>, atMost?: number, refuse: TorchCall["refuse"] = refuseWhere) {
    this.#given = given;
    this.atMost = atMost;
    this.refuse = refuse;
  }

  value(name: string): TorchValue {
    return this.#given.get(name) ?? null;
  }

  has(name: string): boolean {
    return this.value(name) !== null;
  }

  /** The tensor itself, to make views of, or to write to. */
  torch(name: string): TorchTensor {
    const value = this.value(name);
    if (value instanceof TorchTensor) return value;
    throw torchMisfit(`${name} is ${kindOfTorch(value)} instead of a tensor`);
  }

  tensor(name: string): Tensor {
    return this.torch(name).read();
  }

  optional(name: string): Tensor | undefined {
    return this.has(name) ? this.tensor(name) : undefined;
  }

  torches(name: string): readonly TorchTensor[] {
    const items = itemsOfTorch(this.value(name)) ?? [];
    return items.map((each) => {
      if (each instanceof TorchTensor) return each;
      throw torchMisfit(`${name} holds ${kindOfTorch(each)} instead of tensors`);
    });
  }

  /** Tensors of one dtype, that which holds all. */
  tensors(name: string): readonly Tensor[] {
    const all = this.torches(name);
    const dtype = all.map((each) => each.dtype).reduce(promoteTypes, all[0]?.dtype ?? "f32");
    return all.map((each) => cast(each.read(), dtype));
  }

  int(name: string): number {
    const value = this.value(name);
    if (typeof value === "bigint") return wholeNumber(value);
    throw torchMisfit(`${name} is ${kindOfTorch(value)} instead of an int`);
  }

  ints(name: string): readonly number[] {
    const value = this.value(name);
    const items = itemsOfTorch(value) ?? [value];
    return items.map((each) => {
      if (typeof each === "bigint") return wholeNumber(each);
      throw torchMisfit(`${name} holds ${kindOfTorch(each)} instead of ints`);
    });
  }

  /** Sizes, which a run may decide. */
  sizes(name: string): readonly (number | TorchNumber)[] {
    const value = this.value(name);
    return (itemsOfTorch(value) ?? [value]).map((each) => {
      if (each instanceof TorchNumber) return each;
      if (typeof each === "bigint") return wholeNumber(each);
      throw torchMisfit(`${name} holds ${kindOfTorch(each)} instead of sizes`);
    });
  }

  float(name: string): number {
    const value = this.value(name);
    if (isScalar(value)) return Number(value);
    throw torchMisfit(`${name} is ${kindOfTorch(value)} instead of a float`);
  }

  flag(name: string): boolean {
    return this.value(name) === true;
  }

  text(name: string): string {
    const value = this.value(name);
    return typeof value === "string" ? value : "";
  }

  /** The dtype that an argument names, or `otherwise` where it is None. */
  dtype(name: string, otherwise: Dtype): Dtype {
    return this.has(name) ? dtypeOf(this.value(name)) : otherwise;
  }

  /** Operands as tensors of the dtype that PyTorch promotes them to, or of one that is given. */
  promoted(names: readonly string[], given?: (dtype: Dtype) => Dtype): readonly Tensor[] {
    const values = names.map((name) => this.value(name));
    const type = resultType(values);
    const dtype = given?.(type) ?? type;
    return values.map((value) => asTensor(value, dtype));
  }

  /** An axis, counted from the front. */
  axis(name: string, rank: number): number {
    const axis = this.int(name);
    const most = Math.max(rank, 1);
    if (axis < -most || axis >= most) throw torchMisfit(`${name} is ${axis}, of ${rank} dimensions`);
    return axis < 0 ? axis + most : axis;
  }
}

/** A tensor in another dtype. */
export const cast = (tensor: Tensor, dtype: Dtype): Tensor =>
  tensor.type.dtype === dtype ? tensor : tensor.cast(dtype);

/** A tensor, or a number as one of no dimension. */
export function asTensor(value: TorchValue, dtype: Dtype): Tensor {
  if (value instanceof TorchTensor) return cast(value.read(), dtype);
  if (value instanceof TorchNumber) return cast(value.tensor, dtype);
  if (!isScalar(value)) throw torchMisfit(`${kindOfTorch(value)} is no number`);
  return constant([Number(value)], dtype, []);
}
