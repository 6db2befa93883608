// ONNX's operators of boxes of pictures, and of pictures that are not decoded yet.
import { roiAlign, roiPool } from "../../../capture/box-pooling.ts";
import type { Tensor } from "../../../capture/tensor.ts";
import type { Call, Definitions } from "../call.ts";
import { modelError, unsupported } from "../import-error.ts";

/** Floats, as far as types go. */
type Floats = Tensor<"f32">;

function regionAlign(call: Call): Tensor {
  const [x, boxes] = [call.tensor(0), call.tensor(1)] as [Floats, Floats];
  const mode = call.text("mode", "avg");
  if (mode !== "avg" && mode !== "max") throw modelError(`attribute "mode" is "${mode}"`);
  // Before operator set 16 pixels had their centres at whole numbers.
  const pixels = call.version < 16 ? "output_half_pixel" : call.text("coordinate_transformation_mode", "half_pixel");
  return roiAlign(x, boxes, [call.int("output_height", 1), call.int("output_width", 1)], {
    images: call.tensor(2),
    mode,
    samplingRatio: call.int("sampling_ratio", 0),
    spatialScale: call.float("spatial_scale", 1),
    aligned: pixels === "half_pixel",
  });
}

/** The largest in each part of each box; a box is the number of its picture and two corners. */
function regionPool(call: Call): Tensor {
  const [x, boxes] = [call.tensor(0), call.tensor(1)] as [Floats, Floats];
  return roiPool(x, boxes.slice([], [1, 5]), call.ints("pooled_shape") as [number, number], {
    images: boxes.slice([], [0, 1]).squeeze(1).cast("i64"),
    spatialScale: call.float("spatial_scale", 1),
  });
}

const imageDecoder = (): never => {
  throw unsupported(
    "pictures are decoded where messages come in, and not by the code of a graph",
    "cut the model behind this node: an application's input decodes pictures by its message type",
  );
};

export const vision: Definitions = {
  ImageDecoder: imageDecoder,
  MaxRoiPool: regionPool,
  RoiAlign: regionAlign,
};
