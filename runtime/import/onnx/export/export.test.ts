// Graphs that are exported as ONNX, imported again: the same text, or the same bits.
import { describe, expect, it } from "vitest";
import { cond, forLoop, scan, whileLoop } from "../../../capture/control-flow.ts";
import { conv2d } from "../../../capture/convolutions.ts";
import { dequantize, quantize } from "../../../capture/quantization.ts";
import { constant, type Tensor } from "../../../capture/tensor.ts";
import { state, trace } from "../../../capture/trace.ts";
import type { Graph } from "../../../graph/graph.ts";
import { numberIn, sym, type TypedArray, tensorType } from "../../../graph/tensor-type.ts";
import { Interpreter } from "../../../interpreters/interpreter.ts";
import { operators } from "../../../operators/index.ts";
import { declutter } from "../../../passes/index.ts";
import { graphsOf, notExported } from "../../../testing/exported.ts";
import { type GraphOptions, OnnxModel } from "../model.ts";
import { exportOnnx } from "./index.ts";

const noFiles = () => {
  throw new Error("an exported model has no files beside it");
};

const modelOf = (graph: Graph, opset?: number): OnnxModel =>
  new OnnxModel(exportOnnx(graph, opset === undefined ? {} : { opset }), "exported.onnx", noFiles);

const imported = (graph: Graph, options: GraphOptions & { readonly opset?: number } = {}): Graph => {
  const { opset, ...rest } = options;
  return modelOf(graph, opset).graph(rest);
};

/** The text of a graph in which names, which users need not give, are numbers. */
function plainText(graph: Graph): string {
  const names = new Map<string, string>();
  return declutter(graph)
    .toString()
    .replace(/[%@$][\w.]+/g, (name) => {
      if (!names.has(name)) names.set(name, `${name[0]}${names.size}`);
      return names.get(name)!;
    })
    .replace(/ +/g, " ");
}

type Arrays = { readonly [name: string]: TypedArray };

/** Whether the outputs of a graph are alike number by number; every NaN is the same. */
function areAlike({ outputs }: Graph, a: Arrays, b: Arrays, alike: (x: number, y: number) => boolean): boolean {
  return outputs.every(({ name, value: { type } }) => {
    const [x, y] = [a, b].map((arrays) =>
      Array.from(arrays[name] as Iterable<number | bigint>, (each) => Number(numberIn(type.dtype, each))),
    ) as [number[], number[]];
    return x.every((each, at) => alike(each, y[at]!));
  });
}

/** Operators that come back as others, rounded on the way. */
const rounded = new Set<string>([
  "atan2",
  "expm1",
  "log1p",
  "log2",
  "rsqrt",
  "floorDivide",
  "softplus",
  "gridSample",
  "attention",
  "elu",
]);

/** Operators that come back as what they were, whatever their attributes and types. */
const sameText = new Set<string>([
  "add",
  "sub",
  "mul",
  "div",
  "maximum",
  "minimum",
  "abs",
  "equal",
  "less",
  "lessEqual",
  "greater",
  "greaterEqual",
  "logicalAnd",
  "logicalOr",
  "logicalNot",
  "sqrt",
  "floor",
  "ceil",
  "round",
  "exp",
  "log",
  "tanh",
  "sigmoid",
  "sin",
  "cos",
  "atan",
  "pow",
  "cast",
  "erf",
  "tan",
  "asin",
  "acos",
  "sinh",
  "cosh",
  "sign",
  "silu",
  "gelu",
  "reshape",
  "permute",
  "iota",
  "oneHot",
  "conv1d",
  "conv2d",
  "conv3d",
  "matmulInteger",
  "convInteger",
  "softmax",
  "argmax",
  "argmin",
  "det",
  "topK",
  "argtopk",
  "maxPool",
  "avgPool",
  "lpPool",
  "adaptiveMaxPool",
  "adaptiveAvgPool",
  "deformConv2d",
  "resize",
  "logSoftmax",
  "layerNorm",
  "rmsNorm",
  "size",
  "linear",
]);

const casesPerOperator = 4;

describe("a graph of one operator that is exported as ONNX and imported means the same", () => {
  it.each(Object.keys(operators) as (keyof typeof operators)[])("%s", (name) => {
    let texts = 0;
    for (const { graph, inputs, text } of graphsOf(name, casesPerOperator)) {
      const opset = /: (i2|u2|i4|u4|f4|f8)/.test(text) ? 25 : 22;
      if (notExported.has(name)) {
        expect(() => exportOnnx(graph, { opset }), text).toThrow(
          expect.objectContaining({ code: "export/unsupported" }),
        );
        continue;
      }
      const back = imported(graph, { opset });
      expect(back.outputs.map(({ value }) => value.type)).toEqual(graph.outputs.map(({ value }) => value.type));
      if (plainText(back) === plainText(graph)) {
        texts++;
        continue;
      }
      const [meant, found] = [graph, back].map((each) => new Interpreter(declutter(each)).run(inputs)) as [
        Arrays,
        Arrays,
      ];
      const isNear = (x: number, y: number): boolean =>
        Object.is(x, y) || (rounded.has(name) && Math.abs(x - y) <= 1e-6 + 1e-2 * Math.abs(x));
      expect(areAlike(graph, meant, found, isNear), text).toBe(true);
    }
    if (sameText.has(name)) expect(texts).toBe(casesPerOperator);
  });
});

describe("exportOnnx", () => {
  const f32 = (...shape: number[]) => tensorType("f32", shape);
  const named = { name: "made" };
  const numbers = (count: number, seed = 1): Float32Array =>
    Float32Array.from({ length: count }, (_, at) => Math.sin(at * 12.9898 + seed * 78.233));

  it("writes a network of which the same text comes back, names included", () => {
    const graph = trace(
      ({ x }) => {
        const layer = (h: Tensor<"f32">, i: number, o: number) =>
          h.linear(constant(numbers(i * o), "f32", [o, i]), constant(numbers(o), "f32", [o]));
        return { y: layer(layer(x, 8, 16).relu(), 16, 4).softmax(1) };
      },
      { x: f32(2, 8) },
      { name: "policy" },
    );
    const back = imported(graph);
    expect(plainText(back)).toBe(plainText(graph));
    expect(back.toString()).toMatch(/^graph policy\(x: f32\[2,8\]\) -> \(y: f32\[2,4\]\)/);
  });

  it("gives zeros around an image to its convolution", () => {
    const graph = trace(
      ({ x }) => ({ y: conv2d(x.pad([0, 0, 1, 2], [0, 0, 0, 1]), constant(numbers(18), "f32", [1, 2, 3, 3])) }),
      { x: f32(1, 2, 6, 6) },
      named,
    );
    const model = modelOf(graph);
    expect([...model.operators.keys()]).toEqual(["Conv"]);
    expect(plainText(model.graph())).toBe(plainText(graph));
  });

  it("gives a quantised graph back, which is computed in the same integers", () => {
    const weight = () =>
      constant(
        Int8Array.from(numbers(36, 3), (each) => each * 100),
        "i8",
        [2, 2, 3, 3],
      );
    const graph = trace(
      ({ x }) => {
        const bytes = dequantize(quantize(x, 0.0078125, 128, "u8"), 0.0078125, 128);
        const w = dequantize(weight(), [0.5, 0.25], 0, { axis: 0 });
        const y = quantize(conv2d(bytes, w, { padding: 1 }).relu(), 0.0625, 0, "u8");
        return { y: dequantize(y, 0.0625, 0) };
      },
      { x: f32(1, 2, 4, 4) },
      named,
    );
    const text = plainText(graph);
    expect(text).toMatch(/convInteger\([\s\S]*requantize\(/);
    expect(plainText(imported(graph))).toBe(text);
  });

  it("keeps the names of dimensions whose sizes are open", () => {
    const n = sym("n");
    const graph = trace(
      ({ x }) => ({ y: x.linear(constant(numbers(12), "f32", [3, 4]), constant(numbers(3), "f32", [3])).softmax(1) }),
      { x: tensorType("f32", [n, 4]) },
      named,
    );
    const model = modelOf(graph);
    expect(model.inputs[0]).toMatchObject({ name: "x", shape: ["n", 4] });
    expect(model.graph({ symbols: { n: 5 } }).outputs[0]!.value.type.shape).toEqual([5, 3]);
  });

  it("keeps equal constants once", () => {
    const weight = () => constant(numbers(400), "f32", [20, 20]);
    const graph = trace(({ x }) => ({ y: x.matmul(weight()).matmul(weight()) }), { x: f32(1, 20) }, named);
    expect(exportOnnx(graph).length).toBeLessThan(2400);
  });

  it("makes an input and an output of a state, which come back as that", () => {
    const graph = trace(
      ({ x }) => {
        const total = state("total", f32(3), 0);
        const next = total.get().add(x);
        total.set(next);
        return { y: next.mul(2) };
      },
      { x: f32(3) },
      named,
    );
    const model = modelOf(graph);
    expect(model.inputs.map(({ name }) => name)).toEqual(["x", "total"]);
    expect(model.outputs.map(({ name }) => name)).toEqual(["y", "total_next"]);
    expect(plainText(model.graph({ states: { total: "total_next" } }))).toBe(plainText(graph));
  });

  it("gives what is passed on, and what is given twice, names of their own", () => {
    const graph = trace(
      ({ x }) => {
        const y = x.neg();
        return { same: x, y, again: y };
      },
      { x: f32(2) },
      named,
    );
    const [meant, found] = [graph, imported(graph)].map((each) =>
      new Interpreter(each).run({ x: Float32Array.of(1, -2) }),
    );
    expect(found).toEqual(meant);
  });

  it("writes choices, loops and scans as subgraphs", () => {
    type Float = Tensor<"f32">;
    const graph = trace(
      ({ x, n }) => {
        const two = constant(numbers(100, 2), "f32", [100]).slice([0, 2]);
        const scaled = (each: Float, by: Float) => each.mul(by);
        const chosen = cond(x.sum().greater(0), scaled, (each: Float) => each.neg(), x, two);
        const looped = forLoop(n, (i, each: Float) => each.add(i.cast("f32")), chosen, { atMost: 5 });
        const halved = whileLoop(
          (each: Float) => each.abs().max().greater(0.5),
          (each: Float) => each.mul(0.5),
          looped,
          { atMost: 60 },
        );
        const [last, kept] = scan(
          (sum: Float, each: Float) => [sum.add(each), sum.mul(each)] as const,
          x.sum(),
          halved,
        );
        return { halved, last, kept };
      },
      { x: f32(2), n: tensorType("i64", []) },
      named,
    );
    const model = modelOf(graph);
    expect([...model.operators.keys()]).toEqual(expect.arrayContaining(["If", "Loop", "Scan"]));
    const back = model.graph();
    for (const x of [Float32Array.of(3, 4), Float32Array.of(-3, 1)]) {
      const inputs = { x, n: BigInt64Array.of(3n) };
      expect(new Interpreter(back).run(inputs)).toEqual(new Interpreter(graph).run(inputs));
    }
  });

  it("names the operator that ONNX does not have, and the line that it is from", () => {
    const graph = trace(({ x }) => ({ y: x.bitCast("i32") }), { x: f32(2) }, named);
    const refusedFor = (opset: number) => {
      try {
        return exportOnnx(graph, { opset });
      } catch (error) {
        return error;
      }
    };
    expect(refusedFor(22)).toMatchObject({
      code: "export/unsupported",
      message: "bitCast: operator set 22 has no BitCast",
      place: expect.stringMatching(/export\.test\.ts:\d+:\d+$/),
    });
    expect(plainText(imported(graph, { opset: 26 }))).toBe(plainText(graph));
  });

  it("refuses types that an operator set does not have", () => {
    const graph = trace(({ x }) => ({ y: x.cast("f8e4m3fn") }), { x: f32(2) }, named);
    expect(() => exportOnnx(graph, { opset: 18 })).toThrow("operator set 18 has no f8e4m3fn");
    expect(plainText(imported(graph, { opset: 19 }))).toBe(plainText(graph));
  });
});
