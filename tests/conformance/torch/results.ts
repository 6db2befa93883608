// What a call of a fixture gives, beside what a graph gives for it: values one by one, lists as tensors of all their elements.
import type { TorchResult } from "../../../runtime/import/torch/model.ts";
import type { Graph, TypedArray } from "../../../runtime/index.ts";
import type { FixtureValue } from "./fixtures.ts";

/** A result, and what PyTorch has for it: a text, or numbers of a shape. */
export type Wanted = { readonly result: TorchResult } & (
  | { readonly text: string }
  | { readonly data: ArrayLike<number | bigint>; readonly shape: readonly number[] }
);

type Shape = Graph["outputs"][number]["value"]["type"]["shape"];
type Read = (key: string) => TypedArray;
type Leaf = Exclude<FixtureValue, { type: "list" | "tuple" | "dict" | "none" }>;

const leavesOf = (value: FixtureValue): Leaf[] => {
  if ("items" in value) return value.items.flatMap(leavesOf);
  return value.type === "none" ? [] : [value];
};

function numbersOf(
  leaf: Leaf,
  read: Read,
): { readonly data: ArrayLike<number | bigint>; readonly shape: readonly number[] } {
  if (leaf.type === "tensor") return { data: read(leaf.key), shape: leaf.shape };
  return { data: [Number(leaf.value)], shape: [] };
}

/** One part of all elements of a list. */
function columnOf(items: readonly FixtureValue[], part: number, read: Read) {
  const each = items.map((item) => numbersOf(leavesOf(item)[part]!, read));
  const data = each.flatMap((one) => Array.from(one.data as ArrayLike<number>));
  return { data, shape: [items.length, ...(each[0]?.shape ?? [])] };
}

/** Results of a graph with what they should be. Throws where there are more or fewer. */
export function pairedWith(results: readonly TorchResult[], values: readonly FixtureValue[], read: Read): Wanted[] {
  const left = [...results];
  const next = (): TorchResult => {
    const result = left.shift();
    if (result) return result;
    throw new Error(`it gives ${results.length} values, and that is too few`);
  };
  const pair = (value: FixtureValue): Wanted[] => {
    if (value.type === "none") return [];
    if (!("items" in value)) {
      const result = next();
      return [value.type === "str" ? { result, text: String(value.value) } : { result, ...numbersOf(value, read) }];
    }
    const list = value.type === "list" ? left[0]?.list : undefined;
    if (list === undefined) return value.items.flatMap(pair);
    const columns = left.filter((each) => each.list === list);
    return columns.map((_, part) => ({ result: next(), ...columnOf(value.items, part, read) }));
  };
  const paired = values.flatMap(pair);
  if (left.length > 0) throw new Error(`it gives ${results.length} values instead of ${paired.length}`);
  return paired;
}

/** Numbers as they stand in a result whose sizes values decide: in its largest shape, with zeros behind what there is. */
export function atMaximum(
  data: ArrayLike<number | bigint>,
  shape: readonly number[],
  type: Shape,
): (number | bigint)[] {
  const most = type.map((size) => (typeof size === "number" ? size : size.kind === "bounded" ? size.max : 0));
  const strides = (sizes: readonly number[]) => sizes.map((_, d) => sizes.slice(d + 1).reduce((a, b) => a * b, 1));
  const [own, whole] = [strides(shape), strides(most)];
  const all = new Array<number | bigint>(most.reduce((a, b) => a * b, 1)).fill(0);
  for (let at = 0; at < data.length; at++)
    all[shape.reduce((sum, size, d) => sum + (Math.floor(at / own[d]!) % size) * whole[d]!, 0)] = data[at]!;
  return all;
}
