// A run by the clock of a simulation: in lockstep, with the hashes of the same run without it.
import { afterAll, describe, expect, it } from "vitest";
import { application, field, message, runApplication, state, tensorType, trace } from "../../launch/index.ts";
import {
  Definitions,
  defaultQuality,
  InProcessNetwork,
  layoutOf,
  messageReader,
  messageWriter,
  type TransportEvent,
} from "../../nodes/index.ts";
import { readRecording, replay } from "../../sim/index.ts";
import { Workplace } from "../command-line/command.ts";

const place = new Workplace();
const cacheDir = ".cache/kernels";
const float = "std_msgs/msg/Float32";
const clock = "rosgraph_msgs/msg/Clock";
const definitions = Definitions.common;
const end = (topic: string, type: string) => ({ topic, type, quality: defaultQuality, definitions });
const writeFloat = messageWriter(layoutOf(float, definitions));
const writeClock = messageWriter(layoutOf(clock, definitions));
const readFloat = messageReader(layoutOf(float, definitions));
const beganNs = 1_234_000_000_500n;

const summing = trace(
  ({ x }) => {
    const sum = state("sum", tensorType("f32", []), 0);
    const next = sum.get().mul(0.5).add(x);
    sum.set(next);
    return { y: next };
  },
  { x: tensorType("f32", []) },
  { name: "summing" },
);

/** A loop: what is commanded moves what is measured, every 10 ms. */
const closedLoop = () =>
  application("loop", (app) => {
    const x = app.input("/position", message(float, { x: field("data") }));
    const task = app.task("sum", summing, { inputs: { x }, period: "5ms", budget: "100us", deadline: "3ms" });
    app.output("/command", float, task.outputs, { y: "data" });
    let position = 1;
    app.world(() => ({
      name: "mass",
      periodNs: 10e6,
      step: (_, io) => {
        const command = io.latest("/command") as { readonly data: number } | undefined;
        position = Math.fround(position - Math.fround(0.1 * (command?.data ?? 0)));
        io.publish("/position", { data: position });
      },
      summary: () => ({}),
    }));
  });

/**
 * The same world as a node of its own: its clock goes on by a millisecond once the run has answered all that is due, so that
 * a step knows what was commanded before it, as the world inside does.
 */
function simulator(network: InProcessNetwork, untilMs: number) {
  const node = network.join();
  const [position, time] = [node.advertise(end("/position", float)), node.advertise(end("/clock", clock))];
  const answers: number[] = [];
  let [atMs, x, command] = [-1, 1, 0];
  const tick = () => {
    if (atMs++ === untilMs) return;
    if (atMs % 10 === 0) {
      x = Math.fround(x - Math.fround(0.1 * command));
      position.publish(writeFloat({ data: x }));
    }
    const now = beganNs + BigInt(atMs * 1e6);
    time.publish(writeClock({ clock: { sec: Number(now / 1_000_000_000n), nanosec: Number(now % 1_000_000_000n) } }));
    tickWhenAnswered();
  };
  // Jobs of every 5 ms publish 3 ms later.
  const due = () => Math.max(0, Math.floor((atMs - 3) / 5) + 1);
  const tickWhenAnswered = () => {
    if (answers.length === due()) setTimeout(tick, 0);
  };
  node.subscribe(end("/command", float), ({ bytes }) => {
    command = (readFloat(bytes) as { readonly data: number }).data;
    answers.push(command);
    tickWhenAnswered();
  });
  node.onEvent((event: TransportEvent) => {
    if (event.topic === "/clock" && event.kind === "matched" && event.count === 1 && atMs < 0) setTimeout(tick, 0);
  });
  return answers;
}

describe("a world beside a transport", () => {
  it("gives its time on /clock, counted from the epoch", async () => {
    const network = new InProcessNetwork();
    const seen: bigint[] = [];
    const read = messageReader(layoutOf(clock, definitions));
    network.join().subscribe(end("/clock", clock), ({ bytes }) => {
      const { sec, nanosec } = (read(bytes) as { readonly clock: { readonly sec: number; readonly nanosec: number } })
        .clock;
      seen.push(BigInt(sec) * 1_000_000_000n + BigInt(nanosec));
    });
    const options = { world: true, duration: "45ms", epochNs: beganNs, cacheDir } as const;
    const { report } = await runApplication(closedLoop(), { ...options, transport: network.join() });
    const steps = [0n, 1n, 2n, 3n, 4n].map((step) => beganNs + step * 10_000_000n);
    expect(seen).toEqual(steps.slice(0, seen.length));
    // Steps that a busy machine has not made are counted.
    expect(seen.length + (report.lateness?.missedSteps ?? 0)).toBe(5);
  });

  it("publishes the inputs that it feeds, stamps counted from the epoch, as they are logged but for those", async () => {
    const network = new InProcessNetwork();
    const type = "geometry_msgs/msg/Vector3Stamped";
    const read = messageReader(layoutOf(type, definitions));
    const seen: unknown[] = [];
    network.join().subscribe(end("/measured", type), ({ bytes }) => seen.push(read(bytes)));
    const measured = (timeNs: number, seconds = 0) => ({
      header: { stamp: { sec: seconds, nanosec: timeNs }, frame_id: "mass" },
      vector: { x: timeNs, y: 0, z: 0 },
    });
    const app = application("measured", (builder) => {
      const x = builder.input("/measured", message(type, { x: field("vector.x", { dtype: "f32" }) }));
      const limits = { minInterval: "10ms", budget: "100us", deadline: "9ms" } as const;
      const task = builder.task("sum", summing, { inputs: { x }, on: x, ...limits });
      builder.output("/sum", float, task.outputs, { y: "data" });
      builder.world(() => ({
        ...{ name: "mass", periodNs: 10e6, summary: () => ({}) },
        step: (timeNs, io) => io.publish("/measured", measured(timeNs)),
      }));
    });
    const options = { world: true, duration: "25ms", epochNs: 7_000_000_000n, record: place.path("fed.mcap") } as const;
    await runApplication(app, { ...options, cacheDir, transport: network.join() });
    expect(seen[0]).toEqual(measured(0, 7));
    expect(seen[1]).toEqual(measured(10_000_000, 7));
    const [first] = (await readRecording(options.record)).events.filter((event) => event.kind === "admit");
    expect(first?.kind === "admit" && read(first.bytes)).toEqual(measured(0));
  });
});

describe("a run by a simulation's clock", () => {
  afterAll(() => place.remove());

  it("takes each message at the next time of the clock, and is granted that time and no more", async () => {
    const network = new InProcessNetwork();
    const record = place.path("clock.mcap");
    const answers = simulator(network, 50);
    const options = { transport: network.join(), simTime: true, duration: 50e6 + 1, record, cacheDir } as const;
    const { report, hash } = await runApplication(closedLoop(), options);
    expect(report).toMatchObject({ mode: "virtual", epochNs: String(beganNs), outOfTurn: 0, durationNs: 50e6 + 1 });
    const recording = await readRecording(record);
    const admitted = recording.events.flatMap((event) => (event.kind === "admit" ? [event.time / 1e6] : []));
    expect(admitted).toEqual([0, 10, 20, 30, 40, 50]);
    // The last job that has published by 50 ms is that of 45.
    expect(answers).toHaveLength(10);
    expect(replay(recording)).toMatchObject({ bitExact: true, hash });
  });

  it("gives the hash of the same run with the world in it", async () => {
    const inside = await runApplication(closedLoop(), { duration: 50e6 + 1, cacheDir });
    const network = new InProcessNetwork();
    simulator(network, 50);
    const options = { transport: network.join(), simTime: true, duration: 50e6 + 1, cacheDir } as const;
    expect((await runApplication(closedLoop(), options)).hash).toBe(inside.hash);
  });

  it("takes what came before a time of the clock at that time, though more has come since", async () => {
    const network = new InProcessNetwork();
    const node = network.join();
    const [position, time] = [node.advertise(end("/position", float)), node.advertise(end("/clock", clock))];
    node.onEvent((event) => {
      if (event.kind !== "matched" || event.topic !== "/clock" || event.count !== 1) return;
      for (const ms of [0, 10, 10, 20]) {
        position.publish(writeFloat({ data: ms }));
        time.publish(writeClock({ clock: { sec: 0, nanosec: ms * 1e6 } }));
      }
    });
    const record = place.path("burst.mcap");
    const options = { simTime: true, duration: 20e6 + 1, record, cacheDir } as const;
    await runApplication(closedLoop(), { ...options, transport: network.join() });
    const { events } = await readRecording(record);
    // The same time again grants nothing: what came with it waits for the next.
    expect(events.flatMap((event) => (event.kind === "admit" ? [event.time / 1e6] : []))).toEqual([0, 10, 20, 20]);
  });

  it("ends by an error where the clock goes back, and as it was asked to otherwise", async () => {
    const run = (times: readonly number[]) => {
      const network = new InProcessNetwork();
      const node = network.join();
      const time = node.advertise(end("/clock", clock));
      node.onEvent((event) => {
        if (event.kind !== "matched" || event.topic !== "/clock" || event.count !== 1) return;
        for (const ms of times) time.publish(writeClock({ clock: { sec: 0, nanosec: ms * 1e6 } }));
      });
      const options = { simTime: true, duration: "20ms", cacheDir, onWarning: () => undefined } as const;
      return runApplication(closedLoop(), { ...options, transport: network.join() });
    };
    await expect(run([5, 15, 14])).rejects.toMatchObject({
      code: "run/clock",
      message: "the clock went back from 0.01 s to 0.009 s of the run",
    });
    expect((await run([5, 15, 15, 100])).report).toMatchObject({ durationNs: 20e6, epochNs: "5000000" });
  });

  it("is stopped while it waits for the clock", async () => {
    const options = { transport: new InProcessNetwork().join(), simTime: true, cacheDir } as const;
    const { report } = await runApplication(closedLoop(), { ...options, signal: AbortSignal.timeout(50) });
    expect(report.durationNs).toBe(0);
  });

  it("is refused without a transport, and beside what gives time otherwise", async () => {
    await expect(runApplication(closedLoop(), { simTime: true })).rejects.toMatchObject({ code: "run/clock" });
    const transport = new InProcessNetwork().join();
    const refused = runApplication(closedLoop(), { simTime: true, transport, world: true });
    await expect(refused).rejects.toMatchObject({ code: "run/clock" });
  });
});
