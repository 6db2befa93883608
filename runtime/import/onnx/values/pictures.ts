// ImageDecoder: pictures in files become pixels, whose number only the file says.
import { z } from "zod";
import { callNative, loadRuntime } from "../../../../kernels/index.ts";
import { modelError, unsupported } from "../import-error.ts";
import { operandOf, type ValueOperator } from "./control-flow.ts";
import { type Pixels, plainPicture } from "./plain-pictures.ts";
import { isTensorValue, kindOfValue, type TensorValue } from "./value.ts";

type Decode = (bytes: Uint8Array, encoding: string) => { height: number; width: number; data: Uint8Array };

const binding = z.object({ decodePicture: z.custom<Decode>((value) => typeof value === "function") });

/** The encodings that the native module has for pixel formats. */
const encodings: { readonly [format: string]: string } = { RGB: "rgb8", BGR: "bgr8", Grayscale: "mono8" };

/** Pixels in the colours that are asked for; grey as ITU-R 601 weighs colours. */
function inFormat({ height, width, rgb }: Pixels, format: string): TensorValue {
  const pixel = (at: number): number[] => {
    const [red, green, blue] = rgb.subarray(at * 3, at * 3 + 3) as unknown as [number, number, number];
    if (format === "RGB") return [red, green, blue];
    return format === "BGR" ? [blue, green, red] : [(red * 19595 + green * 38470 + blue * 7471 + 32768) >> 16];
  };
  const colours = format === "Grayscale" ? 1 : 3;
  const data = new Uint8Array(height * width * colours);
  for (let at = 0; at < height * width; at++) data.set(pixel(at), at * colours);
  return { dtype: "u8", shape: [height, width, colours], data };
}

const decoded: ValueOperator = (call) => {
  const given = operandOf(call, 0);
  if (!isTensorValue(given) || given.dtype !== "u8" || given.shape.length !== 1)
    throw modelError(`operand 0 is ${kindOfValue(given)} where the bytes of a picture belong`);
  const bytes = given.data as Uint8Array;
  const format = call.attributes.text("pixel_format", "RGB");
  const encoding = Object.hasOwn(encodings, format) ? encodings[format] : undefined;
  if (encoding === undefined) throw modelError(`attribute "pixel_format" is "${format}"`);
  const plain = plainPicture(bytes);
  if (plain) return [inFormat(plain, format)];
  const help = "decode it before the model runs";
  if (bytes[0] === 0xff && bytes[1] === 0xd8)
    throw unsupported("a JPEG: ONNX says to the bit how its colours are sampled, and the decoder here differs", help);
  if (bytes[0] !== 0x89 || bytes[1] !== 0x50)
    throw unsupported("a picture that is neither PNG, BMP, PNM nor TIFF", help);
  const { height, width, data } = callNative(() => binding.parse(loadRuntime()).decodePicture(bytes, encoding));
  return [{ dtype: "u8", shape: [height, width, data.length / (height * width)], data }];
};

export const pictures: { readonly [operator: string]: ValueOperator } = { ImageDecoder: decoded };
