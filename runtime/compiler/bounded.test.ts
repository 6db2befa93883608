// Bounded dimensions: what makes them, what keeps their count, what ends a step, and what refuses them.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { Dimension } from "../graph/tensor-type.ts";
import {
  compile,
  concat,
  cond,
  constant,
  conv2d,
  forLoop,
  type Graph,
  iota,
  load,
  nonMaxSuppression,
  ones,
  scan,
  simplified,
  state,
  sym,
  type Tensor,
  tensorType,
  trace,
  whileLoop,
} from "../index.ts";
import { LoopInterpreter } from "../interpreters/loop-interpreter.ts";
import { bindSymbols } from "../passes/index.ts";
import { arraysFor, interpreted, type Numbers, over, run, type Tensors } from "../testing/counted.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");
const x = [0, 3, 0, 5, 1, 2];

describe("what is chosen by values", () => {
  it("is as many indices as elements are not zero, zeros behind them", () => {
    const graph = over((x) => ({ ...x.nonzero() }));
    expect(graph.toString()).toContain("(indices: i64[nonzero≤6,1], count: i64)");
    expect(run(graph, { x: [0, 3, -0, -1, NaN, 0] })).toEqual({ indices: [1, 3, 4, 0, 0, 0], count: [3] });
    expect(run(graph, { x: [0, 0, 0, 0, 0, 0] })).toEqual({ indices: [0, 0, 0, 0, 0, 0], count: [0] });
    const rows = over((x) => ({ at: x.reshape([2, 3]).nonzero().indices }));
    expect(run(rows, { x })).toEqual({ at: [0, 1, 1, 0, 1, 1, 1, 2, 0, 0, 0, 0], atCount: [4] });
  });

  it("is the slices under a mask, along any dimension, or elements in row-major order", () => {
    const graph = over((x) => ({
      columns: x.reshape([2, 3]).compress(constant([true, false, true] as never, "bool"), 1).values,
      elements: x.reshape([2, 3]).maskedSelect(x.reshape([2, 3]).greater(1)).values,
    }));
    expect(run(graph, { x })).toEqual({
      columns: [0, 0, 0, 5, 2, 0],
      columnsCount: [2],
      elements: [3, 5, 2, 0, 0, 0],
      elementsCount: [3],
    });
  });

  it("is the different elements in order, with positions and occurrences", () => {
    const graph = over((x) => ({ ...x.unique() }));
    expect(run(graph, { x: [3, 1, 3, NaN, NaN, -2] })).toEqual({
      values: [-2, 1, 3, NaN, NaN, 0],
      inverse: [2, 1, 2, 3, 4, 0],
      occurrences: [1, 1, 2, 1, 1, 0],
      count: [5],
    });
  });

  // The first two share 81 of 119, the others 90 of 100.
  it("is the boxes that no better one overlaps, best first", () => {
    const suppressing = (options: object): Graph =>
      trace(
        ({ boxes, scores }) => nonMaxSuppression(boxes, scores, { iouThreshold: 0.5, ...options }),
        { boxes: tensorType("f32", [4, 4]), scores: tensorType("f32", [4]) },
        { name: "nms" },
      ) as unknown as Graph;
    const boxes = [0, 0, 10, 10, 1, 1, 11, 11, 20, 20, 30, 30, 20, 20, 30, 29];
    const scores = [0.5, 0.9, 0.1, 0.4];
    expect(run(suppressing({}), { boxes, scores })).toEqual({ indices: [1, 3, 0, 0], count: [2] });
    expect(run(suppressing({ scoreThreshold: 0.4 }), { boxes, scores })).toEqual({
      indices: [1, 0, 0, 0],
      count: [1],
    });
    expect(run(suppressing({ limit: 1 }), { boxes, scores })).toEqual({ indices: [1], count: [1] });
    expect(run(suppressing({ scoreThreshold: -Infinity }), { boxes, scores: [-Infinity, 0.9, NaN, 0.4] })).toEqual({
      indices: [1, 3, 0, 0],
      count: [2],
    });
  });

  it("is the boxes that thresholds choose which the step is given", () => {
    const graph = trace(
      ({ boxes, scores, iou, score }) =>
        nonMaxSuppression(boxes, scores, { iouThreshold: iou, scoreThreshold: score, limit: 3 }),
      {
        boxes: tensorType("f32", [4, 4]),
        scores: tensorType("f32", [4]),
        iou: tensorType("f32", []),
        score: tensorType("f32", []),
      },
      { name: "nms" },
    ) as unknown as Graph;
    const boxes = [0, 0, 10, 10, 1, 1, 11, 11, 20, 20, 30, 30, 20, 20, 30, 29];
    const scores = [0.5, 0.9, 0.1, 0.4];
    const kept = (iou: number, score: number) => run(graph, { boxes, scores, iou: [iou], score: [score] });
    expect(kept(0.5, -1)).toEqual({ indices: [1, 3, 0], count: [2] });
    expect(kept(0.7, 0.1)).toEqual({ indices: [1, 0, 3], count: [3] });
    expect(kept(1, 0.4)).toEqual({ indices: [1, 0, 0], count: [2] });
    expect(kept(0.5, Number.NaN)).toEqual({ indices: [0, 0, 0], count: [0] });
  });

  it("is as much of a tensor as a count says", () => {
    const graph = trace(
      ({ x, n }) => ({ y: x.truncate(n, 1).mul(2) }),
      { x: tensorType("f32", [2, 3]), n: tensorType("i64", []) },
      { name: "g" },
    ) as unknown as Graph;
    expect(run(graph, { x: [1, 2, 3, 4, 5, 6], n: [2] })).toEqual({ y: [2, 4, 0, 8, 10, 0], yCount: [2] });
  });
});

describe("a count", () => {
  const chosen = (x: Tensor<"f32">): Tensor<"f32"> => x.compress(x.greater(1)).values;

  it("goes through what works element by element, and is an output of each dimension once", () => {
    const graph = over((x) => {
      const { values, count } = x.compress(x.greater(1));
      return { y: values.add(1), z: values.mul(values), count, other: values.compress(values.less(4)).values };
    });
    expect(run(graph, { x })).toEqual({
      y: [4, 6, 3, 0, 0, 0],
      z: [9, 25, 4, 0, 0, 0],
      count: [3],
      other: [3, 2, 0, 0, 0, 0],
      otherCount: [2],
    });
  });

  it("says what is reduced, and of none there is what changes nothing", () => {
    const graph = over((x) => {
      const y = chosen(x);
      const parts = { sum: y.sum(), product: y.prod(), mean: y.mean(), max: y.max(), min: y.min(), at: y.argmax(0) };
      return { ...parts, any: y.less(3).any(), all: y.less(3).all(), most: y.cast("i32").max(), n: y.size(0) };
    });
    expect(run(graph, { x })).toEqual({
      sum: [10],
      product: [30],
      mean: [Math.fround(10 / 3)],
      max: [5],
      min: [2],
      at: [1],
      any: [1],
      all: [0],
      most: [5],
      n: [3],
    });
    expect(run(graph, { x: [0, 0, 0, 0, 0, 0] })).toEqual({
      sum: [0],
      product: [1],
      mean: [NaN],
      max: [-Infinity],
      min: [Infinity],
      at: [0],
      any: [0],
      all: [1],
      most: [-(2 ** 31)],
      n: [0],
    });
  });

  it("is kept where slices are read, joined and multiplied, and positions end at it", () => {
    const graph = over((x) => {
      const y = chosen(x);
      const table = y.unsqueeze(1).matmul(ones("f32", [1, 2]));
      return {
        read: y.indexSelect(0, constant([1, 7, -3], "i64")),
        rows: x.indexSelect(0, x.nonzero().indices.squeeze(1)),
        joined: concat([y, constant([9], "f32"), y.neg()], 0),
        square: table.permute().matmul(table),
        last: table.slice([], [1, 2]).reshape([-1]).cumsum(0),
        whole: y.toMaximum(-1),
        sorted: y.sort().values,
      };
    });
    expect(graph.toString()).toContain("joined: f32[compress+compress+1≤13]");
    expect(run(graph, { x })).toEqual({
      read: [5, 2, 3],
      rows: [3, 5, 1, 2, 0, 0],
      rowsCount: [4],
      joined: [3, 5, 2, 9, -3, -5, -2, 0, 0, 0, 0, 0, 0],
      joinedCount: [7],
      square: [38, 38, 38, 38],
      last: [3, 8, 10, 0, 0, 0],
      lastCount: [3],
      whole: [3, 5, 2, -1, -1, -1],
      sorted: [2, 3, 5, 0, 0, 0],
    });
  });

  it("goes through operators over images, of as many as are chosen", () => {
    const graph = trace(
      ({ x, wanted }) => ({
        y: conv2d(x.compress(wanted).values, ones("f32", [1, 1, 2, 2]))
          .maxPool(2)
          .add(1),
      }),
      { x: tensorType("f32", [2, 1, 3, 3]), wanted: tensorType("bool", [2]) },
      { name: "g" },
    ) as unknown as Graph;
    const images = [...new Array<number>(9).fill(5), 0, 1, 2, 3, 4, 5, 6, 7, 8];
    expect(run(graph, { x: images, wanted: [0, 1] })).toEqual({ y: [25, 0], yCount: [1] });
  });

  it("stays with its dimension where two of them are reshaped, of which none may take the other's place", () => {
    const products = (x: Tensor<"f32">): Tensor<"f32"> =>
      chosen(x)
        .unsqueeze(1)
        .mul(x.compress(x.greater(3)).values);
    const graph = over((x) => {
      const table = products(x);
      const [rows, columns] = table.type.shape as [Dimension, Dimension];
      return { y: table.reshape([rows, 1, columns]), z: table.permute().reshape([columns, rows, 1]) };
    });
    const rows = [15, 25, 10].flatMap((each) => [each, 0, 0, 0, 0, 0]);
    const turned = [15, 25, 10, 0, 0, 0];
    expect(run(graph, { x })).toEqual({
      y: [...rows, ...new Array<number>(18).fill(0)],
      yCount: [3],
      yCount2: [1],
      z: [...turned, ...new Array<number>(30).fill(0)],
    });
    expect(() =>
      over((x) => {
        const table = products(x);
        return { y: table.reshape(table.type.shape.toReversed()) };
      }),
    ).toThrow(expect.objectContaining({ code: "operator/bounded", message: expect.stringMatching(/^reshape of/) }));
  });

  it("has one dimension for one mask, whatever that chooses from", () => {
    const graph = trace(
      ({ boxes, scores }) => {
        const good = scores.greater(0.2);
        const [some, their] = [boxes.compress(good).values, scores.compress(good).values];
        const { indices } = nonMaxSuppression(some, their, { iouThreshold: 0.5 });
        return { kept: their.indexSelect(0, indices), same: their.add(scores.maskedSelect(good).values) };
      },
      { boxes: tensorType("f32", [4, 4]), scores: tensorType("f32", [4]) },
      { name: "g" },
    ) as unknown as Graph;
    const boxes = [0, 0, 10, 10, 1, 1, 11, 11, 20, 20, 30, 30, 20, 20, 30, 29];
    expect(run(graph, { boxes, scores: [0.5, 0.75, 0.125, 0.25] })).toEqual({
      kept: [0.75, 0.25, 0, 0],
      keptCount: [2],
      same: [1, 1.5, 0.5, 0],
      sameCount: [3],
    });
    const limited = over((x) => {
      const mask = x.greater(1);
      return { y: x.compress(mask).values, z: x.compress(mask, 0, { atMost: 4 }).values };
    });
    expect(run(limited, { x })).toEqual({ y: [3, 5, 2, 0, 0, 0], yCount: [3], z: [3, 5, 2, 0], zCount: [3] });
  });

  it("says how many positions are written at, in unsigned numbers too", () => {
    const graph = over((x) => {
      const { values } = x.compress(x.greater(1));
      return { y: x.indexCopy(0, values.cast("u8"), values.neg()) };
    });
    expect(run(graph, { x })).toEqual({ y: [0, 3, -2, -3, 1, -5] });
  });

  it("is an output of a dimension that is bounded and named, under a name that no other output has", () => {
    const graph = trace(
      ({ x, z }) => {
        const values = concat([z.compress(z.greater(2)).values, x], 0);
        return { y: values.unsqueeze(1).mul(2), yCount: x, yCount0: x, compress: z };
      },
      { x: tensorType("f32", [sym("n")]), z: tensorType("f32", [3]) },
      { name: "g" },
    ) as unknown as Graph;
    const names = graph.outputs.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const bound = bindSymbols(graph, { n: 2 });
    expect(run(bound, { x: [7, 8], z: [1, 3, 4] })).toEqual({
      y: [6, 8, 14, 16, 0],
      yCount: [7, 8],
      yCount0: [7, 8],
      compress: [1, 3, 4],
      yCount1: [4],
    });
  });

  it("may begin and end inside of a loop", () => {
    const graph = over((x) => ({
      y: forLoop(2, (turn, each: Tensor<"f32">) => each.add(chosen(each.add(turn.cast("f32"))).sum()), x),
    }));
    expect(run(graph, { x }).y!.slice(0, 2)).toEqual([87, 90]);
  });

  it("is compiled: outputs have the maximum's size, and the count beside them", async () => {
    const graph = over((x) => ({ y: chosen(x).mul(2) }));
    const program = load(await compile(graph, { cacheDir, targets: ["x86-64-v3"] }), { target: "x86-64-v3" });
    const outputs = program.newOutputs();
    program.run(arraysFor(graph, { x }), outputs);
    expect(outputs).toEqual({ y: Float32Array.of(6, 10, 4, 0, 0, 0), yCount: BigInt64Array.of(3n) });
  });
});

describe("more elements than there may be", () => {
  const limited = over((x) => {
    const kept = state("kept", tensorType("f32", []), 1);
    const before = kept.get();
    kept.set(x.sum());
    return { before, y: x.compress(x.greater(1), 0, { atMost: 2 }).values };
  });
  const message = 'dimension "compress" would have more than 2 elements, or less than none';

  it("are a fault of the step, which commits no state, interpreted and compiled", async () => {
    const right = { x: [0, 3, 0, 0, 0, 2] };
    expect(run(limited, right)).toEqual({ before: [1], y: [3, 2], yCount: [2] });
    expect(() => interpreted(limited, { x })).toThrow(expect.objectContaining({ code: "program/fault", message }));
    const loops = new LoopInterpreter(limited, "aarch64");
    expect(() => loops.step([Float32Array.from(x)])).toThrow(
      expect.objectContaining({ code: "program/fault", message }),
    );
    const artifact = await compile(limited, { cacheDir, targets: ["x86-64-v3"] });
    expect(artifact.manifest.methods.forward!.faults).toEqual([message]);
    const program = load(artifact, { target: "x86-64-v3" });
    const outputs = program.newOutputs();
    expect(() => program.run(arraysFor(limited, { x }), outputs)).toThrow(
      expect.objectContaining({ code: "program/fault", message: expect.stringContaining(message) }),
    );
    program.run(arraysFor(limited, right), outputs);
    expect(outputs.before).toEqual(Float32Array.of(1));
  });

  it("or less than none, as a count may say", () => {
    const graph = trace(({ n }) => ({ y: ones("f32", [3]).truncate(n) }), { n: tensorType("i64", []) }, { name: "g" });
    for (const n of [-1, 4])
      expect(() => interpreted(simplified(graph as unknown as Graph), { n: [n] })).toThrow("would have more than 3");
  });

  it("are a fault also where nothing reads them, at any depth", () => {
    const graph = over((x) => ({
      inverse: x.unique({ atMost: 3 }).inverse,
      z: forLoop(
        2,
        (_, each: Tensor<"f32">) => {
          each.compress(each.less(0), 0, { atMost: 1 });
          return each.sub(2);
        },
        x,
      ),
    }));
    const right = { x: [5, 5, 4, 5, 1, 5] };
    const meant = { inverse: [2, 2, 1, 2, 0, 2], z: [1, 1, 0, 1, -3, 1] };
    for (const [given, fails] of [
      [right, false],
      [{ x: [5, 5, 4, 3, 1, 9] }, true],
      [{ x: [1, 1, 4, 4, 4, 4] }, true],
    ] as [Numbers, boolean][]) {
      for (const each of [graph, simplified(graph)]) {
        if (fails) expect(() => interpreted(each, given)).toThrow(expect.objectContaining({ code: "program/fault" }));
        else expect(interpreted(each, given)).toEqual(meant);
      }
      const step = () => new LoopInterpreter(graph, "aarch64").step(Object.values(arraysFor(graph, given)));
      if (fails) expect(step).toThrow(expect.objectContaining({ code: "program/fault" }));
      else expect(step).not.toThrow();
    }
  });

  it("are a fault, as turns are beyond the bound of a loop, whether or not something reads the results", () => {
    const graph = trace(
      ({ x, n }) => {
        whileLoop(
          (each: Tensor<"f32">) => each.less(10),
          (each: Tensor<"f32">) => each.add(1),
          x,
          { atMost: 5 },
        );
        forLoop(n, (_, each: Tensor<"f32">) => each.add(1), x, { atMost: 2 });
        forLoop(3, (_, each: Tensor<"f32">) => each.mul(2), x);
        return { y: x.neg() };
      },
      { x: tensorType("f32", []), n: tensorType("i64", []) },
      { name: "g" },
    ) as unknown as Graph;
    expect(run(graph, { x: [5], n: [2] })).toEqual({ y: [-5] });
    expect(simplified(graph).nodes.map(({ operator }) => operator.name)).toEqual(["whileLoop", "forLoop", "neg"]);
    for (const given of [
      { x: [4], n: [2] },
      { x: [5], n: [3] },
    ]) {
      for (const each of [graph, simplified(graph)])
        expect(() => interpreted(each, given)).toThrow(expect.objectContaining({ code: "program/fault" }));
      const loops = new LoopInterpreter(graph, "aarch64");
      expect(() => loops.step(Object.values(arraysFor(graph, given)))).toThrow(
        expect.objectContaining({ code: "program/fault" }),
      );
    }
  });

  it("are a fault where they are known and a region is run, and none where it is not", async () => {
    const excess = (x: Tensor<"f32">) => x.add(ones("f32", [3]).truncate(constant(4, "i64")).sum());
    const graph = trace(
      ({ x, n }) => ({
        y: cond(x.sum().greater(0), (a: Tensor<"f32">) => a.neg(), excess, x),
        z: forLoop(n, (_, each: Tensor<"f32">) => excess(each), x, { atMost: 2 }),
      }),
      { x: tensorType("f32", [2]), n: tensorType("i64", []) },
      { name: "g" },
    ) as unknown as Graph;
    const program = load(await compile(graph, { cacheDir, targets: ["x86-64-v3"] }), { target: "x86-64-v3" });
    expect(run(graph, { x: [1, 2], n: [0] })).toEqual({ y: [-1, -2], z: [1, 2] });
    expect(program.run(arraysFor(graph, { x: [1, 2], n: [0] }))).toEqual({
      y: Float32Array.of(-1, -2),
      z: Float32Array.of(1, 2),
    });
    for (const given of [
      { x: [-1, -2], n: [0] },
      { x: [1, 2], n: [1] },
    ]) {
      for (const each of [graph, simplified(graph)])
        expect(() => interpreted(each, given)).toThrow(expect.objectContaining({ code: "program/fault" }));
      expect(() => program.run(arraysFor(graph, given))).toThrow(expect.objectContaining({ code: "program/fault" }));
    }
  });

  it("are refused where that is known beforehand, at the user's line", () => {
    const graph = over((x) => ({ y: x.truncate(constant(7, "i64")) }));
    expect(() => simplified(graph)).toThrow(
      expect.objectContaining({
        code: "compile/bound",
        message: expect.stringContaining("it has 7 in every step"),
        place: expect.stringMatching(/bounded\.test\.ts:\d+:\d+$/),
      }),
    );
  });
});

describe("a dimension of which only the maximum is known", () => {
  const isLarge = (x: Tensor<"f32">): Tensor<"bool"> => x.sum().greater(0);
  const chosen = (x: Tensor<"f32">): Tensor<"f32"> => x.compress(x.greater(1)).values;

  it.each([
    ["a part of it", (x) => ({ y: chosen(x).slice([0, 2]) }), "operator/size", /^slice of f32\[compress≤6\]/],
    [
      "its order turned",
      (x) => ({ y: chosen(x).flip() }),
      "operator/bounded",
      /^flip of .* takes a dimension of which/,
    ],
    ["another shape", (x) => ({ y: chosen(x).reshape([2, 3]) }), "operator/shape", /^reshape of f32\[compress≤6\]/],
    [
      "as what is counted in bytes",
      (x) => ({
        y: iota("u8", [
          x.tile([300]).compress(constant(new Array(1800).fill(true) as never, "bool")).values.type.shape[0]!,
        ]),
      }),
      "operator/number",
      /^iota of u8\[compress≤1800\]/,
    ],
    ["more than it may have", (x) => ({ y: chosen(x).topK(7).values }), "operator/shape", /^topK of .* no 7 elements/],
    [
      "as a choice between it and a size",
      (x) => ({
        y: cond(
          isLarge(x),
          (a) => chosen(a),
          (a) => a,
          x,
        ),
      }),
      "control/results",
      /^then of cond gives \(f32\[n≤6\]\), otherwise \(f32\[6\]\)/,
    ],
    [
      "carried as two dimensions that were one",
      (x) => {
        const y = chosen(x);
        return whileLoop(
          (each: Tensors) => isLarge(each.a as never),
          ({ a }: Tensors) => ({ a: a! as Tensor<"f32">, b: chosen(a!.neg() as Tensor<"f32">) }),
          { a: y, b: y.neg() },
          { atMost: 2 },
        );
      },
      "control/carried",
      /gives b f32\[n1≤6\] where it was given f32\[n≤6\]/,
    ],
    [
      "of each element of a scan",
      (x) => ({ y: scan((sum: Tensor<"f32">, each: Tensor<"f32">) => [sum, chosen(x.add(each))], x.sum(), x)[1] }),
      "operator/bounded",
      /^scan would keep f32\[compress≤6\] of each element/,
    ],
    [
      "beside another",
      (x) => ({ y: chosen(x).add(chosen(x)) }),
      "operator/shape",
      /\[compress≤6\] and f32\[compress1≤6\]/,
    ],
  ] as [string, (x: Tensor<"f32">) => Tensors, string, RegExp][])(
    "is refused where its size is needed, at the user's line: %s",
    (_, body, code, message) => {
      expect(() => over(body)).toThrow(
        expect.objectContaining({
          code,
          message: expect.stringMatching(message),
          place: expect.stringMatching(/bounded\.test\.ts:\d+:\d+$/),
          help: expect.any(String),
        }),
      );
    },
  );

  it("is refused where even its maximum is not known yet, by the operator's name", () => {
    const named = (body: (x: Tensor<"f32">) => Tensors) => () =>
      trace(({ x }) => body(x), { x: tensorType("f32", [sym("n")]) }, { name: "g" });
    const boxes = (x: Tensor<"f32">) => x.unsqueeze(1).mul(ones("f32", [4]));
    for (const [name, body] of [
      ["nonzero", (x) => ({ y: x.nonzero().indices })],
      ["compress", (x) => ({ y: x.compress(x.less(1)).values })],
      ["unique", (x) => ({ y: x.unique().values })],
      ["truncate", (x) => ({ y: x.truncate(constant(1, "i64")) })],
      ["nonMaxSuppression", (x) => ({ y: nonMaxSuppression(boxes(x), x, { iouThreshold: 0.5 }).indices })],
    ] as [string, (x: Tensor<"f32">) => Tensors][])
      expect(named(body), name).toThrow(
        expect.objectContaining({
          code: "operator/size",
          message: expect.stringMatching(new RegExp(`^${name} of f32.*"n" is not known yet$`)),
          place: expect.stringMatching(/bounded\.test\.ts:\d+:\d+$/),
        }),
      );
  });

  it("is the size 0 where there is nothing to choose from", () => {
    const none = (body: (x: Tensor<"f32">) => Tensors): Graph =>
      trace(({ x }) => body(x), { x: tensorType("f32", [0]) }, { name: "g" }) as unknown as Graph;
    const graph = none((x) => {
      const { values, count } = x.compress(x.greater(1));
      return { values, count, sum: values.sum(), at: x.nonzero().indices, u: x.unique().occurrences };
    });
    expect(graph.toString()).toContain("values: f32[0]");
    expect(run(graph, { x: [] })).toEqual({ values: [], count: [0], sum: [0], at: [], u: [] });
    for (const body of [
      (x) => ({ y: x.compress(x.greater(1)).values.max() }),
      (x) => ({ y: x.unique().values.argmax(0) }),
      (x) => ({ y: x.compress(x.greater(1)).values.indexSelect(0, constant([0], "i64")) }),
    ] as ((x: Tensor<"f32">) => Tensors)[])
      expect(() => none(body)).toThrow(
        expect.objectContaining({
          code: expect.stringMatching(/^operator\/(empty|shape)$/),
          place: expect.stringMatching(/bounded\.test\.ts:\d+:\d+$/),
        }),
      );
    const cut = trace(
      ({ x, n }) => ({ y: x.truncate(n).sum() }),
      { x: tensorType("f32", [0]), n: tensorType("i64", []) },
      { name: "g" },
    ) as unknown as Graph;
    expect(run(cut, { x: [], n: [0] })).toEqual({ y: [0] });
    for (const each of [cut, simplified(cut)])
      expect(() => interpreted(each, { x: [], n: [1] })).toThrow(expect.objectContaining({ code: "program/fault" }));
  });

  it("stands beside others that are bound when the graph is compiled", () => {
    const graph = trace(
      ({ x, wanted }) => ({ y: x.compress(wanted).values.unsqueeze(1).sum([1, 2]) }),
      { x: tensorType("f32", [3, sym("n")]), wanted: tensorType("bool", [3]) },
      { name: "g" },
    ) as unknown as Graph;
    expect(graph.toString()).toContain("f32[compress≤3,n]");
    const bound = bindSymbols(graph, { n: 2 });
    expect(run(bound, { x: [1, 2, 3, 4, 5, 6], wanted: [1, 0, 1] })).toEqual({ y: [3, 11, 0], yCount: [2] });
  });
});

describe("maskedSelect", () => {
  it("refuses a mask of another shape, even of as many elements", () => {
    expect(() =>
      trace(
        ({ x }) => ({ y: x.maskedSelect(x.reshape([3, 2]).greater(2)).values }),
        { x: tensorType("f32", [2, 3]) },
        { name: "wrong" },
      ),
    ).toThrow("maskedSelect of f32[2,3] by bool[3,2]");
  });
});
