// Makes decode plans: what is wanted of a message, laid on its layout, becomes steps in the order of the wire.
import { type Arithmetic, bytesOf, IsochronError } from "../../kernels/index.ts";
import type { Definitions } from "./definitions.ts";
import { type Layout, layoutOf } from "./layout.ts";
import { fullTypeName } from "./names.ts";
import { isNamed, resolvePath, type Segment, showPath, starsOf, stepOf } from "./path.ts";
import type { DecodePlan, DecodeStep, Extent, Pick, Place } from "./plan.ts";
import type { FieldSelection } from "./select.ts";

/** The elements that are wanted of lists beside a list of names. */
interface Names {
  readonly wanted: string[];
  /** Where its count is found, and behind it where each of those that are wanted stands. */
  first: number;
}

/** Elements, and lists of names, that a plan can find by name. */
const mostFound = 256;

/** What is wanted at one place of a message. */
class Wanted {
  /** By a field's name, an element's index, or "*" for every element. */
  readonly parts = new Map<string | number, Wanted>();
  readonly places: Place[] = [];
  readonly picks: (() => Pick)[] = [];
  /** Of a list of names. */
  names: Names | undefined;
  /** Of a list that names stand beside. */
  beside: Names | undefined;
  /** Of an element that has a name: where that is found. */
  named: (() => number) | undefined;
  readonly counts: Place[] = [];
  expect: number | string | undefined;
  keep: number | undefined;
  /** How a text may not begin. */
  never: string | undefined;
  /** Reads a sequence of bytes in a way of its own. */
  reads: ((path: string) => DecodeStep) | undefined;
  least = 0;
  most: number | undefined;

  at(key: string | number): Wanted {
    const found = this.parts.get(key) ?? new Wanted();
    this.parts.set(key, found);
    return found;
  }

  add(other: Wanted): Wanted {
    for (const [key, each] of other.parts) this.at(key).add(each);
    this.places.push(...other.places);
    this.picks.push(...other.picks);
    this.counts.push(...other.counts);
    this.names ??= other.names;
    this.beside ??= other.beside;
    this.named ??= other.named;
    this.expect ??= other.expect;
    this.keep ??= other.keep;
    this.never ??= other.never;
    this.reads ??= other.reads;
    this.least = Math.max(this.least, other.least);
    this.most ??= other.most;
    return this;
  }
}

function keyOf(segment: Segment): string | number {
  if (segment === "*") return "*";
  if (isNamed(segment)) return showPath([segment]);
  return "name" in segment ? segment.name : segment.index;
}

/** A selection's paths with the sizes of the lists that each goes through, and the tensor's shape. */
export interface Measured {
  readonly shape: readonly number[];
  readonly paths: readonly { readonly segments: Segment[]; readonly sizes: readonly number[] }[];
  /** Whether messages with fewer elements are refused, rather than filled up with zeros. */
  readonly exact: boolean;
}

/** Collects what is wanted of one message type, then makes the plan. */
export class DecodePlanner {
  readonly #type: string;
  readonly #root: Layout;
  readonly #wanted = new Wanted();
  readonly #clears: DecodeStep[] = [];
  #registers = 0;
  #found = 0;

  constructor(type: string, definitions: Definitions) {
    this.#type = fullTypeName(type);
    this.#root = layoutOf(type, definitions);
  }

  /** The shape of a selection's tensor. */
  measure({ paths, options }: FieldSelection): Measured {
    const { shape, count, most } = options;
    const total = shape?.reduce((a, b) => a * b, 1);
    const share = total === undefined ? undefined : total / paths.length;
    const measured = paths.map((path) => {
      const { segments, end } = resolvePath(this.#root, path);
      if (end.kind !== "number") {
        throw this.#unsupported(path, end.type, end.kind === "time" ? `use stamp("${path}")` : undefined);
      }
      const stars = starsOf(this.#root, segments);
      const known = stars.map((list) => list.length ?? count ?? most ?? (shape ? undefined : list.most));
      const missing = known.filter((each) => each === undefined).length;
      const product = known.reduce<number>((a, b) => a * (b ?? 1), 1);
      const sizes = known.map((each, at) => each ?? (missing === 1 ? (share ?? 0) / product : (shape?.[at] ?? 0)));
      if (missing > 0 && (shape === undefined || sizes.some((each) => !Number.isInteger(each)))) {
        throw new IsochronError("message/size", `${this.#type}.${path} has as many elements as its sender likes`, {
          ...(shape === undefined ? {} : { details: [`the shape [${shape}] does not tell how many`] }),
          help: "say how many: { count: N } of exactly N, { most: N } of up to N, or { shape: […] }",
        });
      }
      return { segments, sizes };
    });
    const elements = measured.reduce((sum, { sizes }) => sum + sizes.reduce((a, b) => a * b, 1), 0);
    if (total !== undefined && total !== elements) {
      throw new IsochronError("message/size", `the shape [${shape}] of ${paths.join(", ")} has ${total} elements`, {
        help: `the fields have ${elements}`,
      });
    }
    const only = measured.length === 1 ? measured[0]!.sizes : [elements];
    const exact = most === undefined && (count !== undefined || shape !== undefined);
    return { shape: shape ?? only, paths: measured, exact };
  }

  /** Wants fields at `offset` of the slot, as measured. */
  select({ paths, exact }: Measured, dtype: Arithmetic, offset: number): void {
    const bytes = bytesOf(dtype);
    let end = offset;
    let partly = false;
    for (const { segments, sizes } of paths) {
      const start = end;
      end += sizes.reduce((a, b) => a * b, bytes);
      const strides: number[] = [];
      let [at, layout, star] = [this.#wanted, this.#root, 0];
      segments.forEach((segment, depth) => {
        if (layout.kind !== "list") {
          at = at.at(keyOf(segment));
          layout = stepOf(layout, segment);
          return;
        }
        const size = segment === "*" ? sizes[star++]! : 1;
        const named = this.#element(at, segment, segments.slice(0, depth));
        if (segment !== "*") at.least = Math.max(at.least, "index" in segment ? segment.index + 1 : 0);
        else if (layout.length === undefined) {
          partly ||= !exact;
          this.#limit(at, layout, segments.slice(0, depth), size, exact);
        }
        if (layout.element.kind === "number" && depth === segments.length - 1) {
          const index = segment !== "*" && "index" in segment ? segment.index : 0;
          const from = strides.slice();
          at.picks.push(() => ({
            index,
            ...(named === undefined ? {} : { named: named() }),
            count: size,
            ...placed(dtype, start, from),
          }));
          return;
        }
        strides.push(segment === "*" ? sizes.slice(star).reduce((a, b) => a * b, bytes) : 0);
        at = at.at(keyOf(segment));
        at.named = named;
        layout = layout.element;
      });
      if (layout.kind === "number") at.places.push(placed(dtype, start, strides));
    }
    if (partly) this.#clears.push({ op: "clear", offset, bytes: end - offset });
  }

  /** Wants a time as nanoseconds. */
  time(path: string, offset: number): void {
    const { wanted, layout } = this.#find(path);
    if (layout.kind !== "time") throw this.#unsupported(path, layout.type, "stamp() takes a time or a duration");
    wanted.places.push(placed("i64", offset, []));
  }

  /** Wants the number of a sequence's elements. */
  count(path: string, dtype: Arithmetic, offset: number): void {
    const { wanted, layout } = this.#find(path);
    if (layout.kind !== "list" || layout.length !== undefined) {
      throw this.#unsupported(path, layout.type, "count() takes a sequence");
    }
    wanted.counts.push(placed(dtype, offset, []));
  }

  /** Refuses messages in which a field has another value. */
  expect(path: string, value: number | string): void {
    const { wanted, layout } = this.#find(path);
    if (layout.kind !== (typeof value === "string" ? "string" : "number")) throw this.#unsupported(path, layout.type);
    wanted.expect = value;
  }

  /** Refuses messages in which a text begins so. */
  never(path: string, start: string): void {
    const { wanted, layout } = this.#find(path);
    if (layout.kind !== "string") throw this.#unsupported(path, layout.type);
    wanted.never = start;
  }

  /** Keeps a number for later steps; returns the register. */
  keep(path: string): number {
    const { wanted } = this.#find(path);
    wanted.keep ??= this.#registers++;
    return wanted.keep;
  }

  /** Reads a sequence of bytes by a step of its own. */
  bytes(path: string, step: (path: string) => DecodeStep): void {
    const { wanted, layout } = this.#find(path);
    if (layout.kind !== "list" || layout.length !== undefined || layout.element.type !== "uint8") {
      throw this.#unsupported(path, layout.type, "a picture's data is a uint8[]");
    }
    wanted.reads = step;
  }

  /** The plan; it goes to the message's end, so that what is taken is whole for whoever reads more of it. */
  plan(slotBytes: number): DecodePlan {
    return { message: this.#type, slotBytes, steps: [...this.#clears, ...this.#compile(this.#root, this.#wanted, "")] };
  }

  /** A place that is one, not each of a list's. */
  #find(path: string): { readonly wanted: Wanted; readonly layout: Layout } {
    const { segments } = resolvePath(this.#root, path);
    let [wanted, layout] = [this.#wanted, this.#root];
    for (const [depth, segment] of segments.entries()) {
      let named: Wanted["named"];
      if (layout.kind === "list") {
        if (segment === "*") break;
        if ("index" in segment) wanted.least = Math.max(wanted.least, segment.index + 1);
        named = this.#element(wanted, segment, segments.slice(0, depth));
      }
      wanted = wanted.at(keyOf(segment));
      wanted.named ??= named;
      layout = stepOf(layout, segment);
    }
    return { wanted, layout };
  }

  /** Where an element of a list is found by its name, if it has one. */
  #element(list: Wanted, segment: Segment, path: readonly Segment[]): (() => number) | undefined {
    if (!isNamed(segment)) return undefined;
    const named = segment.names.reduce((at, each) => at.at(keyOf(each)), this.#wanted);
    named.names ??= { wanted: [], first: 0 };
    const { names } = named;
    if (!names.wanted.includes(segment.called)) names.wanted.push(segment.called);
    if (list.beside !== undefined && list.beside !== names)
      throw this.#unsupported(showPath(path), "a list", "find its elements by one list of names");
    list.beside = names;
    return () => names.first + 1 + names.wanted.indexOf(segment.called);
  }

  /** Limits a sequence to what a selection of all its elements has room for. */
  #limit(
    wanted: Wanted,
    list: Layout & { readonly kind: "list" },
    before: readonly Segment[],
    size: number,
    exact: boolean,
  ): void {
    const where = showPath(before);
    if (list.most !== undefined && size > list.most) {
      throw new IsochronError("message/size", `${this.#type}.${where} has at most ${list.most} elements, not ${size}`, {
        help: `its type is ${list.type}`,
      });
    }
    if (wanted.most !== undefined && wanted.most !== size) {
      throw new IsochronError(
        "message/size",
        `${this.#type}.${where} is read with ${wanted.most} elements and with ${size}`,
        {
          help: "give all tensors of one sequence the same count",
        },
      );
    }
    wanted.most = size;
    if (exact) wanted.least = Math.max(wanted.least, size);
  }

  #compile(layout: Layout, wanted: Wanted | undefined, path: string): DecodeStep[] {
    switch (layout.kind) {
      case "struct":
        return layout.fields.flatMap(({ name, layout: each }) =>
          this.#compile(each, wanted?.parts.get(name), path === "" ? name : `${path}.${name}`),
        );
      case "number": {
        const { expect, keep, places = [] } = wanted ?? {};
        if (expect === undefined && keep === undefined && places.length === 0) {
          return [{ op: "skip", type: layout.dtype, count: 1, path }];
        }
        return [
          {
            op: "number",
            type: layout.dtype,
            ...(expect === undefined ? {} : { expect: Number(expect) }),
            ...(keep === undefined ? {} : { keep }),
            ...(places.length === 0 ? {} : { places }),
            path,
          },
        ];
      }
      case "string": {
        const { most } = layout;
        const { expect, never } = wanted ?? {};
        return [
          {
            op: "string",
            ...(layout.wide ? { wide: true } : {}),
            ...(most === undefined ? {} : { most }),
            ...(expect === undefined ? {} : { expect: String(expect) }),
            ...(never === undefined ? {} : { never }),
            path,
          },
        ];
      }
      case "time":
        return this.#compileTime(wanted, path);
      case "list":
        return this.#compileList(layout, wanted, path);
    }
  }

  #compileTime(wanted: Wanted | undefined, path: string): DecodeStep[] {
    const parts = wanted?.parts;
    if (parts === undefined || parts.size === 0) {
      return wanted === undefined || wanted.places.length === 0
        ? [{ op: "skip", type: "u32", count: 2, path }]
        : [{ op: "time", places: wanted.places, path }];
    }
    if (wanted!.places.length > 0) {
      throw this.#unsupported(path, "a time", "read it as a whole, stamp(), or by its parts, not both");
    }
    const part = (name: string, dtype: Arithmetic) =>
      this.#compile(
        { kind: "number", type: name, dtype, initial: 0 },
        parts.get(name),
        path === "" ? name : `${path}.${name}`,
      );
    return [...part("sec", "i32"), ...part("nanosec", "u32")];
  }

  #compileList(list: Layout & { readonly kind: "list" }, wanted: Wanted | undefined, path: string): DecodeStep[] {
    if (wanted?.reads) return [wanted.reads(path)];
    const { element, length } = list;
    if (length === 0) return [];
    const counts = wanted && wanted.counts.length > 0 ? { counts: wanted.counts } : {};
    const extent = extentOf(list, wanted);
    if (wanted?.names) return [this.#compileNames(list, wanted.names, { ...extent, ...counts }, path)];
    const beside = wanted?.beside === undefined ? {} : { beside: wanted.beside.first };
    if (element.kind === "number") {
      const picks = (wanted?.picks ?? []).map((pick) => pick());
      if (length !== undefined && picks.length === 0) {
        return [{ op: "skip", type: element.dtype, count: length, path }];
      }
      return [
        {
          ...{ op: "array", type: element.dtype, ...extent, ...beside, ...counts },
          ...(picks.length > 0 ? { picks } : {}),
          path,
        },
      ];
    }
    const each = wanted?.parts.get("*");
    const parts = [...(wanted?.parts ?? [])].filter(([key]) => key !== "*");
    if (parts.some(([key]) => typeof key === "number") && parts.some(([key]) => typeof key === "string"))
      throw this.#unsupported(path, list.type, "take its elements by their indices, or by their names, not both");
    const at = parts
      .sort(([a], [b]) => Number(a) - Number(b))
      .map(([key, own]) => {
        const all = new Wanted().add(own);
        if (each) all.add(each);
        const steps = this.#compile(element, all, typeof key === "number" ? `${path}[${key}]` : `${path}${key}`);
        return own.named === undefined ? { index: Number(key), steps } : { index: 0, named: own.named(), steps };
      });
    const steps = this.#compile(element, each, `${path}[*]`);
    return [{ op: "list", ...extent, ...beside, ...counts, ...(at.length > 0 ? { at } : {}), steps, path }];
  }

  #compileNames(
    { element }: Layout & { readonly kind: "list" },
    names: Names,
    extent: { readonly extent?: Extent; readonly counts?: Place[] },
    path: string,
  ): DecodeStep {
    names.first = this.#found;
    this.#found += 1 + names.wanted.length;
    if (this.#found > mostFound) {
      throw new IsochronError("message/size", `more elements of ${this.#type} are found by name than the codec can`, {
        help: `${mostFound - 1} at most: take all of them, "NAME[*]", and the names as they come`,
      });
    }
    const longest = element.kind === "string" && element.most !== undefined ? { longest: element.most } : {};
    return { op: "names", ...extent, ...longest, wanted: names.wanted, first: names.first, path };
  }

  #unsupported(path: string, type: string, help = "choose numbers, or lists of numbers"): IsochronError {
    return new IsochronError("message/unsupported-field", `${this.#type}.${path} is ${type}, which no tensor holds`, {
      help,
    });
  }
}

const placed = (to: Arithmetic, offset: number, strides: readonly number[]): Place => ({
  to,
  offset,
  ...(strides.some((each) => each > 0) ? { strides: [...strides] } : {}),
});

function extentOf(list: Layout & { readonly kind: "list" }, wanted: Wanted | undefined): { extent?: Extent } {
  if (list.length !== undefined) return { extent: { fixed: list.length } };
  const most = wanted?.most ?? list.most;
  const extent = {
    ...(wanted && wanted.least > 0 ? { least: wanted.least } : {}),
    ...(most === undefined ? {} : { most }),
  };
  return Object.keys(extent).length > 0 ? { extent } : {};
}
