// Pipelines in a run: what they observe, when, what they admit, and what of it replay proves.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { delay, interval, map, merge, mergeMap, Observable, of, Subject, throwError } from "rxjs";
import { afterAll, describe, expect, it } from "vitest";
import {
  type ApplicationBuilder,
  application,
  buildApplication,
  numbers,
  tensorType,
  trace,
} from "../../launch/index.ts";
import { Definitions } from "../../nodes/index.ts";
import {
  createLiveExecutive,
  createVirtualExecutive,
  type Federates,
  Federation,
  feedFrom,
  openLog,
  RecordingWriter,
  type RunEnd,
  type RunEvent,
  type RunHooks,
  readRecording,
  replay,
  runLive,
  runVirtual,
} from "../../sim/index.ts";
import { madeLog, saved } from "../../sim/logs/testing/made-logs.ts";

const folder = mkdtempSync(join(tmpdir(), "isochron-federation-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const number = numbers("std_msgs/msg/Float32", { value: { field: "data", dtype: "f32" } });
interface Float32 {
  readonly data: number;
}
const ms = 1e6;

const doubler = trace(({ value }) => ({ data: value.mul(2) }), { value: tensorType("f32", []) }, { name: "doubler" });

/** An application whose one task doubles `/in` on arrival and publishes `/out` 2 ms later; `define` adds its pipelines. */
const doubling = (define: (app: ApplicationBuilder) => Observable<object>) =>
  application("doubling", (app) => {
    const input = app.source(define(app), number, { topic: "/in" });
    const task = app.task("double", doubler, {
      inputs: { value: input },
      on: input,
      minInterval: "5ms",
      budget: "100us",
      deadline: "2ms",
    });
    app.output("/out", "std_msgs/msg/Float32", task.outputs);
  });

interface Ran {
  readonly events: readonly RunEvent[];
  readonly hash: string;
  readonly outOfTurn: number;
  readonly observerErrors: number;
}

/** Builds and runs an application, recording it where a path is given. */
async function run(
  declared: ReturnType<typeof application>,
  durationNs: number,
  options: {
    readonly record?: string;
    readonly live?: boolean;
    readonly signal?: AbortSignal;
    readonly onEvents?: () => void;
  } & Omit<Federates, "streams"> = {},
): Promise<Ran> {
  const { description, artifacts } = await buildApplication(declared, { cacheDir: ".cache/kernels" });
  const live = options.live === true;
  const { world, feed, followUpNs, onObserverError } = options;
  const { streams } = declared.declarations;
  const federates = { world, feed, followUpNs, streams, onObserverError };
  const writer = options.record ? await RecordingWriter.open(options.record, description, artifacts) : undefined;
  const events: RunEvent[] = [];
  const hooks = {
    onEvents: async (some: readonly RunEvent[]) => {
      events.push(...some);
      await writer?.add(some);
      options.onEvents?.();
    },
    ...(options.signal ? { signal: options.signal } : {}),
  };
  const began = <Of extends Federation>(
    federation: Of,
    run: (federation: Of, durationNs: number, hooks: RunHooks) => Promise<RunEnd>,
  ) => ({ federation, end: run(federation, durationNs, hooks) });
  try {
    const { federation, end } = live
      ? began(new Federation(description, createLiveExecutive(description, artifacts), federates), runLive)
      : began(new Federation(description, createVirtualExecutive(description, artifacts), federates), runVirtual);
    const { endNs, failure } = await end;
    if (failure) throw failure.error;
    const hash = federation.executive.hash();
    await writer?.finish({ hash, mode: live ? "live" : "virtual", durationNs: endNs, scheduling: "" });
    return { events, hash, outOfTurn: federation.outOfTurn, observerErrors: federation.observerErrors };
  } catch (error) {
    await writer?.discard();
    throw error;
  }
}

const admissions = (events: readonly RunEvent[]) =>
  events.flatMap((event) => (event.kind === "admit" ? [event.time / ms] : []));

describe("a pipeline in virtual time", () => {
  it("admits at the instants of its own timers", async () => {
    const declared = doubling((app) => interval(10, app.clock).pipe(map((n) => ({ data: n }))));
    const { events, outOfTurn } = await run(declared, 45 * ms);
    expect(admissions(events)).toEqual([10, 20, 30, 40]);
    expect(outOfTurn).toBe(0);
  });

  it("sees each message at its publication tag, in order, on the application's clock", async () => {
    const seen: [number, number][] = [];
    const declared = doubling((app) => {
      app.on<Float32>("/out").subscribe(({ data }) => seen.push([app.clock.timeNs / ms, data]));
      return interval(10, app.clock).pipe(map((n) => ({ data: n + 1 })));
    });
    await run(declared, 45 * ms);
    expect(seen).toEqual([
      [12, 2],
      [22, 4],
      [32, 6],
      [42, 8],
    ]);
  });

  it("that begins to observe in the middle of a run sees what is published from then on, on its way or not", async () => {
    const seen: [number, number][] = [];
    const declared = doubling((app) => {
      const observe = () => app.on<Float32>("/out").subscribe(({ data }) => seen.push([app.clock.timeNs / ms, data]));
      app.clock.schedule(observe, 31);
      return interval(10, app.clock).pipe(map((n) => ({ data: n + 1 })));
    });
    await run(declared, 55 * ms);
    // The one of 32 ms was computed before there was anybody to see it.
    expect(seen).toEqual([
      [32, 6],
      [42, 8],
      [52, 10],
    ]);
  });

  it("sees what another pipeline admits at the instant at which it subscribes", async () => {
    const seen: number[] = [];
    const declared = doubling((app) => {
      app.clock.schedule(() => app.on<Float32>("/in").subscribe(({ data }) => seen.push(data)), 20);
      return interval(10, app.clock).pipe(map((n) => ({ data: n })));
    });
    await run(declared, 45 * ms);
    expect(seen).toEqual([1, 2, 3]);
  });

  it("may feed on what it observes: the answer is admitted at the tag of the message", async () => {
    const declared = doubling((app) => {
      const first = of({ data: 1 }).pipe(delay(10, app.clock));
      return merge(first, app.on<Float32>("/out").pipe(delay(8, app.clock)));
    });
    const { events } = await run(declared, 65 * ms);
    expect(admissions(events)).toEqual([10, 20, 30, 40, 50, 60]);
    const outputs = events.flatMap((event) =>
      event.kind === "output" ? [new DataView(event.bytes.buffer).getFloat32(0, true)] : [],
    );
    expect(outputs).toEqual([2, 4, 8, 16, 32, 64]);
  });

  it("gives the same run twice, though it awaits", async () => {
    const make = () =>
      doubling((app) =>
        interval(7, app.clock).pipe(
          mergeMap(async (n) => {
            for (let turn = 0; turn < 20; turn++) await null;
            return { data: n };
          }),
        ),
      );
    const [a, b] = [await run(make(), 100 * ms), await run(make(), 100 * ms)];
    expect(admissions(a.events)).toEqual([7, 14, 21, 28, 35, 42, 49, 56, 63, 70, 77, 84, 91, 98]);
    expect(a.hash).toBe(b.hash);
    expect(a.outOfTurn).toBe(0);
  });

  it("counts what it admits outside of a grant, so that the report can say that another run may differ", async () => {
    const declared = doubling(
      (app) =>
        new Observable<object>((out) => {
          const timer = setInterval(() => out.next({ data: 1 }), 1);
          // Something to wait for, so that the run does not end at once.
          const work = interval(1, app.clock).subscribe(() => {
            const until = performance.now() + 2;
            while (performance.now() < until);
          });
          return () => {
            clearInterval(timer);
            work.unsubscribe();
          };
        }),
    );
    const { outOfTurn, events } = await run(declared, 50 * ms);
    expect(admissions(events).length).toBeGreaterThan(0);
    expect(outOfTurn).toBe(admissions(events).length);
  });

  it("leaves a recording that replays, though it admits while time stands between two federates", async () => {
    const outside = new Subject<object>();
    const declared = application("outside", (app) => {
      const value = app.source(outside, number, { topic: "/in" });
      const limits = { period: "10ms", budget: "100us", deadline: "2ms" } as const;
      const task = app.task("double", doubler, { inputs: { value }, ...limits });
      app.output("/out", "std_msgs/msg/Float32", task.outputs);
      app.on("/out").subscribe();
    });
    const record = join(folder, "outside.mcap");
    // Events are handed on where time stands before a message that is observed: its release has been made already.
    const { outOfTurn } = await run(declared, 100 * ms, { record, onEvents: () => outside.next({ data: 1 }) });
    expect(outOfTurn).toBeGreaterThan(10);
    expect(replay(await readRecording(record))).toMatchObject({ bitExact: true });
  });

  it("that feeds on what it admits without letting time pass ends the run with an error", async () => {
    const declared = doubling((app) => merge(app.on<Float32>("/in"), of({ data: 1 })));
    await expect(run(declared, 50 * ms)).rejects.toMatchObject({ code: "stream/livelock" });
  });

  it("that awaits between timers of no delay ends the run with an error", async () => {
    const again = (app: ApplicationBuilder): void => {
      app.clock.schedule(() => void Promise.resolve().then(() => again(app)));
    };
    const declared = doubling((app) => {
      again(app);
      return of();
    });
    await expect(run(declared, 50 * ms)).rejects.toMatchObject({ code: "stream/livelock" });
  });

  it.each([
    [{ dta: 1 }, 'what is published on "/in" has a field dta, which std_msgs/Float32 has not'],
    [{ data: "1" }, 'what is published on "/in" has in data what is not a float32: "1"'],
  ])("ends the run with an error rather than publish zero for %j", async (message, text) => {
    const declared = doubling(() => of(message));
    await expect(run(declared, 50 * ms)).rejects.toMatchObject({ code: "message/field", message: text });
  });

  it("ends the run with an error where a timer throws", async () => {
    const declared = doubling((app) => {
      app.clock.schedule(() => {
        throw new Error("no map");
      }, 10);
      return of();
    });
    await expect(run(declared, 50 * ms)).rejects.toMatchObject({
      code: "stream/failed",
      message: "a pipeline failed: no map",
    });
  });

  it("ends the run with an error that names the topic where it fails", async () => {
    const declared = doubling(() => throwError(() => new Error("the planner is gone")));
    await expect(run(declared, 50 * ms)).rejects.toMatchObject({
      code: "stream/failed",
      message: 'the pipeline that feeds "/in" failed: the planner is gone',
    });
  });

  it("goes on where only an observer throws, which is told once and counted", async () => {
    const told: unknown[] = [];
    const declared = doubling((app) => {
      app.on("/out").subscribe(() => {
        throw new Error("cannot plot");
      });
      return interval(10, app.clock).pipe(map((n) => ({ data: n })));
    });
    const { events, observerErrors } = await run(declared, 105 * ms, { onObserverError: (error) => told.push(error) });
    expect(admissions(events)).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
    expect(observerErrors).toBe(10);
    expect(told).toMatchObject([{ code: "stream/observer", message: "an observer failed: cannot plot" }]);
  });

  it("refuses a topic that the application does not have", async () => {
    const declared = doubling((app) => {
      app.on("/nothing").subscribe();
      return of();
    });
    await expect(run(declared, 50 * ms)).rejects.toMatchObject({
      code: "world/topic",
      message: 'the application has no topic "/nothing"',
    });
  });
});

describe("a message that is none", () => {
  it("reaches no observer, is rejected for the tasks, and the run goes on and replays", async () => {
    const seen: unknown[] = [];
    const good = Buffer.from([0, 1, 0, 0, 0, 0, 0x40, 0x40]);
    async function* messages() {
      for (const [at, bytes] of [good, good.subarray(0, 6), good].entries())
        yield { topic: "/in", timeNs: at * 10 * ms, bytes };
    }
    const declared = fed((app) => {
      app.on("/in").subscribe((message) => seen.push(message));
    });
    const record = join(folder, "rejected.mcap");
    const { events } = await run(declared, 40 * ms, { record, feed: messages() });
    expect(seen).toEqual([{ data: 3 }, { data: 3 }]);
    expect(declared.declarations.streams.drops()).toEqual({});
    expect(events.filter((event) => event.kind === "rejected")).toMatchObject([{ sequence: 2, time: 10 * ms }]);
    expect(events.filter((event) => event.kind === "output")).toHaveLength(2);
    expect(replay(await readRecording(record))).toMatchObject({ bitExact: true });
  });
});

/** An application that doubles what a log feeds to `/in`. */
const fed = (more: (app: ApplicationBuilder) => void = () => undefined) =>
  application("fed", (app) => {
    const input = app.input("/in", number);
    const task = app.task("double", doubler, {
      inputs: { value: input },
      on: input,
      minInterval: "5ms",
      budget: "100us",
      deadline: "2ms",
    });
    app.output("/out", "std_msgs/msg/Float32", task.outputs);
    more(app);
  });

async function* everyTenMs(count: number) {
  for (let at = 0; at < count; at++)
    yield { topic: "/in", timeNs: at * 10 * ms, bytes: Buffer.from([0, 1, 0, 0, 0, 0, 0x40, at]) };
}

describe("a log in virtual time", () => {
  it("is refused where its times lie further apart than a run can last", async () => {
    const { description } = await buildApplication(fed(), { cacheDir: ".cache/kernels" });
    const bytes = Buffer.from([0, 1, 0, 0, 0, 0, 0, 0]);
    const messages = [0n, 1_700_000_000_000_000_000n].map((timeNs, sequence) => ({
      topic: "/in",
      timeNs,
      sequence,
      bytes,
    }));
    const path = saved(join(folder, "span.mcap"), await madeLog(messages, {}, { "/in": "std_msgs/msg/Float32" }));
    const log = await openLog(path);
    await expect(feedFrom(log, description, "log", () => false)).rejects.toMatchObject({
      code: "log/span",
      details: ["from 1970-01-01T00:00:00.000Z to 2023-11-14T22:13:20.000Z"],
    });
  });

  it("is fed to its end, and the run goes on as long as what follows from it", async () => {
    const { events } = await run(fed(), 1000 * ms, { feed: everyTenMs(20), followUpNs: 3 * ms });
    expect(admissions(events)).toEqual(Array.from({ length: 20 }, (_, at) => at * 10));
    expect(events.filter((event) => event.kind === "output")).toHaveLength(20);
  });

  it("is seen from the subscription on, though its next messages were admitted before", async () => {
    const seen: number[] = [];
    const declared = fed((app) => {
      app.clock.schedule(() => app.on("/in").subscribe(() => seen.push(app.clock.timeNs / ms)), 25);
    });
    await run(declared, 1000 * ms, { feed: everyTenMs(7), followUpNs: 3 * ms });
    expect(seen).toEqual([30, 40, 50, 60]);
  });

  it("is seen in its own order where messages have one time", async () => {
    const seen: number[] = [];
    const declared = fed((app) => {
      app.on<Float32>("/in").subscribe(({ data }) => seen.push(data));
    });
    async function* messages() {
      for await (const each of everyTenMs(4)) yield { ...each, timeNs: 10 * ms };
    }
    await run(declared, 1000 * ms, { feed: messages(), followUpNs: 3 * ms });
    // The last byte grows, and with it the number.
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
    expect(seen).toHaveLength(4);
  });

  it("is closed where the run ends before it", async () => {
    let closed = false;
    async function* messages() {
      try {
        yield* everyTenMs(100);
      } finally {
        closed = true;
      }
    }
    await run(fed(), 50 * ms, { feed: messages() });
    expect(closed).toBe(true);
  });

  it("that is interrupted leaves a recording that replays, though messages were admitted ahead", async () => {
    const record = join(folder, "interrupted.mcap");
    const interruption = new AbortController();
    const declared = fed((app) => {
      app.clock.schedule(() => interruption.abort(), 55);
      app.on("/out").subscribe();
    });
    const { events } = await run(declared, 1000 * ms, {
      feed: everyTenMs(40),
      record,
      signal: interruption.signal,
    });
    const recording = await readRecording(record);
    expect(recording.durationNs).toBe(55 * ms);
    expect(Math.max(...admissions(events))).toBeGreaterThan(60);
    expect(replay(recording)).toMatchObject({ bitExact: true, cycles: 6 });
  });
});

describe("verification", () => {
  it("takes what a pipeline fed from the log and never runs the pipeline again", async () => {
    let runs = 0;
    const declared = doubling((app) => {
      runs++;
      return interval(10, app.clock).pipe(map((n) => ({ data: n })));
    });
    const record = join(folder, "virtual.mcap");
    const { hash } = await run(declared, 200 * ms, { record });
    expect(replay(await readRecording(record))).toMatchObject({ bitExact: true, cycles: 19, hash });
    expect(runs).toBe(1);
  });

  it("proves a live run that pipelines fed", async () => {
    const seen: number[] = [];
    const declared = doubling((app) => {
      app.on<Float32>("/out").subscribe(({ data }) => seen.push(data));
      return interval(10, app.clock).pipe(map((n) => ({ data: n + 1 })));
    });
    const record = join(folder, "live.mcap");
    const { events, hash } = await run(declared, 400 * ms, { record, live: true });
    expect(admissions(events).length).toBeGreaterThan(5);
    expect(seen.length).toBeGreaterThan(2);
    expect(seen.every((value) => value % 2 === 0)).toBe(true);
    expect(replay(await readRecording(record))).toMatchObject({ bitExact: true, hash });
  });
});

describe("a world that is slower than time", () => {
  it("does not keep a live run from ending", async () => {
    let steps = 0;
    const world = {
      ...{ name: "slow", periodNs: ms, summary: () => ({}) },
      step() {
        steps++;
        for (const until = performance.now() + 20; performance.now() < until; );
      },
    };
    await run(fed(), 400 * ms, { world, live: true });
    // Twenty steps fill the time; to catch up with time it would take ever more.
    expect(steps).toBeLessThanOrEqual(21);
  });
});

/** Bytes of the heap that are in use, once what nothing refers to is gone. */
function usedHeap(): number {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  collect();
  return process.memoryUsage().heapUsed;
}

describe("subscriptions", () => {
  it("leave nothing behind when they are ended, though there were a hundred thousand", async () => {
    const { streams } = doubling(() => of()).declarations;
    let observed = 0;
    streams.begin({
      decode: () => undefined,
      publish: () => undefined,
      send: () => new Uint8Array(),
      calls: undefined,
      callEnd: (call) => ({ ...call, definitions: Definitions.common }),
      receive: () => undefined,
      observe: (_, on) => {
        observed += on ? 1 : -1;
      },
      fail: (error) => {
        throw error;
      },
    });
    const kept = streams.on("/out").subscribe();
    const before = usedHeap();
    for (let at = 0; at < 100_000; at++)
      streams
        .on(at % 2 ? "/out" : `/other/${at}`)
        .subscribe()
        .unsubscribe();
    expect(streams.observers).toBe(1);
    expect(observed).toBe(1);
    // A hundred bytes for each that stayed would be ten megabytes.
    expect(usedHeap() - before).toBeLessThan(5e6);
    kept.unsubscribe();
    expect([streams.observers, observed]).toEqual([0, 0]);
    streams.end();
  });

  it("stop time from halting at messages that nobody observes any more", async () => {
    const declared = doubling((app) => {
      const subscription = app.on("/out").subscribe(() => subscription.unsubscribe());
      return interval(10, app.clock).pipe(map((n) => ({ data: n })));
    });
    const { description, artifacts } = await buildApplication(declared, { cacheDir: ".cache/kernels" });
    const executive = createVirtualExecutive(description, artifacts);
    const federation = new Federation(description, executive, { streams: declared.declarations.streams });
    await runVirtual(federation, 100 * ms, { onEvents: () => undefined });
    expect(federation.observing).toBe(false);
  });
});
