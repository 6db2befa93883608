// A schedule of every kind of task, run in virtual time or live, for its records to be audited.
import { application, buildApplication, numbers, tensor, trace } from "../../launch/index.ts";
import type { AuditedRun } from "../../sim/audit/index.ts";
import { createExecutive, type Fault, parseEvents, type RunEvent } from "../../sim/index.ts";

const number = numbers("std_msgs/msg/Float32", { value: { field: "data", dtype: "f32" } });
const scalar = tensor("f32", []);
const double = trace(({ value }) => ({ data: value.mul(2) }), { value: scalar }, { name: "double" });
const add = trace(({ a, b }) => ({ sum: a.add(b) }), { a: scalar, b: scalar }, { name: "add" });

/** Times and policies that a test draws, in milliseconds. */
export interface Times {
  readonly period: number;
  readonly phase: number;
  readonly interval: number;
  readonly early: "drop" | "defer";
  readonly policy: "hold" | "skip";
  /** Every so many jobs of the first task take so much longer. */
  readonly stall: { readonly every: number; readonly ms: number };
  /** When messages arrive. */
  readonly arrivals: readonly number[];
}

export const usual: Times = {
  period: 10,
  phase: 3,
  interval: 7,
  early: "drop",
  policy: "hold",
  stall: { every: 3, ms: 17 },
  arrivals: Array.from({ length: 40 }, (_, at) => at * 5 + (at % 3)),
};

/** `polled` is periodic, `chained` follows it, `arrived` is released by messages, `joined` reads them both. */
const declared = ({ period, phase, interval, early, policy }: Times) =>
  application("audited", (app) => {
    const input = app.input("/in", number);
    const ms = (value: number) => `${value}ms` as const;
    const limits = { budget: "100us" } as const;
    const polled = app.task("polled", double, {
      inputs: { value: input },
      period: ms(period),
      deadline: ms(Math.min(5, period)),
      onOverrun: policy,
      priority: 60,
      ...limits,
    });
    const chained = app.task("chained", add, {
      inputs: { a: polled.outputs.data, b: input },
      on: polled,
      minInterval: ms(interval),
      early: early === "drop" ? "defer" : "drop",
      deadline: ms(Math.min(4, interval)),
      onOverrun: "skip",
      priority: 50,
      ...limits,
    });
    const arrived = app.task("arrived", double, {
      inputs: { value: input },
      on: input,
      minInterval: ms(interval),
      early,
      deadline: ms(Math.min(3, interval)),
      onOverrun: "hold",
      priority: 70,
      ...limits,
    });
    app.task("joined", add, {
      inputs: { a: arrived.outputs.data, b: chained.outputs.sum },
      period: ms(period + 5),
      phase: ms(phase),
      deadline: ms(period),
      onOverrun: policy,
      priority: 40,
      ...limits,
    });
    app.output("/polled", "std_msgs/msg/Float32", polled.outputs);
    app.output("/arrived", "std_msgs/msg/Float32", arrived.outputs);
  });

const message = (value: number): Buffer => {
  const bytes = Buffer.from([0, 1, 0, 0, 0, 0, 0, 0]);
  bytes.writeFloatLE(value, 4);
  return bytes;
};

const ms = 1e6;

const stallsOf = ({ stall }: Times): Fault[] => [{ task: 0, every: stall.every, durationNs: stall.ms * ms }];

const audited = (
  application: AuditedRun["application"],
  mode: AuditedRun["mode"],
  durationNs: number,
  hash: string,
  events: readonly RunEvent[],
): AuditedRun => ({ application, mode, durationNs, hash, records: events.map((event, index) => ({ index, event })) });

/** A run in virtual time, with a message that is none among the others. */
export async function virtualRun(times: Times = usual, durationMs = 200): Promise<AuditedRun> {
  const { description, artifacts } = await buildApplication(declared(times), { cacheDir: ".cache/kernels" });
  const executive = createExecutive(description, artifacts, { faults: stallsOf(times), keyframeEveryNs: 50 * ms });
  const channel = description.inputs[0]!.channel;
  times.arrivals
    .filter((at) => at < durationMs)
    .forEach((at, number) => {
      executive.advance(at * ms - 1);
      executive.admit(channel, at * ms, number === 5 ? Buffer.from([0, 1, 0, 0]) : message(number));
    });
  executive.advance(durationMs * ms - 1);
  return audited(description, "virtual", durationMs * ms, executive.hash(), parseEvents(executive.drain()));
}

/** A run on real threads of half a second, with stalls. */
export async function liveRun(times: Times = usual): Promise<AuditedRun> {
  const { description, artifacts } = await buildApplication(declared(times), { cacheDir: ".cache/kernels" });
  const executive = createExecutive(description, artifacts, { live: true, faults: stallsOf(times) });
  const channel = description.inputs[0]!.channel;
  executive.start();
  for (let number = 0; executive.now() < 500 * ms; number++) {
    executive.admit(channel, 0, message(number));
    await new Promise((resolve) => setTimeout(resolve, 2 + (number % 5)));
  }
  const durationNs = executive.stop();
  return audited(description, "live", durationNs, executive.hash(), parseEvents(executive.drain()));
}
