// Random control flow, nested: choices, loops and scans over element-wise operators, reductions and states.

import type { Random } from "../../kernels/index.ts";
import {
  cond,
  constant,
  forLoop,
  type Graph,
  type Signature,
  type StateTensor,
  scan,
  stack,
  state,
  type Tensor,
  tensorType,
  trace,
  whileLoop,
} from "../../runtime/index.ts";
import { binary, unary } from "./chains.ts";
import { weights } from "./values.ts";

type Plane = Tensor<"f32">;

/** Control flow inside of control flow, at most. */
const deepest = 2;

/** What a region may work on: tensors of one shape, and states of that shape. */
interface Scope {
  readonly shape: readonly number[];
  readonly states: readonly StateTensor<"f32">[];
  readonly depth: number;
}

/** A bool that depends on the values. */
const decided = (random: Random, x: Plane): Tensor<"bool"> =>
  random.pick([
    () => x.sum().greater(random.pick([0, -1, 1])),
    () => x.abs().max().less(2),
    () => x.max().equal(x.max()),
  ])();

/** A count from 0 to 3 that depends on the values. */
const counted = (x: Plane): Tensor<"i64"> => x.flatten().argmax(0).cast("i64").remainder(4);

function choice(random: Random, values: readonly Plane[], scope: Scope): Plane[] {
  const branch = (...given: readonly Plane[]): Plane[] => work(random, given, scope);
  return [...cond(decided(random, values[0]!), branch, branch, ...values)] as Plane[];
}

function repetition(random: Random, values: readonly Plane[], scope: Scope): Plane[] {
  const names = values.map((_, at) => `v${at}`);
  const [turns, kept] = [random.whole(0, 4), random.chance(0.4) ? names.at(-1) : undefined];
  type Carried = { readonly turn: Tensor<"i32"> } & { readonly [name: string]: Tensor };
  const planes = (carried: Carried): Plane[] => names.map((name) => carried[name] as Plane);
  const initial = { turn: constant(0, "i32"), ...Object.fromEntries(values.map((value, at) => [names[at]!, value])) };
  const left = whileLoop<Carried>(
    (carried) => {
      const goesOn = carried.turn.less(turns);
      return random.chance(0.5) ? goesOn.and(decided(random, planes(carried)[0]!)) : goesOn;
    },
    (carried) => {
      const next = work(random, planes(carried), scope);
      // What is passed on as it is needs no memory of the loop's own, and what depends on it alone runs before the loop.
      const named = names.map((name, at) => [name, name === kept ? carried[name]! : next[at]!] as const);
      return { turn: carried.turn.add(1), ...Object.fromEntries(named) };
    },
    initial,
    { atMost: 5 },
  );
  return planes(left);
}

function counting(random: Random, values: readonly Plane[], scope: Scope): Plane[] {
  const body = (index: Tensor<"i64">, carried: readonly Plane[]): Plane[] =>
    work(random, [carried[0]!.add(index.cast("f32")), ...carried.slice(1)], scope);
  if (random.chance(0.5)) return [...forLoop(random.whole(0, 3), body, values as Plane[])];
  return [...forLoop(counted(values[0]!), body, values as Plane[], { atMost: 3 })];
}

function scanning(random: Random, values: readonly Plane[], scope: Scope): Plane[] {
  const sequence = stack([...values, values[0]!.neg()]);
  const [carried, kept] = scan(
    (before: Plane, each: Plane): [Plane, { each: Plane; sum: Plane }] => {
      const [next] = work(random, [binary(random, before, each) as Plane], scope) as [Plane];
      return [next, { each: next, sum: each.sum() }];
    },
    values[0]!,
    sequence,
  );
  return [carried, kept.each.sum([0]).add(kept.sum.max()), ...values.slice(2)].slice(0, values.length);
}

/** Some steps on tensors of one shape; as many come out, of the same shape. */
function work(random: Random, given: readonly Plane[], scope: Scope): Plane[] {
  let values = [...given];
  const inner = { ...scope, depth: scope.depth + 1 };
  for (let left = random.whole(1, scope.depth === 0 ? 4 : 2); left > 0; left--) {
    const at = random.whole(0, values.length - 1);
    const x = values[at]!;
    const kind = random.next();
    if (kind < 0.4 && scope.depth < deepest)
      values = random.pick([choice, repetition, counting, scanning])(random, values, inner);
    else if (kind < 0.55) values[at] = unary(random, x) as Plane;
    else if (kind < 0.7) values[at] = binary(random, x, random.pick(values)) as Plane;
    else if (kind < 0.78) values[at] = x.sub(x.max([-1], { keepDims: true })).mul(0.5);
    else if (kind < 0.84) values[at] = x.add(weights(random, "f32", scope.shape));
    else if (kind < 0.9) values.reverse();
    else if (scope.states.length > 0) {
      const remembered = random.pick(scope.states);
      values[at] = x.add(remembered.get().mul(0.5));
      if (random.chance(0.7)) remembered.set(random.pick(values));
    }
  }
  return values;
}

/** Control flow over one to three tensors of one shape, with states that are read and written inside of it. */
export function controlFlow(random: Random): Graph<Signature, Signature> {
  const shape = random.pick([[1], [3], [5, 7], [16], [2, 3, 16], [4, 33]]);
  return trace(
    (inputs) => {
      const states = Array.from({ length: random.whole(0, 2) }, (_, at) =>
        state(`state${at}`, tensorType("f32", shape), at),
      );
      const values = Object.values(inputs) as Plane[];
      const results = work(random, work(random, values, { shape, states, depth: 0 }), { shape, states, depth: 0 });
      return Object.fromEntries(results.map((value, at) => [`y${at}`, value]));
    },
    Object.fromEntries(["x", "z", "w"].slice(0, random.whole(1, 3)).map((name) => [name, tensorType("f32", shape)])),
    { name: "control" },
  ) as unknown as Graph<Signature, Signature>;
}
