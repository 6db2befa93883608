// What TorchScript has beside operators of tensors: arithmetic of numbers, lists, dictionaries, texts, and questions about tensors.

import { isFloatDtype } from "../../../../kernels/index.ts";
import type { Tensor } from "../../../capture/tensor.ts";
import { asTensor, cast, isScalar, itemsOfTorch, scalarTypeOf, torchMisfit, wholeNumber } from "../call.ts";
import { fixedNumbers } from "../known.ts";
import { numberIn } from "../numbers.ts";
import { elementsIn, sizeAlong } from "../sizes.ts";
import {
  kindOfTorch,
  type NumberKind,
  sameValue,
  TorchDevice,
  TorchNumber,
  TorchObject,
  TorchQuantized,
  TorchTensor,
  TorchTuple,
  type TorchValue,
  textOfTorch,
} from "../values.ts";

/** A function of values; undefined where it is not made for such values. */
export type Primitive = (...values: TorchValue[]) => TorchValue | undefined;

const toInt64 = (value: bigint): bigint => BigInt.asIntN(64, value);
const isNumber = (value: TorchValue | undefined): value is bigint | number =>
  typeof value === "bigint" || typeof value === "number";
const isInt = (value: TorchValue | undefined): value is bigint => typeof value === "bigint";

/** Arithmetic of two numbers: of integers as integers that wrap, of others as floats. */
const arithmetic =
  (ints: ((a: bigint, b: bigint) => bigint) | undefined, floats: (a: number, b: number) => number): Primitive =>
  (a, b) => {
    if (!isNumber(a) || !isNumber(b)) return undefined;
    return isInt(a) && isInt(b) && ints ? toInt64(ints(a, b)) : floats(Number(a), Number(b));
  };

function nonZero(value: bigint | number): void {
  if (Number(value) === 0) throw torchMisfit("a division by zero");
}

const floorDivided = (a: bigint, b: bigint): bigint => {
  nonZero(b);
  const quotient = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
};

const comparison =
  (numbers: (a: number | bigint | string, b: number | bigint | string) => boolean): Primitive =>
  (a, b) => {
    const [left, right] = [a, b].map((each) => (typeof each === "boolean" ? BigInt(each) : each));
    if (isNumber(left) && isNumber(right)) return numbers(left, right);
    return typeof left === "string" && typeof right === "string" ? numbers(left, right) : undefined;
  };

/** What equals what, of anything but tensors. */
const equality =
  (wanted: boolean): Primitive =>
  (a, b) =>
    a instanceof TorchTensor || b instanceof TorchTensor || a === undefined || b === undefined
      ? undefined
      : sameValue(a, b) === wanted;

const least = (values: readonly TorchValue[], better: (a: number, b: number) => boolean): TorchValue | undefined => {
  if (!values.every(isNumber)) return undefined;
  const [first, ...rest] = values as (bigint | number)[];
  if (first === undefined) return undefined;
  return rest.reduce((best, each) => (better(Number(each), Number(best)) ? each : best), first);
};

/** A place of a list that may be counted from its end. */
function placeIn(index: bigint, length: number): number {
  const place = Number(index) < 0 ? Number(index) + length : Number(index);
  if (place < 0 || place >= length) throw torchMisfit(`index ${index} of ${length} elements`);
  return place;
}

const keyOf = (value: TorchValue): string | bigint | number | boolean => {
  if (typeof value === "string" || isScalar(value)) return value;
  throw torchMisfit(`${kindOfTorch(value)} is no key of a dictionary`);
};

/** An element of a list, a tuple or a text, or a value of a dictionary. */
function element(container: TorchValue, key: TorchValue): TorchValue | undefined {
  if (container instanceof Map) {
    const found = container.get(keyOf(key));
    if (found === undefined) throw torchMisfit(`a dictionary has no key ${textOfTorch(key)}`);
    return found;
  }
  if (!isInt(key)) return undefined;
  if (typeof container === "string") return container[placeIn(key, container.length)]!;
  const items = itemsOfTorch(container);
  return items?.[placeIn(key, items.length)];
}

/** The places of a slice of so many elements. */
export function slicePlaces(length: number, start: TorchValue, end: TorchValue, step: TorchValue): readonly number[] {
  const by = isInt(step) ? wholeNumber(step) : 1;
  if (by < 1) throw torchMisfit("a slice goes forwards");
  const at = (value: TorchValue, otherwise: number) =>
    isInt(value)
      ? Math.min(Math.max(Number(value) < 0 ? Number(value) + length : Number(value), 0), length)
      : otherwise;
  const [from, to] = [at(start, 0), at(end, length)];
  return Array.from({ length: Math.max(0, Math.ceil((to - from) / by)) }, (_, index) => from + index * by);
}

const listOf = (value: TorchValue | undefined): TorchValue[] | undefined => (Array.isArray(value) ? value : undefined);

/** The one number of a tensor: itself where it is known before anything runs. Throws `import/model` for several. */
export function numberOf(tensor: TorchTensor, kind?: NumberKind): bigint | number | boolean | TorchNumber {
  const value = tensor.read();
  const found = fixedNumbers(value);
  if (found?.length === 1) return found[0]!;
  if (tensor.shape.some((size) => size !== 1)) throw torchMisfit(`a number is taken of ${kindOfTorch(tensor)}`);
  return numberIn(value, kind);
}

const converted =
  <T extends TorchValue>(kind: NumberKind | undefined, convert: (value: bigint | number | boolean) => T): Primitive =>
  (value) => {
    const number = value instanceof TorchTensor ? numberOf(value, kind) : value;
    if (number instanceof TorchNumber) return number;
    return number !== undefined && isScalar(number) ? convert(number) : undefined;
  };

const toInt = (value: bigint | number | boolean): bigint =>
  typeof value === "bigint" ? value : BigInt(Math.trunc(Number(value)));

/** `format`'s text with values in the place of its braces. */
const formatted: Primitive = (text, ...values) => {
  if (typeof text !== "string") return undefined;
  let at = 0;
  return text.replaceAll("{}", () => textOfTorch(values[at++] ?? null));
};

const size: Primitive = (tensor, axis) => {
  const whole =
    tensor instanceof TorchTensor ? tensor.read() : tensor instanceof TorchQuantized ? tensor.bytes : undefined;
  if (!whole) return undefined;
  if (axis === undefined) return whole.type.shape.map((_, at) => sizeAlong(whole, at));
  return isInt(axis) ? sizeAlong(whole, placeIn(axis, whole.type.shape.length)) : undefined;
};

const ofTensor =
  (run: (tensor: TorchTensor) => TorchValue): Primitive =>
  (tensor) =>
    tensor instanceof TorchTensor ? run(tensor) : undefined;

/** Functions of `torch.` and `ops.prim.` that are not tensors' alone, by their names. */
export const primitives: { readonly [name: string]: Primitive } = {
  add: (a, b) => {
    if (typeof a === "string" && typeof b === "string") return a + b;
    const [left, right] = [listOf(a), listOf(b)];
    return left && right
      ? [...left, ...right]
      : arithmetic(
          (x, y) => x + y,
          (x, y) => x + y,
        )(a!, b!);
  },
  sub: arithmetic(
    (a, b) => a - b,
    (a, b) => a - b,
  ),
  mul: (a, b) => {
    const list = listOf(a);
    if (list && isInt(b)) return Array.from({ length: Math.max(0, wholeNumber(b)) }, () => list).flat();
    return arithmetic(
      (x, y) => x * y,
      (x, y) => x * y,
    )(a!, b!);
  },
  div: (a, b) => {
    if (!isNumber(a) || !isNumber(b)) return undefined;
    nonZero(b);
    return Number(a) / Number(b);
  },
  floordiv: arithmetic(floorDivided, (a, b) => Math.floor(a / b)),
  remainder: arithmetic(
    (a, b) => a - floorDivided(a, b) * b,
    (a, b) => a - Math.floor(a / b) * b,
  ),
  pow: (a, b) => (isNumber(a) && isNumber(b) ? Number(a) ** Number(b) : undefined),
  neg: (a) => (isInt(a) ? toInt64(-a) : typeof a === "number" ? -a : undefined),
  abs: (a) => (isInt(a) ? (a < 0n ? -a : a) : typeof a === "number" ? Math.abs(a) : undefined),
  sqrt: (a) => (isNumber(a) ? Math.sqrt(Number(a)) : undefined),
  ceil: (a) => (isNumber(a) ? BigInt(Math.ceil(Number(a))) : undefined),
  floor: (a) => (isNumber(a) ? BigInt(Math.floor(Number(a))) : undefined),
  min: (...values) => least(listOf(values[0]) ?? values, (a, b) => a < b),
  max: (...values) => least(listOf(values[0]) ?? values, (a, b) => a > b),
  any: (list) => (listOf(list)?.every((each) => typeof each !== "object") ? listOf(list)!.some(Boolean) : undefined),
  all: (list) => (listOf(list)?.every((each) => typeof each !== "object") ? listOf(list)!.every(Boolean) : undefined),
  sum: (list) => {
    const items = listOf(list);
    if (!items?.every(isNumber)) return undefined;
    return items.every(isInt) ? items.reduce((a, b) => a + b, 0n) : items.reduce<number>((a, b) => a + Number(b), 0);
  },
  eq: equality(true),
  ne: equality(false),
  lt: comparison((a, b) => a < b),
  le: comparison((a, b) => a <= b),
  gt: comparison((a, b) => a > b),
  ge: comparison((a, b) => a >= b),
  __not__: (a) => (typeof a === "boolean" ? !a : undefined),
  __and__: (a, b) =>
    typeof a === "boolean" && typeof b === "boolean" ? a && b : isInt(a) && isInt(b) ? a & b : undefined,
  __or__: (a, b) =>
    typeof a === "boolean" && typeof b === "boolean" ? a || b : isInt(a) && isInt(b) ? a | b : undefined,
  __is__: (a, b) => a === b,
  __isnot__: (a, b) => a !== b,
  __contains__: (container, value) => {
    if (container instanceof Map) return container.has(keyOf(value!));
    if (typeof container === "string") return typeof value === "string" ? container.includes(value) : undefined;
    return listOf(container)?.some((each) => sameValue(each, value!));
  },
  __getitem__: (container, key) => element(container!, key!),
  _set_item: (container, key, value) => {
    if (container instanceof Map) container.set(keyOf(key!), value!);
    else {
      const list = listOf(container);
      if (!list || !isInt(key)) return undefined;
      list[placeIn(key, list.length)] = value!;
    }
    return null;
  },
  __range_length: (start, end, step) => {
    if (!isInt(start) || !isInt(end) || !isInt(step)) return undefined;
    nonZero(step);
    return BigInt(Math.max(0, Math.ceil((Number(end) - Number(start)) / Number(step))));
  },
  __derive_index: (index, start, step) =>
    isInt(index) && isInt(start) && isInt(step) ? start + index * step : undefined,
  len: (value) => {
    if (typeof value === "string") return BigInt(value.length);
    if (value instanceof Map) return BigInt(value.size);
    if (value instanceof TorchTensor) return value.rank === 0 ? 0n : sizeAlong(value.read(), 0);
    const items = itemsOfTorch(value!);
    return items && BigInt(items.length);
  },
  append: (list, value) => {
    listOf(list)?.push(value!);
    return listOf(list);
  },
  extend: (list, values) => {
    listOf(list)?.push(...(listOf(values) ?? []));
    return null;
  },
  insert: (list, at, value) => {
    if (!isInt(at)) return undefined;
    listOf(list)?.splice(Number(at), 0, value!);
    return null;
  },
  pop: (list, at) => {
    const items = listOf(list);
    if (!items) return undefined;
    return items.splice(placeIn(isInt(at) ? at : -1n, items.length), 1)[0];
  },
  reverse: (list) => {
    listOf(list)?.reverse();
    return listOf(list) ? null : undefined;
  },
  slice: (value, start, end, step) => {
    const items = itemsOfTorch(value!);
    return items && slicePlaces(items.length, start ?? null, end ?? null, step ?? 1n).map((at) => items[at]!);
  },
  list: (value) => itemsOfTorch(value!)?.slice(),
  copy: (value) => (value instanceof Map ? new Map(value) : listOf(value)?.slice()),
  keys: (map) => (map instanceof Map ? [...map.keys()] : undefined),
  values: (map) => (map instanceof Map ? [...map.values()] : undefined),
  items: (map) => (map instanceof Map ? [...map].map((pair) => new TorchTuple(pair)) : undefined),
  format: formatted,
  upper: (text) => (typeof text === "string" ? text.toUpperCase() : undefined),
  lower: (text) => (typeof text === "string" ? text.toLowerCase() : undefined),
  str: (value) => textOfTorch(value!),
  warn: () => null,
  dim: ofTensor((tensor) => BigInt(tensor.rank)),
  size,
  numel: ofTensor((tensor) => elementsIn(tensor.read())),
  item: ofTensor((tensor) => numberOf(tensor)),
  is_floating_point: ofTensor((tensor) => isFloatDtype(tensor.dtype)),
  is_complex: ofTensor(() => false),
  is_nested: ofTensor(() => false),
  requires_grad: ofTensor(() => false),
  is_cuda: ofTensor(() => false),
  dtype: ofTensor((tensor) => scalarTypeOf(tensor.dtype)),
  device: (value) => (value instanceof TorchTensor || typeof value === "string" ? new TorchDevice() : undefined),
  layout: ofTensor(() => 0n),
  type: (value) => (value instanceof TorchDevice ? value.name : undefined),
  NumToTensor: (value) =>
    value !== undefined && isScalar(value)
      ? TorchTensor.of(asTensor(value, typeof value === "bigint" ? "i64" : typeof value === "boolean" ? "bool" : "f32"))
      : undefined,
  Int: converted("int", toInt),
  Float: converted("float", Number),
  Bool: converted("bool", Boolean),
  IntImplicit: converted("int", toInt),
  FloatImplicit: converted("float", Number),
  ScalarImplicit: converted(undefined, (value) => value),
  int: converted("int", toInt),
  float: (value) => (typeof value === "string" ? Number(value) : converted("float", Number)(value!)),
  bool: converted("bool", Boolean),
  is_grad_enabled: () => false,
  is_autocast_enabled: () => false,
  is_scripting: () => true,
  is_tracing: () => false,
  copy_: (self, source) => {
    if (!(self instanceof TorchTensor) || source === undefined) return undefined;
    const { dtype, shape } = self;
    const from: Tensor = source instanceof TorchTensor ? cast(source.read(), dtype) : asTensor(source, dtype);
    self.write(from.broadcastTo(shape));
    return self;
  },
  zero_: ofTensor((self) => {
    self.write(asTensor(0n, self.dtype).broadcastTo(self.shape));
    return self;
  }),
  fill_: (self, value) => {
    if (!(self instanceof TorchTensor) || value === undefined) return undefined;
    self.write(asTensor(value, self.dtype).broadcastTo(self.shape));
    return self;
  },
  annotate: (value) => value,
  unchecked_unwrap_optional: (value) => value,
  name: (value) => (value instanceof TorchObject ? value.attributes.get("name") : undefined),
  value: (value) => (value instanceof TorchObject ? value.attributes.get("value") : undefined),
};
