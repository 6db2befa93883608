// Non-maximum suppression: of boxes that overlap too much, the one with the highest score is kept.
import { constant, forLoop, iota, type Tensor, tensorType, trace } from "isochron";

/** Boxes of one picture. */
export const boxCount = 8;
/** Boxes that share more than this part of their union show the same thing. */
const mostShared = 0.5;

type Column = Tensor<"f32">;

/** Intersection over union of every box with every other. */
function overlaps(left: Column, top: Column, width: Column, height: Column): Column {
  const across = (from: Column, size: Column): Column => {
    const [a, b] = [from.unsqueeze(1), from.unsqueeze(0)];
    const end = a.add(size.unsqueeze(1)).minimum(b.add(size.unsqueeze(0)));
    return end.sub(a.maximum(b)).maximum(0);
  };
  const shared = across(left, width).mul(across(top, height));
  const area = width.mul(height);
  return shared.div(area.unsqueeze(1).add(area.unsqueeze(0)).sub(shared));
}

/**
 * Which of the boxes are kept, 1 or 0 for each.
 *
 * `boxes` is f32[n,5]: left, top, width and height in pixels, and the score. In the order of their scores, each box that is
 * still there takes those away that overlap it.
 */
export const suppression = trace(
  ({ boxes }) => {
    const column = (at: number): Column => boxes.slice([0, boxCount], [at, at + 1]).squeeze(1);
    const order = column(4).argsort(0, { descending: true });
    const shared = overlaps(column(0), column(1), column(2), column(3));
    const { kept } = forLoop(
      boxCount,
      (turn, { kept: left, order: boxOf, shared: all }) => {
        const box = boxOf.indexSelect(0, turn);
        const own = iota("i64", [boxCount], 0).equal(box.cast("i64"));
        const isThere = left.and(own).any();
        // Boxes with a higher score were looked at in an earlier turn: those that are still there stay.
        const later = iota("i64", [boxCount], 0).greater(turn);
        const behind = iota("i64", [boxCount], 0)
          .unsqueeze(1)
          .equal(boxOf.cast("i64").unsqueeze(0))
          .and(later)
          .any([1]);
        const overlapping = all.indexSelect(0, box).greater(mostShared);
        return { kept: left.and(overlapping.and(behind).and(isThere).not()), order: boxOf, shared: all };
      },
      { kept: constant(new Uint8Array(boxCount).fill(1), "bool"), order, shared },
    );
    return { kept: kept.cast("f32") };
  },
  { boxes: tensorType("f32", [boxCount, 5]) },
  { name: "suppression" },
);
