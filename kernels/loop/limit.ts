// Limits a kernel to what is wanted of its results: loops end where only elements behind a count would follow.
import { bytesOf } from "../dtype.ts";
import { type Affine, Scope, type Touch } from "./access.ts";
import {
  add,
  broadcast,
  constant,
  div,
  endOf,
  ge,
  index,
  KernelBuilder,
  le,
  lt,
  mul,
  ramp,
  select,
  sub,
} from "./build.ts";
import { tripsOf } from "./count.ts";
import type { Buffer, Expression, Kernel, Local, Statement } from "./ir.ts";
import { expressionsOf, operandsOf } from "./walk.ts";

/** What is wanted of a result: of rows that follow each other in a buffer, those in front of a count. */
export interface Front {
  readonly buffer: Buffer;
  /** The first element of the first row. */
  readonly offset: number;
  /** Elements from one row to the next; the wanted ones of a row lie in front of the next row. */
  readonly row: number;
  /** What all elements from the count to the last row are; nothing in particular where none is given. */
  readonly behind?: number | bigint | boolean;
}

type For = Extract<Statement, { kind: "for" }>;

/** A number from 0 to `most`, whatever was counted. */
export const clamped = (count: Expression, most: number): Expression => {
  const below = select(lt(count, most), count, index(most));
  return select(lt(count, 0), index(0), below);
};

/**
 * A kernel that computes of some results what lies in front of a count, of `most` at most: every element there has the bits that the
 * whole kernel gives it.
 *
 * A loop ends early where whatever its further iterations store lies behind. It must be all that its buffers are wanted for.
 */
export function limitKernel(kernel: Kernel, count: Expression, most: number, fronts: readonly Front[]): Kernel {
  const k = new KernelBuilder();
  const rows = k.let(clamped(count, most), "count");
  const ends = new Map(fronts.map(({ buffer, offset, row }) => [buffer, { row, end: add(mul(rows, row), offset) }]));
  const { body: counted } = k.finish(kernel.name);
  const filling = new KernelBuilder();
  for (const front of fronts) fill(filling, front, rows, most);
  const body = new Limiter(kernel, ends).statements(kernel.body);
  return { ...kernel, body: [...counted, ...body, ...filling.finish(kernel.name).body] };
}

/** Bytes that are filled at a time. */
const filledBytes = 64;
const mostLanes = 16;

/** Writes what stands behind the count. */
function fill(k: KernelBuilder, { buffer, offset, row, behind }: Front, rows: Expression, most: number): void {
  if (behind === undefined) return;
  const { scalar } = buffer;
  const lanes = Math.min(mostLanes, filledBytes / bytesOf(scalar));
  const size = most * row;
  const main = size - (size % lanes);
  const end = k.let(mul(rows, row), "end");
  const value = (width: number) => constant(scalar, behind, width);
  const partly = (i: Expression) =>
    k.if(lt(end, add(i, lanes)), () => {
      k.store(buffer, add(i, offset), value(lanes), ge(ramp(i, 1, lanes), broadcast(end, lanes)));
    });
  if (main > 0)
    k.for(0, main, lanes, (i) => {
      const whole = () => k.store(buffer, add(i, offset), value(lanes));
      k.if(le(end, i), whole, () => partly(i));
    });
  if (main < size) k.for(main, size, 1, (i) => k.if(le(end, i), () => k.store(buffer, add(i, offset), value(1))));
}

/** How often buffers are read and locals too, nested statements included. */
function readsIn(body: readonly Statement[], counts = new Map<Buffer | Local, number>()): Map<Buffer | Local, number> {
  const read = (what: Buffer | Local) => counts.set(what, (counts.get(what) ?? 0) + 1);
  for (const s of body) {
    const seen = new Set<Expression>();
    const visit = (e: Expression): void => {
      if (seen.has(e)) return;
      seen.add(e);
      if (e.kind === "load") read(e.buffer);
      if (e.kind === "local") read(e.local);
      operandsOf(e).forEach(visit);
    };
    expressionsOf(s).forEach(visit);
    if (s.kind === "for") readsIn(s.body, counts);
    if (s.kind === "if") {
      readsIn(s.whenTrue, counts);
      readsIn(s.whenFalse, counts);
    }
  }
  return counts;
}

/** The variables that statements assign to. */
const assigned = (body: readonly Statement[]): Local[] =>
  body.flatMap((s) => {
    if (s.kind === "assign") return [s.local];
    if (s.kind === "for") return assigned(s.body);
    return s.kind === "if" ? assigned([...s.whenTrue, ...s.whenFalse]) : [];
  });

type Ends = ReadonlyMap<Buffer, { readonly row: number; readonly end: Expression }>;

class Limiter {
  readonly #scope = new Scope();
  readonly #ends: Ends;
  readonly #reads: ReadonlyMap<Buffer | Local, number>;
  /** The indices of the loops around what is looked at. */
  readonly #around = new Set<Local>();

  constructor({ body }: Kernel, ends: Ends) {
    this.#ends = ends;
    this.#reads = readsIn(body);
  }

  statements(body: readonly Statement[]): Statement[] {
    return body.map((s) => {
      if (s.kind === "let") this.#scope.declare(s);
      if (s.kind === "if")
        return { ...s, whenTrue: this.statements(s.whenTrue), whenFalse: this.statements(s.whenFalse) };
      return s.kind === "for" ? this.#loop(s) : s;
    });
  }

  #loop(loop: For): For {
    this.#scope.enter(loop);
    const until = this.#until(loop);
    this.#around.add(loop.index);
    const body = this.statements(loop.body);
    this.#around.delete(loop.index);
    return {
      ...loop,
      ...(until ? { until: loop.until ? endOf({ ...loop, to: loop.until, until }) : until } : {}),
      body,
    };
  }

  /** The first index from which on a loop stores nothing that is wanted; undefined where it goes to its end. */
  #until(loop: For): Expression | undefined {
    const stores = this.#scope.touches(loop.body).filter(({ writes }) => writes);
    const wanted = stores.filter(({ buffer }) => this.#ends.has(buffer));
    if (wanted.length === 0 || !this.#endsInside(loop, stores)) return undefined;
    // Of stores whose addresses differ by a number, the first decides.
    const bases = new Map<string, { readonly base: Affine; readonly buffer: Buffer; readonly stride: number }>();
    for (const { buffer, address } of wanted) {
      const stride = address?.terms.get(loop.index) ?? 0;
      const moved = stride * loop.step * tripsOf(loop);
      if (!address || stride <= 0 || moved <= this.#ends.get(buffer)!.row) return undefined;
      const base = this.#lowest(address, loop.index);
      const key = `${[...this.#ends.keys()].indexOf(buffer)} ${stride} ${[...this.#around].map((local) => base.terms.get(local) ?? 0)}`;
      const known = bases.get(key);
      if (!known || base.constant < known.base.constant) bases.set(key, { base, buffer, stride });
    }
    return [...bases.values()]
      .map(({ base, buffer, stride }) => {
        const left = sub(this.#ends.get(buffer)!.end, this.#valueOf(base));
        return div(add(left, stride - 1), stride);
      })
      .reduce((a, b) => select(lt(a, b), b, a));
  }

  /** Whether nothing outside a loop reads what its iterations leave, but for what is wanted. */
  #endsInside({ body }: For, stores: readonly Touch[]): boolean {
    const reads = readsIn(body);
    const own = (what: Buffer | Local) => reads.get(what) === this.#reads.get(what);
    return (
      stores.every(({ buffer }) => this.#ends.has(buffer) || (buffer.private === true && own(buffer))) &&
      assigned(body).every(own)
    );
  }

  /** The least that an address is in one iteration, by the indices of the loops around. */
  #lowest({ constant: start, terms }: Affine, own: Local): Affine {
    const others = [...terms].filter(([local]) => local !== own);
    const around = others.filter(([local]) => this.#around.has(local));
    const inner = others.filter(([local]) => !this.#around.has(local));
    return { constant: start + this.#scope.spread(inner).low, terms: new Map(around) };
  }

  #valueOf({ constant: start, terms }: Affine): Expression {
    return [...terms].reduce<Expression>(
      (sum, [local, factor]) => add(sum, mul({ kind: "local", type: local.type, local }, factor)),
      index(start),
    );
  }
}
