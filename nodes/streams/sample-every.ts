// `sampleEvery`: a stream at a steady rate, on the clock's own grid.
import { Observable, type OperatorFunction, type SchedulerLike } from "rxjs";
import { checkArgument } from "../../kernels/index.ts";
import { type Duration, durationAboveZero, parseDuration } from "../../scheduler/index.ts";
import { checkClock, nanosecondsOf } from "./clock.ts";

/**
 * The newest value at every multiple of `period` on the clock, again where nothing newer has come (`watchdog` notices
 * silence); nothing before the first value. Ends, without a last sample, when the source does. Throws `stream/argument`.
 */
export function sampleEvery<T>(period: Duration, clock: SchedulerLike): OperatorFunction<T, T> {
  checkArgument("stream", "sampleEvery", "period", durationAboveZero, period);
  checkClock("sampleEvery", clock);
  const periodNs = parseDuration(period);
  return (source) =>
    new Observable((out) => {
      let newest: { readonly value: T } | undefined;
      // Each delay is taken from the grid, not from the last tick, so that rounding never adds up.
      const untilNext = () => (periodNs - (nanosecondsOf(clock) % periodNs)) / 1e6;
      out.add(
        clock.schedule(function () {
          if (newest) out.next(newest.value);
          this.schedule(undefined, untilNext());
        }, untilNext()),
      );
      out.add(
        source.subscribe({
          next: (value) => {
            newest = { value };
          },
          error: (error) => out.error(error),
          complete: () => out.complete(),
        }),
      );
    });
}
