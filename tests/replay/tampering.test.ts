// Verification finds every change to a recording, and says where it is.

import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hashOf, readArchive, writeArchive } from "../../kernels/index.ts";
import { load, openArtifact } from "../../runtime/index.ts";
import { readRecording } from "../../sim/index.ts";
import { Workplace } from "../command-line/command.ts";
import { LogForm, logTopic, namesIn } from "./logged.ts";
import { type Changes, rewrite } from "./rewrite.ts";
import { type Verdict, verdict, verify } from "./verify.ts";

const place = new Workplace();
const roadApplication = fileURLToPath(new URL("../../examples/road/app.ts", import.meta.url));
const recording = place.path("road.mcap");
/** Verifies a copy with changes. */
async function verifyChanged(changes: Changes): Promise<Verdict> {
  const changed = place.path("changed.mcap");
  await rewrite(recording, changed, changes);
  return verify(changed);
}

/** Flips the lowest bit of byte `at` of the first message of a topic that `wanted` picks. */
const flip = (topic: string, at: number, wanted: (sequence: number) => boolean): Changes => ({
  message: (name, message) => {
    if (name !== topic || !wanted(message.sequence)) return message;
    const data = message.data.slice();
    data[at]! ^= 1;
    return { ...message, data };
  },
});

/** Deletes one decision of the log. */
const without = (kind: string, task: string, job: number, form = new LogForm(namesIn(recording))): Changes => ({
  message: (name, message) => {
    const event = form.read(name, message.data);
    return event?.kind === kind && event.task === task && event.job === job ? undefined : message;
  },
});

/** The weights with one number moved by one unit in the last place: the lowest bit of its float32. */
const nudge = (weights: Uint8Array, at: number): Uint8Array => {
  const changed = weights.slice();
  const view = new DataView(changed.buffer);
  view.setUint32(at, view.getUint32(at, true) + 1, true);
  return changed;
};

/** Where the lane finder's first convolution kernel lies: its first weight is -0.5, its fifth 0.5. */
const weightAt = (weights: Uint8Array): number => {
  const view = new DataView(weights.buffer, weights.byteOffset, weights.byteLength);
  for (let at = 0; at + 28 <= weights.length; at += 4) {
    const row = Array.from({ length: 7 }, (_, i) => view.getFloat32(at + i * 4, true));
    if (String(row) === "-0.5,-0.5,0.5,1,0.5,-0.5,-0.5") return at + 12;
  }
  throw new Error("the weights hold no ridge filter");
};

describe("verification", () => {
  beforeAll(async () => {
    const ran = await place.isochron("run", roadApplication, "--duration", "2s", "--record", recording, "--json");
    expect(ran).toMatchObject({ code: 0, error: "" });
  });
  afterAll(() => place.remove());

  it("recomputes an untouched recording, kernel by kernel, in a fresh process", async () => {
    const { code, out, error } = await place.isochron("replay", recording, "--verify", "--json");
    const { bitExact, cycles, kernelCalls, firstDifference } = verdict.parse(JSON.parse(out));
    expect(error).toBe("");
    expect({ code, bitExact, firstDifference }).toEqual({ code: 0, bitExact: true, firstDifference: undefined });
    // 50 frames and 100 steering steps, each of all kernels of its program.
    expect(cycles).toBe(150);
    const { application, artifacts } = await readRecording(recording);
    const kernels = application.table.tasks.map(({ program }) => {
      const artifact = openArtifact(artifacts[program]!);
      return artifact.manifest.targets[load(artifact).target]!.methods.forward!.kernels.length;
    });
    expect(application.table.tasks.map(({ name }) => name)).toEqual(["lane", "steer"]);
    expect(kernelCalls).toBe(50 * kernels[0]! + 100 * kernels[1]!);
  });

  it("agrees where a copy changes nothing", async () => {
    expect(await verifyChanged({})).toMatchObject({ code: 0, bitExact: true });
  });

  it("names the byte of a recorded output that was changed", async () => {
    const heading = 4 + 8 + 8 + 32 + 4;
    const changed = flip("/isochron/outputs/lane", heading + 2, (job) => job === 17);
    const { firstDifference, differing, ...found } = await verifyChanged(changed);
    expect(found).toMatchObject({ code: 1, bitExact: false });
    expect(firstDifference).toMatchObject({ kind: "output", cycle: 17, task: "lane", port: "heading", byte: 2 });
    // The lowest bit of the third byte of a float32 is worth 2¹⁶ steps; both values are read back as such.
    const { recorded, recomputed, ...apart } = firstDifference!.number!;
    const bits = (value: number | string): number => new Uint32Array(Float32Array.of(Number(value)).buffer)[0]!;
    expect(bits(recorded) ^ bits(recomputed)).toBe(1 << 16);
    const absolute = Math.abs(Math.fround(Number(recorded)) - Math.fround(Number(recomputed)));
    expect(apart).toEqual({ at: "", dtype: "f32", ulps: 65536, absolute });
    expect(differing).toEqual({
      jobs: 1,
      largest: { recorded, recomputed, ...apart, task: "lane", cycle: 17, port: "heading" },
    });
    const { code, out } = await place.shared("replay", place.path("changed.mcap"), "--verify");
    expect(code).toBe(1);
    expect(out.split("\n").slice(0, 6)).toEqual([
      expect.stringMatching(/^NOT bit-exact: 150 jobs recomputed, /),
      'first difference: output of task "lane", cycle 17, port "heading", byte 2',
      expect.stringMatching(`^  recorded    ${recorded}  \\(byte [0-9a-f]{2}\\)$`),
      expect.stringMatching(`^  recomputed  ${recomputed}  \\(byte [0-9a-f]{2}\\)$`),
      `  apart       ${absolute} (65536 ulp of f32)`,
      `  1 of 150 jobs differ; the largest difference is ${absolute} (65536 ulp of f32), in heading of task "lane", cycle 17: ${recorded} and ${recomputed}`,
    ]);
  });

  it("names the byte of an output message that was changed", async () => {
    const { code, firstDifference } = await verifyChanged(flip("/cmd/steering", 30, (job) => job === 41));
    expect(code).toBe(1);
    expect(firstDifference).toMatchObject({
      kind: "message",
      cycle: 41,
      task: "steer",
      port: "/cmd/steering",
      byte: 30,
      number: { dtype: "f32", at: expect.stringMatching(/^drive\.\w+$/), ulps: expect.any(Number) },
    });
  });

  it("names the byte of a recorded input that was changed, and the job that read it", async () => {
    const pixel = 9000;
    const { code, firstDifference } = await verifyChanged(flip("/camera/image", pixel, (sequence) => sequence === 11));
    expect(code).toBe(1);
    expect(firstDifference).toMatchObject({
      kind: "input",
      cycle: 10,
      task: "lane",
      port: "/camera/image",
      byte: pixel,
    });
    expect(firstDifference?.number).toMatchObject({ dtype: "u8", absolute: 1, ulps: null });
    expect(firstDifference?.number?.at).toMatch(/^data\[\d+\]$/);
    const [recorded, admitted] = [firstDifference?.recorded, firstDifference?.recomputed];
    expect(Number.parseInt(recorded ?? "", 16) ^ Number.parseInt(admitted ?? "", 16)).toBe(1);
  });

  it("names the byte of an input that no longer decodes", async () => {
    const heightLow = 4 + 8 + 4 + 7 + 1;
    const { code, firstDifference } = await verifyChanged(
      flip("/camera/image", heightLow, (sequence) => sequence === 5),
    );
    expect(code).toBe(1);
    expect(firstDifference).toMatchObject({ kind: "input", cycle: 4, task: "lane", byte: heightLow });
  });

  it.each(["release", "verdict"])("names a %s that was deleted", async (kind) => {
    expect(await verifyChanged(without(kind, "steer", 23))).toMatchObject({
      code: 1,
      bitExact: false,
      firstDifference: { kind: "decision", cycle: 23, task: "steer", port: kind, byte: null, recorded: null },
    });
  });

  it("notices a deleted admission", async () => {
    const form = new LogForm(namesIn(recording));
    const changes: Changes = {
      message: (name, message) =>
        name === logTopic("admit") && form.read(name, message.data)?.sequence === 9 ? undefined : message,
    };
    expect(await verifyChanged(changes)).toMatchObject({
      code: 1,
      firstDifference: { kind: "input", cycle: 8, task: "lane", port: "/camera/image" },
    });
  });

  it("names the first output that a weight changed by one ulp reaches", async () => {
    const changed = (data: Uint8Array): Uint8Array => {
      const { manifest } = openArtifact(data);
      const files = readArchive(data);
      const weights = nudge(files["weights.bin"]!, weightAt(files["weights.bin"]!));
      const text = JSON.stringify({ ...manifest, weights: { ...manifest.weights, blake3: hashOf(weights) } });
      return writeArchive(Object.entries({ ...files, "manifest.json": Buffer.from(text), "weights.bin": weights }));
    };
    const { code, firstDifference } = await verifyChanged({
      attachment: (name, data) => (name === "artifacts/laneFinder.iso" ? changed(data) : data),
    });
    expect(code).toBe(1);
    expect(firstDifference).toMatchObject({ kind: "output", cycle: 0, task: "lane" });
    expect(firstDifference?.byte).not.toBeNull();
  });

  it("names it also where the artifact's own hash was left as it was", async () => {
    const { code, firstDifference } = await verifyChanged({
      attachment: (name, data) => {
        if (name !== "artifacts/laneFinder.iso") return data;
        const files = readArchive(data);
        const weights = nudge(files["weights.bin"]!, weightAt(files["weights.bin"]!));
        return writeArchive(Object.entries({ ...files, "weights.bin": weights }));
      },
    });
    expect(code).toBe(1);
    expect(firstDifference).toMatchObject({ kind: "output", cycle: 0, task: "lane" });
  });

  it("locates a byte that was flipped in the file itself, its checksum left wrong", async () => {
    const bytes = readFileSync(recording);
    const frame = Buffer.from("mono8");
    const at = bytes.indexOf(frame, Math.floor(bytes.length / 2)) + 4000;
    const changed = place.path("flipped.mcap");
    copyFileSync(recording, changed);
    bytes[at]! ^= 0x10;
    writeFileSync(changed, bytes);
    const { code, firstDifference } = await verify(changed);
    expect(code).toBe(1);
    expect(firstDifference).toMatchObject({ kind: "input", task: "lane", port: "/camera/image" });
    expect(firstDifference?.byte).not.toBeNull();
  });
});
