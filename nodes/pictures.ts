// Pictures as cameras compress them, JPEG, PNG or depth, decoded to the same bits on every machine.
import { z } from "zod";
import { callNative, checkArgument, loadRuntime } from "../kernels/index.ts";
import { expectPictureEncoding, type PictureEncoding } from "./messages/encodings.ts";

/** The array that holds an encoding's numbers. */
type NumbersOf<E extends PictureEncoding> = E extends "32FC1"
  ? Float32Array
  : E extends `${string}16` | "16UC1"
    ? Uint16Array
    : Uint8Array;

/** A decoded picture: rows from the top without padding. */
export interface Picture<E extends PictureEncoding = "rgb8" | "mono8"> {
  readonly height: number;
  readonly width: number;
  readonly data: NumbersOf<E>;
}

interface Binding {
  decodePicture(bytes: Uint8Array, encoding: string): { height: number; width: number; data: Uint8Array };
}

const binding = z.object({
  decodePicture: z.custom<Binding["decodePicture"]>((value) => typeof value === "function"),
});

let loaded: Binding | undefined;
const native = (): Binding => {
  loaded ??= binding.parse(loadRuntime());
  return loaded;
};

const bytesSchema = z.instanceof(Uint8Array).describe("the bytes of a picture");

/**
 * Decodes a JPEG or PNG in grey or three colours, or ROS's compressed depth, whatever its size.
 *
 * Numbers of 16 bits (`mono16`, `16UC1`, `rgb16`, `bgr16`) are those of a PNG of 16 bits or of compressed depth; `32FC1` are the
 * distances of compressed depth in metres, NaN where there is none. A picture that is cut short or damaged is an error and never
 * half a picture, as far as its form can show it: PNG has checksums, a JPEG must hold every block. What follows the end of a JPEG is
 * no part of it. Throws `message/encoding`, `picture/form`, `picture/unsupported`, `picture/depth`, `picture/truncated`,
 * `picture/corrupt`, `picture/too-large`.
 */
export function decodePicture<E extends PictureEncoding>(bytes: Uint8Array, encoding: E): Picture<E> {
  expectPictureEncoding(encoding);
  checkArgument("picture", "decodePicture", "bytes", bytesSchema, bytes);
  const { decodePicture: decode } = native();
  const { height, width, data } = callNative(() => decode(bytes, encoding));
  return { height, width, data: numbersOf(data, encoding) as NumbersOf<E> };
}

/** Bytes as the numbers that they are; every machine that runs this is little-endian. */
function numbersOf({ buffer, byteOffset, byteLength }: Uint8Array, encoding: PictureEncoding) {
  if (encoding === "32FC1") return new Float32Array(buffer, byteOffset, byteLength / 4);
  if (encoding.endsWith("16") || encoding === "16UC1") return new Uint16Array(buffer, byteOffset, byteLength / 2);
  return new Uint8Array(buffer, byteOffset, byteLength);
}
