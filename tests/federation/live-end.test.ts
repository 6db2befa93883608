// Live runs on a machine that is late: whatever is handed over late, at any place, everything that was sent is seen.
import { PNG } from "pngjs";
import { describe, expect, it } from "vitest";
import { application, buildApplication, compressedImage, numbers, tensorType, trace } from "../../launch/index.ts";
import {
  createLiveExecutive,
  Federation,
  type FeedMessage,
  type LiveExecutive,
  type RunEvent,
  runLive,
} from "../../sim/index.ts";

const ms = 1e6;
const count = 4;
const everyMs = 300;
const sent = Array.from({ length: count }, (_, at) => at + 1);

const number = numbers("std_msgs/msg/Float32", { value: { field: "data", dtype: "f32" } });
const doubler = trace(({ value }) => ({ data: value.mul(2) }), { value: tensorType("f32", []) }, { name: "doubler" });
const limits = { minInterval: "200ms", early: "defer", budget: "1ms", deadline: "200ms", onOverrun: "skip" } as const;

/** Takes the processor away from everything else on this thread, as a busy machine does. */
function stall(forMs: number): void {
  for (const until = performance.now() + forMs; performance.now() < until; );
}

/** Messages of `/in` with the numbers from 1 on; `before` is called where each is asked for. */
async function* messages(before: (at: number) => void = () => undefined): AsyncGenerator<FeedMessage> {
  for (const [at, value] of sent.entries()) {
    before(at);
    const bytes = new Uint8Array([0, 1, 0, 0, 0, 0, 0, 0]);
    new DataView(bytes.buffer).setFloat32(4, value, true);
    yield { topic: "/in", timeNs: at * everyMs * ms, bytes };
  }
}

/** Doubles each message of `/in`, with what was observed of both topics. */
function doubling() {
  const seen: { readonly in: number[]; readonly out: number[] } = { in: [], out: [] };
  const declared = application("doubling", (app) => {
    const input = app.input("/in", number);
    const task = app.task("double", doubler, { inputs: { value: input }, on: input, ...limits });
    app.output("/out", "std_msgs/msg/Float32", task.outputs);
    app.on<{ data: number }>("/in").subscribe(({ data }) => seen.in.push(data));
    app.on<{ data: number }>("/out").subscribe(({ data }) => seen.out.push(data));
  });
  return { declared, seen };
}

interface Late {
  readonly feed: AsyncIterator<FeedMessage>;
  readonly atMostNs?: number;
  readonly executive?: (real: LiveExecutive) => LiveExecutive;
  readonly onEvents?: (timeNs: number) => void;
}

/** Runs live; every event of the run. */
async function run(declared: ReturnType<typeof application>, late: Late): Promise<RunEvent[]> {
  const { description, artifacts } = await buildApplication(declared, { cacheDir: ".cache/kernels" });
  const real = createLiveExecutive(description, artifacts);
  const executive = late.executive?.(real) ?? real;
  const { streams } = declared.declarations;
  const federation = new Federation(description, executive, { streams, feed: late.feed, followUpNs: 450 * ms });
  const events: RunEvent[] = [];
  const { failure } = await runLive(federation, late.atMostNs ?? Number.POSITIVE_INFINITY, {
    onEvents: (some, timeNs) => {
      events.push(...some);
      late.onEvents?.(timeNs);
    },
  });
  if (failure) throw failure.error;
  return events;
}

/** What the run published on `/out`: all doubled numbers but those of jobs that the machine did not let end in time. */
const published = (events: readonly RunEvent[]): number[] =>
  events.flatMap((event) => (event.kind === "message" ? [Buffer.from(event.bytes).readFloatLE(4)] : []));
const overruns = (events: readonly RunEvent[]): number =>
  events.filter((event) => (event.kind === "verdict" && event.overrun) || event.kind === "skipped").length;

/** Observers saw all that was sent and all that was published, and nothing of the run is missing. */
function expectAllSeen(seen: { readonly in: number[]; readonly out: number[] }, events: readonly RunEvent[]): void {
  expect(seen).toEqual({ in: sent, out: published(events) });
  expect(published(events).length + overruns(events)).toBe(count);
}

describe("a live run on a machine that is late", { timeout: 60_000 }, () => {
  it("takes the last message of its log, and what follows from it, though the log is read late", async () => {
    const { declared, seen } = doubling();
    const events = await run(declared, { feed: messages((at) => at === count - 1 && stall(everyMs + 900)) });
    expectAllSeen(seen, events);
  });

  it("takes the last message of its log, and what follows from it, though who is told of events takes long", async () => {
    const { declared, seen } = doubling();
    let stalled = false;
    const onEvents = (timeNs: number) => {
      if (stalled || timeNs < (count - 1.5) * everyMs * ms) return;
      stalled = true;
      stall(everyMs + 900);
    };
    expectAllSeen(seen, await run(declared, { feed: messages(), onEvents }));
  });

  it("that was asked to end takes what was due before, though it finds out late", async () => {
    const { declared, seen } = doubling();
    const atMostNs = ((count - 1) * everyMs + 1) * ms;
    await run(declared, { feed: messages((at) => at === count - 1 && stall(everyMs + 900)), atMostNs });
    expect(seen.in).toEqual(sent);
  });

  it("shows observers what the records bring only once it has stopped", async () => {
    const { declared, seen } = doubling();
    // The records of the whole run are on their way until its end.
    const executive = (real: LiveExecutive): LiveExecutive => {
      let stopped = false;
      return {
        admit: (...message) => real.admit(...message),
        isSample: (...message) => real.isSample(...message),
        mode: "live",
        start: (epochNs) => real.start(epochNs),
        recordTo: (recorder) => real.recordTo(recorder),
        now: () => real.now(),
        clockAtZero: () => real.clockAtZero(),
        stop: () => {
          stopped = true;
          return real.stop();
        },
        checkJobs: () => real.checkJobs(),
        faultedNs: () => real.faultedNs(),
        threads: () => real.threads(),
        memoryLocked: () => real.memoryLocked(),
        latestMessage: (output, time) => real.latestMessage(output, time),
        sendTo: (...end) => real.sendTo(...end),
        receiveAt: (...end) => real.receiveAt(...end),
        received: () => real.received(),
        handOn: () => real.handOn(),
        awaitMessages: (...waiting) => real.awaitMessages(...waiting),
        messages: () => (stopped ? real.messages() : Buffer.alloc(0)),
        departures: () => real.departures(),
        drain: () => (stopped ? real.drain() : Buffer.alloc(0)),
        kernelCalls: () => real.kernelCalls(),
        hash: () => real.hash(),
      };
    };
    expectAllSeen(seen, await run(declared, { feed: messages(), executive }));
  });

  it("waits for pictures whose decoding takes longer than it should", async () => {
    const [height, width] = [1400, 1400];
    const picture = new PNG({ width, height });
    for (let at = 0; at < picture.data.length; at++) picture.data[at] = (at * at * 31) >> 7;
    const data = PNG.sync.write(picture, { colorType: 2, inputHasAlpha: true });
    let levels = 0;
    const declared = application("pictures", (app) => {
      const frame = app.input("/camera", compressedImage("rgb8", [height, width]), { latency: "1us" });
      const corner = trace(
        ({ image }) => ({ data: image.slice([0, 1], [0, 1], [0, 1]).reshape([]).cast("f32") }),
        { image: tensorType("u8", [height, width, 3]) },
        { name: "corner" },
      );
      const task = app.task("corner", corner, { inputs: { image: frame }, on: frame, ...limits });
      app.output("/level", "std_msgs/msg/Float32", task.outputs);
      app.on("/level").subscribe(() => levels++);
    });
    // An empty header, an empty format, the picture.
    const head = Buffer.from([0, 1, 0, 0, ...new Array<number>(28).fill(0)]);
    head[12] = 1;
    head[20] = 1;
    head.writeUInt32LE(data.length, 28);
    async function* feed(): AsyncGenerator<FeedMessage> {
      for (let at = 0; at < 2; at++) yield { topic: "/camera", timeNs: at * ms, bytes: Buffer.concat([head, data]) };
    }
    const events = await run(declared, { feed: feed() });
    expect(events.filter((event) => event.kind === "rejected")).toEqual([]);
    expect(events.filter((event) => event.kind === "visible")).toHaveLength(2);
    expect(levels).toBe(2);
  });
});
