// Which elements statements touch: addresses as sums of loop indices, and when two sets of them cannot meet.
import { tripsOf } from "./count.ts";
import type { Buffer, Expression, Local, Statement } from "./ir.ts";
import { expressionsOf, operandsOf } from "./walk.ts";

/** constant + Σ coefficient · index. */
export interface Affine {
  readonly constant: number;
  readonly terms: ReadonlyMap<Local, number>;
}

/** A load or store of `extent` neighbouring elements from an address on; where the address is not affine, unknown. */
export interface Touch {
  readonly buffer: Buffer;
  readonly writes: boolean;
  readonly address: Affine | undefined;
  readonly extent: number;
  /** What holds wherever it happens. */
  readonly limits: readonly Limit[];
}

/** An expression that stays below a number. */
interface Limit {
  readonly of: Affine;
  readonly below: number;
}

type For = Extract<Statement, { kind: "for" }>;

/** The first and last value of a loop's index. */
interface Range {
  readonly first: number;
  readonly last: number;
}

/** What is known of the locals around some statements. */
export class Scope {
  readonly #values = new Map<Local, Affine | undefined>();
  readonly #ranges = new Map<Local, Range>();
  readonly #sums = new Map<Expression, Affine | undefined>();

  declare({ local, value }: Extract<Statement, { kind: "let" }>): void {
    const known = this.affine(value);
    // One of two known values may be any between them, whatever it depends on.
    const range = known ? undefined : this.#rangeOfSelect(value);
    if (range) this.#ranges.set(local, range);
    this.#values.set(local, range ? { constant: 0, terms: new Map([[local, 1]]) } : known);
  }

  #rangeOfSelect(e: Expression): Range | undefined {
    if (e.kind !== "select") return undefined;
    const [chosen, other] = [this.#range(e.whenTrue), this.#range(e.whenFalse)];
    if (!chosen || !other) return undefined;
    const { condition } = e;
    const limited = condition.kind === "compare" && condition.operator === "lt" && condition.left === e.whenTrue;
    const limit = limited ? this.#range(condition.right)?.last : undefined;
    const last = limit === undefined ? chosen.last : Math.min(chosen.last, limit - 1);
    return { first: Math.min(chosen.first, other.first), last: Math.max(last, other.last) };
  }

  #range(e: Expression): Range | undefined {
    const affine = this.affine(e);
    if (!affine) return undefined;
    const { low, high } = this.spread(affine.terms);
    return { first: affine.constant + low, last: affine.constant + high };
  }

  /** The loop's index counts; false where its bounds are no literals. */
  enter(loop: For): void {
    const { from, to, step, index } = loop;
    if (from.kind !== "constant" || to.kind !== "constant") return;
    const first = Number(from.value);
    this.#ranges.set(index, { first, last: first + Math.max(0, tripsOf(loop) - 1) * step });
  }

  affine(e: Expression): Affine | undefined {
    if (e.type.scalar !== "i64" || e.type.lanes !== 1) return undefined;
    if (e.kind !== "binary") return this.#affine(e);
    // What is shared is looked at once: y + y of y + y, and so on, would else take twice as long with each.
    if (!this.#sums.has(e)) this.#sums.set(e, this.#affine(e));
    return this.#sums.get(e);
  }

  #affine(e: Expression): Affine | undefined {
    switch (e.kind) {
      case "constant":
        return { constant: Number(e.value), terms: new Map() };
      case "local":
        if (e.local.kind === "let") return this.#values.get(e.local);
        return this.#ranges.has(e.local) ? { constant: 0, terms: new Map([[e.local, 1]]) } : undefined;
      case "binary": {
        const [left, right] = [this.affine(e.left), this.affine(e.right)];
        if (!left || !right) return undefined;
        if (e.operator === "add") return plus(left, right, 1);
        if (e.operator === "sub") return plus(left, right, -1);
        if (e.operator !== "mul") return undefined;
        if (right.terms.size === 0) return times(left, right.constant);
        return left.terms.size === 0 ? times(right, left.constant) : undefined;
      }
      default:
        return undefined;
    }
  }

  /** The values that some terms take, multiplied and added up; of coefficients taken modulo `modulus`. */
  spread(terms: Iterable<readonly [Local, number]>, modulus = Number.POSITIVE_INFINITY): Interval {
    let [low, high] = [0, 0];
    for (const [local, coefficient] of terms) {
      const factor = reduced(coefficient, modulus);
      const { first, last } = this.#ranges.get(local)!;
      low += Math.min(factor * first, factor * last);
      high += Math.max(factor * first, factor * last);
    }
    return { low, high };
  }

  /** Every access in some statements; what they declare is known from then on. */
  touches(body: readonly Statement[], limits: readonly Limit[] = []): Touch[] {
    const found: Touch[] = [];
    for (const s of body) {
      const seen = new Set<Expression>();
      const visit = (e: Expression): void => {
        if (seen.has(e)) return;
        seen.add(e);
        operandsOf(e).forEach(visit);
        if (e.kind === "load") found.push(this.#load(e, limits));
      };
      expressionsOf(s).forEach(visit);
      switch (s.kind) {
        case "let":
          this.declare(s);
          break;
        case "store":
          found.push({
            buffer: s.buffer,
            writes: true,
            address: this.affine(s.index),
            extent: s.value.type.lanes,
            limits,
          });
          break;
        case "for":
          this.enter(s);
          for (const touch of this.touches(s.body, limits)) found.push(touch);
          break;
        case "if":
          for (const touch of this.touches(s.whenTrue, [...limits, ...this.#limits(s.condition)])) found.push(touch);
          for (const touch of this.touches(s.whenFalse, limits)) found.push(touch);
          break;
        case "prefetch":
        case "var":
        case "assign":
          break;
      }
    }
    return found;
  }

  #limits(condition: Expression): Limit[] {
    if (condition.kind !== "compare" || condition.operator !== "lt" || condition.right.kind !== "constant") return [];
    const of = this.affine(condition.left);
    return of ? [{ of, below: Number(condition.right.value) }] : [];
  }

  #load(e: Extract<Expression, { kind: "load" }>, limits: readonly Limit[]): Touch {
    const { buffer, index, type } = e;
    if (index.kind === "ramp" && index.step > 0) {
      return {
        buffer,
        writes: false,
        address: this.affine(index.base),
        extent: (type.lanes - 1) * index.step + 1,
        limits,
      };
    }
    return { buffer, writes: false, address: this.affine(index), extent: type.lanes, limits };
  }
}

const times = ({ constant, terms }: Affine, factor: number): Affine => ({
  constant: constant * factor,
  terms: factor === 0 ? new Map() : new Map([...terms].map(([local, each]) => [local, each * factor])),
});

function plus(a: Affine, b: Affine, sign: 1 | -1): Affine {
  const terms = new Map(a.terms);
  for (const [local, each] of b.terms) {
    const sum = (terms.get(local) ?? 0) + sign * each;
    if (sum === 0) terms.delete(local);
    else terms.set(local, sum);
  }
  return { constant: a.constant + sign * b.constant, terms };
}

interface Interval {
  readonly low: number;
  readonly high: number;
}

const reduced = (value: number, modulus: number): number =>
  Number.isFinite(modulus) ? ((value % modulus) + modulus) % modulus : value;

interface Known {
  readonly touch: Touch;
  readonly address: Affine;
}

/** The touches of buffers that some of them write, by buffer; undefined where one's address is unknown. */
function contested(touches: readonly Touch[]): Known[][] | undefined {
  const written = new Set(touches.filter(({ writes }) => writes).map(({ buffer }) => buffer));
  const groups = new Map<Buffer, Known[]>();
  for (const touch of touches) {
    if (!written.has(touch.buffer)) continue;
    if (!touch.address) return undefined;
    const group = groups.get(touch.buffer) ?? [];
    group.push({ touch, address: touch.address });
    groups.set(touch.buffer, group);
  }
  return [...groups.values()];
}

/** The terms of an address that vary: those of `outer` indices are one value for all that is compared. */
const inner = ({ terms }: Affine, outer: ReadonlySet<Local>): [Local, number][] =>
  [...terms].filter(([local]) => !outer.has(local));

/** Whether the addresses depend on the outer indices in one way, so that these do not matter. */
const alike = (all: readonly Known[], outer: ReadonlySet<Local>): boolean =>
  [...outer].every((local) =>
    all.every(({ address }) => address.terms.get(local) === all[0]!.address.terms.get(local)),
  );

/** Elements that a touch may reach, from low to high, all its inner indices counted. */
function reach({ touch, address }: Known, outer: ReadonlySet<Local>, scope: Scope, modulus?: number): Interval {
  const { low, high } = scope.spread(inner(address, outer), modulus);
  if (modulus !== undefined) {
    const base = reduced(address.constant, modulus);
    return { low: base + low, high: base + high + touch.extent - 1 };
  }
  // Each index is taken back once: limits on the same one do not add up.
  const limited = new Set<Local>(outer);
  let cut = 0;
  for (const limit of touch.limits) {
    cut += beyond(address, limit, limited, scope);
    for (const local of limit.of.terms.keys()) limited.add(local);
  }
  return { low: address.constant + low, high: address.constant + high - cut + touch.extent - 1 };
}

/** How far beyond a limit an address would reach, where the limited expression is a part of it and depends on nothing `fixed`. */
function beyond({ terms }: Affine, { of, below }: Limit, fixed: ReadonlySet<Local>, scope: Scope): number {
  const [first] = of.terms;
  if (!first || [...of.terms.keys()].some((local) => fixed.has(local))) return 0;
  const factor = (terms.get(first[0]) ?? 0) / first[1];
  if (factor <= 0 || [...of.terms].some(([local, each]) => terms.get(local) !== each * factor)) return 0;
  const most = of.constant + scope.spread(of.terms).high;
  return Math.max(0, most - (below - 1)) * factor;
}

const hull = (all: readonly Interval[]): Interval => ({
  low: Math.min(...all.map(({ low }) => low)),
  high: Math.max(...all.map(({ high }) => high)),
});

/** Row lengths tried: more are not seen in kernels that can be split. */
const mostModuli = 24;

/**
 * What addresses may be taken modulo of: nothing, then row lengths from the smallest on, which are strides of their indices
 * and distances between them.
 */
function* moduli(all: readonly Known[], atLeast: number): Generator<number | undefined> {
  yield undefined;
  const found = new Set<number>();
  for (const { address } of all) {
    for (const each of address.terms.values()) found.add(Math.abs(each));
    found.add(Math.abs(address.constant - all[0]!.address.constant));
  }
  const lengths = [...found].filter((each) => each > 1 && each >= atLeast).sort((a, b) => a - b);
  yield* lengths.slice(0, mostModuli);
}

const some = (all: Iterable<number | undefined>, holds: (modulus: number | undefined) => boolean): boolean => {
  for (const each of all) if (holds(each)) return true;
  return false;
};

/** Touches in groups whose reaches do not overlap. */
function clusters(all: readonly Known[], outer: ReadonlySet<Local>, scope: Scope): Known[][] {
  const sorted = all
    .map((known) => ({ known, span: reach(known, outer, scope) }))
    .sort((a, b) => a.span.low - b.span.low);
  const groups: { members: Known[]; high: number }[] = [];
  for (const { known, span } of sorted) {
    const last = groups.at(-1);
    if (last && span.low <= last.high) {
      last.members.push(known);
      last.high = Math.max(last.high, span.high);
    } else groups.push({ members: [known], high: span.high });
  }
  return groups.map(({ members }) => members);
}

/**
 * Whether no iteration of a loop touches what another one writes: the loop's index can be told from every address, because
 * what the other indices add is less than its own stride, as it stands or within a row.
 */
export function independent(loop: For, touches: readonly Touch[], outer: ReadonlySet<Local>, scope: Scope): boolean {
  const trips = tripsOf(loop);
  if (trips <= 1) return loop.from.kind === "constant" && loop.to.kind === "constant";
  const apart = (group: readonly Known[]): boolean => {
    if (!group.some(({ touch }) => touch.writes)) return true;
    const stride = group[0]!.address.terms.get(loop.index) ?? 0;
    if (stride <= 0 || group.some(({ address }) => address.terms.get(loop.index) !== stride)) return false;
    const step = stride * loop.step;
    const fixed = new Set([...outer, loop.index]);
    return some(moduli(group, step * (trips - 1)), (modulus) => {
      const { low, high } = hull(group.map((known) => reach(known, fixed, scope, modulus)));
      const width = high - low + 1;
      return step >= width && (modulus === undefined || step * (trips - 1) + width <= modulus);
    });
  };
  const groups = contested(touches);
  return groups?.every((group) => alike(group, outer) && clusters(group, outer, scope).every(apart)) ?? false;
}

/** Whether some code reads nothing of a buffer but between the ends of what it writes there, which it begins with. */
export function fills(buffer: Buffer, touches: readonly Touch[], outer: ReadonlySet<Local>, scope: Scope): boolean {
  const all = touches.filter((each) => each.buffer === buffer);
  const known = all.flatMap((touch): Known[] => (touch.address ? [{ touch, address: touch.address }] : []));
  if (!all[0]?.writes || known.length < all.length || !alike(known, outer)) return false;
  const spans = (writes: boolean) =>
    known.filter(({ touch }) => touch.writes === writes).map((each) => reach(each, outer, scope));
  const [written, read] = [hull(spans(true)), hull(spans(false))];
  return written.low <= read.low && read.high <= written.high;
}

/** Whether two pieces of code, one after the other, touch nothing that the other one writes. */
export function disjoint(a: readonly Touch[], b: readonly Touch[], outer: ReadonlySet<Local>, scope: Scope): boolean {
  const ofA = new Set(a);
  const groups = contested([...a, ...b]);
  return (
    groups?.every((group) => {
      const [left, right] = [group.filter(({ touch }) => ofA.has(touch)), group.filter(({ touch }) => !ofA.has(touch))];
      if (left.length === 0 || right.length === 0) return true;
      if (![...left, ...right].some(({ touch }) => touch.writes)) return true;
      if (!alike(group, outer)) return false;
      return some(moduli(group, 1), (modulus) => {
        const [one, other] = [left, right].map((side) =>
          hull(side.map((known) => reach(known, outer, scope, modulus))),
        ) as [Interval, Interval];
        const inRow = modulus === undefined || Math.max(one.high, other.high) < modulus;
        return inRow && (one.high < other.low || other.high < one.low);
      });
    }) ?? false
  );
}
