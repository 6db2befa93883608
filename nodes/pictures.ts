// Pictures as cameras compress them, JPEG or PNG, decoded to the same bits on every machine.
import { z } from "zod";
import { callNative, loadRuntime } from "../kernels/index.ts";

/** What the bytes of a decoded picture mean: three to a pixel, or one. */
export type PictureEncoding = "rgb8" | "mono8";

/** A decoded picture: rows from the top without padding. */
export interface Picture {
  readonly height: number;
  readonly width: number;
  readonly data: Uint8Array;
}

interface Binding {
  decodePicture(bytes: Uint8Array, encoding: string): Picture;
}

const binding = z.object({
  decodePicture: z.custom<Binding["decodePicture"]>((value) => typeof value === "function"),
});

let loaded: Binding | undefined;
const native = (): Binding => {
  loaded ??= binding.parse(loadRuntime());
  return loaded;
};

/**
 * Decodes a JPEG or PNG of 8 bits, in grey or three colours, whatever its size.
 *
 * A picture that is cut short or damaged is an error and never half a picture, as far as its form can show it: PNG has
 * checksums, a JPEG must hold every block and nothing besides. Throws `picture/form`, `picture/unsupported`,
 * `picture/truncated`, `picture/corrupt`, `picture/too-large`.
 */
export function decodePicture(bytes: Uint8Array, encoding: PictureEncoding): Picture {
  const { decodePicture: decode } = native();
  return callNative(() => decode(bytes, encoding));
}
