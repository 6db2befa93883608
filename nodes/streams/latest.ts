// `latest`: the newest value of each of several streams.
import type { Observable } from "rxjs";
import { checkSources, type Joined, join, type Sources } from "./sources.ts";

/**
 * The newest value of every source, by name, whenever one of them brings a new one; nothing until each has brought one.
 *
 * `latest({ image, imu })` emits `{ image, imu }`.
 */
export function latest<const S extends Sources>(sources: S): Observable<Joined<S>> {
  checkSources("latest", sources);
  return join<S, Joined<S>>(sources, (names, out) => {
    const newest = new Map<string, unknown>();
    return (name, value) => {
      newest.set(name, value);
      if (newest.size === names.length) out.next(Object.fromEntries(newest) as Joined<S>);
    };
  });
}
