// Registration of a laser scan: iterative closest points against a known wall, until the pose moves no more.
import { constant, stack, type Tensor, tensorType, trace, whileLoop } from "isochron";

/** Rays of a scan, over a third of a circle. */
export const rays = 60;
/** Points of the map, every five centimetres: two walls and the corner between them. */
export const map: Float32Array = Float32Array.from(
  [
    ...Array.from({ length: 180 }, (_, at) => [3, -6 + at * 0.05]),
    ...Array.from({ length: 120 }, (_, at) => [3 - at * 0.05, 3]),
  ].flat(),
);

/** The angle of each ray in radians, from the right to the left. */
export const angles: Float32Array = Float32Array.from({ length: rays }, (_, at) => -1 + (2.2 * at) / (rays - 1));

/** The pose has settled when it turns and moves by less than this, in radians and metres. */
const settled = 1e-5;

type Points = Tensor<"f32">;

const columns = (points: Points): readonly [Points, Points] => {
  const [count] = points.shape as readonly number[];
  const column = (at: number): Points => points.slice([0, count!], [at, at + 1]).squeeze(1);
  return [column(0), column(1)];
};

/** Points turned by an angle. */
function turned(points: Points, angle: Tensor<"f32">): Points {
  const [x, y] = columns(points);
  const [cos, sin] = [angle.cos(), angle.sin()];
  return stack([x.mul(cos).sub(y.mul(sin)), x.mul(sin).add(y.mul(cos))], 1);
}

/**
 * Where the scanner is: x and y in metres, the angle in radians, and in how many turns it was found.
 *
 * Each turn pairs every point of the scan with the nearest of the map, and moves the pose by the rigid motion with the least
 * squares between the pairs (Besl and McKay, A Method for Registration of 3-D Shapes, 1992; in the plane the rotation is one
 * angle). It begins at the pose that was found before.
 */
export const registration = trace(
  ({ ranges, start }) => {
    const scan = stack(
      [ranges.mul(constant(angles.map(Math.cos), "f32")), ranges.mul(constant(angles.map(Math.sin), "f32"))],
      1,
    );
    const known = constant(map, "f32", [map.length / 2, 2]);
    const { pose, turns } = whileLoop(
      ({ change }) => change.greater(settled),
      ({ pose: before, scan: points, known: walls, turns: count }) => {
        const [position, angle] = [before.slice([0, 2]), before.slice([2, 3]).squeeze(0)];
        const placed = turned(points, angle).add(position);
        const apart = placed.unsqueeze(1).sub(walls.unsqueeze(0));
        const nearest = walls.indexSelect(0, apart.mul(apart).sum([2]).argmin(1));
        const [centre, target] = [placed.mean([0]), nearest.mean([0])];
        const [ax, ay] = columns(placed.sub(centre));
        const [bx, by] = columns(nearest.sub(target));
        const turn = ax
          .mul(by)
          .sub(ay.mul(bx))
          .sum()
          .atan2(ax.mul(bx).add(ay.mul(by)).sum());
        const moved = turned(position.sub(centre).unsqueeze(0), turn).squeeze(0).add(target);
        const next = stack([...moved.split(1), angle.add(turn).unsqueeze(0)]).squeeze(1);
        return { pose: next, change: next.sub(before).abs().max(), scan: points, known: walls, turns: count.add(1) };
      },
      { pose: start, change: constant(1, "f32"), scan, known, turns: constant(0, "f32") },
      { atMost: 200 },
    );
    return { pose, turns };
  },
  { ranges: tensorType("f32", [rays]), start: tensorType("f32", [3]) },
  { name: "registration" },
);
