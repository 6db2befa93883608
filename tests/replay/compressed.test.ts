// A recording whose chunks are compressed holds what one does whose chunks are not.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { auditFile, RecordingWriter, readRecording, replay } from "../../sim/index.ts";
import { virtualRun } from "../audit/schedule.ts";

const folder = mkdtempSync(join(tmpdir(), "isochron-compressed-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a recording compressed by", () => {
  it.each(["lz4", "zstd"] as const)(
    "%s is smaller, is legal and replays bit for bit, cut or whole",
    async (compression) => {
      const { application, artifacts, records, ...run } = await virtualRun();
      const write = async (name: string, options: object) => {
        const writer = await RecordingWriter.open(join(folder, name), application, artifacts, options);
        // In two chunks, each of whole records.
        const events = records.map(({ event }) => event);
        await writer.add(events.slice(0, events.length / 2));
        await writer.flush();
        const half = statSync(`${join(folder, name)}.partial`).size;
        await writer.add(events.slice(events.length / 2));
        await writer.finish({ ...run, scheduling: "virtual time" });
        return { path: join(folder, name), half };
      };
      const { path: plain } = await write(`${compression}-none.mcap`, {});
      const { path, half } = await write(`${compression}.mcap`, { compression });
      expect(statSync(path).size).toBeLessThan(statSync(plain).size);
      const [recording, expected] = [await readRecording(path), await readRecording(plain)];
      expect(recording.events).toEqual(expected.events);
      expect(replay(recording)).toMatchObject({ bitExact: true });
      expect(await auditFile(path)).toMatchObject({ legal: true });
      const cut = `${path}.cut`;
      // Within the second chunk.
      writeFileSync(cut, readFileSync(path).subarray(0, half + 100));
      const part = await readRecording(cut);
      expect(part.cut).toBeDefined();
      expect(part.events.length).toBeGreaterThan(10);
      expect(replay(part)).toMatchObject({ bitExact: true });
    },
  );
});
