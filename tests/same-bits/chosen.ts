// Random graphs over as many elements as the values say: what chooses them, and what keeps their count.

import type { Random } from "../../kernels/index.ts";
import type { Dimension } from "../../runtime/graph/tensor-type.ts";
import {
  bounded,
  concat,
  cond,
  constant,
  forLoop,
  type Graph,
  nonMaxSuppression,
  ones,
  type Signature,
  type Tensor,
  tensorType,
  trace,
  where,
  whileLoop,
} from "../../runtime/index.ts";
import { binary, unary } from "./chains.ts";
import { weights } from "./values.ts";

type Plane = Tensor<"f32">;

/** Elements that a drawn tensor may have. */
const mostElements = 400;
const mostOf = (x: Plane): number => x.toMaximum().shape[0]!;

const mask = (random: Random, x: Plane): Tensor<"bool"> =>
  random.pick([() => x.greater(0), () => x.less(0.3), () => x.equal(x), () => x.abs().greater(50)])();

/** What is left of x when its largest elements are taken away, turn by turn. */
const withoutLargest = (x: Plane): Plane =>
  whileLoop(
    (each: Plane) => each.max().greater(1),
    (each: Plane) => each.compress(each.less(each.max())).values,
    x.compress(x.less(50)).values,
    { atMost: mostOf(x) + 1 },
  );

/** Vectors of fewer elements than x has. */
function choose(random: Random, x: Plane): Plane {
  const kinds = [
    () => x.compress(mask(random, x)).values,
    () => x.indexSelect(0, x.nonzero().indices.squeeze(1)),
    () => x.unsqueeze(1).tile([1, 2]).compress(mask(random, x)).values.sum([1]),
    () => x.toMaximum(0.5).truncate(x.greater(0).sum().minimum(mostOf(x))),
    () => x.unique().values,
    () => x.topK(random.whole(1, Math.min(4, mostOf(x))), 0, { largest: random.chance(0.5) }).values,
    () => withoutLargest(x),
    () => x.toMaximum(2).unique().occurrences.cast("f32"),
  ];
  return random.pick(kinds)();
}

/** Vectors as long as x. */
function keep(random: Random, x: Plane): Plane {
  const kinds = [
    () => unary(random, x) as Plane,
    () => binary(random, x, x.neg().add(0.5)) as Plane,
    () => x.add(weights(random, "f32", [1])),
    () => x.sub(x.max([0], { keepDims: true })).mul(0.5),
    () => x.cumsum(0).mul(0.1),
    () => x.softmax(0),
    () => x.layerNorm(ones("f32", x.type.shape), ones("f32", x.type.shape)),
    () => x.div(x.std([0], { keepDims: true, correction: 0 }).add(1)),
    () =>
      cond(
        x.sum().greater(0),
        (each: Plane) => each.neg().add(0.25),
        (each: Plane) => each.tanh(),
        x,
      ),
    () => x.sort(0, { descending: random.chance(0.5) }).values,
    () => x.indexSelect(0, x.argsort(0)),
    () => x.unique().inverse.cast("f32"),
    () => x.unsqueeze(1).mul(x.unsqueeze(0)).max([1]),
    () => {
      const table = x.unsqueeze(1).mul(x.compress(mask(random, x)).values);
      const [rows, columns] = table.type.shape as [Dimension, Dimension];
      return table.permute().reshape([columns, 1, rows]).sum([0, 1]);
    },
    () => where(mask(random, x), x, x.mean([0], { keepDims: true })),
    () =>
      x
        .unsqueeze(1)
        .matmul(weights(random, "f32", [1, 3]))
        .sort(1)
        .values.slice([], [1, 2])
        .squeeze(1),
  ];
  return random.pick(kinds)();
}

/** One element of what x has, whatever that is. */
const summed = (random: Random, x: Plane): Plane =>
  random.pick([
    () => x.sum(),
    () => x.prod(),
    () => x.max(),
    () => x.min(),
    () => x.mean(),
    () => x.variance(),
    () => x.logSumExp(),
    () => x.argmax(0).cast("f32"),
    () => x.size(0).cast("f32"),
    () => mask(random, x).any().cast("f32"),
    () => mask(random, x).all().cast("f32"),
    () => x.unsqueeze(0).matmul(x.unsqueeze(1)).sum(),
    () => x.indexSelect(0, constant([random.whole(-2, 9)], "i64")).sum(),
    () => ones("f32", [3]).indexAdd(0, x.cast("i64").remainder(4), x).max(),
  ])();

/** Boxes around the elements of x, of which those that overlap are left out. */
function suppressed(random: Random, x: Plane): Plane {
  const low = x.tanh().mul(4);
  const boxes = concat(
    [low, low.neg(), low.add(1.5), low.neg().add(2)].map((each) => each.unsqueeze(1)),
    1,
  );
  const iouThreshold = random.pick([0.1, 0.5]);
  const options = random.chance(0.5) ? { iouThreshold, limit: 5 } : { iouThreshold, scoreThreshold: -0.5 };
  return boxes.indexSelect(0, nonMaxSuppression(boxes, x, options).indices).sum([1]);
}

/** What a loop adds up of elements that each of its turns chooses anew. */
const looped = (random: Random, x: Plane): Plane =>
  forLoop(
    random.whole(1, 3),
    (turn, each: Plane) => each.add(each.compress(each.greater(turn.cast("f32"))).values.sum()),
    x,
  );

/** Vectors that are chosen, changed, joined and summed up; some of them, and their sums, are outputs. */
export function chosen(random: Random): Graph<Signature, Signature> {
  const n = random.pick([1, 3, 8, 17, 40]);
  const given = random.chance(0.5) ? bounded("n", n) : n;
  return trace(
    ({ x, z }) => {
      const values: Plane[] = [x as Plane, z as Plane, choose(random, x as Plane)];
      for (let left = random.whole(2, 7); left > 0; left--) {
        const at = random.whole(0, values.length - 1);
        const value = values[at]!;
        const kind = random.next();
        if (kind < 0.3) values[at] = choose(random, value);
        else if (kind < 0.65) values[at] = keep(random, value);
        else if (kind < 0.75) values.push(concat([value, random.pick(values)], 0));
        else if (kind < 0.85) values[at] = suppressed(random, value);
        else if (kind < 0.92) values[0] = looped(random, values[0]!.toMaximum());
        else values[at] = value.add(summed(random, random.pick(values)));
        if (mostOf(values.at(-1)!) > mostElements) values.pop();
      }
      const outputs = values.slice(0, 4).map((value, at) => [`y${at}`, value] as const);
      const sums = values.map((value, at) => [`sum${at}`, summed(random, value)] as const);
      return Object.fromEntries([...outputs, ...sums]);
    },
    { x: tensorType("f32", [given]), z: tensorType("f32", [n]) },
    { name: "chosen" },
  ) as unknown as Graph<Signature, Signature>;
}
