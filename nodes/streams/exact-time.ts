// `exactTime`: messages of several streams that bear the same time.
import type { Observable } from "rxjs";
import { optionsOf } from "../../kernels/index.ts";
import { checkSources, type Joined, join, type Sources } from "./sources.ts";
import { headerStamp } from "./stamp.ts";
import { type MatchOptions, matchSchemas, type Waiting, WaitingMessages } from "./waiting.ts";

const checkOptions = optionsOf<MatchOptions>("stream", "exactTime", matchSchemas);

/**
 * Sets of one message of each source with equal times (message_filters' ExactTime policy).
 *
 * When a set is complete, older messages can match nothing any more and are dropped, counted. Of several messages of one
 * source with the same time the newest counts. A source whose times jump back begins anew, see `MatchOptions.resets`.
 */
export function exactTime<const S extends Sources>(sources: S, options: MatchOptions = {}): Observable<Joined<S>> {
  checkSources("exactTime", sources);
  checkOptions(options);
  const { stamp = headerStamp } = options;
  return join<S, Joined<S>>(sources, (names, out) => {
    const operator = `exactTime(${names.join(", ")})`;
    const waiting = new Map(names.map((name) => [name, new WaitingMessages(operator, options)]));
    return (name, value) => {
      const time = stamp(value);
      const own = waiting.get(name)!;
      own.add({ time, value });
      own.keepNewestOf(time);
      const set = new Map<string, Waiting>();
      for (const [each, { messages }] of waiting) {
        const found = messages.find((message) => message.time === time);
        if (found) set.set(each, found);
      }
      if (set.size < names.length) return own.settle();
      for (const [each, message] of set) waiting.get(each)!.match(message);
      out.next(Object.fromEntries([...set].map(([each, message]) => [each, message.value])) as Joined<S>);
    };
  });
}
