// Encodings of images by their names in ROS (sensor_msgs/image_encodings): element types, channels and rows.
import { type Arithmetic, didYouMean, IsochronError, shown } from "../../kernels/index.ts";

/** What the pixels of an encoding are. */
interface PixelForm {
  readonly dtype: Arithmetic;
  readonly channels: number;
  /** Rows of data for each row of pixels, where planes of colour follow: 1 unless given. */
  readonly rows?: number;
}

const named = {
  mono8: { dtype: "u8", channels: 1 },
  mono16: { dtype: "u16", channels: 1 },
  rgb8: { dtype: "u8", channels: 3 },
  bgr8: { dtype: "u8", channels: 3 },
  rgba8: { dtype: "u8", channels: 4 },
  bgra8: { dtype: "u8", channels: 4 },
  rgb16: { dtype: "u16", channels: 3 },
  bgr16: { dtype: "u16", channels: 3 },
  rgba16: { dtype: "u16", channels: 4 },
  bgra16: { dtype: "u16", channels: 4 },
  bayer_rggb8: { dtype: "u8", channels: 1 },
  bayer_bggr8: { dtype: "u8", channels: 1 },
  bayer_gbrg8: { dtype: "u8", channels: 1 },
  bayer_grbg8: { dtype: "u8", channels: 1 },
  bayer_rggb16: { dtype: "u16", channels: 1 },
  bayer_bggr16: { dtype: "u16", channels: 1 },
  bayer_gbrg16: { dtype: "u16", channels: 1 },
  bayer_grbg16: { dtype: "u16", channels: 1 },
  // A pixel has its luma and, in turn, one of two differences of colour.
  uyvy: { dtype: "u8", channels: 2 },
  yuv422: { dtype: "u8", channels: 2 },
  yuyv: { dtype: "u8", channels: 2 },
  yuv422_yuy2: { dtype: "u8", channels: 2 },
  // Luma, and below it half as many rows of both differences of colour in turn.
  nv12: { dtype: "u8", channels: 1, rows: 1.5 },
  nv21: { dtype: "u8", channels: 1, rows: 1.5 },
} as const satisfies { readonly [encoding: string]: PixelForm };

/** Element types by the names of OpenCV. */
const depths = {
  "8U": "u8",
  "8S": "i8",
  "16U": "u16",
  "16S": "i16",
  "32S": "i32",
  "32F": "f32",
  "64F": "f64",
} as const satisfies { readonly [depth: string]: Arithmetic };

type Named = keyof typeof named;
type Depth = keyof typeof depths;

/** The encodings that `image` takes: ROS's names, and OpenCV's of one to four channels. */
export type ImageEncoding = Named | `${Depth}C${1 | 2 | 3 | 4}`;

/** Their names. */
export const imageEncodings: readonly ImageEncoding[] = [
  ...(Object.keys(named) as Named[]),
  ...(Object.keys(depths) as Depth[]).flatMap((depth) => ([1, 2, 3, 4] as const).map((n) => `${depth}C${n}` as const)),
];

/** The element type of an encoding. */
export type ImageDtype<E extends ImageEncoding> = E extends Named
  ? (typeof named)[E]["dtype"]
  : E extends `${infer D extends Depth}C${number}`
    ? (typeof depths)[D]
    : never;

/** The encodings that a compressed picture can become. */
export const pictureEncodings = [
  ...["mono8", "8UC1", "rgb8", "bgr8"],
  ...["mono16", "16UC1", "rgb16", "bgr16", "32FC1"],
] as readonly PictureEncoding[];
/** How the pixels of a compressed picture are wanted. */
export type PictureEncoding = "mono8" | "8UC1" | "rgb8" | "bgr8" | "mono16" | "16UC1" | "rgb16" | "bgr16" | "32FC1";

/** The pixels of an encoding. Throws `message/encoding`. */
export function pixelForm(encoding: ImageEncoding): PixelForm {
  const found = Object.entries<PixelForm>(named).find(([name]) => name === encoding)?.[1];
  if (found) return found;
  const [, depth, channels] = /^(8U|8S|16U|16S|32S|32F|64F)C([1-4])$/.exec(String(encoding)) ?? [];
  if (depth !== undefined) return { dtype: depths[depth as Depth], channels: Number(channels) };
  throw new IsochronError("message/encoding", `there is no image encoding ${shown(encoding)}`, {
    help: didYouMean(
      String(encoding),
      imageEncodings,
      `take one of ${Object.keys(named).join(", ")}, or OpenCV's names such as 8UC1, 16SC1, 32FC3`,
    ),
  });
}

/** Refuses what a compressed picture cannot become. Throws `message/encoding`. */
export function expectPictureEncoding(encoding: PictureEncoding): void {
  if (pictureEncodings.includes(encoding)) return;
  throw new IsochronError("message/encoding", `a compressed picture is not decoded to ${shown(encoding)}`, {
    help: didYouMean(String(encoding), pictureEncodings, `take one of ${pictureEncodings.join(", ")}`),
  });
}
