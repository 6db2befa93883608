// The lane finder: bird's-eye view by grid sampling, edge filter by convolution, column histograms, weighted least squares.
import { constant, conv2d, gridSample, iota, type Tensor, tensor, trace } from "isochron";
import { camera, pixelOf } from "./camera.ts";

/** The bird's-eye view: rows from far to near, columns from left to right, in metres of the camera's frame. */
export const bird = { rows: 48, columns: 96, far: 22, near: 5, side: 4.8 } as const;

/** Metres ahead of row r, and metres to the left of column c. */
export const aheadOf = (row: number): number => bird.far - ((bird.far - bird.near) * row) / (bird.rows - 1);
export const leftOf = (column: number): number => bird.side - (2 * bird.side * column) / (bird.columns - 1);

/** For each point of the bird's-eye view, the pixel of the region of interest that shows it. */
function homography(firstRow: number): number[] {
  const grid: number[] = [];
  for (let row = 0; row < bird.rows; row++) {
    for (let column = 0; column < bird.columns; column++) {
      const [x, y] = pixelOf({ ahead: aheadOf(row), left: leftOf(column) });
      grid.push(x, y - firstRow);
    }
  }
  return grid;
}

/** A ridge filter across the road: bright in the middle, dark on both sides, averaged along it. */
const ridgeRow = [-1, -1, 1, 2, 1, -1, -1];
const ridge = [0.5, 1, 0.5].flatMap((weight) => ridgeRow.map((value) => value * weight));

const halfLane = 1.75;

/** Row of the image where the region of interest begins. */
const firstRow = 44;

/**
 * Finds the lane: image u8[120,160] → offset of the lane's centre to the left at the camera (m), its heading to the left
 * (rad), its curvature (1/m), and the confidence 0 to 1.
 */
export const laneFinder = trace(
  ({ image }) => {
    const region = image.slice([firstRow, camera.height]).cast("f32");
    const grid = constant(homography(firstRow), "f32", [bird.rows, bird.columns, 2], "homography");
    const birds = gridSample(region, grid, { outside: "border" });
    const kernel = constant(ridge, "f32", [1, 1, 3, ridgeRow.length], "ridge");
    const edges = conv2d(birds.reshape([1, 1, bird.rows, bird.columns]), kernel, { padding: [1, 3] })
      .reshape([bird.rows, bird.columns])
      .sub(120)
      .relu();

    const left = iota("f32", [1, bird.columns])
      .mul((-2 * bird.side) / (bird.columns - 1))
      .add(bird.side);
    const ahead = iota("f32", [bird.rows, 1], 0)
      .mul(-(bird.far - bird.near) / (bird.rows - 1))
      .add(bird.far);

    // Where the line's foot is: the best-voted column of each side, among the near rows.
    const near = edges.slice([bird.rows - 20, bird.rows]).sum([0], { keepDims: true });
    const lineAt = (expected: number): Tensor<"f32"> => {
      const distance = left.sub(expected).div(1.1);
      const weight = near.mul(distance.mul(distance).neg().exp());
      return weight
        .mul(left)
        .sum()
        .add(expected * 50)
        .div(weight.sum().add(50));
    };

    // Weighted least squares of a parabola through the ridge points around each line's foot, both lines sharing a shape.
    const sums = [halfLane, -halfLane].map((side) => {
      const foot = lineAt(side);
      const shifted = left.sub(side).broadcastTo([bird.rows, bird.columns]);
      const gate = shifted.sub(foot.sub(side)).div(ahead.mul(0.035).add(0.45));
      const weight = edges.mul(gate.mul(gate).neg().exp());
      const z = ahead.div(10);
      const moment = (power: number, value?: Tensor<"f32">): Tensor<"f32"> => {
        let term = value ? weight.mul(value) : weight;
        for (let i = 0; i < power; i++) term = term.mul(z);
        return term.sum();
      };
      return {
        s: [0, 1, 2, 3, 4].map((power) => moment(power)),
        t: [0, 1, 2].map((power) => moment(power, shifted)),
      };
    });
    const [a, b] = sums;
    const s = a!.s.map((each, at) => each.add(b!.s[at]!));
    const t = a!.t.map((each, at) => each.add(b!.t[at]!));
    // Ridge regression keeps the system solvable when nothing is seen.
    const s0 = s[0]!.add(200);
    const s2 = s[2]!.add(200);
    const s4 = s[4]!.add(900);
    const [s1, s3] = [s[1]!, s[3]!];
    const determinant = (m: readonly (readonly Tensor<"f32">[])[]): Tensor<"f32"> => {
      const [p, q, r] = m as [Tensor<"f32">[], Tensor<"f32">[], Tensor<"f32">[]];
      const minor = (i: number, j: number) => q[i]!.mul(r[j]!).sub(q[j]!.mul(r[i]!));
      return p[0]!
        .mul(minor(1, 2))
        .sub(p[1]!.mul(minor(0, 2)))
        .add(p[2]!.mul(minor(0, 1)));
    };
    const matrix = [
      [s0, s1, s2],
      [s1, s2, s3],
      [s2, s3, s4],
    ];
    const whole = determinant(matrix);
    const solve = (column: number) =>
      determinant(matrix.map((row, at) => row.map((each, c) => (c === column ? t[at]! : each)))).div(whole);
    const offset = solve(0);
    const slope = solve(1).div(10);
    const bend = solve(2).div(100);
    return {
      offset,
      heading: slope.atan(),
      curvature: bend.mul(2),
      confidence: s[0]!.div(s[0]!.add(4000)),
    };
  },
  { image: tensor("u8", [camera.height, camera.width]) },
  { name: "laneFinder" },
);
