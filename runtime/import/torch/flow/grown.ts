// Lists whose length values decide: tensors of the parts of all elements, with room for the most that there may be, and a count.
import { currentRecorder } from "../../../capture/recorder.ts";
import { concat, full, stack, type Tensor } from "../../../capture/tensor.ts";
import { countOf, sameType, showTensorType, staticShape, type TensorType } from "../../../graph/tensor-type.ts";
import { unsupportedTorch } from "../call.ts";
import { numberTensor } from "../numbers.ts";
import { cutTo } from "../sizes.ts";
import {
  type ElementForm,
  kindOfNumber,
  kindOfTorch,
  numberDtypes,
  TorchGrown,
  TorchNumber,
  TorchTensor,
  TorchTuple,
  type TorchValue,
} from "../values.ts";
import { joinedTensor } from "./joined-tensor.ts";

/** Elements that the parts of a list have in all, at most. */
const mostElements = 2 ** 26;

/** What stands in a list whose length values decide; undefined for others. */
export const grownIn = (list: readonly TorchValue[]): TorchGrown | undefined =>
  list[0] instanceof TorchGrown ? list[0] : undefined;

/** Whether a value is a list whose length values decide. */
export const isGrownList = (value: TorchValue | undefined): value is TorchValue[] =>
  Array.isArray(value) && grownIn(value) !== undefined;

/** The elements of a list whose length is known. Throws `import/unsupported`. */
export function knownItems(list: readonly TorchValue[]): readonly TorchValue[] {
  if (!grownIn(list)) return list;
  throw unsupportedTorch("the elements of a list are taken one by one, whose length values decide");
}

/** What an element is made of. Throws `import/unsupported` for what no tensor can hold. */
export function formOf(value: TorchValue): ElementForm {
  if (value instanceof TorchTensor) {
    const { type } = value.read();
    return { kind: "tensor", type: { dtype: type.dtype, shape: staticShape(type.shape) } };
  }
  const kind = kindOfNumber(value);
  if (kind) return { kind: "number", of: kind };
  if (value instanceof TorchTuple) return { kind: "tuple", items: value.items.map(formOf), fields: value.fields };
  throw unsupportedTorch(
    `a list whose length values decide would hold ${kindOfTorch(value)}`,
    "such lists hold tensors, numbers and tuples of them",
  );
}

/** The types of the parts of an element. */
export const formParts = (form: ElementForm): TensorType[] => {
  if (form.kind === "tuple") return form.items.flatMap(formParts);
  return [form.kind === "tensor" ? form.type : { dtype: numberDtypes[form.of], shape: [] }];
};

const showForm = (form: ElementForm): string => {
  if (form.kind === "tuple") return `(${form.items.map(showForm).join(", ")})`;
  return form.kind === "tensor" ? showTensorType(form.type) : form.of;
};

const isSameForm = (a: ElementForm, b: ElementForm): boolean => {
  if (a.kind === "tuple")
    return (
      b.kind === "tuple" &&
      a.items.length === b.items.length &&
      a.items.every((each, at) => isSameForm(each, b.items[at]!))
    );
  if (a.kind === "tensor") return b.kind === "tensor" && sameType(a.type, b.type);
  return b.kind === "number" && a.of === b.of;
};

/** The one form of all elements of some lists; undefined where they are empty. Throws `import/unsupported`. */
export function formIn(...lists: readonly (readonly TorchValue[])[]): ElementForm | undefined {
  const forms = lists.flatMap((list) => grownIn(list)?.form ?? list.map(formOf));
  const [first] = forms;
  const other = first && forms.find((each) => !isSameForm(each, first));
  if (!other) return first;
  throw unsupportedTorch(
    `a list whose length values decide would hold ${showForm(first)} and ${showForm(other)}`,
    "the elements of such lists have one shape and dtype",
  );
}

/** The tensors of the parts of an element. What a list keeps of a tensor is what it was: it is not written to any more. */
export function partsOf(value: TorchValue): Tensor[] {
  if (value instanceof TorchTuple) return value.items.flatMap(partsOf);
  if (value instanceof TorchTensor) {
    value.hold();
    return [value.read()];
  }
  return [numberTensor(value)!];
}

/** The element, or something of its form, that parts are of. */
export function made(form: ElementForm, parts: readonly Tensor[], tensor = joinedTensor): TorchValue {
  const left = [...parts];
  const build = (of: ElementForm): TorchValue => {
    if (of.kind === "tuple") return new TorchTuple(of.items.map(build), of.fields);
    const part = left.shift()!;
    return of.kind === "tensor" ? tensor(part) : new TorchNumber(of.of, part);
  };
  return build(form);
}

/** How many elements a list has room for. */
export const roomOf = (list: readonly TorchValue[]): number => grownIn(list)?.room ?? list.length;

/** The most elements that a list may have, and the fewest. */
export const mostIn = (list: readonly TorchValue[]): number => grownIn(list)?.bounds.most ?? list.length;
export const leastIn = (list: readonly TorchValue[]): number => grownIn(list)?.bounds.least ?? list.length;

/** How many elements a list has. */
export const lengthOf = (list: readonly TorchValue[]): TorchValue => grownIn(list)?.count ?? BigInt(list.length);

/** Tensors of the parts of a list's elements, one behind the other, with room for so many. Throws `import/unsupported`. */
export function columnsOf(list: readonly TorchValue[], form: ElementForm, room: number): Tensor[] {
  const types = formParts(form);
  for (const type of types) {
    if (room * countOf(staticShape(type.shape)) <= mostElements) continue;
    throw unsupportedTorch(
      `a list whose length values decide would have room for ${room} times ${showTensorType(type)}`,
      "say how often loops turn at most: model.graph({ atMost: 100 })",
    );
  }
  const grown = grownIn(list);
  const parts = grown ? [] : list.map(partsOf);
  return types.map(({ dtype, shape }, at): Tensor => {
    const own = grown?.room ?? list.length;
    const there = grown ? [grown.columns[at]!] : own > 0 ? [stack(parts.map((each) => each[at]!))] : [];
    const empty = room > own ? [full(dtype, [room - own, ...shape], 0) as Tensor] : [];
    const all = [...there, ...empty];
    return all.length === 1 ? all[0]! : concat(all, 0);
  });
}

/** A list as one whose length values decide, with room for so many elements; `form` is that of its elements where it has none. */
export function asGrown(list: readonly TorchValue[], form: ElementForm, room = roomOf(list)): TorchGrown {
  const grown = grownIn(list);
  if (grown && grown.room >= room) return grown;
  const columns = columnsOf(list, form, Math.max(room, roomOf(list), 1));
  const count = grown?.count.tensor ?? numberTensor(BigInt(list.length))!;
  return new TorchGrown(
    form,
    columns,
    new TorchNumber("int", count, { least: leastIn(list), most: mostIn(list) }),
    grown?.growth,
  );
}

/** A part of all elements that there are: its first dimension is as long as the list. */
export function shown({ count, room }: TorchGrown, column: Tensor): Tensor {
  const dimension = currentRecorder().dimensionUnder(count.tensor.value, "list", room);
  return cutTo(column, 0, new TorchNumber("int", count.tensor, count.bounds, dimension));
}

/** All elements as one value of an element's form, whose parts are tensors with a first dimension as long as the list. */
export function columnar(grown: TorchGrown): TorchValue {
  const columns = grown.columns.map((column) => TorchTensor.of(shown(grown, column)));
  const build = (form: ElementForm): TorchValue =>
    form.kind === "tuple" ? new TorchTuple(form.items.map(build), form.fields) : columns.shift()!;
  return build(grown.form);
}
