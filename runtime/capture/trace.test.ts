// What tracing captures, how graphs print, and what its errors say.
import { inspect } from "node:util";
import { describe, expect, expectTypeOf, it } from "vitest";
import { add, linear } from "../functional.ts";
import {
  compile,
  concat,
  constant,
  conv2d,
  Graph,
  Interpreter,
  operators,
  showTensorType,
  state,
  sym,
  Tensor,
  tensorType,
  trace,
} from "../index.ts";

/** The error that `body` throws, printed, with folders and columns left out. */
function errorOf(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    if (error instanceof Error && "render" in error && typeof error.render === "function") {
      return String(error.render()).replace(/--> \S*?(runtime\/[\w./]+):\d+:\d+/g, "--> $1");
    }
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("trace", () => {
  it("captures operators, constants and states as a graph that prints itself", () => {
    const graph = trace(
      ({ image }) => {
        const grey = image.cast("f32").mul(1 / 255);
        const edges = conv2d(grey.reshape([1, 1, 4, 5]), constant([1, 0, -1], "f32", [1, 1, 1, 3], "edge"));
        const average = state("average", tensorType("f32", []), 0.5);
        average.set(average.get().mul(0.75).add(edges.mean()));
        return { edges, level: average.get() };
      },
      { image: tensorType("u8", [4, 5]) },
      { name: "lane" },
    );
    expect(graph.toString()).toMatchInlineSnapshot(`
      "graph lane(image: u8[4,5]) -> (edges: f32[1,1,4,3], level: f32)
        const @edge : f32[1,1,1,3]
        state $average : f32
        %0 = cast(%image, dtype=f32)                                   : f32[4,5]
        %1 = mul(%0, 0.003921569)                                      : f32[4,5]
        %2 = reshape(%1, shape=[1,1,4,5])                              : f32[1,1,4,5]
        %3 = conv2d(%2, @edge, stride=[1,1], dilation=[1,1], groups=1) : f32[1,1,4,3]
        %4 = mul($average, 0.75)                                       : f32
        %5 = mean(%3, axes=[0,1,2,3], keepDims=false)                  : f32
        %6 = add(%4, %5)                                               : f32
        $average := %6
        return edges=%3, level=%6"
    `);
  });

  it("refuses two outputs of one name in a graph", () => {
    const graph = trace(({ x }) => ({ y: x.neg() }), { x: tensorType("f32", [2]) }, { name: "g" });
    const doubled = new Graph({
      ...graph,
      outputs: [...graph.outputs, { ...graph.outputs[0]!, value: graph.inputs[0]!.value }],
    });
    expect(() => doubled.verify()).toThrow(
      expect.objectContaining({ code: "graph/invalid", message: 'graph "g": there are two outputs named "y"' }),
    );
  });

  it("gives inputs and outputs their types", () => {
    const graph = trace(
      ({ x }) => ({ y: x.cast("i32"), z: x.greater(0) }),
      { x: tensorType("f32", [2]) },
      { name: "typed" },
    );
    type Signature = (typeof graph)["signature"];
    expectTypeOf<Signature["inputs"]["x"]["dtype"]>().toEqualTypeOf<"f32">();
    expectTypeOf<Signature["outputs"]["y"]["dtype"]>().toEqualTypeOf<"i32">();
    const result = new Interpreter(graph).run({ x: Float32Array.of(1.5, -2) });
    expectTypeOf(result.y).toEqualTypeOf<Int32Array>();
    expect([...result.y, ...result.z]).toEqual([1, -2, 1, 0]);
  });

  it("promotes numbers to the dtype of the tensor beside them", () => {
    const graph = trace(({ x }) => ({ y: add(x, 2) }), { x: tensorType("i16", [2]) }, { name: "promoted" });
    expect(new Interpreter(graph).run({ x: Int16Array.of(1, 32767) }).y).toEqual(Int16Array.of(3, -32767));
  });

  it("leaves a state that is never set as it is", () => {
    const graph = trace(() => ({ y: state("fixed", tensorType("f32", [1]), 3).get() }), {}, { name: "fixed" });
    const interpreter = new Interpreter(graph);
    interpreter.run({});
    expect(interpreter.run({}).y).toEqual(Float32Array.of(3));
  });
});

describe("errors of a trace", () => {
  const x = { x: tensorType("f32", [2, 3]) };

  it("name both shapes, the operator and the place in the user's file", () => {
    expect(
      errorOf(() => trace(({ x }) => ({ y: x.add(constant([1, 2], "f32")) }), x, { name: "g" })),
    ).toMatchInlineSnapshot(`
      "error[operator/shape]: add of f32[2,3] and f32[2]: the shapes do not broadcast
        --> runtime/capture/trace.test.ts
        help: [2,3] and [2] must agree from the right, or be 1"
    `);
  });

  it("name both dtypes", () => {
    expect(
      errorOf(() => trace(({ x }) => ({ y: new Tensor(x.value).add(x.cast("f64")) }), x, { name: "g" })),
    ).toMatchInlineSnapshot(`
      "error[operator/dtype]: add of f32[2,3] and f64[2,3]: the dtypes differ
        --> runtime/capture/trace.test.ts
        help: convert one side with .cast()"
    `);
  });

  it("say why a product, a convolution or an axis does not fit", () => {
    expect(errorOf(() => trace(({ x }) => ({ y: x.matmul(x) }), x, { name: "g" }))).toMatchInlineSnapshot(
      `
      "error[operator/shape]: matmul of f32[2,3] and f32[2,3]: the inner dimensions are 3 and 2
        --> runtime/capture/trace.test.ts"
    `,
    );
    expect(errorOf(() => trace(({ x }) => ({ y: conv2d(x, x) }), x, { name: "g" }))).toMatchInlineSnapshot(
      `
      "error[operator/shape]: conv2d of f32[2,3] with f32[2,3]: the input is [n,c,h,w] and the weight [o,c,kh,kw]
        --> runtime/capture/trace.test.ts"
    `,
    );
    expect(errorOf(() => trace(({ x }) => ({ y: x.sum([2]) }), x, { name: "g" }))).toMatchInlineSnapshot(`
      "error[operator/axes]: sum of f32[2,3]: there is no dimension 2
        --> runtime/capture/trace.test.ts
        help: name dimensions from 0 to 1, or from -1 to -2 from the end"
    `);
    expect(errorOf(() => trace(({ x }) => ({ y: x.softmax(-3) }), x, { name: "g" }))).toMatchInlineSnapshot(`
      "error[operator/axes]: softmax of f32[2,3]: there is no dimension -3
        --> runtime/capture/trace.test.ts
        help: name dimensions from 0 to 1, or from -1 to -2 from the end"
    `);
  });

  it("say that tensors exist only inside trace", () => {
    expect(errorOf(() => constant(1, "f32"))).toMatchInlineSnapshot(`
      "error[trace/outside]: tensors are symbolic, and exist only while a function is traced
        help: call this inside the function given to trace()"
    `);
  });

  it("refuse two states of one name", () => {
    expect(
      errorOf(() =>
        trace(
          () => {
            state("s", tensorType("f32", []));
            return { y: state("s", tensorType("f32", [])).get() };
          },
          {},
          { name: "g" },
        ),
      ),
    ).toMatchInlineSnapshot(`
      "error[trace/state]: there are two states named "s"
        help: give each state a name of its own"
    `);
  });
});

describe("a tensor under trace", () => {
  const traced = (body: (x: Tensor<"f32">) => unknown) => () =>
    trace(
      ({ x }) => {
        body(x);
        return { y: x };
      },
      { x: tensorType("f32", [3]) },
      { name: "g" },
    );

  it.each<[string, (x: never) => unknown]>([
    ["a > 0", (x) => x > 0],
    ["0 <= a", (x) => 0 <= x],
    // biome-ignore lint/suspicious/noDoubleEquals: what users write
    ["a == 0", (x) => x == (0 as never)],
    ["a + 1", (x) => x + 1],
    ["-a", (x) => -x],
    ["a text with a in it", (x) => `${x}`],
    ["Math.max(a, 0)", (x) => Math.max(x, 0)],
  ])("is refused as a value: %s", (_, body) => {
    expect(traced(body as (x: Tensor<"f32">) => unknown)).toThrow(
      expect.objectContaining({
        code: "trace/value",
        message: "a tensor has no value while it is traced",
        place: expect.stringMatching(/trace\.test\.ts:\d+:\d+$/),
      }),
    );
  });

  it("can still be printed, and written as JSON", () => {
    expect(traced((x) => [inspect(x), JSON.stringify(x)])).not.toThrow();
  });

  it("belongs to its trace, and is refused in another", () => {
    let kept: Tensor<"f32"> | undefined;
    traced((x) => {
      kept = x;
    })();
    const foreign = expect.objectContaining({
      code: "trace/foreign",
      message: expect.stringContaining("another trace"),
    });
    expect(() => trace(({ x }) => ({ y: x.add(kept!) }), { x: tensorType("f32", [3]) }, { name: "g" })).toThrow(
      foreign,
    );
    expect(() => trace(() => ({ y: kept! }), {}, { name: "g" })).toThrow(foreign);
  });

  it.each<[string, (x: Tensor<"f32">) => unknown, string, string]>([
    [
      "a state",
      (x) => x.add(state("s", tensorType("f32", [])) as never),
      "operator/operand",
      "add: a state is no operand",
    ],
    ["nothing", (x) => x.mul(undefined as never), "operator/operand", "mul: what is undefined is no operand"],
    ["a number for a tensor", (x) => add(1 as never, x), "operator/operand", "add: 1 is no operand"],
    ["one axis for a list of them", (x) => x.sum(0 as never), "operator/attributes", "sum: axes cannot be 0"],
    ["numbers for ranges", (x) => x.slice(0 as never), "operator/argument", "slice: range 0 cannot be 0"],
    ["no shape", (x) => x.reshape(3 as never), "operator/argument", "reshape: shape cannot be 3"],
    [
      "lists in a list",
      () => constant([[1, 2]] as never, "f32"),
      "tensor/value",
      "a constant cannot be a list of lists",
    ],
    ["another name of a dtype", () => tensorType("float32" as never, [3]), "tensor/dtype", '"float32" is no dtype'],
    ["a size for a shape", () => tensorType("f32", 3 as never), "tensor/shape", "a shape cannot be 3"],
  ])("is asked for nothing that it cannot be given: %s", (_, body, code, message) => {
    expect(traced(body)).toThrow(expect.objectContaining({ code, message }));
  });

  it("is returned by its name", () => {
    const returned = (value: unknown) => () => trace(() => value as never, {}, { name: "g" });
    for (const value of [undefined, 5, "y", Promise.resolve({}), {}])
      expect(returned(value)).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^trace\/(no-)?output$/) }),
      );
    expect(() => trace(({ x }) => x as never, { x: tensorType("f32", []) }, { name: "g" })).toThrow(
      '"g" returns a Tensor',
    );
    expect(() => trace(() => ({}) as never, { x: "f32" as never }, { name: "g" })).toThrow('input "x" cannot be "f32"');
  });
});

describe("dimensions", () => {
  const scaled = trace(
    ({ x }) => ({ y: x.mul(2).sum([1]) }),
    { x: tensorType("f32", [sym("n"), 3]) },
    { name: "scaled" },
  );

  it("may be named, and are printed by name", () => {
    expect(scaled.toString()).toContain("graph scaled(x: f32[n,3]) -> (y: f32[n])");
  });

  it("are one dimension wherever they have one name, however often that was made", () => {
    const x = tensorType("f32", [2, sym("k")]);
    const graph = trace(
      ({ x, y, w, b }) => ({ product: x.matmul(y), joined: concat([x, x.neg()], 0), layer: linear(x, w, b) }),
      {
        x,
        y: tensorType("f32", [sym("k"), 3]),
        w: tensorType("f32", [sym("o"), sym("k")]),
        b: tensorType("f32", [sym("o")]),
      },
      { name: "g" },
    );
    expect(graph.outputs.map(({ value }) => showTensorType(value.type))).toEqual(["f32[2,3]", "f32[4,k]", "f32[2,o]"]);
    expect(() =>
      trace(({ x, y }) => ({ z: x.matmul(y) }), { x, y: tensorType("f32", [sym("n"), 3]) }, { name: "g" }),
    ).toThrow("the inner dimensions are k and n");
  });

  it("must have a size when the graph is compiled", async () => {
    await expect(compile(scaled)).rejects.toMatchObject({
      code: "compile/unbound-dimension",
      message: 'dimension "n" of graph "scaled" has no size',
      help: "give it one: compile(graph, { dimensions: { n: … } })",
    });
    await expect(compile(scaled, { dimensions: { m: 3 } })).rejects.toMatchObject({ code: "compile/unknown-symbol" });
  });
});

describe("the verifier", () => {
  it("refuses a value that is used before its definition", () => {
    const value = { type: tensorType("f32", [1]) };
    const node = (input: typeof value) => ({
      operator: operators.neg,
      attributes: {},
      inputs: [input],
      outputs: [{ type: tensorType("f32", [1]) }] as const,
    });
    const late = node(value);
    const early = node(late.outputs[0]);
    const graph = new Graph({
      name: "g",
      inputs: [{ name: "x", value }],
      constants: [],
      states: [],
      nodes: [early, late],
      outputs: [{ name: "y", value: early.outputs[0] }],
    });
    expect(() => graph.verify()).toThrow('graph "g": neg uses a value before its definition');
  });

  it("refuses a result of another type than its operator gives", () => {
    const value = { type: tensorType("f32", [2]) };
    const output = { type: tensorType("f32", [3]) };
    const graph = new Graph({
      name: "g",
      inputs: [{ name: "x", value }],
      constants: [],
      states: [],
      nodes: [{ operator: operators.neg, attributes: {}, inputs: [value], outputs: [output] }],
      outputs: [{ name: "y", value: output }],
    });
    expect(() => graph.verify()).toThrow('graph "g": neg gives f32[2], not f32[3]');
  });
});
