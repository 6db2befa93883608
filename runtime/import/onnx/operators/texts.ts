// ONNX's operators of texts, which are known while the graph is built; and those that move any elements, texts among them.

import { isTensor } from "../../../capture/methods/symbolic.ts";
import { constant, type Tensor } from "../../../capture/tensor.ts";
import { countOf } from "../../../graph/tensor-type.ts";
import { Call, constantOf, type Definition, type Definitions } from "../call.ts";
import { TensorProto_DataType as DataType } from "../format/onnx_pb.ts";
import { modelError } from "../import-error.ts";
import { type Imported, kindOf, Optional, Sequence, Strings } from "../imported.ts";
import { elementsOf } from "../known-values.ts";
import { fullMatch } from "./regular-expressions.ts";

/** Operand number `at`, texts. */
export function textsAt(call: Call, at: number): Strings {
  const value = call.value(at);
  if (value instanceof Strings) return value;
  throw modelError(`operand ${at} is ${kindOf(value)} where texts belong`);
}

/** The shape that two shapes are broadcast to. */
function commonShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, d) => {
    const [x, y] = [a, b].map((shape) => shape[d - rank + shape.length] ?? 1) as [number, number];
    if (x !== y && x !== 1 && y !== 1)
      throw modelError(`texts [${a.join(",")}] and [${b.join(",")}] have no common shape`);
    return x === 1 ? y : x;
  });
}

/** Where the element at a place of a shape lies in an operand that is broadcast to it. */
function placeIn(from: readonly number[], to: readonly number[], place: number): number {
  let rest = place;
  let [at, stride] = [0, 1];
  for (let d = to.length - 1; d >= 0; d--) {
    const index = rest % to[d]!;
    rest = Math.floor(rest / to[d]!);
    const size = from[d - to.length + from.length];
    if (size === undefined) break;
    if (size !== 1) at += index * stride;
    stride *= size;
  }
  return at;
}

function joinedTexts(call: Call): Strings {
  const [a, b] = [textsAt(call, 0), textsAt(call, 1)];
  const shape = commonShape(a.shape, b.shape);
  const one = (x: Strings, at: number): string => x.data[placeIn(x.shape, shape, at)]!;
  return new Strings(
    shape,
    Array.from({ length: countOf(shape) }, (_, at) => one(a, at) + one(b, at)),
  );
}

const cases: { readonly [action: string]: (text: string) => string } = {
  NONE: (text) => text,
  LOWER: (text) => text.toLowerCase(),
  UPPER: (text) => text.toUpperCase(),
};

/** Texts without some words, in one case. */
function normalized(call: Call): Strings {
  const { shape, data } = textsAt(call, 0);
  const action = call.choice("case_change_action", cases, "NONE");
  if (shape.length > 2 || (shape.length === 2 && shape[0] !== 1))
    throw modelError(`texts of the shape [${shape.join(",")}], where [c] or [1,c] belong`);
  const compared = call.flag("is_case_sensitive") ? cases.NONE! : cases.LOWER!;
  const left = new Set(call.texts("stopwords", []).map(compared));
  const kept = data.filter((each) => !left.has(compared(each))).map(action);
  const found = kept.length > 0 ? kept : [""];
  return new Strings([...shape.slice(0, -1), found.length], found);
}

/** Parts of a text between blanks, at most so many cuts. */
function words(text: string, most: number): string[] {
  const found: string[] = [];
  let rest = text.trimStart();
  while (rest !== "" && found.length < most) {
    const [word] = /^\S+/.exec(rest)!;
    found.push(word);
    rest = rest.slice(word.length).trimStart();
  }
  return rest === "" ? found : [...found, rest];
}

/** Parts of a text between delimiters, at most so many cuts. */
function parts(text: string, delimiter: string, most: number): string[] {
  const all = text.split(delimiter);
  return all.length <= most + 1 ? all : [...all.slice(0, most), all.slice(most).join(delimiter)];
}

/** The parts of each text along a new dimension, filled up with empty ones, and how many there are. */
function splitTexts(call: Call): (Strings | Tensor)[] {
  const { shape, data } = textsAt(call, 0);
  const delimiter = call.text("delimiter", "");
  const most = call.attribute("maxsplit") ? call.int("maxsplit") : Number.POSITIVE_INFINITY;
  const split = data.map((each) => (delimiter === "" ? words(each, most) : parts(each, delimiter, most)));
  const width = Math.max(0, ...split.map((each) => each.length));
  const filled = split.flatMap((each) => [...each, ...new Array<string>(width - each.length).fill("")]);
  const counts = constant(
    split.map((each) => each.length),
    "i64",
    shape,
  ) as Tensor;
  return [new Strings([...shape, width], filled), counts];
}

function matched(call: Call): Tensor {
  const { shape, data } = textsAt(call, 0);
  const matches = fullMatch(call.text("pattern"));
  return constant(
    data.map((each) => Number(matches(each))),
    "bool",
    shape,
  ) as Tensor;
}

/** Categories as their numbers, or numbers as their categories. */
function categories(call: Call): Strings | Tensor {
  const [numbers, texts] = [call.ints("cats_int64s"), call.texts("cats_strings")];
  const value = call.value(0);
  if (value instanceof Strings) {
    const other = call.int("default_int64", -1);
    const found = new Map(texts.map((each, at) => [each, numbers[at]!]));
    return constant(
      value.data.map((each) => found.get(each) ?? other),
      "i64",
      value.shape,
    ) as Tensor;
  }
  const other = call.text("default_string", "_Unused");
  const found = new Map(numbers.map((each, at) => [each, texts[at]!]));
  const { shape } = call.elements(0, "texts");
  return new Strings(
    shape,
    call.numbers(0, "texts").map((each) => found.get(each) ?? other),
  );
}

/** What a text says as a number. */
function numberOf(text: string): number {
  const trimmed = text.trim();
  const special = /^([+-]?)(nan|inf|infinity)$/i.exec(trimmed);
  if (special) return /nan/i.test(special[2]!) ? Number.NaN : Number(`${special[1]}Infinity`);
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(trimmed))
    throw modelError(`${JSON.stringify(text)} is cast to a number`);
  return Number(trimmed);
}

/** A number in the fewest digits that a type tells from its neighbours. */
function textOf(value: number | bigint, isSingle: boolean): string {
  if (typeof value === "bigint") return String(value);
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value < 0 ? "-inf" : "inf";
  if (!isSingle) return String(value);
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(Number(value.toPrecision(9)));
}

/** A cast that reads texts, or writes them; undefined for all others. */
function castOfTexts(call: Call): Imported | undefined {
  const value = call.value(0);
  const like = call.operator === "CastLike" ? call.value(1) : undefined;
  const isToTexts = like ? like instanceof Strings : call.int("to") === DataType.STRING;
  if (value instanceof Strings) {
    if (isToTexts) return value;
    const dtype = isTensor(like) ? like.dtype : call.dtype("to");
    // Integers of 64 bits in digits keep all of them.
    if ((dtype === "i64" || dtype === "u64") && value.data.every((each) => /^\s*[+-]?\d+\s*$/.test(each))) {
      const whole = value.data.map((each) => BigInt(each));
      const data = dtype === "i64" ? BigInt64Array.from(whole) : BigUint64Array.from(whole);
      return constantOf({ dtype, shape: value.shape, data });
    }
    return constant(value.data.map(numberOf), "f64", value.shape).cast(dtype) as Tensor;
  }
  if (!isToTexts) return undefined;
  const { dtype, shape, data } = call.elements(0, "texts");
  if (dtype === "bool")
    return new Strings(
      shape,
      Array.from(data as Uint8Array, (each) => (each ? "True" : "False")),
    );
  const exact = dtype === "i64" || dtype === "u64" ? (data as BigInt64Array) : call.numbers(0, "texts");
  return new Strings(
    shape,
    Array.from(exact as Iterable<number | bigint>, (each) => textOf(each, dtype === "f32")),
  );
}

const castingTexts =
  (definition: Definition): Definition =>
  (call) =>
    castOfTexts(call) ?? definition(call);

/** All texts that a value is made of. */
function textsIn(value: Imported | undefined): readonly string[] {
  if (value instanceof Strings) return value.data;
  if (value instanceof Sequence) return value.elements.flatMap(textsIn);
  return value instanceof Optional ? textsIn(value.value) : [];
}

const holdsTexts = (value: Imported | undefined): boolean =>
  value instanceof Strings ||
  (value instanceof Sequence && value.elements.some(holdsTexts)) ||
  (value instanceof Optional && holdsTexts(value.value));

/** A value with others in place of its tensors and texts. */
function replaced(value: Imported | undefined, by: (each: Tensor | Strings) => Imported): Imported | undefined {
  if (value === undefined) return undefined;
  if (value instanceof Sequence) return new Sequence(value.elements.map((each) => replaced(each, by)!));
  return value instanceof Optional ? new Optional(replaced(value.value, by)) : by(value);
}

/** By code points, as UTF-8 is ordered. */
function compared(a: string, b: string): number {
  const [x, y] = [Array.from(a), Array.from(b)];
  const at = x.findIndex((each, index) => each !== y[index]);
  if (at < 0) return x.length - y.length;
  return y[at] === undefined ? 1 : x[at]!.codePointAt(0)! - y[at].codePointAt(0)!;
}

/**
 * An operator that moves or compares elements, over texts too: it is given their ranks among all texts of its operands in their
 * place, and the texts are taken at the ranks that its results have. The empty text, which stands where 0 does, has rank 0.
 */
const overTexts =
  (definition: Definition, isTexts: (result: number) => boolean): Definition =>
  (call) => {
    if (!call.inputs.some(holdsTexts)) return definition(call);
    const texts = [...new Set(["", ...call.inputs.flatMap(textsIn)])].sort(compared);
    const ranks = new Map(texts.map((each, at) => [each, at]));
    const ranked = (each: Tensor | Strings): Imported => {
      if (!(each instanceof Strings)) return each;
      const numbers = each.data.map((text) => ranks.get(text)!);
      return constant(numbers, "i64", each.shape) as Tensor;
    };
    const inputs = call.inputs.map((each) => replaced(each, ranked));
    const found = definition(new Call({ ...call, inputs }));
    const results = Array.isArray(found) ? (found as readonly (Imported | undefined)[]) : [found as Imported];
    const named = (each: Tensor | Strings): Imported => {
      if (each instanceof Strings) return each;
      const known = elementsOf(each);
      if (!known) throw call.surroundings.unknown("an operand beside texts", each, "texts");
      return new Strings(
        known.shape,
        Array.from(known.data as BigInt64Array, (rank) => texts[Number(rank)]!),
      );
    };
    return results.map((each, at) => (isTexts(at) ? replaced(each, named) : each));
  };

/** Operators whose results are numbers also where they are given texts, but for those of these positions. */
const giveNumbers: { readonly [operator: string]: readonly number[] } = {
  Equal: [],
  NonZero: [],
  Shape: [],
  Size: [],
  Unique: [0],
};
const movers = [
  "CenterCropPad",
  "Compress",
  "Concat",
  "ConcatFromSequence",
  "DepthToSpace",
  "Expand",
  "Flatten",
  "Gather",
  "GatherElements",
  "GatherND",
  "OneHot",
  "Pad",
  "Reshape",
  "ReverseSequence",
  "Scatter",
  "ScatterElements",
  "ScatterND",
  "Slice",
  "SpaceToDepth",
  "Split",
  "SplitToSequence",
  "Squeeze",
  "Tile",
  "Transpose",
  "Trilu",
  "Unsqueeze",
  "Where",
  ...Object.keys(giveNumbers),
];

/** The definition of an operator that takes texts too, where ONNX has it take them. */
export function takingTexts(name: string, definition: Definition): Definition {
  if (name === "Cast" || name === "CastLike") return castingTexts(definition);
  if (!movers.includes(name)) return definition;
  const numbers = giveNumbers[name];
  return overTexts(definition, (at) => numbers === undefined || numbers.includes(at));
}

export const texts: Definitions = {
  RegexFullMatch: matched,
  StringConcat: joinedTexts,
  StringNormalizer: normalized,
  StringSplit: splitTexts,
  "ai.onnx.ml::CategoryMapper": categories,
};
