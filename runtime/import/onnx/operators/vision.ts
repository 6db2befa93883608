// ONNX's operators of regions of pictures.
import { constant, iota, type Tensor, where } from "../../../capture/tensor.ts";
import type { Call, Definitions } from "../call.ts";
import { unsupported } from "../import-error.ts";
import { castTo } from "./elementwise.ts";

/** Which positions of a dimension lie in each of so many parts of each region, [regions,parts,size]. */
function within(from: Tensor, to: Tensor, parts: number, size: number): Tensor<"bool"> {
  const length = to.sub(from).add(1).maximum(1);
  const step = length.div(parts).unsqueeze(1);
  const at = iota("f32", [parts]) as Tensor;
  const first = at.mul(step).floor().add(from.unsqueeze(1)).clamp(0, size).unsqueeze(-1);
  const end = at.add(1).mul(step).ceil().add(from.unsqueeze(1)).clamp(0, size).unsqueeze(-1);
  const position = iota("f32", [size]) as Tensor;
  return position.greaterEqual(first).and(position.less(end));
}

/** The largest in each of so many parts of each region; a region is the number of a picture and two corners. */
function maxRegionPool(call: Call): Tensor {
  const x = call.tensor(0);
  const regions = castTo(call.tensor(1), "f32");
  const [rows, columns] = call.ints("pooled_shape") as [number, number];
  const [, , height, width] = x.shape as [number, number, number, number];
  const column = (at: number): Tensor => regions.slice([], [at, at + 1]).squeeze(1);
  const scale = call.float("spatial_scale", 1);
  const corner = (at: number): Tensor => column(at).mul(scale).add(0.5).floor();
  const across = within(corner(1), corner(3), columns, width);
  const down = within(corner(2), corner(4), rows, height);
  const pictures = x.indexSelect(0, column(0).cast("i64"));
  const lowest = constant(-Infinity, x.dtype) as Tensor;
  /** The largest along the last dimension of x[regions,c,…,size] in each part. */
  const largest = (of: Tensor, parts: Tensor<"bool">): Tensor => {
    const [count, each, size] = parts.shape as [number, number, number];
    const masks = parts.reshape([count, 1, 1, each, size]);
    return where(masks, of.unsqueeze(-2), lowest).max([-1]);
  };
  const lines = largest(pictures, across);
  const found = largest(lines.transpose(-1, -2), down).transpose(-1, -2);
  // A part without any position is 0.
  const isEmpty = found.equal(-Infinity);
  return where(isEmpty, constant(0, x.dtype) as Tensor, found);
}

const imageDecoder = (): never => {
  throw unsupported(
    "pictures are decoded where messages come in, and not by the code of a graph",
    "cut the model behind this node, and give it the picture's bytes: an input of an application is decoded by its message type",
  );
};

export const vision: Definitions = {
  ImageDecoder: imageDecoder,
  MaxRoiPool: maxRegionPool,
};
