// What TorchScript does with lists whose length values decide.
import { constant, iota, type Tensor, where } from "../../../capture/tensor.ts";
import { axisOf, cast, dtypeOf, torchMisfit, unsupportedTorch } from "../call.ts";
import { numberIn, numberTensor } from "../numbers.ts";
import { cutTo } from "../sizes.ts";
import { kindOfTorch, TorchGrown, TorchNumber, TorchTensor, type TorchValue } from "../values.ts";
import { fault } from "./fault.ts";
import { asGrown, formIn, grownIn, isGrownList, leastIn, lengthOf, made, mostIn, partsOf, shown } from "./grown.ts";

type Ints = Tensor<"i64">;
type List = TorchValue[];
type Keywords = ReadonlyMap<string, TorchValue>;

const integer = (value: bigint | number): Ints => constant(BigInt64Array.of(BigInt(value)), "i64", []);
const countIn = (grown: TorchGrown): Ints => grown.count.tensor as Ints;
const places = (room: number): Ints => iota("i64", [room]);

/** The same with other columns and another count. */
function changed(grown: TorchGrown, change: (column: Tensor, part: number) => Tensor, count = grown.count): TorchGrown {
  return new TorchGrown(grown.form, grown.columns.map(change), count, grown.growth);
}

/** A count that is so much more, or less. */
function counted(count: TorchNumber, more: Ints, least: number, most: number): TorchNumber {
  return new TorchNumber("int", count.tensor.add(more), { least: Math.max(least, 0), most });
}

const put = (list: List, grown: TorchGrown): void => void list.splice(0, list.length, grown);

/** An index counted from the front; one outside is a fault of the step. */
function indexIn(grown: TorchGrown, index: TorchValue): Ints {
  const given = numberTensor(index) as Ints;
  const count = countIn(grown);
  const at =
    typeof index === "bigint" ? (index < 0n ? count.add(given) : given) : where(given.less(0), given.add(count), given);
  const { least } = grown.bounds;
  const isSure = typeof index === "bigint" && (index < 0n ? -index <= BigInt(least) : index < BigInt(least));
  if (!isSure) fault(at.less(0).or(at.greaterEqual(count)), "an index is not within a list whose length values decide");
  return at.reshape([1]) as Ints;
}

function elementAt(grown: TorchGrown, at: Ints): TorchValue {
  const parts = grown.columns.map((column) => {
    const { shape } = column.type;
    return column.indexSelect(0, at).reshape(shape.slice(1));
  });
  return made(grown.form, parts);
}

const element = (grown: TorchGrown, index: TorchValue): TorchValue => elementAt(grown, indexIn(grown, index));

/** With an element at an index. */
const withElement = (grown: TorchGrown, at: Ints, value: TorchValue): TorchGrown => {
  const parts = partsOf(value);
  return changed(grown, (column, part) => column.indexCopy(0, at, parts[part]!.unsqueeze(0)));
};

function append(list: List, value: TorchValue): TorchValue {
  const form = formIn(list, [value])!;
  const { most, least } = { most: mostIn(list), least: leastIn(list) };
  const grown = asGrown(list, form, most + 1);
  const next = withElement(grown, countIn(grown).reshape([1]) as Ints, value);
  put(
    list,
    changed(next, (column) => column, counted(grown.count, integer(1), least + 1, most + 1)),
  );
  return list;
}

/** The elements of one list, and behind them those of another. */
function joined(first: readonly TorchValue[], second: readonly TorchValue[]): List {
  const form = formIn(first, second);
  if (!form) return [];
  const [least, most] = [leastIn(first) + leastIn(second), mostIn(first) + mostIn(second)];
  const [one, other] = [asGrown(first, form, most), asGrown(second, form)];
  const { room } = one;
  const count = countIn(one);
  const at = places(room).sub(count);
  const isBehind = at.greaterEqual(0);
  const from = at.clamp(0, other.room - 1) as Ints;
  const columns = one.columns.map((column, part): Tensor => {
    const more = other.columns[part]!.indexSelect(0, from);
    const rank = column.type.shape.length;
    return where(isBehind.reshape([room, ...new Array<number>(rank - 1).fill(1)]), more, column);
  });
  return [new TorchGrown(form, columns, counted(one.count, countIn(other), least, most), one.growth)];
}

const extend = (list: List, more: List): TorchValue => {
  const all = joined(list, more);
  list.splice(0, list.length, ...all);
  return null;
};

function pop(list: List, grown: TorchGrown, index: TorchValue): TorchValue {
  const at = indexIn(grown, index);
  const value = elementAt(grown, at);
  const all = places(grown.room);
  const kept = where(all.less(at), all, all.add(1).minimum(grown.room - 1)) as Ints;
  const { least, most } = grown.bounds;
  const count = counted(grown.count, integer(-1), least - 1, Math.max(most - 1, 0));
  put(
    list,
    changed(grown, (column) => (index === -1n ? column : column.indexSelect(0, kept)), count),
  );
  return value;
}

function reverse(list: List, grown: TorchGrown): TorchValue {
  const all = places(grown.room);
  const last = countIn(grown).sub(1);
  const turned = where(all.less(countIn(grown)), last.sub(all), all);
  put(
    list,
    changed(grown, (column) => column.indexSelect(0, turned)),
  );
  return null;
}

/** A slice that goes on by one. */
function slice(grown: TorchGrown, start: TorchValue, end: TorchValue): List {
  const count = countIn(grown);
  const bound = (value: TorchValue, otherwise: Ints): Ints => {
    if (value === null) return otherwise;
    const given = numberTensor(value) as Ints;
    return where(given.less(0), given.add(count), given).maximum(0).minimum(count) as Ints;
  };
  const [from, to] = [bound(start, integer(0)), bound(end, count)];
  const at = places(grown.room)
    .add(from)
    .minimum(grown.room - 1) as Ints;
  const many = to.sub(from).maximum(0) as Ints;
  const size = new TorchNumber("int", many, { least: 0, most: grown.bounds.most });
  return [changed(grown, (column) => column.indexSelect(0, at), size)];
}

/** The one tensor of each element; undefined where elements are no tensors. */
const tensorIn = (grown: TorchGrown): Tensor | undefined =>
  grown.form.kind === "tensor" ? grown.columns[0]! : undefined;

const numbersIn = (grown: TorchGrown): Tensor | undefined =>
  grown.form.kind === "number" ? shown(grown, grown.columns[0]!) : undefined;

/** The elements along a new dimension. */
function stacked(grown: TorchGrown, axis: number): TorchValue | undefined {
  const column = tensorIn(grown);
  if (!column) return undefined;
  const rank = column.type.shape.length;
  const at = axisOf(axis, rank);
  return TorchTensor.of(moved(shown(grown, column), rank, at));
}

/** The first dimension moved to another place. */
function moved(x: Tensor, rank: number, to: number): Tensor {
  const others = Array.from({ length: rank - 1 }, (_, at) => at + 1);
  return to === 0 ? x : x.permute(others.toSpliced(to, 0, 0));
}

/** The elements joined along one of their dimensions. */
function joinedAlong(grown: TorchGrown, axis: number): TorchValue | undefined {
  const column = tensorIn(grown);
  if (!column) return undefined;
  const [room, ...shape] = column.type.shape as readonly number[];
  const at = axisOf(axis, shape.length);
  const size = shape[at]!;
  const whole = moved(column, shape.length + 1, at).reshape(shape.with(at, room! * size));
  const count = countIn(grown).mul(size) as Ints;
  const { least, most } = grown.bounds;
  return TorchTensor.of(cutTo(whole, at, new TorchNumber("int", count, { least: least * size, most: most * size })));
}

/** A tensor of numbers. */
function tensorOf(grown: TorchGrown, keywords: Keywords): TorchValue | undefined {
  const numbers = numbersIn(grown);
  if (!numbers) return undefined;
  const dtype = keywords.get("dtype") ?? null;
  const own = numbers.dtype === "f64" ? "f32" : numbers.dtype;
  return TorchTensor.of(cast(numbers, dtype === null ? own : dtypeOf(dtype)));
}

const isContained = (grown: TorchGrown, value: TorchValue): TorchValue | undefined => {
  const [numbers, wanted] = [numbersIn(grown), numberTensor(value)];
  return numbers && wanted && numberIn(numbers.equal(cast(wanted, numbers.dtype) as Tensor).any());
};

/** The least or the greatest number; of none it is a fault. */
function extreme(grown: TorchGrown, name: "min" | "max"): TorchValue | undefined {
  const numbers = numbersIn(grown);
  if (!numbers) return undefined;
  if (grown.bounds.least < 1) fault(countIn(grown).less(1), `${name} is taken of a list without elements`);
  return numberIn(numbers[name]() as Tensor);
}

const axisGiven = (value: TorchValue | undefined, keywords: Keywords): number =>
  Number(value ?? keywords.get("dim") ?? 0);

/** What a function gives for a list whose length values decide, which its first operand is; undefined where it has none. */
function ofList(name: string, list: List, rest: readonly TorchValue[], keywords: Keywords): TorchValue | undefined {
  const grown = grownIn(list)!;
  const [second, third, fourth] = rest;
  switch (name) {
    case "len":
      return lengthOf(list);
    case "append":
      return append(list, second!);
    case "__getitem__":
      return element(grown, second!);
    case "_set_item":
      put(list, withElement(grown, indexIn(grown, second!), third!));
      return null;
    case "pop":
      return pop(list, grown, second ?? -1n);
    case "reverse":
      return reverse(list, grown);
    case "slice":
      return (fourth ?? null) === null || fourth === 1n ? slice(grown, second ?? null, third ?? null) : undefined;
    case "list":
    case "copy":
      return [grown];
    case "stack":
      return stacked(grown, axisGiven(second, keywords));
    case "cat":
    case "concat":
      return joinedAlong(grown, axisGiven(second, keywords));
    case "tensor":
      return tensorOf(grown, keywords);
    case "__contains__":
      return isContained(grown, second!);
    case "sum":
    case "any":
    case "all": {
      const numbers = numbersIn(grown);
      return numbers && numberIn((numbers as Tensor<"bool">)[name]() as Tensor);
    }
    case "min":
    case "max":
      return second === undefined ? extreme(grown, name) : undefined;
    default:
      return undefined;
  }
}

/**
 * What a function gives for operands among which are lists whose length values decide, or a place that values decide in another
 * list; undefined for all others. Throws `import/unsupported` where such lists are not taken.
 */
export function ofGrownLists(
  name: string,
  operands: readonly TorchValue[],
  keywords: Keywords,
): TorchValue | undefined {
  const [first, second] = operands;
  const isChosen = second instanceof TorchNumber && (name === "__getitem__" || name === "_set_item");
  if (isChosen && Array.isArray(first) && !isGrownList(first)) {
    const form = formIn(first);
    if (!form) throw torchMisfit("an element is taken of a list that has none");
    const grown = asGrown(first, form);
    // Only what is written to has to be another list from then on.
    if (name === "__getitem__") return element(grown, second);
    put(first, grown);
  }
  if (!operands.some(isGrownList)) return undefined;
  if (Array.isArray(first) && Array.isArray(second)) {
    if (name === "extend") return extend(first, second);
    if (name === "add") return joined(first, second);
  }
  const found = isGrownList(first) ? ofList(name, first, operands.slice(1), keywords) : undefined;
  if (found !== undefined) return found;
  // A list among what another one, a dictionary or an object holds.
  if (!isGrownList(first) && (name === "append" || name === "_set_item")) return undefined;
  throw unsupportedTorch(
    `${name}(${operands.map(kindOfTorch).join(", ")}) is not there for lists whose length values decide`,
    "keep a tensor of as many elements as there may be, and count them",
  );
}
