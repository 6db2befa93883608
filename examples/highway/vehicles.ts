// Finds vehicles on the road: boxes that stand out from the asphalt beside and below them, the best of those that overlap.
import { concat, constant, nonMaxSuppression, type Tensor, tensorType, trace } from "isochron";
import { camera } from "./camera.ts";

/** Rows that are looked at: from a little above the horizon to where the nearest vehicles stand. */
const [top, bottom] = [270, 400];
/** A patch of the own lane, whose colour is that of the road. */
const lane = { rows: [420, 460], columns: [430, 530] } as const;
/** Everything is seen at half the resolution; boxes are looked at every so many pixels of that. */
const [scale, step] = [2, 2];
const [rows, columns] = [(bottom - top) / scale, camera.width / scale];
/** Sides of boxes, pixels at half the resolution: a vehicle's back is about as high as it is wide. */
const sides = [8, 12, 18, 26];
/** A vehicle as wide as one pixel stands so many pixels below the horizon: the camera's height by the vehicle's width. */
const [nearest, farthest] = [1, 0.7];
/** The road's edges, in heights of the camera from the middle of the picture. */
const road = { left: -11, right: 4 } as const;
/** Vehicles that one picture has room for. */
export const mostFound = 24;

/** Left and top of each box of one side, row by row. */
function placesOf(side: number): [left: number, top: number][] {
  const along = (length: number) => Array.from({ length: (length - side) / step + 1 }, (_, at) => at * step);
  return along(rows).flatMap((y) => along(columns).map((x): [number, number] => [x, y]));
}

/** Whether a vehicle of this size that a box shows stands on the road. */
function stands({ side, x, y }: { readonly side: number; readonly x: number; readonly y: number }): boolean {
  const below = top + (y + side) * scale - camera.horizon;
  const across = ((x + side / 2) * scale - camera.centre) / below;
  const isAsHigh = below >= farthest * side * scale && below <= nearest * side * scale;
  return isAsHigh && across >= road.left && across <= road.right;
}

/** How much more each box of one side differs from the road than what is left, right and below of it. */
function standingOut(difference: Tensor<"f32">, side: number): Tensor<"f32"> {
  const strip = side / 2;
  const mean = (of: Tensor<"f32">, size: [number, number]) => of.avgPool(size, { stride: [step, step] });
  const around = difference.pad([0, 0, 0, strip], [0, 0, strip, strip], { mode: "replicate" });
  const width = columns + 2 * strip;
  const part = (y: [number, number], x: [number, number]) => around.slice([], [], y, x);
  const left = mean(part([0, rows], [0, width - side - strip]), [side, strip]);
  const right = mean(part([0, rows], [side + strip, width]), [side, strip]);
  const below = mean(part([side, rows + strip], [strip, strip + columns]), [strip, side]);
  return mean(difference, [side, side]).sub(left.maximum(right).maximum(below)).reshape([-1]);
}

/**
 * The vehicles of a picture, u8[540,960,3], best first: the middle and the size of the box around each, in pixels, and how
 * much it stands out, as a part of all brightness.
 */
export const vehicleFinder = trace(
  ({ image }) => {
    const asphalt = image
      .slice([...lane.rows], [...lane.columns])
      .cast("f32")
      .mean([0, 1]);
    const seen = image.slice([top, bottom]).cast("f32");
    const difference = seen
      .sub(asphalt)
      .abs()
      .mean([2])
      .reshape([1, 1, bottom - top, camera.width])
      .avgPool([scale, scale]);
    const places = sides.flatMap((side) => placesOf(side).map(([x, y]) => ({ side, x, y })));
    const boxes = places.flatMap(({ side, x, y }) =>
      [x, y, x + side, y + side].map((each, at) => each * scale + (at % 2 === 1 ? top : 0)),
    );
    const all = constant(Float32Array.from(boxes), "f32", [places.length, 4]);
    const possible = places.map((place) => (stands(place) ? 1 / 255 : 0));
    const scores = concat(
      sides.map((side) => standingOut(difference, side)),
      0,
    ).mul(constant(Float32Array.from(possible), "f32", [places.length]));
    const { indices, count } = nonMaxSuppression(all, scores, {
      iouThreshold: 0.1,
      scoreThreshold: 0.04,
      limit: mostFound,
    });
    const column = (at: number) =>
      all
        .slice([], [at, at + 1])
        .squeeze(1)
        .indexSelect(0, indices);
    const [x0, y0, x1, y1] = [column(0), column(1), column(2), column(3)];
    return {
      x: x0.add(x1).div(2),
      y: y0.add(y1).div(2),
      width: x1.sub(x0),
      height: y1.sub(y0),
      score: scores.indexSelect(0, indices),
      found: count,
    };
  },
  { image: tensorType("u8", [camera.height, camera.width, 3]) },
  { name: "vehicles" },
);
