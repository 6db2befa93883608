// `exactTime`: messages of several streams that bear the same time.
import type { Observable } from "rxjs";
import type { DropCounter } from "./counter.ts";
import { type Joined, join, type Sources } from "./sources.ts";
import { headerStamp } from "./stamp.ts";

/** How messages are matched by time. */
export interface MatchOptions {
  /** A message's time in nanoseconds; from its header unless given. */
  readonly stamp?: (message: unknown) => number;
  /** Messages that may wait, per stream; 10 unless given. The oldest are dropped beyond. */
  readonly depth?: number;
  /** Counts messages that found no match. */
  readonly drops?: DropCounter;
}

/**
 * Sets of one message of each source with equal times (message_filters' ExactTime policy).
 *
 * When a set is complete, older messages can match nothing any more and are dropped, counted.
 */
export function exactTime<const S extends Sources>(sources: S, options: MatchOptions = {}): Observable<Joined<S>> {
  const { stamp = headerStamp, depth = 10, drops } = options;
  return join<S, Joined<S>>(sources, (names, out) => {
    const waiting = new Map<string, Map<number, unknown>>(names.map((name) => [name, new Map<number, unknown>()]));
    return (name, value) => {
      const time = stamp(value);
      const own = waiting.get(name)!;
      if (own.has(time)) drops?.add();
      own.set(time, value);
      if (names.every((each) => waiting.get(each)!.has(time))) {
        const set = Object.fromEntries(names.map((each) => [each, waiting.get(each)!.get(time)]));
        for (const queue of waiting.values()) {
          queue.delete(time);
          for (const older of [...queue.keys()].filter((each) => each < time)) {
            queue.delete(older);
            drops?.add();
          }
        }
        out.next(set as Joined<S>);
      } else if (own.size > depth) {
        own.delete(Math.min(...own.keys()));
        drops?.add();
      }
    };
  });
}
