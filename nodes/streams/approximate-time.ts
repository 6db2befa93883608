// `approximateTime`: messages of several streams whose times lie close together.
import type { Observable } from "rxjs";
import { type Duration, parseDuration } from "../../scheduler/index.ts";
import type { MatchOptions } from "./exact-time.ts";
import { type Joined, join, type Sources } from "./sources.ts";
import { headerStamp } from "./stamp.ts";

interface Waiting {
  readonly time: number;
  readonly value: unknown;
}

/**
 * Sets of one message of each source whose times lie within `slop` of each other; each message is in one set at most.
 *
 * When a message comes, it is joined with the nearest waiting message of every other source (the older of two as near). A
 * set leaves at once; what is older than its members can match nothing any more and is dropped, counted.
 */
export function approximateTime<const S extends Sources>(
  sources: S,
  options: MatchOptions & { readonly slop: Duration },
): Observable<Joined<S>> {
  const { stamp = headerStamp, depth = 10, drops } = options;
  const slopNs = parseDuration(options.slop);
  return join<S, Joined<S>>(sources, (names, out) => {
    const waiting = new Map<string, Waiting[]>(names.map((name) => [name, []]));
    const nearest = (queue: readonly Waiting[], time: number): Waiting | undefined =>
      queue.reduce<Waiting | undefined>(
        (best, each) => (!best || Math.abs(each.time - time) < Math.abs(best.time - time) ? each : best),
        undefined,
      );
    return (name, value) => {
      const arrived = { time: stamp(value), value };
      const own = waiting.get(name)!;
      own.push(arrived);
      own.sort((a, b) => a.time - b.time);
      const set = names.map((each) => (each === name ? arrived : nearest(waiting.get(each)!, arrived.time)));
      if (isComplete(set) && spread(set) <= slopNs) {
        names.forEach((each, at) => {
          const queue = waiting.get(each)!;
          const taken = queue.indexOf(set[at]!);
          drops?.add(taken);
          queue.splice(0, taken + 1);
        });
        out.next(Object.fromEntries(names.map((each, at) => [each, set[at]!.value])) as Joined<S>);
      } else if (own.length > depth) {
        own.shift();
        drops?.add();
      }
    };
  });
}

const isComplete = (set: readonly (Waiting | undefined)[]): set is readonly Waiting[] =>
  set.every((each) => each !== undefined);

const spread = (set: readonly Waiting[]): number => {
  const times = set.map((each) => each.time);
  return Math.max(...times) - Math.min(...times);
};
