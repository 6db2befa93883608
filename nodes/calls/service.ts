// Services of pipelines: a handler that answers requests, and a function that asks others.
import { first, Observable, Subscription } from "rxjs";
import type { LogicalClock } from "../streams/clock.ts";
import type { StreamRun } from "../streams/hub.ts";
import { type Answer, type Call, type CallRole, handlerFailed, notAnswered, notCarried, streamOf } from "./call.ts";

/** The topics of a service in a recording. */
export function serviceCall(name: string, type: string, role: CallRole): Call {
  const request = { topic: `${name}/_service/request`, type: `${type}_Request` };
  const response = { topic: `${name}/_service/response`, type: `${type}_Response` };
  const [enters, leaves] = role === "server" ? [[request], [response]] : [[response], [request]];
  return { name, type, role, enters, leaves };
}

/** Serves a service during a run. */
export function serveService<Request, Response extends object>(
  call: Call,
  handler: (request: Request) => Answer<Response>,
): (run: StreamRun) => Subscription {
  const [request, response] = [call.enters[0]!.topic, call.leaves[0]!.topic];
  return (run) => {
    const open = new Subscription();
    const answer = (asked: Request, respond: (bytes: Uint8Array) => void) => {
      const failed = (cause: unknown) => handlerFailed(run, call, cause);
      try {
        const next = (answered: Response) => {
          try {
            respond(run.send(response, answered));
          } catch (cause) {
            failed(cause);
          }
        };
        open.add(streamOf(handler(asked)).pipe(first()).subscribe({ next, error: failed }));
      } catch (cause) {
        failed(cause);
      }
    };
    const served = run.calls?.serve(
      run.callEnd(call),
      (bytes) => new Promise((respond) => run.receive(request, bytes, (asked) => answer(asked as Request, respond))),
    );
    open.add(() => served?.close());
    return open;
  };
}

/** What asks a service: `begin` joins a run, `ask` sends a request of it. */
export function askService<Request extends object, Response>(call: Call, clock: LogicalClock, timeoutMs: number) {
  const [request, response] = [call.leaves[0]!.topic, call.enters[0]!.topic];
  let joined:
    | { readonly run: StreamRun; readonly client: ReturnType<NonNullable<StreamRun["calls"]>["client"]> }
    | undefined;
  const begin = (run: StreamRun): Subscription => {
    const client = run.calls?.client(run.callEnd(call));
    joined = client && { run, client };
    return new Subscription(() => {
      joined = undefined;
      client?.close();
    });
  };
  const ask = (asked: Request): Observable<Response> =>
    new Observable((out) => {
      if (!joined) return out.error(notCarried(call));
      const { run, client } = joined;
      const leaving = new AbortController();
      out.add(() => leaving.abort());
      out.add(clock.schedule(() => out.error(notAnswered(call, client.there, timeoutMs)), timeoutMs));
      const take = (answered: unknown) => {
        out.next(answered as Response);
        out.complete();
      };
      client.call(run.send(request, asked), leaving.signal).then(
        (bytes) => {
          if (!out.closed) run.receive(response, bytes, take);
        },
        (cause) => out.error(cause),
      );
    });
  return { begin, ask };
}
