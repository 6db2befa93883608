// What services and actions of pipelines share: their names on topics of a recording, and what they need of a run.
import { from, isObservable, type Observable, type ObservableInput, of } from "rxjs";
import { IsochronError } from "../../kernels/index.ts";
import type { StreamRun } from "../streams/hub.ts";

/** Whether an application serves something, or calls it. */
export type CallRole = "server" | "client";

/** A topic of a recording that shows a part of what goes to and fro. */
export interface CallTopic {
  readonly topic: string;
  readonly type: string;
}

/** A service or an action of an application. */
export interface Call {
  readonly name: string;
  /** `std_srvs/srv/Trigger`, `example_interfaces/action/Fibonacci`. */
  readonly type: string;
  readonly role: CallRole;
  /** What enters, and is logged as inputs are; what leaves, and is recorded as publications are. */
  readonly enters: readonly CallTopic[];
  readonly leaves: readonly CallTopic[];
}

/** What a handler answers with: a value, a promise of it, or an Observable. */
export type Answer<T> = T | PromiseLike<T> | Observable<T>;

/** An answer as a stream. */
export const streamOf = <T>(answer: Answer<T>): Observable<T> =>
  isObservable(answer) || typeof (answer as Partial<PromiseLike<T>> | undefined)?.then === "function"
    ? from(answer as ObservableInput<T>)
    : of(answer as T);

/** Ends a run where what serves a call failed. */
export function handlerFailed(run: StreamRun, { name }: Call, cause: unknown): void {
  const why = cause instanceof Error ? cause.message : String(cause);
  run.fail(
    cause instanceof IsochronError
      ? cause
      : new IsochronError("stream/failed", `what serves "${name}" failed: ${why}`, {
          help: "answer every call with one value; where it cannot be done, say so in the response",
          cause,
        }),
  );
}

/** Why a call came to nothing: nobody serves it, or nobody answered in time. */
export const notAnswered = ({ name, type }: Call, isThere: boolean, timeoutMs: number): IsochronError =>
  new IsochronError(
    "call/timeout",
    isThere ? `${name} did not answer within ${timeoutMs} ms` : `nobody has served ${name} within ${timeoutMs} ms`,
    { help: `start what serves it as ${type}, give a longer timeout, or handle the error (catchError, retry)` },
  );

/** The error of a call in a run where nothing carries it. */
export const notCarried = ({ name }: Call): IsochronError =>
  new IsochronError("call/transport", `nothing carries calls of ${name}: the run has no transport`, {
    help: "run with --ros or --transport; in a run without, handle the error (catchError)",
  });
