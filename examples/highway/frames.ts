// The frames of the highway log: JPEG as recorded, and their pixels.
import { decodePicture, IsochronError } from "isochron";
import { messageDecoder, openLog } from "isochron/sim";
import { camera } from "./camera.ts";

export const topic = "/camera/image/compressed";

/** The JPEG of each frame of a log, in log order. */
export async function readFrames(path: string): Promise<Uint8Array[]> {
  const log = await openLog(path);
  if (log.topics.some((each) => each.topic === topic)) {
    const pictureOf = messageDecoder(log.topic(topic));
    const frames: Uint8Array[] = [];
    for await (const message of log.messages({ topics: [topic], by: "log" })) {
      frames.push(new Uint8Array((pictureOf(message) as { readonly data: Uint8Array }).data));
    }
    if (frames.length > 0) return frames;
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
