// PyTorch's operators of images: resizing, sampling at positions, and pixels as channels.
import { affineGrid, gridSample, type ResizeOptions, resize } from "../../../capture/images.ts";
import { constant, type Tensor } from "../../../capture/tensor.ts";
import { itemsOfTorch, type TorchCall, torchMisfit, unsupportedTorch } from "../call.ts";
import { operator, type TorchOperator } from "./definition.ts";

type Float = Tensor<"f32">;

/** Factors by dimension; undefined where they are the ratio of sizes. */
const factorsOf = (call: TorchCall, names: readonly string[]): readonly (number | undefined)[] =>
  names.map((name) => (call.has(name) ? call.float(name) : undefined));

/** Another size of what stands behind the channels: given, or by factors. */
function resized(
  x: Tensor,
  given: readonly number[] | undefined,
  factors: readonly (number | undefined)[],
  options: ResizeOptions,
): Tensor {
  const from = x.shape.slice(2);
  const size = given ?? from.map((length, at) => Math.floor(length * (factors[at] ?? 1)));
  if (size.length !== from.length) throw torchMisfit(`[${from}] is resized to [${size}]`);
  if (size.join() === from.join() && factors.every((each) => each === undefined || each === 1)) return x;
  // Factors that are given decide where pixels lie, not the ratio of sizes; of corners on corners sizes do.
  const scales =
    options.coordinates === "alignCorners" || factors.every((each) => each === undefined)
      ? undefined
      : size.map((length, at) => factors[at] ?? length / from[at]!);
  return resize(x, size, { ...options, ...(scales ? { scales } : {}) });
}

interface Mode {
  readonly name: string;
  readonly rank: 1 | 2 | 3;
  readonly options: ResizeOptions;
  readonly hasCorners: boolean;
}

const nearest: ResizeOptions = { mode: "nearest", coordinates: "asymmetric", rounding: "floor" };
const exact: ResizeOptions = { mode: "nearest", coordinates: "halfPixel", rounding: "preferCeil" };

const modes: readonly Mode[] = [
  ...([1, 2, 3] as const).flatMap((rank) => [
    { name: `upsample_nearest${rank}d`, rank, options: nearest, hasCorners: false },
    { name: `_upsample_nearest_exact${rank}d`, rank, options: exact, hasCorners: false },
  ]),
  { name: "upsample_linear1d", rank: 1, options: { mode: "linear" }, hasCorners: true },
  { name: "upsample_bilinear2d", rank: 2, options: { mode: "linear" }, hasCorners: true },
  { name: "upsample_trilinear3d", rank: 3, options: { mode: "linear" }, hasCorners: true },
  { name: "upsample_bicubic2d", rank: 2, options: { mode: "cubic" }, hasCorners: true },
  { name: "_upsample_bilinear2d_aa", rank: 2, options: { mode: "linear", antialias: true }, hasCorners: true },
  { name: "_upsample_bicubic2d_aa", rank: 2, options: { mode: "cubic", antialias: true }, hasCorners: true },
];

const upsampling = modes.flatMap(({ name, rank, options, hasCorners }): TorchOperator[] => {
  const scales = rank === 1 ? ["scales"] : ["scales_d", "scales_h", "scales_w"].slice(3 - rank);
  const corners = hasCorners ? "bool align_corners, " : "";
  const given = (call: TorchCall): ResizeOptions =>
    hasCorners && call.flag("align_corners") ? { ...options, coordinates: "alignCorners" } : options;
  const trailing = scales.map((each) => `float? ${each}=None`).join(", ");
  return [
    operator(`${name}.vec(Tensor input, int[]? output_size, ${corners}float[]? scale_factors) -> Tensor`, (call) => {
      const size = call.has("output_size") ? call.ints("output_size") : undefined;
      const factors = call.has("scale_factors")
        ? itemsOfTorch(call.value("scale_factors"))!.map(Number)
        : new Array<undefined>(rank).fill(undefined);
      return resized(call.tensor("input"), size, factors, given(call));
    }),
    operator(`${name}(Tensor self, int[${rank}] output_size, ${corners}${trailing}) -> Tensor`, (call) =>
      resized(call.tensor("self"), call.ints("output_size"), factorsOf(call, scales), given(call)),
    ),
  ];
});

const sampled = (call: TorchCall): Tensor => {
  const mode = (["bilinear", "nearest", "bicubic"] as const)[call.int("interpolation_mode")];
  const outside = (["zeros", "border", "reflection"] as const)[call.int("padding_mode")];
  if (!mode || !outside) throw torchMisfit("grid_sampler is of no known mode");
  return gridSample(call.tensor("input") as Float, call.tensor("grid") as Float, {
    mode,
    outside,
    coordinates: "normalized",
    alignCorners: call.flag("align_corners"),
  });
};

/** Channels as pixels: [n, c·r², h, w] becomes [n, c, h·r, w·r]. */
function shuffled(call: TorchCall): Tensor {
  const x = call.tensor("self");
  const factor = call.int("upscale_factor");
  const [channels, height, width] = x.shape.slice(-3) as [number, number, number];
  const lead = x.shape.slice(0, -3);
  const count = channels / factor ** 2;
  if (!Number.isInteger(count)) throw torchMisfit(`pixel_shuffle of ${channels} channels by ${factor}`);
  const first = lead.length;
  const axes = [0, 3, 1, 4, 2].map((axis) => first + axis);
  return x
    .reshape([...lead, count, factor, factor, height, width])
    .permute([...lead.map((_, at) => at), ...axes])
    .reshape([...lead, count, height * factor, width * factor]);
}

function unshuffled(call: TorchCall): Tensor {
  const x = call.tensor("self");
  const factor = call.int("downscale_factor");
  const [channels, height, width] = x.shape.slice(-3) as [number, number, number];
  const lead = x.shape.slice(0, -3);
  const [rows, columns] = [height / factor, width / factor];
  if (!Number.isInteger(rows) || !Number.isInteger(columns))
    throw torchMisfit(`pixel_unshuffle of ${height} × ${width} by ${factor}`);
  const first = lead.length;
  const axes = [0, 2, 4, 1, 3].map((axis) => first + axis);
  return x
    .reshape([...lead, channels, rows, factor, columns, factor])
    .permute([...lead.map((_, at) => at), ...axes])
    .reshape([...lead, channels * factor ** 2, rows, columns]);
}

/** Where windows of a plane lie. */
interface Windows {
  readonly size: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly stride: readonly [number, number];
}

function windowsOf(call: TorchCall): Windows {
  const pair = (name: string): readonly [number, number] => {
    const [first, second] = call.ints(name);
    return [first!, second ?? first!];
  };
  return {
    size: pair("kernel_size"),
    dilation: pair("dilation"),
    padding: pair("padding"),
    stride: pair("stride"),
  };
}

/** Positions in a padded plane, [places of a window, windows]. */
function placesOf({ size, dilation, padding, stride }: Windows, plane: readonly [number, number]) {
  const padded = plane.map((length, at) => length + 2 * padding[at]!) as [number, number];
  const counts = padded.map(
    (length, at) => Math.floor((length - dilation[at]! * (size[at]! - 1) - 1) / stride[at]!) + 1,
  ) as [number, number];
  const places: number[] = [];
  for (let i = 0; i < size[0]; i++)
    for (let j = 0; j < size[1]; j++)
      for (let y = 0; y < counts[0]; y++)
        for (let x = 0; x < counts[1]; x++)
          places.push((y * stride[0] + i * dilation[0]) * padded[1] + x * stride[1] + j * dilation[1]);
  return { padded, windows: counts[0] * counts[1], places };
}

/** Around what has no batch, a batch of one. */
function batched(x: Tensor, rank: number, run: (x: Tensor) => Tensor): Tensor {
  return x.shape.length === rank - 1 ? run(x.unsqueeze(0)).squeeze(0) : run(x);
}

const toColumns = (call: TorchCall): Tensor =>
  batched(call.tensor("self"), 4, (x) => {
    const windows = windowsOf(call);
    const [n, channels, height, width] = x.shape as [number, number, number, number];
    const { padded, places, windows: count } = placesOf(windows, [height, width]);
    const around = [0, 0, ...windows.padding];
    const flat = x.pad(around, around).reshape([n, channels, padded[0] * padded[1]]);
    const taken = flat.indexSelect(2, constant(places, "i64", [places.length]));
    return taken.reshape([n, channels * windows.size[0] * windows.size[1], count]);
  });

const fromColumns = (call: TorchCall): Tensor =>
  batched(call.tensor("self"), 3, (x) => {
    const windows = windowsOf(call);
    const [height, width] = call.ints("output_size") as [number, number];
    const { padded, places } = placesOf(windows, [height, width]);
    const [n, rows] = x.shape as [number, number];
    const channels = rows / (windows.size[0] * windows.size[1]);
    const zeros = constant(0, x.dtype).broadcastTo([n, channels, padded[0] * padded[1]]);
    const sums = zeros.indexAdd(2, constant(places, "i64", [places.length]), x.reshape([n, channels, places.length]));
    const [top, left] = windows.padding;
    return sums.reshape([n, channels, ...padded]).slice([], [], [top, top + height], [left, left + width]);
  });

export const images: readonly TorchOperator[] = [
  ...upsampling,
  ...["grid_sampler", "grid_sampler_2d", "grid_sampler_3d"].map((name) =>
    operator(
      `${name}(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor`,
      sampled,
    ),
  ),
  operator("affine_grid_generator(Tensor theta, int[] size, bool align_corners) -> Tensor", (call) =>
    affineGrid(call.tensor("theta") as Float, call.ints("size"), { alignCorners: call.flag("align_corners") }),
  ),
  operator("pixel_shuffle(Tensor self, int upscale_factor) -> Tensor", shuffled),
  operator("pixel_unshuffle(Tensor self, int downscale_factor) -> Tensor", unshuffled),
  operator("channel_shuffle(Tensor self, int groups) -> Tensor", (call) => {
    const x = call.tensor("self");
    const groups = call.int("groups");
    const [n, channels, ...plane] = x.shape as [number, number, ...number[]];
    if (channels % groups !== 0) throw unsupportedTorch(`channel_shuffle of ${channels} channels in ${groups} groups`);
    return x
      .reshape([n, groups, channels / groups, ...plane])
      .transpose(1, 2)
      .reshape(x.shape);
  }),
  operator(
    "im2col(Tensor self, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor",
    toColumns,
  ),
  operator(
    "col2im(Tensor self, int[2] output_size, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor",
    fromColumns,
  ),
];
