// What kernels leave out over bounded dimensions: loops over rows, and reductions, that end at a count.
import {
  clamped,
  type Expression,
  type Front,
  generators,
  type Kernel,
  limitKernel,
  loop,
} from "../../kernels/index.ts";
import type { Graph, Value } from "../graph/graph.ts";
import { Fronts, type Neutral } from "./fronts.ts";
import type { KernelContext } from "./kernel-call.ts";
import { type Place, rowsInPlace } from "./placement.ts";
import type { RowGroup } from "./row-groups.ts";

/** What a kernel computes of its results: what lies in front of a count. */
export interface Limit {
  readonly count: Value;
  readonly most: number;
  readonly fronts: readonly Front[];
}

/** A value that a kernel leaves in a place. */
interface Result {
  readonly value: Value;
  readonly place: Place;
  readonly buffer: Front["buffer"];
}

/** How far the kernels of a graph go; counts that have not been computed yet limit nothing. */
export class Limits {
  readonly #fronts: Fronts;
  readonly #placeOf: (value: Value) => Place | undefined;

  constructor(graph: Graph, placeOf: (value: Value) => Place | undefined) {
    this.#fronts = new Fronts(graph);
    this.#placeOf = placeOf;
  }

  /** The counts, which have to be in memory. */
  get counts(): readonly Value[] {
    return this.#fronts.counts;
  }

  /** What a kernel computes of its results, where it need not compute all of them. */
  of(results: readonly Result[]): Limit | undefined {
    const found = results.flatMap(({ value, place, buffer }) => {
      const front = this.#fronts.of(value);
      const rows = front && rowsInPlace(place, front.row, front.behind !== undefined);
      return rows ? [{ ...front, ...rows, buffer }] : [];
    });
    const [first] = found;
    if (!first || found.length < results.length) return undefined;
    const { count, most } = first;
    return found.every((each) => each.count === count && each.most === most)
      ? { count, most, fronts: found }
      : undefined;
  }

  /** A kernel that computes no more than that. */
  limited(kernel: Kernel, { count, most, fronts }: Limit, context: KernelContext): Kernel {
    const rows = this.#count(count, context);
    return rows ? limitKernel(kernel, rows, most, fronts) : kernel;
  }

  /** Where a reduction of a value may end, since all elements from there on are what changes nothing. */
  neutralEnd(value: Value, identity: number | bigint | boolean, context: KernelContext): generators.End | undefined {
    const neutral = this.#neutral(value, identity);
    const at = neutral && this.#end(neutral, context);
    return at && { axis: neutral.axis, at };
  }

  /** Where the rows of a group may end: each member reduces what changes nothing from a count on, or is wanted in front of it. */
  rowsEnd({ shape, members, shared }: RowGroup, context: KernelContext): Expression | undefined {
    const last = shape.length - 1;
    if (shape.slice(0, last).some((size) => size !== 1)) return undefined;
    const ends = members.map(({ node, root }) => {
      const { operator, inputs, outputs } = root ?? node;
      const { lowering } = operator;
      if (lowering.kind === "reduce") {
        const [x] = inputs as [Value];
        const neutral = this.#neutral(x, generators.reducers[lowering.reducer].identity(x.type.dtype));
        return neutral?.axis === last ? neutral : undefined;
      }
      const front = this.#fronts.of(outputs[0]);
      // What others of the group read as it is has to be there to the end.
      return front?.row === 1 && !(front.behind !== undefined && shared.has(outputs[0])) ? front : undefined;
    });
    const [first] = ends;
    if (!first || ends.some((each) => each?.count !== first.count || each.most !== first.most)) return undefined;
    return this.#end(first, context);
  }

  /** A count in a kernel that reads it. */
  #count(count: Value, context: KernelContext): Expression | undefined {
    const place = this.#placeOf(count);
    return place && loop.load(context.at(place, "read"), place.offset);
  }

  #end(
    { count, most }: { readonly count: Value; readonly most: number },
    context: KernelContext,
  ): Expression | undefined {
    const rows = this.#count(count, context);
    return rows && clamped(rows, most);
  }

  #neutral(value: Value, identity: number | bigint | boolean): Neutral | undefined {
    const neutral = this.#fronts.neutral(value);
    return neutral && Object.is(Number(neutral.behind), Number(identity)) ? neutral : undefined;
  }
}
