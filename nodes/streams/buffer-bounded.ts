// `bufferBounded`: a bounded queue before a consumer that takes time.
import { from, Observable, type ObservableInput, type OperatorFunction } from "rxjs";
import { z } from "zod";
import { checkArgument, functionSchema, IsochronError } from "../../kernels/index.ts";
import { type DropCounter, ownCounter } from "./counter.ts";

/** What happens to a value that finds the queue full: the oldest waiting value gives way, it is dropped itself, or the stream fails. */
export type FullPolicy = "dropOldest" | "dropNewest" | "fail";

/**
 * Hands values one after the other to `consume`, the next when what it returned has completed; at most `size` wait.
 *
 * Drops are counted, under the operator's own name where no counter is given. Throws into the stream `stream/full` under the policy `fail`.
 */
export function bufferBounded<T, R>(
  size: number,
  policy: FullPolicy,
  consume: (value: T) => ObservableInput<R>,
  drops: Pick<DropCounter, "add"> = ownCounter(`bufferBounded(${size}, "${policy}")`),
): OperatorFunction<T, R> {
  const argument = (name: string, schema: z.ZodType, given: unknown) =>
    checkArgument("stream", "bufferBounded", name, schema, given);
  argument("size", z.int().min(0), size);
  argument("policy", z.enum(["dropOldest", "dropNewest", "fail"]), policy);
  argument("consume", functionSchema.describe("a function from a value to a stream"), consume);
  return (source) =>
    new Observable((out) => {
      const waiting: T[] = [];
      let [busy, ended] = [false, false];
      const begin = (value: T): void => {
        busy = true;
        let result: ObservableInput<R>;
        try {
          result = consume(value);
        } catch (error) {
          out.error(error);
          return;
        }
        out.add(
          from(result).subscribe({
            next: (each) => out.next(each),
            error: (error) => out.error(error),
            complete: () => {
              busy = false;
              if (waiting.length > 0) begin(waiting.shift()!);
              else if (ended) out.complete();
            },
          }),
        );
      };
      out.add(
        source.subscribe({
          next: (value) => {
            if (!busy) return begin(value);
            if (waiting.length < size) return void waiting.push(value);
            switch (policy) {
              case "dropOldest":
                waiting.push(value);
                waiting.shift();
                return drops.add();
              case "dropNewest":
                return drops.add();
              case "fail":
                return out.error(
                  new IsochronError("stream/full", `${size} values wait already and one more has come`, {
                    help: "consume faster, allow more to wait, or choose dropOldest or dropNewest",
                  }),
                );
            }
          },
          error: (error) => out.error(error),
          complete: () => {
            ended = true;
            if (!busy) out.complete();
          },
        }),
      );
    });
}
