// Graphs that are called under trace: they mean what the same operators written there mean, and refuse what they do not take.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, expectTypeOf, it } from "vitest";
import { shown } from "../../kernels/index.ts";
import { compile } from "../compiler/compile.ts";
import { Graph } from "../graph/graph.ts";
import { sym, tensorType } from "../graph/tensor-type.ts";
import { Interpreter } from "../interpreters/interpreter.ts";
import { load } from "../program/program.ts";
import { ran } from "../testing/ran.ts";
import { cond, forLoop, scan } from "./control-flow.ts";
import { constant, type Tensor, zeros } from "./tensor.ts";
import { state, trace } from "./trace.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");
const f32 = (...values: number[]): Float32Array => Float32Array.from(values);
const vector = tensorType("f32", [3]);
const one = { name: "test" };

const weight = Float32Array.from({ length: 9 }, (_, at) => (at % 4) - 1.5);
const layer = (x: Tensor<"f32">) =>
  x
    .reshape([1, 3])
    .matmul(constant(weight, "f32", [3, 3], "w"))
    .maximum(-0.25);
const net = trace(({ x }) => ({ y: layer(x) }), { x: vector }, { name: "net" });

/** A state that adds up what it is given. */
const sum = trace(
  ({ by }) => {
    const total = state("total", tensorType("f32", []), 10);
    total.set(total.get().add(by));
    return { before: total.get().sub(by) };
  },
  { by: tensorType("f32", []) },
  { name: "sum" },
);

describe("a graph that is called under trace", () => {
  it("is compiled to what the same operators written there are compiled to", async () => {
    const types = { x: vector };
    const called = trace(({ x }) => ({ z: net({ x: x.div(256) }).y.add(1) }), types, one);
    const written = trace(({ x }) => ({ z: layer(x.div(256)).add(1) }), types, one);
    // Constants are named in the order in which they are met.
    const nodesOf = (graph: Graph) => String(graph).split("\n").slice(2);
    expect(nodesOf(called)).toEqual(nodesOf(written));
    const [artifact, other] = await Promise.all([called, written].map((graph) => compile(graph, { cacheDir })));
    expect(artifact!.manifest).toEqual(other!.manifest);
  });

  it("is a graph still, whose inputs and outputs have their types", () => {
    expect(net).toBeInstanceOf(Graph);
    expect([net.name, Object.keys(net)]).toEqual(["net", Object.keys(new Graph(net))]);
    net.verify();
    expect(shown(net)).toBe("a Graph");
    type Called = ReturnType<typeof net>;
    expectTypeOf<Called["y"]>().toEqualTypeOf<Tensor<"f32">>();
    expectTypeOf(net).parameter(0).toEqualTypeOf<{ readonly x: Tensor<"f32"> }>();
  });

  it("is traced like any other function of tensors", () => {
    expect(String(trace(net, { x: vector }, { name: "net" }))).toBe(String(net));
  });

  it("shares its constants among its calls", () => {
    const twice = trace(({ x }) => ({ z: net({ x: net({ x }).y.reshape([3]) }).y }), { x: vector }, one);
    expect(twice.constants.map(({ name }) => name)).toEqual(["w", "c"]);
    expect(twice.constants[0]!.data).toBe(net.constants[0]!.data);
    expect(twice.nodes).toHaveLength(2 * net.nodes.length + 1);
    twice.verify();
  });

  it("gets the sizes of its named dimensions from its operands, numbers or names", () => {
    const open = trace(
      ({ a, b }) => ({
        y: a
          .matmul(b)
          .reshape([sym("n"), -1])
          .sum([0]),
      }),
      { a: tensorType("f32", [sym("n"), 2]), b: tensorType("f32", [2, sym("m")]) },
      { name: "open" },
    );
    const types = { a: tensorType("f32", [4, 2]), b: tensorType("f32", [2, sym("k")]) };
    const graph = trace(({ a, b }) => open({ a, b }), types, one);
    expect(String(graph)).toBe(
      [
        "graph test(a: f32[4,2], b: f32[2,k]) -> (y: f32[k])",
        "  %0 = matmul(%a, %b)                    : f32[4,k]",
        "  %1 = reshape(%0, shape=[4,k])          : f32[4,k]",
        "  %2 = sum(%1, axes=[0], keepDims=false) : f32[k]",
        "  return y=%2",
      ].join("\n"),
    );
  });

  it("has bounded dimensions of its own in each call, counted where they are outputs", async () => {
    const positive = trace(
      ({ x }) => ({ found: x.compress(x.greater(0), 0).values }),
      { x: vector },
      { name: "positive" },
    );
    const graph = trace(
      ({ x }) => {
        const own = x.compress(x.less(0), 0).values;
        const { found } = positive({ x });
        return { own, found, again: positive({ x: x.neg() }).found };
      },
      { x: vector },
      one,
    );
    expect(
      graph.outputs.map(
        ({ name, value }) => `${name} ${value.type.shape.map((each) => (typeof each === "number" ? each : each.name))}`,
      ),
    ).toEqual(["own compress", "found compress1", "again compress2", "ownCount ", "foundCount ", "againCount "]);
    const inputs = { x: f32(-1, 5, 6) };
    await ran(graph, inputs);
    const { own, found, again, ...counts } = new Interpreter(graph).run(inputs);
    expect([own, found, again]).toEqual([f32(-1, 0, 0), f32(5, 6, 0), f32(1, 0, 0)]);
    expect(Object.values(counts).map((each) => Number((each as ArrayLike<bigint>)[0]))).toEqual([1, 2, 1]);
  });
});

describe("the states of a graph that is called", () => {
  const steps = (graph: Graph, count = 2) => {
    const interpreter = new Interpreter(graph);
    return Array.from({ length: count }, () => Object.values(interpreter.run({ x: f32(1) })).map(([value]) => value));
  };
  const scalar = { x: tensorType("f32", []) };

  it("are states of the trace, which a second call goes on with", async () => {
    const graph = trace(
      ({ x }) => ({ first: sum({ by: x }).before, second: sum({ by: x.mul(2) }).before }),
      scalar,
      one,
    );
    expect(graph.states.map(({ name, initial }) => [name, initial[0]])).toEqual([["total", 10]]);
    expect(steps(graph)).toEqual([
      [10, 11],
      [13, 14],
    ]);
    const program = load(await compile(graph, { cacheDir, targets: ["x86-64-v3"] }));
    const outputs = [program.run({ x: f32(1) }), program.run({ x: f32(1) })];
    expect(outputs.map(({ second }) => second[0])).toEqual([11, 14]);
  });

  it("are others under each name that it is called by", () => {
    const graph = trace(
      ({ x }) => ({
        left: sum({ by: x }, { name: "left" }).before,
        right: sum({ by: x.mul(2) }, { name: "right" }).before,
        again: sum({ by: x }, { name: "left" }).before,
      }),
      scalar,
      one,
    );
    expect(graph.states.map(({ name }) => name)).toEqual(["left.total", "right.total"]);
    expect(steps(graph)).toEqual([
      [10, 10, 11],
      [12, 12, 13],
    ]);
  });

  it("get the graph's name where the trace has states of theirs", () => {
    const other = trace(({ by }) => ({ before: sum({ by }).before }), { by: tensorType("f32", []) }, { name: "sum" });
    const apart = trace(
      ({ by }) => {
        const total = state("total", tensorType("f32", []), 0);
        total.set(total.get().add(by));
        return { total: total.get() };
      },
      { by: tensorType("f32", []) },
      { name: "sum" },
    );
    const graph = trace(
      ({ x }) => {
        const own = state("total", tensorType("f32", []));
        own.set(x);
        return { a: sum({ by: x }).before, b: other({ by: x }).before, c: apart({ by: x }).total };
      },
      scalar,
      one,
    );
    // What is called through another graph is the same graph still, with the same state.
    expect(graph.states.map(({ name }) => name)).toEqual(["total", "sum.total", "sum2.total"]);
    expect(steps(graph, 1)).toEqual([[10, 11, 1]]);
  });

  it("may be used in control flow only, and are kept between steps", () => {
    const graph = trace(
      ({ x }) => ({ z: forLoop(3, (_, { at }) => ({ at: sum({ by: at }).before.mul(0).add(at) }), { at: x }).at }),
      scalar,
      one,
    );
    expect(graph.states.map(({ name }) => name)).toEqual(["total"]);
    const after = trace(({ x }) => ({ z: forLoop(3, (_, z) => sum({ by: z.mul(0).add(1) }).before, x) }), scalar, one);
    expect(steps(after)).toEqual([[12], [15]]);
  });

  it("are refused two of one name, where calls name them so", () => {
    const other = trace(() => ({ y: state("total", vector).get() }), {}, { name: "other" });
    const body = () =>
      trace(({ x }) => ({ a: sum({ by: x }, { name: "n" }).before, b: other({}, { name: "n" }).y }), scalar, one);
    expect(body).toThrow(
      expect.objectContaining({ code: "trace/state", message: 'there are two states named "n.total"' }),
    );
  });
});

describe("a graph that is called in control flow", () => {
  it("brings its constants along, and its own regions", async () => {
    const clipped = trace(
      ({ x }) => ({
        y: cond(
          x.sum().greater(0),
          (x) => layer(x),
          (x) => layer(x).neg(),
          x,
        ),
      }),
      { x: vector },
      { name: "clipped" },
    );
    const graph = trace(
      ({ x, xs }) => {
        const chosen = cond(
          x.sum().less(0),
          (x) => clipped({ x }).y,
          (x) => net({ x }).y,
          x,
        );
        const [last, all] = scan(
          (h, x) => [net({ x: h.add(x) }).y.reshape([3]), clipped({ x }).y],
          zeros("f32", [3]),
          xs,
        );
        return { chosen, last, all };
      },
      { x: vector, xs: tensorType("f32", [4, 3]) },
      one,
    );
    const inputs = { x: f32(-1, 0.5, 0.25), xs: Float32Array.from({ length: 12 }, (_, at) => at / 4 - 1) };
    await ran(graph, inputs);
    const { chosen, last, all } = new Interpreter(graph).run(inputs);
    const alone = (x: Float32Array) => [...new Interpreter(net).run({ x }).y];
    expect([...chosen]).toEqual(alone(inputs.x).map((y) => -y));
    const rows = [0, 1, 2, 3].map((at) => inputs.xs.slice(3 * at, 3 * at + 3));
    expect([...all]).toEqual(rows.flatMap((x) => alone(x).map((y) => (x[0]! + x[1]! + x[2]! > 0 ? y : -y))));
    const carried = rows.reduce((h, x) => f32(...alone(f32(...h.map((each, at) => each + x[at]!)))), f32(0, 0, 0));
    expect([...last]).toEqual([...carried]);
  });

  it("is refused a tensor of outside", () => {
    const body = () =>
      trace(({ x }) => ({ z: forLoop(2, (_, h) => h.add(net({ x }).y.reshape([3])), x) }), { x: vector }, one);
    expect(body).toThrow(
      expect.objectContaining({
        code: "control/capture",
        message: 'the body of forLoop reads "x" of outside, in reshape',
      }),
    );
  });
});

describe("the call of a graph", () => {
  /** What is said of a call, and in which file. */
  const refusal = (call: (tensors: { x: Tensor<"f32">; n: Tensor<"i32"> }) => unknown): unknown => {
    const body = () =>
      trace(
        (tensors) => {
          call(tensors);
          return tensors;
        },
        { x: vector, n: tensorType("i32", [3]) },
        one,
      );
    try {
      body();
    } catch (error) {
      const { code, message, help, place } = error as { code: string; message: string; help: string; place?: string };
      return [code, message, help, place?.replace(/.*\/|:.*/g, "")];
    }
    return undefined;
  };
  const here = "called-graph.test.ts";
  const takes = "it takes x: f32[3]";

  it.each([
    ["a name", ({ x }) => net({ y: x } as never), 'graph "net" has no input "y"', takes],
    ["nothing", () => net({} as never), 'graph "net" is not given its input "x"', takes],
    ["a tensor alone", ({ x }) => net(x as never), 'graph "net" got a tensor instead of its inputs by name', takes],
    [
      "an array",
      () => net({ x: f32(1) } as never),
      'input "x" of graph "net" is a Float32Array of 1 instead of a tensor',
      takes,
    ],
    [
      "a number",
      () => net({ x: 3 } as never),
      'input "x" of graph "net" is 3 instead of a tensor',
      'give a tensor: x: constant(3, "f32")',
    ],
    [
      "another dtype",
      ({ n }) => net({ x: n } as never),
      'input "x" of graph "net" is f32[3], and is given i32[3]',
      'convert it: x: x.cast("f32")',
    ],
    [
      "another shape",
      ({ x }) => net({ x: x.reshape([1, 3]) }),
      'input "x" of graph "net" is f32[3], and is given f32[1,3]',
      "give it that shape: x.reshape(shape), x.broadcastTo(shape), x.slice([start, end])",
    ],
  ] as [string, Parameters<typeof refusal>[0], string, string][])(
    "refuses %s in place of its inputs, at the user's line",
    (_, call, message, help) => {
      expect(refusal(call)).toEqual(["trace/call", message, help, here]);
    },
  );

  it("refuses two sizes of one named dimension", () => {
    const open = trace(
      ({ a, b }) => ({ y: a.add(b) }),
      { a: tensorType("f32", [sym("n")]), b: tensorType("f32", [sym("n")]) },
      { name: "open" },
    );
    expect(refusal(({ x }) => open({ a: x, b: x.slice([0, 2]) }))).toEqual([
      "trace/call",
      'input "b" of graph "open" is f32[n], here f32[3], and is given f32[2]',
      "give it that shape: x.reshape(shape), x.broadcastTo(shape), x.slice([start, end])",
      here,
    ]);
  });

  it("says where it is, if an operator inside refuses a size", () => {
    const sorted = trace(({ a }) => ({ y: a.flip() }), { a: tensorType("f32", [sym("n")]) }, { name: "sorted" });
    const body = () => trace(({ x }) => ({ y: sorted({ a: x.compress(x.greater(0)).values }).y }), { x: vector }, one);
    expect(body).toThrow(
      expect.objectContaining({
        code: "operator/bounded",
        details: [expect.stringMatching(/^in graph "sorted", which is called at .*called-graph\.test\.ts:/)],
      }),
    );
  });

  it("is refused outside of trace, with how a graph is run", () => {
    expect(() => net({} as never)).toThrow(
      expect.objectContaining({
        code: "trace/outside",
        message: 'graph "net" is called outside of trace, where there are no tensors',
        help: "run it on arrays: load(await compile(graph)).run(inputs), or new Interpreter(graph).run(inputs)",
      }),
    );
  });
});
