// Positions in sorted order along one dimension, by counting bytes or by merging runs.
import { bytesOf } from "../dtype.ts";
import {
  add,
  and,
  bitcast,
  constant,
  convert,
  div,
  eq,
  ge,
  gt,
  index,
  isFloat,
  KernelBuilder,
  load,
  lt,
  mul,
  ne,
  or,
  select,
  shl,
  shr,
  sub,
  xor,
} from "../loop/build.ts";
import type { Buffer, Expression, Kernel, Scalar } from "../loop/ir.ts";
import { addressOf, fixed, type Source } from "./access.ts";
import { type Destination, forEachOuter } from "./map.ts";

/** Whether `b` comes before `a` though it stood behind it; NaN comes after everything. */
function overtakes(b: Expression, a: Expression, scalar: Scalar, descending: boolean): Expression {
  const ahead = descending ? gt(b, a) : lt(b, a);
  return isFloat(scalar) ? or(ahead, and(ne(a, a), eq(b, b))) : ahead;
}

/** Shortest line that is sorted byte by byte: counts cost as much whatever the length. */
const leastCounted = 128;
/** Values of a byte. */
const values = 256;

/** Elements of i64 that `argsortKernel` needs beside its result to sort lines of a length. */
export const argsortWork = (length: number): number => 2 * length + (length < leastCounted ? 0 : 4 * values);

/** Most elements that are kept in order while a line passes; more are found by sorting it. */
export const mostLeaders = 8;

/**
 * destination[…,r,…] = the position along `axis` of the element of rank r, for the first `count` ranks: i64.
 *
 * Plan: that of `argsortKernel`. Schedule: the first `count` of a line are kept in order in registers; an element that overtakes the
 * last of them is put where it belongs.
 */
export function leadersKernel(
  name: string,
  buffers: readonly Buffer[],
  source: Source,
  axis: number,
  descending: boolean,
  count: number,
  destination: Destination,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const { shape, scalar } = source;
  forEachOuter(
    k,
    shape.filter((_, d) => d !== axis),
    (outer) => {
      const at = (along: Expression) => [...outer.slice(0, axis), fixed(along), ...outer.slice(axis)];
      const first = k.let(source.at(at(index(0)), 1));
      const leaders = Array.from({ length: count }, () => ({
        value: k.variable(first, "value"),
        position: k.variable(index(0), "position"),
      }));
      /** Puts an element among those before it, of which there are `known`. */
      const insert = (value: Expression, position: Expression, known: number) => {
        const old = leaders.map((each) => ({ value: k.let(each.value.get()), position: k.let(each.position.get()) }));
        const ahead = old.slice(0, known).map((each) => k.let(overtakes(value, each.value, scalar, descending)));
        for (let rank = 0; rank < Math.min(known + 1, count); rank++) {
          // It takes the place of the first that it overtakes, and those behind move up by one.
          const moves = rank > 0 ? ahead[rank - 1]! : undefined;
          const chosen = (given: Expression, before: Expression | undefined, kept: Expression) => {
            const placed = moves && before ? select(moves, before, given) : given;
            return rank < known ? select(ahead[rank]!, placed, kept) : placed;
          };
          const [here, before] = [old[rank]!, old[rank - 1]];
          leaders[rank]!.value.set(chosen(value, before?.value, here.value));
          leaders[rank]!.position.set(chosen(position, before?.position, here.position));
        }
      };
      for (let i = 1; i < count; i++) insert(k.let(source.at(at(index(i)), 1)), index(i), i);
      k.for(count, shape[axis]!, 1, (i) => {
        const value = k.let(source.at(at(i), 1));
        k.if(overtakes(value, leaders[count - 1]!.value.get(), scalar, descending), () => insert(value, i, count));
      });
      leaders.forEach(({ position }, rank) => {
        k.store(destination.buffer, addressOf(destination, at(index(rank))).base, position.get());
      });
    },
  );
  return k.finish(name);
}

/**
 * destination[…,r,…] = the position along `axis` of the element of rank r, for the first `count` ranks: i64.
 *
 * Plan: exact. Equal elements keep their order, zeros of both signs are equal, NaN comes last either way. Schedule: of
 * elements of at most 32 bits, counts of each byte, from the last on; else a merge sort of positions from runs of one, without
 * branches in the merge.
 */
export function argsortKernel(
  name: string,
  buffers: readonly Buffer[],
  source: Source,
  axis: number,
  descending: boolean,
  work: Buffer,
  destination: Destination,
  count = source.shape[axis]!,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const { shape, scalar } = source;
  const length = shape[axis]!;
  if (shape.includes(0)) return k.finish(name);
  const bytes = bytesOf(scalar);
  if (length >= leastCounted && bytes <= 4) {
    forEachOuter(
      k,
      shape.filter((_, d) => d !== axis),
      (outer) => {
        const at = (along: Expression) => [...outer.slice(0, axis), fixed(along), ...outer.slice(axis)];
        const elements = { length, bytes, key: (i: Expression) => keyOf(k, k.let(source.at(at(i), 1)), descending) };
        const sorted = countedOrder(k, work, elements);
        k.for(0, count, 1, (rank) => {
          const position = and(load(work, add(rank, sorted)), constant("i64", 0xffffffffn));
          k.store(destination.buffer, addressOf(destination, at(rank)).base, position);
        });
      },
    );
    return k.finish(name);
  }
  const rounds = Math.ceil(Math.log2(length));
  forEachOuter(
    k,
    shape.filter((_, d) => d !== axis),
    (outer) => {
      const at = (along: Expression) => [...outer.slice(0, axis), fixed(along), ...outer.slice(axis)];
      k.for(0, length, 1, (i) => k.store(work, i, i));
      // Each round reads one half of the work area and writes runs twice as long into the other.
      const span = k.variable(index(1), "span");
      const half = k.variable(index(0), "half");
      k.for(0, rounds, 1, () => {
        const run = k.let(span.get());
        const from = k.let(half.get());
        const to = k.let(sub(length, from));
        const pairs = div(add(length - 1, mul(run, 2)), mul(run, 2));
        k.for(0, k.let(pairs), 1, (pair) => {
          const start = k.let(mul(pair, mul(run, 2)));
          const bounded = (end: Expression) => k.let(select(lt(end, length), end, index(length)));
          const middle = bounded(add(start, run));
          const end = bounded(add(start, mul(run, 2)));
          const left = k.variable(start, "left");
          const right = k.variable(middle, "right");
          k.for(start, end, 1, (rank) => {
            const [l, r] = [k.let(left.get()), k.let(right.get())];
            const [hasLeft, hasRight] = [k.let(lt(l, middle)), k.let(lt(r, end))];
            // A run that is used up is read at its start, and what is read there is not taken.
            const positionAt = (i: Expression) => k.let(load(work, add(k.let(i), from)));
            const a = positionAt(select(hasLeft, l, start));
            const b = positionAt(select(hasRight, r, start));
            const ahead = overtakes(k.let(source.at(at(b), 1)), k.let(source.at(at(a), 1)), scalar, descending);
            const takesRight = k.let(and(hasRight, or(ge(l, middle), ahead)));
            k.store(work, add(rank, to), select(takesRight, b, a));
            const step = k.let(convert(takesRight, "i64"));
            right.set(add(r, step));
            left.set(add(l, sub(1, step)));
          });
        });
        span.set(mul(run, 2));
        half.set(to);
      });
      const sorted = (rounds % 2) * length;
      k.for(0, count, 1, (rank) =>
        k.store(destination.buffer, addressOf(destination, at(rank)).base, load(work, add(rank, sorted))),
      );
    },
  );
  return k.finish(name);
}

/** A number of at most 32 bits that orders elements as they are to be ordered: i64, from 0. */
function keyOf(k: KernelBuilder, value: Expression, descending: boolean): Expression {
  const { scalar } = value.type;
  const bits = 8 * bytesOf(scalar);
  const largest = constant("i64", 2n ** BigInt(bits) - 1n);
  const turned = (key: Expression) => (descending ? sub(largest, key) : key);
  if (scalar !== "f32") {
    const wide = convert(value, "i64");
    return k.let(turned(scalar.startsWith("u") || scalar === "bool" ? wide : add(wide, 2 ** (bits - 1))));
  }
  // Zeros of both signs are equal; the bits of negative numbers are turned round, those of others lie above them.
  const plain = bitcast(select(eq(value, 0), constant("f32", 0), value), "i32");
  const raised = xor(plain, or(shr(plain, 31), constant("i32", -(2 ** 31))));
  const key = convert(bitcast(raised, "u32"), "i64");
  return k.let(select(ne(value, value), largest, turned(key)));
}

/** Elements to be ordered by a number of so many bytes. */
interface Keyed {
  readonly length: number;
  readonly bytes: number;
  key(position: Expression): Expression;
}

/**
 * Orders the positions of a line in `work`, whose halves hold key and position of each element, and counts behind them; where the
 * sorted half begins. Stable.
 */
function countedOrder(k: KernelBuilder, work: Buffer, { length, bytes, key }: Keyed): number {
  const counts = 2 * length;
  const byteOf = (element: Expression, byte: number) => and(shr(element, 32 + 8 * byte), 255);
  const place = (element: Expression, byte: number) => k.let(add(byteOf(element, byte), counts + byte * values));
  k.for(0, bytes * values, 1, (i) => k.store(work, add(i, counts), constant("i64", 0)));
  k.for(0, length, 1, (i) => {
    const element = k.let(or(shl(key(i), 32), i));
    k.store(work, i, element);
    for (let byte = 0; byte < bytes; byte++) {
      const at = place(element, byte);
      k.store(work, at, add(load(work, at), 1));
    }
  });
  const running = Array.from({ length: bytes }, () => k.variable(index(0), "before"));
  k.for(0, values, 1, (value) => {
    running.forEach((before, byte) => {
      const at = k.let(add(value, counts + byte * values));
      const here = k.let(load(work, at));
      k.store(work, at, before.get());
      before.set(add(before.get(), here));
    });
  });
  for (let byte = 0; byte < bytes; byte++) {
    const [from, to] = [(byte % 2) * length, ((byte + 1) % 2) * length];
    k.for(0, length, 1, (i) => {
      const element = k.let(load(work, add(i, from)));
      const at = place(element, byte);
      const rank = k.let(load(work, at));
      k.store(work, at, add(rank, 1));
      k.store(work, add(rank, to), element);
    });
  }
  return (bytes % 2) * length;
}
