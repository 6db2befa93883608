// The frames of the highway log: JPEG as recorded, and their pixels.
import { open } from "node:fs/promises";
import { MessageReader } from "@foxglove/rosmsg2-serialization";
import { McapIndexedReader } from "@mcap/core";
import { FileHandleReadable } from "@mcap/nodejs";
import { loadDecompressHandlers } from "@mcap/support";
import { decodePicture, IsochronError } from "isochron";
import { definitionsOf } from "isochron/sim";
import { camera } from "./camera.ts";

export const topic = "/camera/image/compressed";

/** The JPEG of each frame of an MCAP file, in log order. */
export async function readFrames(path: string): Promise<Uint8Array[]> {
  const file = await open(path);
  try {
    const decompressHandlers = await loadDecompressHandlers();
    const log = await McapIndexedReader.Initialize({ readable: new FileHandleReadable(file), decompressHandlers });
    const reader = new MessageReader<{ readonly data: Uint8Array }>(definitionsOf("sensor_msgs/msg/CompressedImage"));
    const frames: Uint8Array[] = [];
    for await (const { data } of log.readMessages({ topics: [topic] })) {
      frames.push(new Uint8Array(reader.readMessage(data).data));
    }
    if (frames.length > 0) return frames;
  } finally {
    await file.close();
  }
  throw new IsochronError("highway/frames", `${path} has no pictures on ${topic}`, {
    help: "name the highway log, or a recording of its run",
  });
}

/** The pixels of a frame, u8[540,960,3], rgb. */
export function pixelsOf(jpeg: Uint8Array): Uint8Array {
  const { height, width, data } = decodePicture(jpeg, "rgb8");
  if (height === camera.height && width === camera.width) return data;
  throw new IsochronError(
    "highway/size",
    `a frame is ${width}×${height} pixels, the camera takes ${camera.width}×${camera.height}`,
  );
}
