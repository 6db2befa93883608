// The ROS time of logical 0: what stamps and times of a recording are counted from, and what the system's clock does meanwhile.
import { afterAll, describe, expect, it } from "vitest";
import { application, field, message, runApplication, tensorType, trace } from "../../launch/index.ts";
import { layoutOf, messageReader } from "../../nodes/index.ts";
import { Definitions } from "../../nodes/messages/index.ts";
import { ClockWatch } from "../../sim/clock-watch.ts";
import { auditFile, openLog, readRecording, replay } from "../../sim/index.ts";
import { Workplace } from "../command-line/command.ts";

const place = new Workplace();
const cacheDir = ".cache/kernels";
const vector = "geometry_msgs/msg/Vector3Stamped";
const epochNs = 1_700_000_000_123_456_789n;
const twice = trace(({ x }) => ({ y: x.mul(2) }), { x: tensorType("f32", []) }, { name: "twice" });

const doubling = () =>
  application("twice", (app) => {
    const x = app.input("/in", message("std_msgs/msg/Float32", { x: field("data") }));
    const limits = { minInterval: "5ms", budget: "100us", deadline: "2ms" } as const;
    const task = app.task("twice", twice, { inputs: { x }, on: x, ...limits });
    app.output("/out", vector, task.outputs, { y: "vector.x" });
    app.world(() => ({
      name: "counter",
      periodNs: 10e6,
      step: (timeNs, io) => io.publish("/in", { data: timeNs }),
      summary: () => ({}),
    }));
  });

const read = messageReader(layoutOf(vector, Definitions.common));

/** The stamps and log times of `/out` in a recording. */
async function stampsIn(path: string): Promise<{ readonly stamp: bigint; readonly logged: bigint }[]> {
  const found: { readonly stamp: bigint; readonly logged: bigint }[] = [];
  for await (const { bytes, logNs } of (await openLog(path)).messages({ topics: ["/out"], by: "log" })) {
    const { stamp } = (read(bytes) as { readonly header: { readonly stamp: { sec: number; nanosec: number } } }).header;
    found.push({ stamp: BigInt(stamp.sec) * 1_000_000_000n + BigInt(stamp.nanosec), logged: logNs });
  }
  return found;
}

describe("the epoch of a run", () => {
  afterAll(() => place.remove());
  const record = place.path("epoch.mcap");

  it("is what stamps and log times are counted from; hashes do not see it, and replay and audit obey it", async () => {
    const later = await runApplication(doubling(), { duration: "25ms", epochNs, record, cacheDir });
    const zero = await runApplication(doubling(), { duration: "25ms", cacheDir });
    expect(later.hash).toBe(zero.hash);
    expect([later.report.epochNs, zero.report.epochNs]).toEqual([String(epochNs), "0"]);
    const times = [2_000_000n, 12_000_000n, 22_000_000n].map((tag) => epochNs + tag);
    expect(await stampsIn(record)).toEqual(times.map((time) => ({ stamp: time, logged: time })));
    const recording = await readRecording(record);
    expect(recording).toMatchObject({ epochNs, damage: [] });
    expect(recording.events.find((event) => event.kind === "message")).toMatchObject({ time: 2_000_000 });
    expect(replay(recording)).toMatchObject({ bitExact: true });
    expect(replay({ ...recording, epochNs: epochNs + 1n })).toMatchObject({ bitExact: false });
    expect(await auditFile(record)).toMatchObject({ legal: true });
  });

  it("is that of a log's first message where a log feeds it", async () => {
    const again = place.path("again.mcap");
    const { report } = await runApplication(doubling(), { log: record, record: again, cacheDir });
    expect(report.epochNs).toBe(String(epochNs));
    expect((await stampsIn(again))[0]).toEqual((await stampsIn(record))[0]);
  });
});

describe("the watch of the system's clock", () => {
  it("counts steps of a millisecond and more, once each, and looks once a second", () => {
    let atZero = epochNs;
    let looks = 0;
    const clock = new ClockWatch(() => {
      looks++;
      return atZero;
    });
    clock.look(5e8);
    expect(looks).toBe(1);
    atZero += 900_000n;
    clock.look(1e9);
    expect(clock.steps).toBeNull();
    atZero -= 60_000_000_000n;
    clock.look(2e9);
    clock.look(3e9);
    expect(clock.steps).toEqual({ count: 1, worstNs: 60e9 - 9e5, firstNs: 2e9 });
    atZero += 5_000_000n;
    clock.look(4e9);
    expect(clock.steps).toEqual({ count: 2, worstNs: 60e9 - 9e5, firstNs: 2e9 });
    expect(clock.beganNs).toBe(epochNs);
  });
});
