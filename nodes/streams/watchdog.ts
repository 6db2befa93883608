// `watchdog`: notices that a stream has fallen silent.
import { Observable, type OperatorFunction, type SchedulerLike, type Subscription } from "rxjs";
import { checkArgument } from "../../kernels/index.ts";
import { type Duration, durationAboveZero, parseDuration } from "../../scheduler/index.ts";
import { checkClock } from "./clock.ts";

/** A value, or word that none has come for the whole timeout. */
export type Watched<T> = { readonly kind: "value"; readonly value: T } | { readonly kind: "silent" };

/** Passes values on, and says `silent` once whenever none has come for `timeout`, counted from the subscription or the last value. */
export function watchdog<T>(timeout: Duration, clock: SchedulerLike): OperatorFunction<T, Watched<T>> {
  checkArgument("stream", "watchdog", "timeout", durationAboveZero, timeout);
  checkClock("watchdog", clock);
  const timeoutMs = parseDuration(timeout) / 1e6;
  return (source) =>
    new Observable((out) => {
      let timer: Subscription | undefined;
      const wind = () => {
        timer?.unsubscribe();
        timer = clock.schedule(() => out.next({ kind: "silent" }), timeoutMs);
      };
      wind();
      out.add(() => timer?.unsubscribe());
      out.add(
        source.subscribe({
          next: (value) => {
            wind();
            out.next({ kind: "value", value });
          },
          error: (error) => out.error(error),
          complete: () => out.complete(),
        }),
      );
    });
}
