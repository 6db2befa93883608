// Makes a log that the example takes of pictures of one's own: node --import isochron/hook examples/highway/from-pictures.ts PICTURE… -o LOG.mcap [--rate 25]
import { open, readFile, rm } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { MessageWriter } from "@foxglove/rosmsg2-serialization";
import { McapWriter } from "@mcap/core";
import { FileHandleWritable } from "@mcap/nodejs";
import { IsochronError } from "isochron";
import { schemaText } from "isochron/messages";
import { definitionsOf } from "isochron/sim";
import { pixelsOf, topic } from "./frames.ts";

const type = "sensor_msgs/msg/CompressedImage";
const usage = "usage: from-pictures.ts PICTURE… -o LOG.mcap [--rate FRAMES-PER-SECOND]";

/** What a picture's first bytes say that it is. */
function formatOf(bytes: Uint8Array, path: string): "jpeg" | "png" {
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return "jpeg";
  if (bytes[0] === 0x89 && bytes[1] === 0x50) return "png";
  throw new IsochronError("highway/picture", `${path} is neither JPEG nor PNG`, { help: "convert it to JPEG first" });
}

/**
 * Writes an MCAP log of pictures, one after the other at so many a second.
 *
 * They are JPEG or PNG of 960×540 pixels; throws `highway/picture` or `highway/size` for another. `path` must be new.
 */
export async function logOfPictures(pictures: readonly string[], path: string, rate = 25): Promise<void> {
  const file = await open(path, "wx");
  try {
    const log = new McapWriter({ writable: new FileHandleWritable(file) });
    await log.start({ profile: "ros2", library: "isochron examples/highway" });
    const schemaId = await log.registerSchema({ name: type, encoding: "ros2msg", data: Buffer.from(schemaText(type)) });
    const channelId = await log.registerChannel({ topic, schemaId, messageEncoding: "cdr", metadata: new Map() });
    const writer = new MessageWriter(definitionsOf(type));
    for (const [sequence, picture] of pictures.entries()) {
      const data = new Uint8Array(await readFile(picture));
      const format = formatOf(data, picture);
      pixelsOf(data);
      const logTime = BigInt(Math.round((sequence * 1e9) / rate));
      const stamp = { sec: Number(logTime / 1_000_000_000n), nanosec: Number(logTime % 1_000_000_000n) };
      const message = { header: { stamp, frame_id: "camera" }, format, data };
      await log.addMessage({
        channelId,
        sequence,
        logTime,
        publishTime: logTime,
        data: writer.writeMessage(message),
      });
    }
    await log.end();
    await file.close();
  } catch (error) {
    await file.close();
    await rm(path);
    throw error;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { values, positionals } = parseArgs({
    options: { output: { type: "string", short: "o" }, rate: { type: "string", default: "25" } },
    allowPositionals: true,
  });
  const rate = Number(values.rate);
  if (values.output === undefined || positionals.length === 0 || !(rate > 0)) {
    process.stderr.write(`${usage}\n`);
    process.exit(1);
  }
  try {
    await logOfPictures([...positionals].sort(), values.output, rate);
    process.stdout.write(`${values.output}: ${positionals.length} pictures at ${rate} a second\n`);
  } catch (error) {
    if (!(error instanceof IsochronError)) throw error;
    process.stderr.write(`${error.render()}\n`);
    process.exit(1);
  }
}
