// A recording cut anywhere verifies up to where it has everything, whatever its tasks wait for.
import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { runApplication } from "../../launch/index.ts";
import {
  type ApplicationDescription,
  auditRecording,
  Federation,
  RecordingWriter,
  type RunEvent,
  readRecording,
  replay,
} from "../../sim/index.ts";
import { contentsByScan, withRecording } from "../../sim/recording-contents.ts";
import { partialOf } from "../../sim/recording-file.ts";
import { Workplace } from "../command-line/command.ts";
import { mixed, stall } from "./mixed.ts";

const workplace = new Workplace();
afterEach(() => void vi.restoreAllMocks());
afterAll(() => workplace.remove());

/** The bytes at which the first and the last message of a file begin. */
const messagesBetween = (path: string): Promise<readonly [number, number]> =>
  withRecording(path, async (file) => {
    const { messages } = await contentsByScan(file);
    const places: number[] = [];
    for await (const { at } of messages) places.push(at!);
    return [Math.min(...places), Math.max(...places)] as const;
  });

/** What the recorder of a run had. */
interface Given {
  readonly description: ApplicationDescription;
  readonly artifacts: readonly Uint8Array[];
  readonly events: readonly RunEvent[];
}

describe.each([
  ["in virtual time", false],
  ["live", true],
])("a recording of a run %s that was cut", (_, realtime) => {
  let bytes: Uint8Array = new Uint8Array();
  let given: Given;

  beforeAll(async () => {
    const opened = vi.spyOn(RecordingWriter, "open");
    const taken = vi.spyOn(Federation.prototype, "take");
    const record = workplace.path("mixed.mcap");
    await runApplication(mixed(), { duration: "1s", record, replace: true, stall, realtime });
    bytes = readFileSync(record);
    const [, description, artifacts] = opened.mock.calls[0]!;
    given = { description, artifacts, events: taken.mock.results.flatMap(({ value }) => value as RunEvent[]) };
  }, 120_000);

  const cutAt = async (length: number, file = bytes) => {
    workplace.write({ "cut.mcap": file.subarray(0, length) });
    return await readRecording(workplace.path("cut.mcap"));
  };

  it("anywhere in the run's events has all up to an instant that is not far from the cut, and replays bit for bit", async () => {
    const whole = await cutAt(bytes.length);
    expect(whole.cut).toBeUndefined();
    const [first, last] = await messagesBetween(workplace.path("mixed.mcap"));
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

  it("behind any of the first records, as a run that is killed leaves it, replays bit for bit and keeps the rules", async () => {
    const { description, artifacts, events } = given;
    const name = workplace.path("killed.mcap");
    const mode = realtime ? "live" : "virtual";
    const writer = await RecordingWriter.open(name, description, artifacts);
    writer.begin(1_700_000_000_000_000_000n, mode);
    await writer.flush();
    const partial = () => readFileSync(partialOf(name));
    const ends = [partial().length];
    // What a busy machine measures of jobs is recorded long after what they did.
    const first = events.filter((event) => event.kind !== "trace").slice(0, 50);
    for (const event of first) {
      await writer.add([event]);
      await writer.flush();
      ends.push(partial().length);
    }
    const left = partial();
    await writer.discard();
    let kept = 0;
    for (const end of ends.flatMap((each) => [each, each + 7]).filter((each) => each <= left.length)) {
      const recording = await cutAt(end, left);
      const shown = `cut at byte ${end}, ends at ${recording.durationNs} ns`;
      expect(recording, shown).toMatchObject({ mode, damage: [], cut: { at: expect.any(Number) } });
      expect(replay(recording), shown).toMatchObject({ bitExact: true });
      expect(auditRecording(recording), shown).toMatchObject({ legal: true });
      kept = Math.max(kept, recording.events.length);
    }
    expect(kept).toBeGreaterThan(10);
  }, 120_000);

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
    for (const length of [0, 5, 60, 1000, 5000])
      await expect(cutAt(length)).rejects.toMatchObject({
        code: "recording/truncated",
        message: expect.stringMatching(/ is cut off or damaged: .*, before anything of a run$/),
      });
  });
});
