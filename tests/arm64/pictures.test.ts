// Pictures: every frame of a real drive decodes to the same bits on arm64 as here.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PNG } from "pngjs";
import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { decodePicture, type PictureEncoding } from "../../nodes/index.ts";
import { messageDecoder, openLog } from "../../sim/logs/index.ts";
import { arm64Addon, hasArm64, runOnArm64 } from "../robot/arm64.ts";
import { root, succeed } from "../robot/robot.ts";

const log = join(root, "../shared/data/highway/highway.mcap");
const samples = join(root, "nodes/transport/tests/pictures");
const folder = mkdtempSync(join(tmpdir(), "isochron-pictures-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Decodes each picture of a file of length-prefixed pictures with the module given, and prints a hash a line. */
const hashes = `
  const { readFileSync } = require("node:fs");
  const [modulePath, picturesPath, encoding] = process.argv.slice(1);
  const native = require(modulePath);
  const all = readFileSync(picturesPath);
  for (let at = 0; at < all.length; ) {
    const length = all.readUInt32LE(at);
    const picture = all.subarray(at + 4, at + 4 + length);
    console.log(native.blake3(native.decodePicture(picture, encoding).data));
    at += 4 + length;
  }`;

/** The hashes that the arm64 module makes, under emulation where this is another machine. */
function onArm64(pictures: readonly Uint8Array[], encoding: PictureEncoding): string[] {
  const file = join(folder, "pictures");
  const parts = pictures.flatMap((picture) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(picture.length);
    return [length, picture];
  });
  writeFileSync(file, Buffer.concat(parts));
  return succeed(runOnArm64(["-e", hashes, arm64Addon, file, encoding]))
    .trim()
    .split("\n");
}

const native = async () => {
  const { loadRuntime } = await import("../../kernels/index.ts");
  return z
    .object({ blake3: z.custom<(bytes: Uint8Array) => string>((it) => typeof it === "function") })
    .parse(loadRuntime());
};

const here = async (pictures: readonly Uint8Array[], encoding: PictureEncoding): Promise<string[]> => {
  const { blake3 } = await native();
  return pictures.map((picture) => {
    const { buffer, byteOffset, byteLength } = decodePicture(picture, encoding).data;
    return blake3(new Uint8Array(buffer, byteOffset, byteLength));
  });
};

/** The compressed pictures of the highway log. */
async function frames(): Promise<Uint8Array[]> {
  const opened = await openLog(log);
  const topic = opened.topic("/camera/image/compressed");
  const decode = messageDecoder(topic);
  const pictures: Uint8Array[] = [];
  for await (const message of opened.messages({ topics: [topic.topic], by: "log" })) {
    pictures.push((decode(message) as { readonly data: Uint8Array }).data);
  }
  return pictures;
}

describe.skipIf(!hasArm64)("pictures on arm64", () => {
  it.skipIf(!existsSync(log))("have the same bits in all 221 frames of the highway log (needs ../shared)", async () => {
    const pictures = await frames();
    expect(pictures).toHaveLength(221);
    const found = await here(pictures, "rgb8");
    expect(new Set(found).size).toBe(221);
    expect(onArm64(pictures, "rgb8")).toEqual(found);
  });

  it("have the same bits in every form of JPEG, in colour and in grey", async () => {
    const names = readdirSync(samples).filter((name) => name.endsWith(".jpg"));
    expect(names.length).toBeGreaterThan(25);
    const pictures = names.map((name) => readFileSync(join(samples, name)));
    for (const encoding of ["rgb8", "mono8"] as const) {
      expect(onArm64(pictures, encoding)).toEqual(await here(pictures, encoding));
    }
  });

  it("have the same bits in 16-bit PNG and in compressed depth of both forms", { timeout: 120_000 }, async () => {
    const picture = new PNG({ width: 31, height: 17 });
    const levels = Uint16Array.from({ length: 31 * 17 }, (_, at) => (at % 5 === 0 ? 0 : (at * 2477) % 65_536));
    const options = { bitDepth: 16, colorType: 0, inputColorType: 0, inputHasAlpha: false } as const;
    const png = PNG.sync.write(Object.assign(picture, { data: Buffer.from(levels.buffer) }), options);
    const header = Buffer.alloc(12);
    header.writeFloatLE(10_100, 4);
    header.writeFloatLE(-1009, 8);
    // RVL of [0, 0, 65535, 1, 0, 7], three wide.
    const rvl = Buffer.from("0300000002000000f3ffef2211f3ffbf000000c1", "hex");
    const depths = [Buffer.concat([header, png]), Buffer.concat([header, rvl])];
    for (const encoding of ["16UC1", "32FC1"] as const) {
      expect(onArm64(depths, encoding)).toEqual(await here(depths, encoding));
    }
    expect(onArm64([png], "mono16")).toEqual(await here([png], "mono16"));
  });
});
