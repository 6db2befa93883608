// The lane finder: bird's-eye view by grid sampling, edge filter by convolution, column histograms, weighted least squares.
import { constant, conv2d, gridSample, iota, type Tensor, tensorType, trace } from "isochron";
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

/** How far from the lane's sides and how far ahead, metres, an edge still counts: from near and wide to far and narrow. */
const passes = [
  { width: 0.9, reach: 9 },
  { width: 0.6, reach: 13 },
  { width: 0.45, reach: 18 },
] as const;

/** The lane's centre: offset + slope·z + bend·z², z metres ahead; the weight of the edges that voted. */
interface Lane {
  readonly offset: Tensor<"f32">;
  readonly slope: Tensor<"f32">;
  readonly bend: Tensor<"f32">;
  readonly votes: Tensor<"f32">;
}

type Matrix = readonly (readonly [Tensor<"f32">, Tensor<"f32">, Tensor<"f32">])[];

const determinant = (m: Matrix): Tensor<"f32"> => {
  const [p, q, r] = m as [Matrix[number], Matrix[number], Matrix[number]];
  const minor = (i: 0 | 1 | 2, j: 0 | 1 | 2) => q[i].mul(r[j]).sub(q[j].mul(r[i]));
  return p[0]
    .mul(minor(1, 2))
    .sub(p[1].mul(minor(0, 2)))
    .add(p[2].mul(minor(0, 1)));
};

/** Metres by which distances ahead are divided, so that the sums are of one size. */
const unit = 10;

/** Weighted least squares of one parabola through the edges near both sides of a lane, which share its shape. */
function fitLane(edges: Tensor<"f32">, left: Tensor<"f32">, ahead: Tensor<"f32">, guess: Lane, width: number): Lane {
  const z = ahead.div(unit);
  const centre = guess.offset.add(guess.slope.mul(ahead)).add(guess.bend.mul(ahead.mul(ahead)));
  const sides = [halfLane, -halfLane].map((side) => {
    const lateral = left.sub(side).broadcastTo([bird.rows, bird.columns]);
    const gate = lateral.sub(centre).div(width);
    const weight = edges.mul(gate.mul(gate).neg().exp());
    return { votes: weight.sum([1], { keepDims: true }), lateral: weight.mul(lateral).sum([1], { keepDims: true }) };
  });
  const [a, b] = sides as [(typeof sides)[number], (typeof sides)[number]];
  const votes = a.votes.add(b.votes);
  const lateral = a.lateral.add(b.lateral);
  const powers = [votes];
  const targets = [lateral];
  for (let power = 1; power <= 4; power++) powers.push(powers[power - 1]!.mul(z));
  for (let power = 1; power <= 2; power++) targets.push(targets[power - 1]!.mul(z));
  const [s0, s1, s2, s3, s4] = powers.map((each) => each.sum()) as [
    Tensor<"f32">,
    Tensor<"f32">,
    Tensor<"f32">,
    Tensor<"f32">,
    Tensor<"f32">,
  ];
  const t = targets.map((each) => each.sum());
  // Ridge regression: a little weight on "straight ahead" keeps the system solvable when nothing is seen.
  const matrix: Matrix = [
    [s0.add(100), s1, s2],
    [s1, s2.add(100), s3],
    [s2, s3, s4.add(300)],
  ];
  const whole = determinant(matrix);
  const solve = (column: 0 | 1 | 2): Tensor<"f32"> => {
    const replaced = matrix.map(
      (row, at) => row.map((each, c) => (c === column ? t[at]! : each)) as unknown as Matrix[number],
    );
    return determinant(replaced).div(whole);
  };
  return { offset: solve(0), slope: solve(1).div(unit), bend: solve(2).div(unit ** 2), votes: s0 };
}

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

    // Where each line's foot is: the best-voted column near where it is expected, over the near rows.
    const near = edges.slice([bird.rows - 20, bird.rows]).sum([0], { keepDims: true });
    const footAt = (expected: number): Tensor<"f32"> => {
      const distance = left.sub(expected).div(1.2);
      const weight = near.mul(distance.mul(distance).neg().exp());
      return weight
        .mul(left)
        .sum()
        .add(expected * 50)
        .div(weight.sum().add(50));
    };
    const start = footAt(halfLane).add(footAt(-halfLane)).mul(0.5);

    let lane: Lane = { offset: start, slope: constant(0, "f32"), bend: constant(0, "f32"), votes: constant(0, "f32") };
    for (const { width, reach } of passes) {
      const distance = ahead.div(reach);
      const seen = edges.mul(distance.mul(distance).neg().exp());
      lane = fitLane(seen, left, ahead, lane, width);
    }
    return {
      offset: lane.offset,
      heading: lane.slope.atan(),
      curvature: lane.bend.mul(2),
      confidence: lane.votes.div(lane.votes.add(4000)),
    };
  },
  { image: tensorType("u8", [camera.height, camera.width]) },
  { name: "laneFinder" },
);
