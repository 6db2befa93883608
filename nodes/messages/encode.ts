// Makes encode plans: tensors, constants and stamps, laid on a message's layout, become steps in the order of the wire.
import { type Arithmetic, arithmeticOf, bytesOf, type Dtype, IsochronError, isStored } from "../../kernels/index.ts";
import type { Definitions } from "./definitions.ts";
import { type Layout, layoutOf, pathsOf } from "./layout.ts";
import { fullTypeName } from "./names.ts";
import { isNamed, resolvePath, type Segment, showPath, starsOf, stepOf } from "./path.ts";
import type { Counted, EncodePlan, EncodeStep } from "./plan.ts";
import type { FieldSelection, FixedValue, TextSelection } from "./select.ts";

/** Numbers of the slot. */
interface Source {
  readonly from: Arithmetic;
  readonly offset: number;
  readonly strides?: number[];
}

/** What fills one place of a message. */
class Filled {
  /** By a field's name, an element's index, or "*" for every element. */
  readonly parts = new Map<string | number, Filled>();
  source: Source | undefined;
  constant: FixedValue | undefined;
  isStamp = false;
  /** The texts that the source chooses from. */
  texts: readonly string[] | undefined;
  /** Elements of a sequence. */
  count: number | undefined;
  /** What says how many of them there are. */
  counted: Counted | undefined;
  /** What fills the list of names beside this one. */
  beside: Filled | undefined;
  /** Of a list of names: those that are filled, where they are not fixed. */
  own: string[] | undefined;

  at(key: string | number): Filled {
    const found = this.parts.get(key) ?? new Filled();
    this.parts.set(key, found);
    return found;
  }

  add(other: Filled): Filled {
    for (const [key, each] of other.parts) this.at(key).add(each);
    this.source ??= other.source;
    this.constant ??= other.constant;
    this.isStamp ||= other.isStamp;
    this.texts ??= other.texts;
    this.count ??= other.count;
    this.counted ??= other.counted;
    this.beside ??= other.beside;
    this.own ??= other.own;
    return this;
  }
}

/** A tensor of a slot. */
export interface PlacedField {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly offset: number;
  /** By dimension, what says how many elements there are along it, where the values do. */
  readonly counts?: readonly (Pick<PlacedField, "dtype" | "offset"> | undefined)[];
}

type List = Layout & { readonly kind: "list" };

/** Collects what fills one message type, then makes the plan. */
export class EncodePlanner {
  readonly #type: string;
  readonly #root: Layout;
  readonly #filled = new Filled();
  /** Sequences that have as many elements as values say, where no output is named for it. */
  readonly #countedBy: { readonly path: string; readonly filled: Filled; readonly by: Counted }[] = [];

  constructor(type: string, definitions: Definitions) {
    this.#type = fullTypeName(type);
    this.#root = layoutOf(type, definitions);
  }

  /** Whether the message has a field of this path. */
  has(path: string): boolean {
    try {
      resolvePath(this.#root, path);
      return true;
    } catch {
      return false;
    }
  }

  /** The fields that a path can name. */
  get paths(): string[] {
    return pathsOf(this.#root);
  }

  /** Spreads a tensor's elements over fields, in order. */
  spread({ paths, options }: Pick<FieldSelection, "paths" | "options">, tensor: PlacedField): void {
    const { dtype } = tensor;
    if (isStored(dtype)) {
      throw new IsochronError(
        "message/unsupported-field",
        `output "${tensor.name}" is ${dtype}, which no message holds`,
        {
          help: `convert it in the program: .cast("${arithmeticOf(dtype)}")`,
        },
      );
    }
    const total = tensor.shape.reduce((a, b) => a * b, 1);
    const measured = paths.map((path) => {
      const { segments, end } = resolvePath(this.#root, path);
      if (end.kind === "string")
        throw this.#unsupported(path, end.type, 'text is fixed, fixed("…"), or chosen by a number, texts(PATH, ["…"])');
      if (end.kind === "time" && dtype !== "i64") {
        throw this.#unsupported(path, end.type, "a time comes from an i64 tensor of nanoseconds, or from stamp()");
      }
      if (end.kind === "struct") throw this.#unsupported(path, end.type, "name a field of it");
      const stars = starsOf(this.#root, segments);
      return { path, segments, sizes: stars.map((list) => list.length ?? options.count) };
    });
    const known = measured.reduce((sum, { sizes }) => sum + (sizes.includes(undefined) ? 0 : product(sizes)), 0);
    const open = measured.filter(({ sizes }) => sizes.includes(undefined)).length;
    const share = open === 0 ? 0 : (total - known) / open;
    const sized = measured.map(({ sizes, ...rest }) => {
      const missing = sizes.filter((each) => each === undefined).length;
      const shape = missing > 1 ? tensor.shape : sizes.map((each) => each ?? share / product(sizes));
      return { ...rest, sizes: sizes.map((each, at) => each ?? shape[at] ?? 0) };
    });
    const elements = sized.reduce((sum, { sizes }) => sum + product(sizes), 0);
    if (elements !== total || sized.some(({ sizes }) => sizes.some((each) => !Number.isInteger(each)))) {
      throw new IsochronError(
        "message/size",
        `output "${tensor.name}" has ${total} element${total === 1 ? "" : "s"}, ${paths.join(", ")} of ${this.#type} ${paths.length === 1 ? "takes" : "take"} ${elements}`,
        { help: 'name as many fields as the tensor has elements: fields(["a", "b"])' },
      );
    }
    let offset = tensor.offset;
    for (const { path, segments, sizes } of sized) {
      this.#place(path, segments, sizes, dtype, offset);
      offset += product(sizes) * bytesOf(dtype);
    }
  }

  /** Lets numbers choose the texts of a field. */
  choose({ path, values }: TextSelection, tensor: PlacedField): void {
    const { segments, end } = resolvePath(this.#root, path);
    if (end.kind !== "string" || end.wide) throw this.#unsupported(path, end.type, "texts() fills a text");
    const { most = Number.POSITIVE_INFINITY } = end;
    const tooLong = values.find((each) => Buffer.byteLength(each) > most);
    if (tooLong !== undefined) throw this.#noValue(path, end, tooLong);
    const stars = starsOf(this.#root, segments);
    const sizes = stars.map((list, at) => list.length ?? tensor.shape[at] ?? 0);
    if (product(sizes) !== product(tensor.shape) || isStored(tensor.dtype)) {
      const shape = `[${tensor.shape.join(", ")}]`;
      throw new IsochronError(
        "message/size",
        `output "${tensor.name}", ${tensor.dtype}${shape}, cannot choose ${path}`,
        {
          help: "one number chooses each text",
        },
      );
    }
    this.#place(path, segments, sizes, tensor.dtype, tensor.offset).texts = values;
  }

  /** Lets a number say how many elements of a sequence there are. */
  count(path: string, tensor: PlacedField): void {
    const { segments } = resolvePath(this.#root, path);
    // A list stands for its elements, and those of what they are.
    let end = segments.length;
    while (segments[end - 1] === "*" && !path.endsWith("[*]")) end--;
    const { filled, layout } = this.#go(segments.slice(0, end));
    const { dtype } = tensor;
    if (layout.kind !== "list" || layout.length !== undefined || segments.slice(0, end).includes("*"))
      throw this.#unsupported(path, layout.type, "count() takes a sequence, which is in none");
    if (product(tensor.shape) !== 1 || isStored(dtype)) {
      throw new IsochronError("message/size", `output "${tensor.name}" is no count: it has more than one number`, {
        help: `a scalar says how many elements ${path} has`,
      });
    }
    if (filled.counted !== undefined) throw this.#twice(path);
    filled.counted = { from: dtype, offset: tensor.offset };
  }

  /** Lets sequences that a tensor fills have as many elements as it has, which the values say. Throws where that is more than one length. */
  countBy({ name, shape, counts = [] }: PlacedField, paths: readonly string[]): void {
    if (counts.every((each) => each === undefined)) return;
    const lists = paths.map((path) => starsOf(this.#root, resolvePath(this.#root, path).segments));
    if (lists.flat().every(({ length }) => length !== undefined)) return;
    const [path, [outer, ...inner]] = [paths[0]!, lists[0]!];
    const [first, ...rest] = counts;
    const isOne = paths.length === 1 && outer?.length === undefined && rest.every((each) => each === undefined);
    if (!first || !isOne || (inner.length === 0 && product(shape.slice(1)) !== 1)) {
      throw new IsochronError(
        "message/unsupported-field",
        `output "${name}" has as many elements as the values say, which ${paths.join(", ")} of ${this.#type} cannot`,
        { help: "let its first dimension fill one list, or take the maximum in the program: .toMaximum(0)" },
      );
    }
    const { segments } = resolvePath(this.#root, path);
    const { filled } = this.#go(segments.slice(0, segments.indexOf("*")));
    this.#countedBy.push({ path, filled, by: { from: arithmeticOf(first.dtype), offset: first.offset } });
  }

  /** Counts what `countBy` was told of, where no output counts it. */
  countRest(): void {
    const named = new Set(this.#countedBy.filter(({ filled }) => filled.counted).map(({ filled }) => filled));
    for (const { path, filled, by } of this.#countedBy) {
      if (named.has(filled) || filled.counted?.offset === by.offset) continue;
      if (filled.counted !== undefined) throw this.#counts(path);
      filled.counted = by;
    }
  }

  /** The outermost sequence that a path goes through all elements of, if there is one. */
  sequenceOf(path: string): string | undefined {
    const { segments } = resolvePath(this.#root, path);
    const [list] = starsOf(this.#root, segments);
    return list === undefined || list.length !== undefined
      ? undefined
      : showPath(segments.slice(0, segments.indexOf("*")));
  }

  /** A field that always has one value. */
  fix(path: string, value: FixedValue): void {
    // A list takes a list of values as a whole.
    const { segments } = resolvePath(this.#root, path);
    const whole = Array.isArray(value) && segments.at(-1) === "*" ? segments.slice(0, -1) : segments;
    const { filled, layout } = this.#go(whole);
    this.#once(filled, path);
    if (!fits(layout, value)) throw this.#noValue(path, layout, value);
    filled.constant = value;
    if (layout.kind === "list" && Array.isArray(value)) filled.count = value.length;
  }

  /** A time that is the time of publication. */
  stamp(path: string): void {
    const { filled, layout } = this.#go(resolvePath(this.#root, path).segments);
    if (layout.kind !== "time") throw this.#unsupported(path, layout.type, "stamp() fills a time");
    this.#once(filled, path);
    filled.isStamp = true;
  }

  /** The plan: what nothing fills has its initial value, but for the header's stamp, the time of publication. */
  plan(slotBytes: number): EncodePlan {
    const header = this.#root.kind === "struct" && this.#root.fields.find(({ name }) => name === "header")?.layout;
    if (header && header.kind === "struct" && header.type === "std_msgs/Header") {
      const own = this.#filled.at("header").at("stamp");
      if (own.source === undefined && own.parts.size === 0) own.isStamp = true;
    }
    return { message: this.#type, slotBytes, steps: this.#compile(this.#root, this.#filled, "") };
  }

  #noValue(path: string, { type }: Layout, value: FixedValue): IsochronError {
    const shown = JSON.stringify(value, (_, each: unknown) => (typeof each === "bigint" ? String(each) : each));
    return new IsochronError("message/value", `${this.#type}.${path} is ${type}, not ${shown}`, {
      help: "fixed() and texts() take values of their field's type",
    });
  }

  #place(
    path: string,
    segments: readonly Segment[],
    sizes: readonly number[],
    from: Arithmetic,
    offset: number,
  ): Filled {
    const bytes = bytesOf(from);
    const strides: number[] = [];
    let [at, layout, star] = [this.#filled, this.#root, 0];
    for (const [depth, segment] of segments.entries()) {
      if (layout.kind === "list") {
        const size = segment === "*" ? sizes[star++]! : undefined;
        if (size !== undefined && layout.length === undefined) this.#count(at, layout, path, size);
        if (segment === "*" && depth === segments.length - 1 && layout.element.kind === "number") break;
        strides.push(segment === "*" ? sizes.slice(star).reduce((a, b) => a * b, bytes) : 0);
      }
      at = this.#enter(at, segment, path);
      layout = stepOf(layout, segment);
    }
    this.#once(at, path);
    at.source = { from, offset, ...(strides.some((each) => each > 0) ? { strides } : {}) };
    return at;
  }

  /** What fills the part of a place that a segment leads to. */
  #enter(filled: Filled, segment: Segment, path: string): Filled {
    if (segment === "*") return filled.at("*");
    if (!isNamed(segment)) return filled.at("name" in segment ? segment.name : segment.index);
    const { called, names } = segment;
    const { filled: beside, layout } = this.#go(names);
    filled.beside = beside;
    // Names that nothing fixes are those that are filled, in that order.
    beside.own ??= beside.constant === undefined ? [] : undefined;
    if (beside.own?.includes(called) === false) beside.own.push(called);
    if (beside.own) beside.constant = beside.own;
    const all: FixedValue = beside.constant ?? [];
    const index = Array.isArray(all) ? all.indexOf(called) : -1;
    if (index >= 0 && fits(layout, all)) return filled.at(index);
    throw new IsochronError("message/value", `${this.#type}.${path}: ${showPath(names)} is fixed without "${called}"`, {
      help: "leave the names out, or give all of them",
    });
  }

  #count(filled: Filled, list: List, path: string, count: number): void {
    if (list.most !== undefined && count > list.most) {
      throw new IsochronError(
        "message/size",
        `${this.#type}.${path} takes at most ${list.most} elements, not ${count}`,
        {
          help: `its type is ${list.type}`,
        },
      );
    }
    if (filled.count !== undefined && filled.count !== count) {
      throw new IsochronError("message/size", `${this.#type}.${path} is given ${filled.count} elements and ${count}`, {
        help: "the outputs that fill one sequence have the same number of elements",
      });
    }
    filled.count = count;
  }

  #go(segments: readonly Segment[]): { readonly filled: Filled; readonly layout: Layout } {
    let [filled, layout] = [this.#filled, this.#root];
    for (const segment of segments) {
      filled = this.#enter(filled, segment, showPath(segments));
      layout = stepOf(layout, segment);
    }
    return { filled, layout };
  }

  #once(filled: Filled, path: string): void {
    if (filled.source !== undefined || filled.constant !== undefined || filled.isStamp) throw this.#twice(path);
  }

  #counts(path: string): IsochronError {
    return new IsochronError("message/size", `outputs that fill ${this.#type}.${path} are counted apart`, {
      help: 'say which count stands: { found: count("LIST") }; what fills one list has one number of elements',
    });
  }

  #twice(path: string): IsochronError {
    return new IsochronError("message/mapped-twice", `${this.#type}.${path} is filled twice`, {
      help: "let one output, or one fixed value, fill each field",
    });
  }

  #compile(layout: Layout, filled: Filled | undefined, path: string): EncodeStep[] {
    switch (layout.kind) {
      case "struct":
        return layout.fields.flatMap(({ name, layout: each }) =>
          this.#compile(each, filled?.parts.get(name), path === "" ? name : `${path}.${name}`),
        );
      case "number": {
        if (filled?.source) return [{ op: "number", type: layout.dtype, ...filled.source }];
        const value = filled?.constant ?? layout.initial;
        return [{ op: "constant", type: layout.dtype, value: constantOf(value), count: 1 }];
      }
      case "string":
        if (filled?.source) return [{ op: "choice", values: [...(filled.texts ?? [])], ...filled.source }];
        return [
          { op: "string", ...(layout.wide ? { wide: true } : {}), value: String(filled?.constant ?? layout.initial) },
        ];
      case "time": {
        if (filled?.isStamp) return [{ op: "stamp" }];
        if (filled?.source) {
          const { from: _, ...where } = filled.source;
          return [{ op: "time", ...where }];
        }
        const part = (name: string) =>
          this.#compile(stepOf(layout, { name }), filled?.parts.get(name), `${path}.${name}`);
        return [...part("sec"), ...part("nanosec")];
      }
      case "list":
        return this.#compileList(layout, filled, path);
    }
  }

  #compileList(list: List, filled: Filled | undefined, path: string): EncodeStep[] {
    const { element, length } = list;
    const indices = [...(filled?.parts.keys() ?? [])].filter((key) => typeof key === "number").sort((a, b) => a - b);
    const values = filled?.constant ?? (filled === undefined ? list.initial : undefined);
    if (Array.isArray(values)) {
      const steps = values.flatMap((value: FixedValue) => {
        const each = new Filled();
        each.constant = value;
        return this.#compile(element, each, path);
      });
      return length === undefined ? [lengthOf(values.length), ...steps] : steps;
    }
    const { beside, counted } = filled ?? {};
    const named = Array.isArray(beside?.constant) ? beside.constant.length : 0;
    const count = length ?? filled?.count ?? Math.max(named, ...indices.map((index) => index + 1));
    if (indices.some((index) => index >= count)) {
      throw new IsochronError(
        "message/size",
        `${this.#type}.${path} is given ${count} elements, and an element beyond`,
        {
          help: "the indices of a sequence's elements are less than its count",
        },
      );
    }
    const prefix = length === undefined;
    const some = { count, ...(counted ? { counted } : {}), ...(prefix ? { prefix } : {}) };
    if (element.kind === "number" && filled?.source) {
      return [{ op: "array", type: element.dtype, ...some, ...filled.source }];
    }
    if (count === 0) return prefix ? [lengthOf(0)] : [];
    if (element.kind === "number" && indices.length === 0 && !counted) {
      const value = constantOf(filled?.parts.get("*")?.constant ?? element.initial);
      const steps: EncodeStep[] = [{ op: "constant", type: element.dtype, value, count }];
      return prefix ? [lengthOf(count), ...steps] : steps;
    }
    const every = filled?.parts.get("*");
    const at = indices.map((index) => {
      const all = new Filled().add(filled!.parts.get(index)!);
      if (every) all.add(every);
      return { index, steps: this.#compile(element, all, `${path}[${index}]`) };
    });
    const steps = this.#compile(element, every, `${path}[*]`);
    return [{ op: "list", ...some, ...(at.length > 0 ? { at } : {}), steps }];
  }

  #unsupported(path: string, type: string, help: string): IsochronError {
    return new IsochronError(
      "message/unsupported-field",
      `${this.#type}.${path} is ${type}, which an output does not fill so`,
      {
        help,
      },
    );
  }
}

const product = (sizes: readonly (number | undefined)[]): number => sizes.reduce<number>((a, b) => a * (b ?? 1), 1);

const lengthOf = (count: number): EncodeStep => ({ op: "constant", type: "u32", value: count, count: 1 });

/** A constant in JSON: what JSON's numbers do not hold is text. */
function constantOf(value: FixedValue): number | string {
  if (typeof value === "boolean") return Number(value);
  if (typeof value === "number" && Number.isFinite(value)) return value;
  return String(value);
}

/** Whether a constant is a value of a field's type. */
function fits(layout: Layout, value: FixedValue): boolean {
  if (layout.kind === "string") {
    return typeof value === "string" && (layout.most === undefined || Buffer.byteLength(value) <= layout.most);
  }
  if (layout.kind === "list") {
    if (!Array.isArray(value)) return false;
    const sizes =
      layout.length === undefined ? value.length <= (layout.most ?? Infinity) : value.length === layout.length;
    return sizes && value.every((each: FixedValue) => fits(layout.element, each));
  }
  if (layout.kind !== "number" || typeof value === "string" || typeof value === "object") return false;
  if (layout.dtype === "bool") return typeof value === "boolean" || value === 0 || value === 1;
  if (layout.dtype === "f32" || layout.dtype === "f64") return typeof value !== "boolean";
  if (typeof value === "boolean" || (typeof value === "number" && !Number.isInteger(value))) return false;
  const bits = BigInt(bytesOf(layout.dtype) * 8);
  const whole = BigInt(value);
  const [least, most] = layout.dtype.startsWith("i")
    ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n]
    : [0n, (1n << bits) - 1n];
  return whole >= least && whole <= most;
}
