// A detector of bright and dark squares: how much each of many boxes differs from what is around it, and which boxes stay.
import { concat, constant, nonMaxSuppression, type Tensor, tensorType, trace } from "isochron";

/** Pictures of the camera: rows, columns. */
export const [height, width] = [96, 128];
/** The sides of the squares that are looked for, in pixels. */
export const sides = [8, 12, 16] as const;
/** What a square can be, by the number that the detector gives. */
export const kinds = ["lamp", "hole"] as const;
/** Squares that one picture has room for. */
export const mostFound = 16;

/** Boxes are looked at every so many pixels. */
const step = 4;

/** Where boxes of one side stand: left, top, right and bottom of each, row by row. */
function boxesOf(side: number): number[] {
  const along = (length: number) => Array.from({ length: (length - side) / step + 1 }, (_, at) => at * step);
  return along(height).flatMap((y) => along(width).flatMap((x) => [x, y, x + side, y + side]));
}

/** How much brighter each box of one side is than the ring around it, half a side wide, as a part of all brightness. */
function contrast(picture: Tensor<"f32">, side: number): Tensor<"f32"> {
  const ring = side / 2;
  const around = picture.pad([0, 0, ring, ring], [0, 0, ring, ring], { mode: "replicate" });
  const inner = picture.avgPool([side, side], { stride: [step, step] });
  const outer = around.avgPool([2 * side, 2 * side], { stride: [step, step] });
  return inner
    .sub(outer)
    .mul(4 / 3 / 255)
    .reshape([-1]);
}

/**
 * The squares of a picture, u8[96,128], best first: where their middles are, how large they are, how sure it is of each, from
 * 0 to 1, and which of `kinds` it is.
 */
export const detector = trace(
  ({ picture }) => {
    const pixels = picture.cast("f32").reshape([1, 1, height, width]);
    const all = sides.flatMap(boxesOf);
    const boxes = constant(Float32Array.from(all), "f32", [all.length / 4, 4]);
    const contrasts = concat(
      sides.map((side) => contrast(pixels, side)),
      0,
    );
    const { indices, count } = nonMaxSuppression(boxes, contrasts.abs(), {
      iouThreshold: 0.1,
      scoreThreshold: 0.25,
      limit: mostFound,
    });
    const column = (at: number) =>
      boxes
        .slice([], [at, at + 1])
        .squeeze(1)
        .indexSelect(0, indices);
    const [left, top, right, bottom] = [column(0), column(1), column(2), column(3)];
    return {
      x: left.add(right).div(2),
      y: top.add(bottom).div(2),
      sizeX: right.sub(left),
      sizeY: bottom.sub(top),
      score: contrasts.indexSelect(0, indices).abs(),
      kind: contrasts.indexSelect(0, indices).less(0).cast("u8"),
      found: count,
    };
  },
  { picture: tensorType("u8", [height, width]) },
  { name: "detector" },
);
