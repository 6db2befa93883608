// A run recorded in parts is one recording, and each part is one too; what is kept in memory is saved when it is asked for.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  application,
  numbers,
  type RunApplicationOptions,
  type RunResult,
  runApplication,
  state,
  tensorType,
  trace,
} from "../../launch/index.ts";
import { auditFile, readRecording, replay } from "../../sim/index.ts";
import { contentsByScan, withRecording } from "../../sim/recording-contents.ts";
import { Workplace } from "../command-line/command.ts";

const workplace = new Workplace();
afterAll(() => workplace.remove());
const at = (name: string) => workplace.path(name);

const float = numbers("std_msgs/msg/Float32", { data: { field: "data", dtype: "f32" } });
/** Tasks with states; what one computes the other reads. `failsAt` is when its world fails. */
const relay = (failsAt = Number.POSITIVE_INFINITY) =>
  application("relay", (app) => {
    const value = app.input("/value", float);
    const mixer = trace(
      ({ x }) => {
        const memory = state("memory", tensorType("f32", []), 0);
        const next = memory.get().mul(0.75).add(x.mul(0.7)).tanh();
        memory.set(next);
        return { y: next };
      },
      { x: tensorType("f32", []) },
      { name: "mixer" },
    );
    const limits = { budget: "200us", deadline: "3ms" } as const;
    const near = app.task("near", mixer, { inputs: { x: value }, on: value, minInterval: "4ms", ...limits });
    const far = app.task("far", mixer, { inputs: { x: near.outputs.y }, period: "5ms", ...limits });
    app.output("/far", "std_msgs/msg/Float32", { data: far.outputs.y });
    app.world(() => ({
      name: "hill",
      periodNs: 5e6,
      step(time, io) {
        if (time >= failsAt) throw new Error("fell off");
        io.publish("/value", { data: Math.sin(time / 1e8) });
      },
      summary: () => ({}),
    }));
  });

const run = (options: RunApplicationOptions, failsAt?: number): Promise<RunResult> =>
  runApplication(relay(failsAt), { duration: "1s", cacheDir: ".cache/kernels", ...options });

/** What the scan of a file gives of its place in its run, and the topic of its first message. */
const beginning = (path: string) =>
  withRecording(path, async (file) => {
    const { part, attachments, messages } = await contentsByScan(file);
    let first: string | undefined;
    for await (const { topic } of messages) first ??= topic;
    return { part, first, attachments: [...attachments.keys()] };
  });

describe("a run that is recorded in parts", () => {
  let hash = "";
  let names: readonly string[] = [];
  const part = (number: number) => join(at("run"), names[number - 1]!);

  beforeAll(async () => {
    ({ hash } = await run({ record: at("run"), split: "200ms" }));
    names = readdirSync(at("run")).sort();
    await run({ record: at("other"), split: "200ms" });
  }, 120_000);

  it("has a file for each of them, which begins with a keyframe and carries application and programs", async () => {
    expect(names).toEqual([1, 2, 3, 4, 5].map((number) => `part-000${number}.mcap`));
    const runs = new Set<string>();
    for (const number of [1, 2, 3, 4, 5]) {
      const { part: place, first, attachments } = await beginning(part(number));
      expect(place).toMatchObject({ part: number, fromNs: (number - 1) * 200e6 });
      expect(first).toBe(number === 1 ? "/value" : "/isochron/events/keyframe");
      expect(attachments).toEqual(["application.json", "artifacts/mixer.iso"]);
      runs.add(place!.run);
    }
    expect(runs.size).toBe(1);
  });

  it("is one recording with the hash of the run, by its folder or by its parts in any order", async () => {
    for (const path of [at("run"), [3, 1, 2, 5, 4].map(part)]) {
      const recording = await readRecording(path);
      expect(recording).toMatchObject({ hash, durationNs: 1e9, damage: [] });
      expect(recording.cut).toBeUndefined();
      expect(replay(recording)).toMatchObject({ bitExact: true, cycles: 400, hash });
      expect(await auditFile(path)).toMatchObject({ legal: true, durationNs: 1e9 });
    }
  });

  it("is verified up to the last of the parts that are there", async () => {
    const recording = await readRecording([part(2), part(1)]);
    expect(recording).toMatchObject({ durationNs: 400e6, cut: { why: "the run goes on in part 3" } });
    expect(replay(recording)).toMatchObject({ bitExact: true, cycles: 160 });
    expect(await auditFile([part(1), part(2)])).toMatchObject({ legal: true, durationNs: 400e6 });
  });

  it("is refused where parts are missing, doubled, without their end or of another run", async () => {
    const other = join(at("other"), "part-0002.mcap");
    const again = at("again.mcap");
    cpSync(part(2), again);
    const cut = at("cut.mcap");
    writeFileSync(cut, readFileSync(part(2)).subarray(0, -2000));
    const refused = async (paths: readonly string[], message: RegExp) => {
      const error = { code: "recording/parts", message: expect.stringMatching(message), help: expect.any(String) };
      await expect(readRecording(paths)).rejects.toMatchObject(error);
      await expect(auditFile(paths)).rejects.toMatchObject(error);
    };
    await refused([part(1), part(3)], /^part 2 is missing between .*part-0001\.mcap and .*part-0003\.mcap$/);
    await refused([part(5), part(1)], /^parts 2 to 4 are missing between /);
    await refused([part(1), other], /are of two runs$/);
    await refused([part(1), part(2), again], /are both part 2 of the run$/);
    await refused([part(1), cut, part(3)], /cut\.mcap lacks its end, and .*part-0003\.mcap follows$/);
    await refused([], /^no part of a recording is named$/);
  });

  it("says of a folder without parts what is wrong with it", async () => {
    mkdirSync(at("empty"));
    await expect(readRecording(at("empty"))).rejects.toMatchObject({
      code: "recording/foreign",
      message: `${at("empty")} is a folder without parts of a recording`,
    });
  });

  it("keeps no more than it is asked to", async () => {
    await run({ record: at("kept"), split: "100KB", keep: "600KB", duration: "5s" });
    const left = readdirSync(at("kept")).sort();
    const size = left.reduce((sum, name) => sum + readFileSync(join(at("kept"), name)).length, 0);
    expect(size).toBeLessThanOrEqual(600e3);
    expect(left.length).toBeGreaterThan(1);
    expect(left).not.toContain("part-0001.mcap");
    const recording = await readRecording(at("kept"));
    expect(recording).toMatchObject({ durationNs: 5e9, damage: [] });
    expect(recording.beginsNs).toBeGreaterThanOrEqual(1e9);
    // What its first jobs read is not there.
    const refused = {
      code: "recording/parts",
      message: expect.stringMatching(/^the recording begins at \d s of its run$/),
    };
    expect(() => replay(recording)).toThrow(expect.objectContaining(refused));
    await expect(auditFile(at("kept"))).rejects.toMatchObject(refused);
  });

  it("takes the place of a folder of recordings where it is told to, and of nothing else", async () => {
    renameSync(at("other"), at("taken"));
    const options = { record: at("taken"), split: "400ms" };
    await expect(run(options)).rejects.toMatchObject({ code: "file/exists" });
    await run({ ...options, replace: true });
    expect(readdirSync(at("taken"))).toHaveLength(3);
    writeFileSync(join(at("taken"), "mine.txt"), "mine");
    await expect(run({ ...options, replace: true })).rejects.toMatchObject({
      code: "file/exists",
      message: `${at("taken")} is not replaced: it holds mine.txt, which is no recording`,
    });
    rmSync(at("taken"), { recursive: true });
  });
});

describe("what does not go together", () => {
  it.each([
    [{ split: "1GB" }, "recording/none", /^--split says how a run is recorded, and this one is not$/],
    [{ missLimit: 5 }, "recording/none", /^--miss-limit says/],
    [{ record: "x", keep: "1GB" }, "recording/keep", /it has no parts$/],
    [{ record: "x", split: "1GB", keep: "999MB" }, "recording/keep", /^--keep 999MB is less than one part/],
    [{ record: "x", split: "1GB", keep: "lots" }, "recording/keep", /^"lots" is not a size$/],
    [{ record: "x", split: "0s" }, "recording/split", /^"0s" is neither a size nor a duration above 0$/],
    [{ record: "x", split: "big" }, "recording/split", /^"big" is neither/],
    [{ record: "x", split: "1GB", last: "60s" }, "recording/last", /has no parts$/],
    [{ record: "x", missLimit: 5 }, "recording/last", /^--miss-limit says when/],
  ] as const)("is refused before anything is written: %o", async (options, code, message) => {
    await expect(run(options)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
      help: expect.any(String),
    });
    expect(existsSync("x")).toBe(false);
  });
});

describe("the last of a run", () => {
  it("is saved when it is asked for, from a keyframe on that is old enough", async () => {
    const saved: string[] = [];
    const { saved: told } = await run({
      record: at("asked"),
      last: "1500ms",
      duration: "6s",
      onStart: ({ save }) => {
        // The run goes on meanwhile.
        for (const ms of [1, 30]) setTimeout(() => void save().then((path) => saved.push(path)), ms);
      },
    });
    expect(told.length).toBe(saved.length);
    expect(readdirSync(at("asked"))).toEqual(saved.map((_, index) => `saved-000${index + 1}-request.mcap`));
    for (const path of saved) {
      const recording = await readRecording(path);
      expect(recording).toMatchObject({ damage: [], cut: { why: "it was saved while the run went on: request" } });
      expect(recording.durationNs - (recording.beginsNs ?? 0)).toBeLessThan(2.6e9);
    }
    await expect(readRecording(at("asked"))).rejects.toMatchObject({ code: "recording/foreign" });
  }, 60_000);

  it("is saved with all that a run says at its end where it fails", async () => {
    await expect(run({ record: at("fell"), last: "1s", duration: "5s" }, 3.5e9)).rejects.toMatchObject({
      code: "world/failed",
    });
    expect(readdirSync(at("fell"))).toEqual(["saved-0001-fault.mcap"]);
    const recording = await readRecording(join(at("fell"), "saved-0001-fault.mcap"));
    expect(recording).toMatchObject({ durationNs: 3.5e9, beginsNs: 2e9, failure: expect.stringContaining("fell off") });
    expect(recording.damage).toEqual([]);
  });

  it("is saved after so many missed releases, each time", async () => {
    const warned: string[] = [];
    await run({
      record: at("missed"),
      last: "1s",
      duration: "5s",
      stall: ["far:20:9ms"],
      missLimit: 60,
      onWarning: (text) => warned.push(text),
    });
    const files = readdirSync(at("missed"));
    expect(files.length).toBeGreaterThan(0);
    expect(files.every((name) => /^saved-000\d-misses\.mcap$/.test(name))).toBe(true);
    expect(warned).toHaveLength(files.length);
    for (const text of warned) expect(text).toMatch(/^\d+ releases were missed: the last of the run stands in /);
  });

  it("leaves nothing where nobody asks", async () => {
    await run({ record: at("nobody"), last: "1s", duration: "2s" });
    expect(existsSync(at("nobody"))).toBe(false);
  });

  it("cannot be saved where nothing is kept of it", async () => {
    let refused: unknown;
    await run({
      record: at("all.mcap"),
      onStart: ({ save }) => void save().catch((error: unknown) => (refused = error)),
    });
    expect(refused).toMatchObject({ code: "recording/last", help: expect.stringContaining("--last") });
  });
});
