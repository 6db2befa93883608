// Bounded values: inputs of as many elements as are given, and what chooses, loops, statistics and orders take of a count.
import { describe, expect, it } from "vitest";
import {
  bounded,
  cond,
  constant,
  forLoop,
  type Graph,
  ones,
  scan,
  simplified,
  type Tensor,
  tensorType,
  trace,
  whileLoop,
} from "../index.ts";
import { arraysFor, interpreted, over, run, type Tensors } from "../testing/counted.ts";
import { ran } from "../testing/ran.ts";

const x = [0, 3, 0, 5, 1, 2];
const chosen = (x: Tensor<"f32">): Tensor<"f32"> => x.compress(x.greater(1)).values;

describe("a count beyond element by element", () => {
  it("is what variances, norms and the largest few are of", () => {
    const graph = over((x) => {
      const y = chosen(x);
      const scale = ones("f32", y.type.shape);
      const [top, least] = [y.topK(2), y.topK(4, 0, { largest: false })];
      const statistics = {
        variance: y.variance(),
        std: y.std([0], { correction: 0 }),
        most: y.variance([0], { correction: 4 }),
      };
      const norms = { layer: y.layerNorm(scale, scale), root: y.rmsNorm(scale, 0) };
      return { ...statistics, ...norms, top: top.values, at: top.indices, least: least.values };
    });
    const close = (numbers: readonly number[]) => numbers.map((each) => expect.closeTo(each, 4) as number);
    const root = Math.sqrt(38 / 3);
    const deviation = Math.sqrt(14) / 3;
    const meant = {
      variance: close([7 / 3]),
      std: close([deviation]),
      most: [Infinity],
      layer: [...close([3, 5, 2].map((each) => (each - 10 / 3) / deviation + 1)), 0, 0, 0],
      layerCount: [3],
      root: [...close([3 / root, 5 / root, 2 / root]), 0, 0, 0],
      top: [5, 3],
      topCount: [2],
      at: [1, 0],
      least: [2, 3, 5, 0],
      leastCount: [3],
    };
    const one = { variance: [NaN], std: [0], top: [9, 0], topCount: [1] };
    for (const each of [graph, simplified(graph)]) {
      expect(interpreted(each, { x })).toEqual(meant);
      expect(interpreted(each, { x: [0, 9, 0, 0, 0, 0] })).toMatchObject(one);
    }
  });

  it("goes through choices and loops with its values", async () => {
    const graph = over((x) => {
      const { values } = x.compress(x.greater(1));
      const other = values.neg();
      const [chosenOf, same] = cond(
        values.sum().greater(9),
        (a: Tensor<"f32">, b: Tensor<"f32">) => [a.add(b), a] as const,
        (a: Tensor<"f32">) => {
          const few = a.compress(a.greater(2)).values;
          return [few, few.mul(2)] as const;
        },
        values,
        other,
      );
      const less = whileLoop(
        (each: Tensor<"f32">) => each.max().greater(2),
        (each: Tensor<"f32">) => each.compress(each.less(each.max())).values,
        values,
        { atMost: 6 },
      );
      const turned = forLoop(2, (_, { a, b }: Tensors) => ({ a: b!, b: a!.add(b!) }), { a: values, b: other });
      const counts = cond(
        values.sum().greater(9),
        (a: Tensor<"f32">, b: Tensor<"f32">) => a.size(0).mul(10).add(b.size(0)),
        (a: Tensor<"f32">, b: Tensor<"f32">) => a.size(0).add(b.size(0)),
        values,
        x.compress(x.less(4)).values,
      );
      return { counts, y: chosenOf, z: chosenOf.add(same), less, turned: turned.b! };
    });
    const meant = {
      counts: [35],
      y: [0, 0, 0, 0, 0, 0],
      yCount: [3],
      z: [3, 5, 2, 0, 0, 0],
      less: [2, 0, 0, 0, 0, 0],
      lessCount: [1],
      turned: [-3, -5, -2, 0, 0, 0],
      turnedCount: [3],
    };
    expect(run(graph, { x })).toEqual(meant);
    await ran(graph, arraysFor(graph, { x }));
    expect(run(graph, { x: [0, 2, 0, 4, 0, 0] })).toMatchObject({ y: [4, 0, 0, 0, 0, 0], yCount: [1], lessCount: [1] });
  });

  it("is carried by a scan over elements of known sizes", () => {
    const graph = over((x) => {
      const [left, sums] = scan(
        (some: Tensor<"f32">, each: Tensor<"f32">) => [some.compress(some.greater(each)).values, some.sum()] as const,
        x.compress(x.greater(0)).values,
        constant([0, 1, 2], "f32"),
      );
      return { left, sums };
    });
    expect(run(graph, { x })).toEqual({ left: [3, 5, 0, 0, 0, 0], leftCount: [2], sums: [11, 11, 10] });
  });
});

describe("an input with a bounded dimension", () => {
  const most = bounded("boxes", 4);
  const traced = (body: (given: { boxes: Tensor<"f32">; scores: Tensor<"f32"> }) => Tensors): Graph =>
    trace(
      body,
      { boxes: tensorType("f32", [most, 2]), scores: tensorType("f32", [most]) },
      { name: "counted" },
    ) as unknown as Graph;

  it("is its maximum, with a count beside it that inputs of the same dimension share", async () => {
    const graph = traced(({ boxes, scores }) => ({ y: boxes.mul(scores.unsqueeze(1)), n: boxes.size(0) }));
    expect(graph.toString()).toContain("counted(boxes: f32[4,2], scores: f32[4], boxesCount: i64) -> ");
    const given = { boxes: [1, 2, 3, 4, 5, 6, 7, 8], scores: [1, 10, NaN, 3], boxesCount: [2] };
    expect(run(graph, given)).toEqual({ y: [1, 2, 30, 40, 0, 0, 0, 0], n: [2] });
    expect(simplified(graph).nodes.filter(({ operator }) => operator.name === "limit")).toHaveLength(1);
    await ran(graph, arraysFor(graph, given));
  });

  it("takes the count that is named after it, and gives it to the function", () => {
    const graph = trace(
      ({ rows, rowsCount }) => ({ y: rows.sum().add(rowsCount.cast("f32")) }),
      { rows: tensorType("f32", [2, bounded("n", 3)]), rowsCount: tensorType("i64", []) },
      { name: "declared" },
    );
    expect(graph.inputs.map(({ name }) => name)).toEqual(["rows", "rowsCount"]);
    expect(run(graph as unknown as Graph, { rows: [1, 2, 9, 3, 4, 9], rowsCount: [2] })).toEqual({ y: [12] });
  });

  it("has a count for each dimension, and others made of it names of their own", () => {
    const graph = trace(
      ({ table }) => {
        const columns = table.max([0]);
        return { y: table.sum([1]), some: columns.compress(columns.greater(0)).values };
      },
      { table: tensorType("f32", [bounded("compress", 3), bounded("columns", 4)]) },
      { name: "table" },
    ) as unknown as Graph;
    expect(graph.inputs.map(({ name }) => name)).toEqual(["table", "tableCount", "tableCount1"]);
    expect(graph.toString()).toContain("f32[compress≤3]");
    expect(graph.toString()).toContain("f32[compress1≤4]");
    const given = { table: [1, -1, 2, 9, 3, -4, 5, 9, 9, 9, 9, 9], tableCount: [2], tableCount1: [3] };
    expect(run(graph, given)).toEqual({ y: [2, 4, 0], yCount: [2], some: [3, 5, 0, 0], someCount: [2] });
  });

  it.each([-1, 5])("is a fault where it is said to have %i elements of 4", (count) => {
    const graph = traced(({ scores }) => ({ y: scores.sum() }));
    const given = { boxes: new Array<number>(8).fill(0), scores: [1, 2, 3, 4], boxesCount: [count] };
    for (const each of [graph, simplified(graph)])
      expect(() => interpreted(each, given)).toThrow(
        expect.objectContaining({ code: "program/fault", message: expect.stringContaining('dimension "boxes"') }),
      );
  });

  it("is refused where one dimension has two maxima, or its count is none", () => {
    const wrong = (inputs: Parameters<typeof trace>[1]) => () =>
      trace(({ x }) => ({ y: x!.neg() as Tensor<"f32"> }), inputs, { name: "wrong" });
    const x = tensorType("f32", [bounded("n", 3)]);
    for (const [inputs, code, message] of [
      [{ x, z: tensorType("f32", [bounded("n", 4)]) }, "trace/input", 'dimension "n" has a maximum of 3, and of 4'],
      [{ x, xCount: tensorType("i32", []) }, "operator/shape", "truncate of f32[3] to i32"],
    ] as const)
      expect(wrong(inputs)).toThrow(
        expect.objectContaining({
          code,
          message: expect.stringContaining(message),
          place: expect.stringMatching(/bounded-values\.test\.ts:\d+:\d+$/),
        }),
      );
  });
});
