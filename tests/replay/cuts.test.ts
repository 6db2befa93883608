// A recording cut anywhere verifies up to where it has everything, whatever its tasks wait for.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auditRecording, readRecording, replay } from "../../sim/index.ts";
import { Workplace } from "../command-line/command.ts";

const workplace = new Workplace();
afterAll(() => workplace.remove());

/** Tasks on arrival, on the clock and on another's output, with states, jobs that are late, and messages that come too early. */
const mixed = `import { application, numbers, state, tensorType, trace } from "isochron";
const float = numbers("std_msgs/msg/Float32", { data: { field: "data", dtype: "f32" } });
const mixer = (name, factor) =>
  trace(({ x }) => {
    const memory = state("memory", tensorType("f32", []), 0);
    const next = memory.get().mul(0.75).add(x.mul(factor)).tanh();
    memory.set(next);
    return { y: next };
  }, { x: tensorType("f32", []) }, { name });
export default application("mixed", (app) => {
  const value = app.input("/value", float);
  const limits = { budget: "200us", deadline: "3ms" };
  const drop = app.task("drop", mixer("drop", 0.7), { inputs: { x: value }, on: value, minInterval: "7ms", ...limits });
  const defer = app.task("defer", mixer("defer", 0.3), { inputs: { x: value }, on: value, minInterval: "6ms", early: "defer", onOverrun: "skip", ...limits });
  const after = app.task("after", mixer("after", 1.1), { inputs: { x: drop.outputs.y }, on: drop, minInterval: "4ms", ...limits });
  const clock = app.task("clock", mixer("clock", 1.3), { inputs: { x: defer.outputs.y }, period: "5ms", ...limits });
  app.output("/after", "std_msgs/msg/Float32", { data: after.outputs.y });
  app.output("/clock", "std_msgs/msg/Float32", { data: clock.outputs.y });
  app.world(() => ({
    name: "sender",
    periodNs: 5e6,
    step(time, io) { if (time % 35e6 !== 0) io.publish("/value", { data: Math.sin(time / 1e8) }); },
    summary: () => ({}),
  }));
});
`;

const stalls = ["drop:7:6ms", "defer:5:9ms", "after:6:5ms", "clock:11:9ms"].flatMap((each) => ["--stall", each]);

describe.each([
  ["in virtual time", []],
  ["live", ["--realtime"]],
])("a recording of a run %s that was cut", (_, mode) => {
  let bytes = new Uint8Array();

  beforeAll(async () => {
    workplace.write({ "mixed.js": mixed });
    const run = ["run", "mixed.js", "-d", "1s", "--json", "--force", "--record", "mixed.mcap", ...stalls, ...mode];
    const [ran] = await workplace.each([run]);
    expect(ran).toMatchObject({ code: 0, error: "" });
    bytes = readFileSync(workplace.path("mixed.mcap"));
  }, 120_000);

  const cutAt = async (length: number) => {
    workplace.write({ "cut.mcap": bytes.subarray(0, length) });
    return await readRecording(workplace.path("cut.mcap"));
  };

  it("anywhere in the run's events has all up to an instant that is not far from the cut, and replays bit for bit", async () => {
    const whole = await cutAt(bytes.length);
    expect(whole.cut).toBeUndefined();
    const text = Buffer.from(bytes).toString("latin1");
    const first = text.indexOf('{"kind":"admit"');
    const last = text.lastIndexOf('{"kind":"');
    let before = -1;
    const cuts = 40;
    const ends = new Set<number>();
    for (let at = 0; at < cuts; at++) {
      const length = Math.floor(first + ((last - first) * (at + 0.37)) / cuts);
      const recording = await cutAt(length);
      const shown = `cut at byte ${length}, ends at ${recording.durationNs} ns`;
      expect(recording.cut, shown).toMatchObject({ why: expect.any(String), at: expect.any(Number) });
      expect(recording.damage, shown).toEqual([]);
      const result = replay(recording);
      expect(result, shown).toMatchObject({ bitExact: true });
      expect(auditRecording(recording), shown).toMatchObject({ legal: true });
      expect(recording.durationNs, shown).toBeGreaterThanOrEqual(before);
      ends.add(recording.durationNs);
      before = recording.durationNs;
    }
    // A second in 40 parts: what is not there in whole is of the last few jobs.
    expect(ends.size).toBeGreaterThan(cuts * 0.8);
    expect(before).toBeGreaterThan(0.9e9);
    expect(before).toBeLessThanOrEqual(whole.durationNs);
  }, 240_000);

  it("behind the run's events is the whole run", async () => {
    const whole = await cutAt(bytes.length);
    for (const length of [bytes.length - 1, bytes.length - 8, bytes.length - 30]) {
      const recording = await cutAt(length);
      expect(recording.cut).toBeUndefined();
      expect(recording.hash).toBe(whole.hash);
      expect(replay(recording)).toMatchObject({ bitExact: true });
    }
  }, 120_000);

  it("before the run's events says so", async () => {
    for (const length of [60, 1000, 5000])
      await expect(cutAt(length)).rejects.toMatchObject({
        code: "recording/truncated",
        message: expect.stringMatching(/ is cut off or damaged: .*, before anything of a run$/),
      });
  });
});
