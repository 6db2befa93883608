// Suite `loops`: what control flow costs, against the same computation without it.
import { cond, constant, forLoop, iota, type Tensor, tensorType, trace, whileLoop } from "../../../runtime/index.ts";
import { type BenchEntry, numbers, type OwnCase, plainGraph } from "../case.ts";

const turns = 20;

/** What a Kalman filter of 6 states and 3 measurements believes: the state and its covariance. */
type Belief = { readonly x: Tensor<"f32">; readonly p: Tensor<"f32"> };

/** The inverse of a symmetric 3 by 3 matrix, by its adjugate. */
function inverse(m: Tensor<"f32">): Tensor<"f32"> {
  const at = (i: number, j: number) => m.slice([i, i + 1], [j, j + 1]).reshape([]);
  const minor = (i: number, j: number): Tensor<"f32"> => {
    const [[a, b], [c, d]] = [[0, 1, 2].filter((row) => row !== i), [0, 1, 2].filter((column) => column !== j)] as [
      [number, number],
      [number, number],
    ];
    return at(a, c)
      .mul(at(b, d))
      .sub(at(a, d).mul(at(b, c)));
  };
  const determinant = at(0, 0)
    .mul(minor(0, 0))
    .sub(at(0, 1).mul(minor(0, 1)))
    .add(at(0, 2).mul(minor(0, 2)));
  const cell = (i: number, j: number) => ((i + j) % 2 === 0 ? minor(j, i) : minor(j, i).neg()).div(determinant);
  const index = (axis: number) => iota("i32", [3, 3], axis);
  let found: Tensor<"f32"> | undefined;
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) {
      const here = index(0).equal(i).and(index(1).equal(j)).cast("f32").mul(cell(i, j));
      found = found ? found.add(here) : here;
    }
  }
  return found!;
}

/** A prediction over 10 ms at constant speed, and the measurement of three positions, z: f32[3,1]. */
function kalman({ x, p }: Belief, z: Tensor<"f32">): Belief {
  const row = (of: (i: number, j: number) => number, rows: number, columns: number) =>
    constant(
      Float32Array.from({ length: rows * columns }, (_, at) => of(Math.floor(at / columns), at % columns)),
      "f32",
      [rows, columns],
    );
  const f = row((i, j) => (i === j ? 1 : j === i + 3 ? 0.01 : 0), 6, 6);
  const h = row((i, j) => (i === j ? 1 : 0), 3, 6);
  const [ahead, spread] = [
    f.matmul(x),
    f
      .matmul(p)
      .matmul(f.permute())
      .add(row((i, j) => (i === j ? 1e-4 : 0), 6, 6)),
  ];
  const innovation = h
    .matmul(spread)
    .matmul(h.permute())
    .add(row((i, j) => (i === j ? 0.01 : 0), 3, 3));
  const gain = spread.matmul(h.permute()).matmul(inverse(innovation));
  return {
    x: ahead.add(gain.matmul(z.sub(h.matmul(ahead)))),
    p: row((i, j) => (i === j ? 1 : 0), 6, 6)
      .sub(gain.matmul(h))
      .matmul(spread),
  };
}

/** The covariance is an input, so that unrolled steps are not folded: it does not depend on what is measured. */
const kalmanInputs = { x: tensorType("f32", [6, 1]), p: tensorType("f32", [6, 6]), z: tensorType("f32", [3, 1]) };
function kalmanCase(name: string): OwnCase {
  const looped = trace(
    ({ x, p, z }) => {
      const { x: found } = whileLoop(
        ({ turn }) => turn.less(turns),
        ({ turn, z: measured, ...belief }) => ({ turn: turn.add(1), ...kalman(belief, measured), z: measured }),
        { turn: constant(0, "i32"), x, p, z },
        { atMost: turns },
      );
      return { found };
    },
    kalmanInputs,
    { name: "looped" },
  );
  const straight = trace(
    ({ x, p, z }) => {
      let belief: Belief = { x, p };
      for (let turn = 0; turn < turns; turn++) belief = kalman(belief, z);
      return { found: belief.x };
    },
    kalmanInputs,
    { name: "straight" },
  );
  const flops = turns * 2 * (6 * 6 + 2 * 6 * 6 * 6 + 3 * 6 * 6 + 3 * 6 * 3 * 2 + 6 * 6 * 3 * 2 + 6 * 6 * 6);
  // Under 1.15 times the unrolled steps.
  return { name, graph: plainGraph(looped), straight: plainGraph(straight), flops, atLeast: 1 / 1.15, aim: 1 };
}

const factor = (): Tensor<"f32"> => constant(numbers(256 * 256, 3, 0.1), "f32", [256, 256]);

/** A choice between a product of 256 by 256 and nothing much, which is what is taken. */
function choice(name: string): OwnCase {
  const chosen = trace(
    ({ x }) => ({
      y: cond(
        x.sum().less(1e9),
        (of: Tensor<"f32">) => of.mul(2),
        (of: Tensor<"f32">) => of.matmul(factor()),
        x,
      ),
    }),
    { x: tensorType("f32", [256, 256]) },
    { name: "chosen" },
  );
  const straight = trace(
    ({ x }) => ({ y: x.mul(2).add(x.sum().less(1e9).cast("f32").sub(1)) }),
    { x: tensorType("f32", [256, 256]) },
    { name: "straight" },
  );
  return { name, graph: plainGraph(chosen), straight: plainGraph(straight), flops: 2 * 256 * 256, atLeast: 0.5 };
}

/** So many turns that compute nothing but their count. */
const emptyTurns = (name: string, loop: "while" | "for", count: number): OwnCase => ({
  name,
  graph: plainGraph(
    trace(
      ({ x }) => {
        const turned =
          loop === "while"
            ? whileLoop(
                ({ turn }) => turn.less(count),
                ({ turn }) => ({ turn: turn.add(1) }),
                { turn: x.mul(0).cast("i32") },
                { atMost: count },
              ).turn
            : forLoop(
                x.mul(0).add(count).cast("i64"),
                (_, { turn }) => ({ turn: turn.add(1) }),
                { turn: x },
                { atMost: count },
              ).turn;
        return { turned: turned.cast("f32") };
      },
      { x: tensorType("f32", []) },
      { name: "turns" },
    ),
  ),
  flops: count,
});

export const loops: readonly BenchEntry[] = [
  { name: "kalman 6, 20 turns", make: kalmanCase },
  { name: "cond of matmul 256 and mul", make: choice },
  { name: "1000 turns of whileLoop", nativeCalls: 10_000, make: (name) => emptyTurns(name, "while", 1000) },
  { name: "1000 turns of forLoop", nativeCalls: 10_000, make: (name) => emptyTurns(name, "for", 1000) },
];
