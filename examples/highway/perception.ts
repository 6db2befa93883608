// The lane finder: the road seen from above by grid sampling, a ridge filter, a vote over pairs of lines, least squares in pixels.
import { constant, conv2d, gridSample, iota, stack, state, type Tensor, tensorType, trace, where } from "isochron";
import { camera, laneWidth } from "./camera.ts";

type Floats = Tensor<"f32">;

/**
 * The view from above. Its rows are picture rows, `step` apart; its columns are rays of equal lateral = (x − centre) / depth,
 * with depth = y − horizon, so that lines on the road which meet straight ahead stand upright in it.
 */
const view = { first: 336, step: 2, rows: 102, columns: 261, spacing: 0.03 } as const;
const half = (view.columns - 1) / 2;
/** Row r of the view lies between the two picture rows that it averages. */
const depthOf = (row: number): number => view.first + row * view.step + (view.step - 1) / 2 - camera.horizon;

/** Columns of the ridge filter from its middle, and the grey levels by which paint outshines the road: none, and all. */
const paint = { centre: [-1, 0, 1], side: [3, 4, 5], reach: 5, faint: 12, full: 52 } as const;

/** The lines that are voted for: lateral outwards from `inner` on each side, shifts around straight ahead. */
const ballot = { inner: 0.48, lateralStep: 0.06, laterals: 37, shiftStep: 5, shifts: 31, rowStep: 3 } as const;

/** How far from a line paint still counts, as lateral, from one fit to the next. */
const gates = [0.2, 0.1, 0.08] as const;

/** Half the width, as lateral, of the band that counts as a line, and how far beside it the road is looked at. */
const band = { half: 0.1, beside: 0.3 } as const;

/** What two lines must look like to be one lane: how wide it is at most and at least, as lateral, and how far apart they may meet. */
const lane = { narrow: 2, wide: 4.5, shift: 60 } as const;

/** A line of the road: x = centre + shift + lateral · depth; `shift` is where it meets the horizon, in pixels from the middle. */
interface Line {
  readonly lateral: Floats;
  readonly shift: Floats;
}

/** Depth of each row, [rows, 1]. */
const depths = (): Floats => iota("f32", [view.rows, 1], 0).mul(view.step).add(depthOf(0));
/** Lateral of each column, [1, columns]. */
const laterals = (): Floats => iota("f32", [1, view.columns]).sub(half).mul(view.spacing);
/** The lateral at which a line passes each row, [rows, 1]. */
const trackOf = (line: Line): Floats => line.lateral.add(line.shift.div(depths()));

/** Paint from 0 to 1 in the view from above, [rows, columns]: brighter than the road on both sides, so that a kerb is none. */
function paintIn(image: Tensor<"u8">): Floats {
  const rows = camera.height - view.first;
  const channel = (at: number): Floats =>
    image
      .slice([view.first, camera.height], [0, camera.width], [at, at + 1])
      .squeeze(2)
      .cast("f32");
  // Red and green: white and yellow paint are bright in both; blue carries the sheen of the sky.
  const grey = channel(0).add(channel(1)).mul(0.5);
  const positions = Array.from({ length: view.rows }, (_, row) =>
    Array.from({ length: view.columns }, (_, column) => [
      camera.centre + (column - half) * view.spacing * depthOf(row),
      depthOf(row) + camera.horizon - view.first,
    ]),
  ).flat(2);
  const grid = constant(positions, "f32", [view.rows, view.columns, 2], "view");
  const above = gridSample(grey.reshape([rows, camera.width]), grid, { outside: "border" });
  const against = (side: -1 | 1): number[] =>
    Array.from({ length: 2 * paint.reach + 1 }, (_, at) => {
      const from = at - paint.reach;
      if (paint.centre.some((each) => each === from)) return 1 / paint.centre.length;
      return paint.side.some((each) => each === from * side) ? -1 / paint.side.length : 0;
    });
  const kernel = constant([...against(-1), ...against(1)], "f32", [2, 1, 1, 2 * paint.reach + 1], "ridge");
  const steps = conv2d(above.reshape([1, 1, view.rows, view.columns]), kernel, { padding: [0, paint.reach] });
  return steps
    .min([1])
    .reshape([view.rows, view.columns])
    .sub(paint.faint)
    .div(paint.full - paint.faint)
    .clamp(0, 1);
}

/** The pair of lines of one shift that most paint votes for, [left, right]. */
function elect(marks: Floats): readonly [Line, Line] {
  const rows = view.rows / ballot.rowStep;
  const blur = constant([0.6, 0.8, 1, 0.8, 0.6], "f32", [1, 1, 1, 5], "blur");
  const some = marks.slice([0, view.rows, ballot.rowStep]).reshape([1, 1, rows, view.columns]);
  const blurred = conv2d(some, blur, { padding: [0, 2] })
    .minimum(1)
    .flatten();
  const shiftOf = (index: Floats): Floats => index.sub((ballot.shifts - 1) / 2).mul(ballot.shiftStep);
  const lateralOf = (index: Floats): Floats => index.mul(ballot.lateralStep).add(ballot.inner);

  // Every line of the ballot, [shifts, rows, laterals]: the paint at the columns where it passes.
  const row = iota("f32", [1, rows, 1], 1);
  const depth = row.mul(view.step * ballot.rowStep).add(depthOf(0));
  const aside = shiftOf(iota("f32", [ballot.shifts, 1, 1], 0)).div(depth);
  const lateral = lateralOf(iota("f32", [1, 1, ballot.laterals], 2));
  const votesOn = (side: -1 | 1): Floats => {
    const column = aside.add(lateral.mul(side)).div(view.spacing).add(half).round();
    const place = row.mul(view.columns).add(column.clamp(0, view.columns - 1));
    return blurred.indexSelect(0, place.cast("i32")).sum([1]);
  };
  const [left, right] = [votesOn(-1), votesOn(1)];
  const shift = left
    .max([1])
    .add(right.max([1]))
    .argmax(0);
  const elected = (votes: Floats, side: -1 | 1): Line => ({
    lateral: lateralOf(votes.indexSelect(0, shift).argmax(0).cast("f32")).mul(side),
    shift: shiftOf(shift.cast("f32")),
  });
  return [elected(left, -1), elected(right, 1)];
}

/** Weighted least squares, in pixels of the picture, through the paint within `gate` of a line. */
function leastSquares(marks: Floats, line: Line, gate: number): Line {
  const distance = laterals().sub(trackOf(line)).div(gate);
  const weight = marks.mul(distance.mul(distance).mul(-0.5).exp());
  const mass = weight.sum([1], { keepDims: true });
  const aside = weight.mul(laterals()).sum([1], { keepDims: true }).mul(depths());
  // Depth as −1 to 1, so that the sums are of one size.
  const middle = depthOf((view.rows - 1) / 2);
  const z = depths().sub(middle).div(middle);
  // The line as it was, as a trace of paint, keeps the sums solvable where there is none.
  const trace = 0.05;
  const s0 = mass.sum().add(trace);
  const s1 = mass.mul(z).sum();
  const s2 = mass.mul(z).mul(z).sum().add(trace);
  const t0 = aside.sum().add(line.lateral.mul(middle).add(line.shift).mul(trace));
  const t1 = aside
    .mul(z)
    .sum()
    .add(line.lateral.mul(middle * trace));
  const determinant = s0.mul(s2).sub(s1.mul(s1));
  const atMiddle = t0.mul(s2).sub(t1.mul(s1)).div(determinant);
  const lean = t1.mul(s0).sub(t0.mul(s1)).div(determinant);
  return { lateral: lean.div(middle), shift: atMiddle.sub(lean) };
}

/** The share of rows that are painted along a line, less twice that of the road beside it: nothing where paint is everywhere. */
function evidenceOf(marks: Floats, line: Line): Floats {
  const track = trackOf(line);
  const painted = (aside: number): Floats =>
    where(laterals().sub(track.add(aside)).abs().less(band.half), marks, 0)
      .max([1])
      .mean();
  return painted(0).sub(painted(-band.beside)).sub(painted(band.beside)).relu();
}

/**
 * Finds the lane's two lines in one frame, from that frame alone: image u8[540,960,3] (rgb) →
 *
 * - frame: u32, the frames seen before this one;
 * - found: both lines are there; all that follows is 0 where not, but for the confidence, from 0 to 1 and above ½ where found;
 * - left, right: f32[2], intercept and slope of x = intercept + slope · y in pixels of the picture;
 * - offset: of the lane's centre to the left of the camera (m), at the picture's lowest row, where the lane is taken to be 3.7 m wide;
 * - heading: of the lane to the left of the camera's axis (rad).
 */
export const laneFinder = trace(
  ({ image }) => {
    const seen = state("frames", tensorType("u32", []), 0);
    const frame = seen.get();
    seen.set(frame.add(1));

    const marks = paintIn(image);
    const [left, right] = elect(marks).map((elected) =>
      gates.reduce<Line>((line, gate) => leastSquares(marks, line, gate), elected),
    ) as [Line, Line];

    const width = right.lateral.sub(left.lateral);
    const plausible = width
      .greater(lane.narrow)
      .and(width.less(lane.wide))
      .and(right.shift.sub(left.shift).abs().less(lane.shift));
    const evidence = evidenceOf(marks, left).minimum(evidenceOf(marks, right));
    // A tenth of the rows painted is where found begins: the least of a dashed line is twice that.
    const confidence = where(plausible, evidence.div(evidence.add(0.1)), 0);
    const found = confidence.greater(0.5);
    const known = (value: Floats): Floats => where(found, value, 0);

    const lowest = camera.height - 1 - camera.horizon;
    const columnOf = (line: Line): Floats => line.lateral.mul(lowest).add(line.shift);
    const [from, to] = [columnOf(left), columnOf(right)];
    const shift = left.shift.add(right.shift).mul(0.5);
    const pixels = (line: Line): Floats =>
      stack([known(line.shift.sub(line.lateral.mul(camera.horizon)).add(camera.centre)), known(line.lateral)]);
    return {
      frame,
      found,
      confidence,
      left: pixels(left),
      right: pixels(right),
      offset: known(
        from
          .add(to)
          .mul(-laneWidth / 2)
          .div(to.sub(from)),
      ),
      heading: known(shift.mul(-1 / camera.focal).atan()),
    };
  },
  { image: tensorType("u8", [camera.height, camera.width, 3]) },
  { name: "laneFinder" },
);
