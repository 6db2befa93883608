// `timeWindow`: the recent past of a stream.
import { Observable, type OperatorFunction, type SchedulerLike } from "rxjs";
import { checkArgument } from "../../kernels/index.ts";
import { type Duration, durationAboveZero, parseDuration } from "../../scheduler/index.ts";
import { checkClock, nanosecondsOf } from "./clock.ts";

/** With every value, all values of the last `duration` on the clock, oldest first, the new one included; what is as old as `duration` is forgotten. */
export function timeWindow<T>(duration: Duration, clock: SchedulerLike): OperatorFunction<T, readonly T[]> {
  checkArgument("stream", "timeWindow", "duration", durationAboveZero, duration);
  checkClock("timeWindow", clock);
  const durationNs = parseDuration(duration);
  return (source) =>
    new Observable((out) => {
      let recent: { readonly time: number; readonly value: T }[] = [];
      return source.subscribe({
        next: (value) => {
          const time = nanosecondsOf(clock);
          // A clock that was set back would keep what is ahead of it.
          recent = [...recent.filter((each) => each.time > time - durationNs && each.time <= time), { time, value }];
          out.next(recent.map((each) => each.value));
        },
        error: (error) => out.error(error),
        complete: () => out.complete(),
      });
    });
}
