// A part of a recording is verified by itself, from the keyframe before it on.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { replayCommand } from "../../launch/commands/replay.ts";
import { runApplication } from "../../launch/index.ts";
import { type Recording, type RunEvent, readRecording, replay } from "../../sim/index.ts";
import { Workplace } from "../command-line/command.ts";
import { mixed, stall } from "./mixed.ts";

const workplace = new Workplace();
const path = workplace.path("mixed.mcap");
let recording: Recording;

beforeAll(async () => {
  await runApplication(mixed(), { duration: "4s", record: path, stall });
  recording = await readRecording(path);
}, 120_000);
afterAll(() => workplace.remove());

/** The same recording with some of its events changed. */
const changed = (change: (event: RunEvent) => RunEvent): Recording => ({
  ...recording,
  events: recording.events.map(change),
});

/** With a high bit of the first float32 changed. */
const flipped = (bytes: Uint8Array): Uint8Array =>
  Uint8Array.from(bytes, (byte, at) => (at === 2 ? byte ^ 0x40 : byte));

describe("a part of a recording", () => {
  it("begins at the newest keyframe before it and is recomputed bit for bit", () => {
    const whole = replay(recording);
    expect(whole).toMatchObject({ bitExact: true, fromNs: 0, toNs: 4e9, hash: recording.hash });
    const parts = [
      replay(recording, { to: "1500ms" }),
      replay(recording, { from: "1500ms", to: "2123ms" }),
      replay(recording, { from: "2s", to: 3e9 }),
      replay(recording, { from: "3999ms" }),
    ];
    expect(parts.map(({ bitExact, fromNs, toNs }) => [bitExact, fromNs, toNs])).toEqual([
      [true, 0, 1.5e9],
      [true, 1e9, 2.123e9],
      [true, 2e9, 3e9],
      [true, 3e9, 4e9],
    ]);
    expect(parts[3]!.hash).toBe(recording.hash);
    expect(new Set(parts.map(({ hash }) => hash)).size).toBe(4);
  });

  it("has together with the others each job of the run once", () => {
    const cuts = [0, 1e9, 2e9, 3e9, 4e9];
    const parts = cuts.slice(1).map((to, at) => replay(recording, { from: cuts[at]!, to }));
    expect(parts.map(({ bitExact }) => bitExact)).toEqual([true, true, true, true]);
    expect(parts.reduce((sum, { cycles }) => sum + cycles, 0)).toBe(replay(recording).cycles);
  });

  it("shows a change that lies in it, and none that lies elsewhere", () => {
    const at = 2.5e9;
    const job = recording.events.find((event) => event.kind === "output" && event.time >= at);
    const other = changed((event) =>
      event === job && event.kind === "output" ? { ...event, bytes: flipped(event.bytes) } : event,
    );
    const verified = [
      replay(other, { to: "2s" }),
      replay(other, { from: "2s", to: "3s" }),
      replay(other, { from: "3s" }),
    ];
    expect(verified.map(({ bitExact }) => bitExact)).toEqual([true, false, true]);
    expect(verified[1]!.firstDifference).toMatchObject({ kind: "output", byte: 2 });
  });

  it("differs where the states that it begins with are others, or the chain, or what stood", () => {
    const from = "2s";
    const task = recording.application.table.tasks.findIndex(({ name }) => name === "clock");
    const states = changed((event) =>
      event.kind === "keyframe" && event.time === 2e9 && event.task === task
        ? { ...event, states: flipped(event.states) }
        : event,
    );
    expect(replay(states, { from }).firstDifference).toMatchObject({ task: "clock" });
    const before = recording.events.findLast(
      (event) => event.kind === "output" && event.task === task && event.time < 2e9,
    );
    const chain = changed((event) =>
      event === before && event.kind === "output" ? { ...event, chain: "00".repeat(32) } : event,
    );
    expect(replay(chain, { from }).firstDifference).toMatchObject({ kind: "chain", task: "clock" });
    const reader = recording.application.table.tasks.findIndex(({ name }) => name === "defer");
    const read = recording.events.findLast(
      (event) => event.kind === "output" && event.task === reader && event.time <= 2e9,
    );
    const stood = changed((event) =>
      event === read && event.kind === "output" ? { ...event, bytes: flipped(event.bytes) } : event,
    );
    expect(replay(stood, { from }).firstDifference).toMatchObject({ task: "clock" });
  });

  it("without the releases before it is refused", () => {
    const first = recording.events.findIndex(({ kind }) => kind === "release");
    const events = recording.events.filter((_, at) => at !== first);
    expect(() => replay({ ...recording, events }, { from: "2s" })).toThrow(
      /was released \d+ times before 2000000000 ns/,
    );
  });

  it("is none where nothing lies between its instants", () => {
    expect(() => replay(recording, { from: "3s", to: "2s" })).toThrow("nothing of the recording lies from 3 s to 2 s");
    expect(() => replay(recording, { from: "4s" })).toThrow("nothing of the recording lies from 4 s to its end");
    expect(() => replay(recording, { to: 0 })).toThrow("nothing of the recording lies from 0 ns to 0 ns");
  });

  it("is asked for on the command line, which says which part was verified", async () => {
    const said: string[] = [];
    const terminal = {
      out: (text: string) => void said.push(text),
      error: (text: string) => void said.push(text),
      progress: () => undefined,
      signal: new AbortController().signal,
    };
    expect(await replayCommand(path, { verify: true, from: "2500ms", to: "3s" }, terminal)).toBe(0);
    expect(said.splice(0)).toEqual([expect.stringMatching(/^bit-exact from 2 s to 3 s: \d+ jobs recomputed/)]);
    expect(await replayCommand(path, { verify: true, from: "0.04m", json: true }, terminal)).toBe(0);
    expect(JSON.parse(said.join(""))).toMatchObject({ bitExact: true, fromNs: 2e9, toNs: 4e9, durationNs: 4e9 });
  });
});
