// `approximateTime`: messages of several streams whose times lie close together.
import type { Observable } from "rxjs";
import { optionsOf } from "../../kernels/index.ts";
import { type Duration, durationSchema, parseDuration } from "../../scheduler/index.ts";
import { checkSources, type Joined, join, type Sources } from "./sources.ts";
import { headerStamp } from "./stamp.ts";
import { type MatchOptions, matchSchemas, type Waiting, WaitingMessages } from "./waiting.ts";

const checkOptions = optionsOf<MatchOptions & { readonly slop: Duration }>("stream", "approximateTime", () => ({
  ...matchSchemas(),
  slop: durationSchema,
}));

/**
 * Sets of one message of each source whose times lie within `slop` of each other; each message is in one set at most.
 *
 * When a message comes, it is joined with a waiting message of every other source: of the sets that this could be, the one
 * that spans the least time, of several the oldest. A set leaves at once; what is older than its members can match nothing
 * any more and is dropped, counted. A source whose times jump back begins anew, see `MatchOptions.resets`.
 */
export function approximateTime<const S extends Sources>(
  sources: S,
  options: MatchOptions & { readonly slop: Duration },
): Observable<Joined<S>> {
  checkSources("approximateTime", sources);
  checkOptions(options);
  const { stamp = headerStamp } = options;
  const slopNs = parseDuration(options.slop);
  return join<S, Joined<S>>(sources, (names, out) => {
    const operator = `approximateTime(${names.join(", ")})`;
    const waiting = new Map(names.map((name) => [name, new WaitingMessages(operator, options)]));
    return (name, value) => {
      const arrived = { time: stamp(value), value };
      const own = waiting.get(name)!;
      own.add(arrived);
      const queues = names.map((each) => (each === name ? [arrived] : waiting.get(each)!.messages));
      const set = narrowest(queues, arrived.time, slopNs);
      if (!set) return own.settle();
      names.forEach((each, at) => {
        waiting.get(each)!.match(set[at]!);
      });
      out.next(Object.fromEntries(names.map((each, at) => [each, set[at]!.value])) as Joined<S>);
    };
  });
}

/** One message of each queue, within `slopNs` and together spanning the least time; its first member is not after `time`. */
function narrowest(queues: readonly (readonly Waiting[])[], time: number, slopNs: number): Waiting[] | undefined {
  const firsts = queues.flat().filter((each) => each.time <= time && each.time >= time - slopNs);
  let best: { readonly set: Waiting[]; readonly spread: number } | undefined;
  for (const first of firsts.sort((a, b) => a.time - b.time)) {
    const set = queues.map((queue) => firstFrom(queue, first.time));
    if (!isComplete(set)) continue;
    const spread = Math.max(...set.map((each) => each.time)) - first.time;
    if (spread <= slopNs && (!best || spread < best.spread)) best = { set, spread };
  }
  return best?.set;
}

/** The oldest message that is not before a time. */
const firstFrom = (queue: readonly Waiting[], time: number): Waiting | undefined =>
  queue.reduce<Waiting | undefined>(
    (best, each) => (each.time >= time && (!best || each.time < best.time) ? each : best),
    undefined,
  );

const isComplete = (set: readonly (Waiting | undefined)[]): set is Waiting[] => set.every((each) => each !== undefined);
