// Several named sources observed together: what the operators that join streams share.
import { from, Observable, type ObservableInput, type Subscriber } from "rxjs";
import { z } from "zod";
import { checkArgument } from "../../kernels/index.ts";

/** Streams by name. */
export type Sources = Readonly<Record<string, ObservableInput<unknown>>>;

const isStream = (given: unknown): boolean =>
  typeof given === "object" &&
  given !== null &&
  ["subscribe", "then", "@@observable", Symbol.iterator, Symbol.asyncIterator].some((name) => name in given);
const stream = z.custom(isStream).describe("an Observable");
const streams = z.looseObject({}).describe("Observables by name: { image, imu }");

/** Refuses what joins cannot subscribe to. Throws `stream/argument`. */
export function checkSources(operator: string, sources: unknown): void {
  checkArgument("stream", operator, "sources", streams, sources);
  for (const [name, each] of Object.entries(sources as object))
    checkArgument("stream", operator, `sources.${name}`, stream, each);
}

/** One value of each stream, by name. */
export type Joined<S extends Sources> = {
  readonly [K in keyof S]: S[K] extends ObservableInput<infer T> ? T : never;
};

/**
 * Subscribes to every source; `begin` makes the state of one subscription and returns what a value does.
 *
 * An error of any source ends the join; it completes once every source has.
 */
export function join<S extends Sources, R>(
  sources: S,
  begin: (names: readonly (keyof S & string)[], out: Subscriber<R>) => (name: keyof S & string, value: unknown) => void,
): Observable<R> {
  const names: readonly (keyof S & string)[] = Object.keys(sources);
  return new Observable<R>((out) => {
    const take = begin(names, out);
    let open = names.length;
    if (open === 0) out.complete();
    for (const name of names) {
      out.add(
        from(sources[name]!).subscribe({
          next: (value) => {
            try {
              take(name, value);
            } catch (error) {
              out.error(error);
            }
          },
          error: (error) => out.error(error),
          complete: () => {
            if (--open === 0) out.complete();
          },
        }),
      );
    }
  });
}
