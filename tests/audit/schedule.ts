// A schedule of every kind of task, run in virtual time or live, for its records to be audited.
import { PNG } from "pngjs";
import { runnableTargets } from "../../kernels/index.ts";
import {
  application,
  buildApplication,
  compressedImage,
  numbers,
  state,
  tensorType,
  trace,
} from "../../launch/index.ts";
import type { AuditedRun } from "../../sim/audit/index.ts";
import {
  createLiveExecutive,
  createVirtualExecutive,
  type Fault,
  parseEvents,
  RecordingWriter,
  type RunEvent,
} from "../../sim/index.ts";

const number = numbers("std_msgs/msg/Float32", { value: { field: "data", dtype: "f32" } });
const scalar = tensorType("f32", []);
const double = trace(({ value }) => ({ data: value.mul(2) }), { value: scalar }, { name: "double" });
const corner = trace(
  ({ image }) => ({ level: image.slice([0, 1], [0, 1], [0, 1]).reshape([]).cast("f32") }),
  { image: tensorType("u8", [2, 2, 3]) },
  { name: "corner" },
);
const add = trace(
  ({ a, b }) => {
    const before = state("before", scalar, 0);
    const sum = a.add(b).add(before.get().mul(0.5));
    before.set(sum);
    return { sum };
  },
  { a: scalar, b: scalar },
  { name: "add" },
);

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

/** `polled` is periodic, `chained` follows it, `arrived` is released by messages, `joined` reads them both, `watched` sees pictures. */
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
    const frame = app.input("/camera", compressedImage("rgb8", [2, 2]), { latency: "5ms" });
    app.task("watched", corner, {
      inputs: { image: frame },
      on: frame,
      minInterval: "1ms",
      deadline: "1ms",
      priority: 80,
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

const built = (times: Times) =>
  buildApplication(declared(times), { cacheDir: ".cache/kernels", targets: runnableTargets().slice(0, 1) });

/** A sensor_msgs/msg/CompressedImage with empty texts. */
function picture(level: number): Buffer {
  const image = new PNG({ width: 2, height: 2 });
  image.data.fill(level);
  const data = PNG.sync.write(image, { colorType: 2, inputHasAlpha: true });
  const head = Buffer.from([0, 1, 0, 0, ...new Array<number>(28).fill(0)]);
  head[12] = 1;
  head[20] = 1;
  head.writeUInt32LE(data.length, 28);
  return Buffer.concat([head, data]);
}

const ms = 1e6;

const stallsOf = ({ stall }: Times): Fault[] => [{ task: 0, every: stall.every, durationNs: stall.ms * ms }];

/** A run, and what recording it takes. */
export interface MadeRun extends AuditedRun {
  readonly hash: string;
  readonly artifacts: readonly Uint8Array[];
}

const made = (run: Omit<MadeRun, "records">, events: readonly RunEvent[]): MadeRun => ({
  ...run,
  records: events.map((event, index) => ({ index, event })),
});

/** Channels of the numbers and of the pictures. */
const channelsOf = ({ inputs }: AuditedRun["application"]) =>
  ["/in", "/camera"].map((name) => inputs.find(({ topic }) => topic === name)!.channel) as [number, number];

/** A run in virtual time, with a message that is none and a picture that is none among the others. */
export async function virtualRun(times: Times = usual, durationMs = 200): Promise<MadeRun> {
  const { description: application, artifacts } = await built(times);
  const executive = createVirtualExecutive(application, artifacts, {
    faults: stallsOf(times),
    keyframeEveryNs: 50 * ms,
  });
  const [numbers, pictures] = channelsOf(application);
  const sent = [
    ...times.arrivals.map((at, number) => ({
      at,
      channel: numbers,
      bytes: number === 5 ? Buffer.from([0, 1, 0, 0]) : message(number),
    })),
    ...[11, 43, 75, 107].map((at, number) => ({
      at,
      channel: pictures,
      bytes: number === 1 ? picture(0).subarray(0, 60) : picture(number * 50),
    })),
  ];
  for (const { at, channel, bytes } of sent.filter(({ at }) => at < durationMs).sort((a, b) => a.at - b.at)) {
    executive.advance(at * ms - 1);
    executive.admit(channel, at * ms, bytes);
  }
  executive.advance(durationMs * ms - 1);
  const events = parseEvents(executive.drain());
  return made({ application, artifacts, mode: "virtual", durationNs: durationMs * ms, hash: executive.hash() }, events);
}

/** A run on real threads of half a second, with stalls. */
export async function liveRun(times: Times = usual): Promise<MadeRun> {
  const { description: application, artifacts } = await built(times);
  const executive = createLiveExecutive(application, artifacts, { faults: stallsOf(times) });
  const [numbers, pictures] = channelsOf(application);
  executive.start(0n);
  for (let number = 0; executive.now() < 500 * ms; number++) {
    executive.admit(numbers, 0, message(number));
    if (number % 10 === 5) executive.admit(pictures, 0, picture(number));
    await new Promise((resolve) => setTimeout(resolve, 2 + (number % 5)));
  }
  const durationNs = executive.stop();
  const events = parseEvents(executive.drain());
  return made({ application, artifacts, mode: "live", durationNs, hash: executive.hash() }, events);
}

/** Records a run as it was made. */
export async function record(path: string, { application, artifacts, records, ...run }: MadeRun): Promise<void> {
  const writer = await RecordingWriter.open(path, application, artifacts);
  await writer.add(records.map(({ event }) => event));
  await writer.finish({ ...run, scheduling: run.mode === "live" ? "not real-time" : "virtual time" });
}
