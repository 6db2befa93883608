// What repeats along time: the turns one after the other where they are few, a scan where they are many.
import { scan } from "../../../capture/control-flow.ts";
import { stack, type Tensor } from "../../../capture/tensor.ts";
import { constantOf } from "../call.ts";
import { elementsOf } from "../known-values.ts";

/** Tensors by name. */
export interface Named {
  readonly [name: string]: Tensor;
}

/** One turn: what it carries on, and what it gives. */
export type Turn<C extends Named, S extends Named, F extends Named, Y extends Named> = (
  carried: C,
  elements: S,
  fixed: F,
) => readonly [C, Y];

/** As many turns as are written out: their weights are laid out as those of any product. */
const mostWrittenOut = 4;

/** Element number `at` along the first dimension. */
const elementOf = (x: Tensor, at: number): Tensor => x.slice([at, at + 1]).reshape(x.shape.slice(1));

const mapped = (all: Named, of: (each: Tensor) => Tensor): Named =>
  Object.fromEntries(Object.entries(all).map(([name, each]) => [name, of(each)]));

/**
 * Runs `turn` on each element of `sequences` along their first dimension, from `initial` on; what was carried last, and what
 * the turns gave in a new first dimension.
 *
 * `fixed` is what every turn reads beside them, under names that nothing carried has.
 */
export function alongTime<C extends Named, S extends Named, F extends Named, Y extends Named>(
  turn: Turn<C, S, F, Y>,
  initial: C,
  sequences: S,
  fixed: F,
): [C, Y] {
  const length = Object.values(sequences)[0]!.shape[0]!;
  if (length <= mostWrittenOut && length > 0) {
    let carried = initial;
    const given: Y[] = [];
    for (let at = 0; at < length; at++) {
      const [next, made] = turn(carried, mapped(sequences, (each) => elementOf(each, at)) as S, fixed);
      carried = next;
      given.push(made);
    }
    const names = Object.keys(given[0]!);
    return [
      carried,
      Object.fromEntries(names.map((name) => [name, stack(given.map((each) => each[name]!))])) as Named as Y,
    ];
  }
  // A constant belongs to the region, where the plan knows its elements; what is computed is carried through.
  const known = new Map(Object.entries(fixed).map(([name, each]) => [name, elementsOf(each)] as const));
  const through = Object.entries(fixed).filter(([name]) => !known.get(name));
  const [last, made] = scan(
    (all: Named, elements: Named): [Named, Named] => {
      const read = Object.entries(fixed).map(([name]) => {
        const elements = known.get(name);
        return [name, elements ? constantOf(elements, name) : all[name]!] as const;
      });
      const carried = Object.fromEntries(Object.keys(initial).map((name) => [name, all[name]!]));
      const [next, given] = turn(carried as C, elements as S, Object.fromEntries(read) as unknown as F);
      return [{ ...next, ...Object.fromEntries(through.map(([name]) => [name, all[name]!])) }, given];
    },
    { ...initial, ...Object.fromEntries(through) } as Named,
    sequences as Named,
  );
  return [last as C, made as Y];
}
