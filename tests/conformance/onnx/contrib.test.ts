// onnxruntime's own operators, which its quantiser and its optimiser write, against onnxruntime.
import { InferenceSession, Tensor as PeerTensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { OnnxModel } from "../../../runtime/import/onnx/model.ts";
import { Interpreter, type TypedArray } from "../../../runtime/index.ts";
import { graph, modelBytes, node, stored } from "../../../runtime/testing/onnx-models.ts";

const noFiles = () => {
  throw new Error("the model has no files beside it");
};

/** The classes and names of what operands are made of. */
const kinds = {
  f32: { array: Float32Array, name: "float32" },
  u8: { array: Uint8Array, name: "uint8" },
  i8: { array: Int8Array, name: "int8" },
  i16: { array: Int16Array, name: "int16" },
  i32: { array: Int32Array, name: "int32" },
  i64: { array: BigInt64Array, name: "int64" },
  bool: { array: Uint8Array, name: "bool" },
} as const;
type Kind = keyof typeof kinds;

interface Operand {
  readonly dtype: Kind;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

const countOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Numbers of a dtype, drawn from their places: of integers between 0 and `most`, or over all that a byte has. */
function drawn(dtype: Kind, shape: readonly number[], seed: number, most?: number): Operand {
  const numbers = Array.from({ length: countOf(shape) }, (_, at) => Math.sin(at * 12.9898 + seed * 78.233));
  const integer = (each: number): number => {
    if (most !== undefined) return Math.floor(((each + 1) / 2) * most);
    return Math.floor(each * 127.5 + (dtype === "u8" ? 128 : 0));
  };
  const values = dtype === "f32" ? numbers : numbers.map(integer);
  const data = dtype === "i64" ? BigInt64Array.from(values, BigInt) : kinds[dtype].array.from(values);
  return { dtype, shape, data };
}

const given = (dtype: Kind, shape: readonly number[], ...values: readonly number[]): Operand => ({
  dtype,
  shape,
  data: dtype === "i64" ? BigInt64Array.from(values, BigInt) : kinds[dtype].array.from(values),
});
const f = (...shape: readonly number[]): Operand => drawn("f32", shape, countOf(shape));
const u8 = (...shape: readonly number[]): Operand => drawn("u8", shape, 1);
const i8 = (...shape: readonly number[]): Operand => drawn("i8", shape, 2);
const scale = (value: number): Operand => given("f32", [], value);
const zero = (value: number, dtype: Kind = "u8"): Operand => given(dtype, [], value);

/** A node of com.microsoft: its operands, what it gives, and its attributes. */
interface Case {
  readonly operator: string;
  readonly of?: string;
  readonly operands: readonly (Operand | undefined)[];
  readonly outputs?: readonly Kind[];
  readonly attributes?: NonNullable<Parameters<typeof node>[1]>;
  /** Operands that onnxruntime takes as constants only. */
  readonly constants?: readonly number[];
  /** The difference that is allowed, of numbers to their size, of integers in steps. */
  readonly within?: number;
}

async function expectAlike({ operator, operands, outputs = ["f32"], attributes, constants = [], within }: Case) {
  const named = operands.map((operand, at) => ({ name: operand ? `x${at}` : "", operand, at }));
  const results = outputs.map((_, at) => `y${at}`);
  const present = named.flatMap(({ name, operand, at }) => (operand ? [{ name, operand, at }] : []));
  const full = operator.includes("::") ? operator.replace(/^::/, "") : `com.microsoft::${operator}`;
  const bytes = modelBytes(
    graph({
      inputs: present
        .filter(({ at }) => !constants.includes(at))
        .map(({ name, operand }) => `${name}: ${operand.dtype}[${operand.shape}]`),
      outputs: results,
      nodes: [node(`${results.join(", ")} = ${full}(${named.map(({ name }) => name).join(", ")})`, attributes)],
      initializers: present
        .filter(({ at }) => constants.includes(at))
        .map(({ name, operand: { dtype, shape, data } }) => stored(name, dtype, shape, data)),
    }),
    { version: 17 },
  );
  const open = present.filter(({ at }) => !constants.includes(at));
  const session = await InferenceSession.create(bytes, { graphOptimizationLevel: "disabled" });
  const wanted = await session.run(
    Object.fromEntries(
      open.map(({ name, operand: { dtype, shape, data } }) => [
        name,
        new PeerTensor(kinds[dtype].name, data as never, [...shape]),
      ]),
    ),
  );
  const made = new OnnxModel(bytes, "made.onnx", noFiles).graph();
  const found = new Interpreter(made).run(Object.fromEntries(open.map(({ name, operand }) => [name, operand.data])));
  for (const [at, name] of results.entries()) {
    const peer = wanted[name]!;
    expect(made.outputs[at]!.value.type.shape, name).toEqual(peer.dims);
    expect(made.outputs[at]!.value.type.dtype, name).toBe(outputs[at]);
    const [ours, theirs] = [found[name] as TypedArray, peer.data as TypedArray].map((each) =>
      Array.from(each as Iterable<number | bigint>, Number),
    ) as [number[], number[]];
    const size = Math.max(...theirs.map(Math.abs), 1e-3);
    const allowed = outputs[at] === "f32" ? (within ?? 4e-6) * size : (within ?? 1);
    ours.forEach((each, i) => {
      expect(Math.abs(each - theirs[i]!), `${name}, element ${i}: ${each} and ${theirs[i]}`).toBeLessThanOrEqual(
        allowed,
      );
    });
    if (at === 0) expect(new Set(theirs).size, "it gives more than one number").toBeGreaterThan(1);
  }
}

const named = (cases: readonly Case[]) =>
  cases.map((each) => [`${each.operator}${each.of === undefined ? "" : ` ${each.of}`}`, each] as const);

const [x4, x3] = [
  [2, 3, 5, 6],
  [2, 4, 6],
] as const;

describe("operators of onnxruntime's quantiser", () => {
  const around = (dtype: "u8" | "i8") => {
    const [x, at] = dtype === "u8" ? [u8, 131] : [i8, 3];
    return { x, in: [scale(0.02), zero(at, dtype)], out: [scale(0.013), zero(at - 3, dtype)] };
  };
  const both = (["u8", "i8"] as const).flatMap((dtype): Case[] => {
    const { x, in: from, out } = around(dtype);
    const of = `of ${dtype}`;
    const outputs = [dtype];
    const one = (operator: string, attributes = {}): Case => ({
      operator,
      of: "channels_last" in attributes ? `${of}, channels last` : of,
      outputs,
      attributes,
      operands: [x(...x4), ...from, ...out],
    });
    const other = drawn(dtype, [3, 1, 6], 7);
    return [
      {
        operator: "QLinearAdd",
        of,
        outputs,
        operands: [x(...x4), ...from, other, scale(0.01), zero(9, dtype), ...out],
      },
      {
        operator: "QLinearMul",
        of,
        outputs,
        operands: [x(...x4), ...from, other, scale(0.01), zero(9, dtype), ...out],
      },
      {
        operator: "QLinearConcat",
        of,
        outputs,
        attributes: { axis: 1 },
        operands: [...out, x(...x4), ...from, drawn(dtype, [2, 1, 5, 6], 4), scale(0.01), zero(9, dtype)],
        constants: [0, 1, 3, 4, 6, 7],
      },
      one("QLinearAveragePool", { kernel_shape: [3, 2], strides: [2, 1], pads: [1, 0, 1, 1] }),
      one("QLinearAveragePool", { kernel_shape: [2, 2], channels_last: 1, count_include_pad: 1, pads: [1, 1, 0, 0] }),
      one("QLinearGlobalAveragePool"),
      one("QLinearGlobalAveragePool", { channels_last: 1 }),
      { ...one("QLinearLeakyRelu", { alpha: { float: 0.3 } }), constants: [1, 2, 3, 4] },
      { ...one("QLinearSigmoid"), constants: [1, 2, 3, 4] },
    ];
  });
  const [xScale, yScale] = [scale(0.02), scale(0.03)];
  const cases: readonly Case[] = [
    ...both,
    {
      operator: "QLinearSoftmax",
      operands: [u8(2, 3, 5), scale(0.1), zero(3), scale(1 / 256), zero(0)],
      attributes: { axis: 1, opset: 13 },
      outputs: ["u8"],
      constants: [1, 2, 3, 4],
    },
    {
      operator: "QLinearSoftmax",
      of: "of rows",
      operands: [u8(2, 3, 5), scale(0.1), zero(3), scale(1 / 256), zero(0)],
      attributes: { axis: 1, opset: 11 },
      outputs: ["u8"],
      constants: [1, 2, 3, 4],
    },
    {
      operator: "QLinearWhere",
      operands: [
        drawn("bool", [2, 1, 4], 3, 2),
        u8(2, 3, 4),
        xScale,
        zero(7),
        drawn("u8", [4], 9),
        yScale,
        zero(99),
        scale(0.025),
        zero(40),
      ],
      outputs: ["u8"],
      constants: [2, 3, 5, 6, 7, 8],
    },
    {
      operator: "QLinearConv",
      of: "with channels last",
      operands: [
        u8(1, 5, 6, 3),
        xScale,
        zero(120),
        drawn("i8", [4, 3, 3, 3], 2, 60),
        scale(0.01),
        zero(0, "i8"),
        scale(0.2),
        zero(100),
        drawn("i32", [4], 3, 900),
      ],
      attributes: { channels_last: 1, pads: [1, 1, 1, 1] },
      outputs: ["u8"],
      constants: [3, 4, 5],
    },
    {
      operator: "NhwcMaxPool",
      operands: [u8(1, 5, 6, 3)],
      attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
      outputs: ["u8"],
    },
    {
      operator: "QGemm",
      operands: [
        u8(3, 7),
        xScale,
        zero(120),
        i8(7, 5),
        given("f32", [5], 0.01, 0.02, 0.03, 0.01, 0.02),
        given("i8", [5], 0, 0, 0, 0, 0),
        drawn("i32", [5], 3, 900),
        scale(0.1),
        zero(90),
      ],
      outputs: ["u8"],
      constants: [3, 4, 5],
    },
    {
      operator: "QGemm",
      of: "in floats",
      operands: [u8(7, 3), xScale, zero(120), u8(5, 7), scale(0.01), zero(130), undefined],
      attributes: { transA: 1, transB: 1, alpha: { float: 0.5 } },
      constants: [3, 4, 5],
    },
    {
      operator: "DynamicQuantizeMatMul",
      operands: [f(2, 3, 7), i8(7, 5), scale(0.01), zero(0, "i8"), f(5)],
      within: 1e-5,
    },
    {
      operator: "DynamicQuantizeMatMul",
      of: "by columns",
      operands: [
        f(3, 7),
        u8(7, 5),
        given("f32", [5], 0.01, 0.02, 0.03, 0.01, 0.02),
        given("u8", [5], 128, 120, 130, 1, 128),
      ],
      constants: [1],
      within: 1e-5,
    },
    {
      operator: "MatMulIntegerToFloat",
      operands: [u8(3, 7), i8(7, 5), scale(0.1), scale(0.01), zero(99), zero(4, "i8"), f(5)],
    },
    {
      operator: "MatMulNBits",
      operands: [f(3, 48), drawn("u8", [5, 2, 16], 3), f(10), drawn("u8", [5], 4)],
      attributes: { K: 48, N: 5, block_size: 32, bits: 4 },
      constants: [1, 2, 3],
      within: 1e-5,
    },
    {
      operator: "MatMulNBits",
      of: "with zero points that are numbers",
      operands: [f(2, 3, 64), drawn("u8", [5, 2, 16], 3), f(10), drawn("f32", [5, 2], 4), undefined, f(5)],
      attributes: { K: 64, N: 5, block_size: 32, bits: 4 },
      constants: [1, 2, 3],
      within: 1e-5,
    },
    {
      operator: "MatMulNBits",
      of: "of 8 bits",
      operands: [f(1, 64), drawn("u8", [5, 2, 32], 3), f(10)],
      attributes: { K: 64, N: 5, block_size: 32, bits: 8 },
      constants: [1, 2],
      within: 1e-5,
    },
    {
      operator: "GatherBlockQuantized",
      operands: [drawn("u8", [7, 16], 3), given("i64", [2, 2], 6, 0, 3, 3), f(7, 2)],
      attributes: { block_size: 16, bits: 4, quantize_axis: 1 },
      constants: [0],
    },
    {
      operator: "MatMulInteger16",
      operands: [drawn("i16", [3, 7], 1, 999), drawn("i16", [7, 5], 2, 999)],
      outputs: ["i32"],
      within: 0,
    },
    {
      operator: "DequantizeLinear",
      operands: [u8(3, 4), given("f32", [4], 1, 2, 3, 4), given("u8", [4], 0, 1, 128, 255)],
      attributes: { axis: 1 },
    },
    { operator: "QuantizeLinear", operands: [f(3, 4), scale(0.01), zero(100)], outputs: ["u8"] },
  ];
  it.each(named(cases))("%s is that of onnxruntime", (_, each) => expectAlike(each));
});

describe("operators of onnxruntime's optimiser", () => {
  const norm = [f(6), drawn("f32", [6], 3)];
  const ids = drawn("i32", [2, 4], 3, 7);
  const tables = [f(7, 6), f(9, 6), f(2, 6)];
  const cases: readonly Case[] = [
    { operator: "BiasGelu", operands: [f(...x3), f(6)] },
    { operator: "FastGelu", operands: [f(...x3), f(6)], within: 1e-5 },
    { operator: "FastGelu", of: "without bias", operands: [f(...x3)], within: 1e-5 },
    { operator: "Gelu", operands: [f(...x3)] },
    { operator: "QuickGelu", operands: [f(...x3)], attributes: { alpha: { float: 1.5 } } },
    {
      operator: "FusedConv",
      operands: [f(...x4), f(4, 3, 3, 3), f(4), f(2, 4, 5, 6)],
      attributes: { activation: "LeakyRelu", activation_params: { floats: [0.2] }, pads: [1, 1, 1, 1] },
    },
    {
      operator: "FusedConv",
      of: "between bounds",
      operands: [f(...x4), f(4, 3, 2, 2)],
      attributes: { activation: "Clip", activation_params: { floats: [-0.1, 0.4] } },
    },
    {
      operator: "FusedGemm",
      operands: [f(3, 4), f(5, 4), f(5)],
      attributes: { transB: 1, activation: "LeakyRelu", activation_alpha: { float: 0.3 } },
    },
    {
      operator: "FusedMatMul",
      operands: [f(2, 4, 3), f(2, 5, 4)],
      attributes: { transA: 1, transB: 1, alpha: { float: 0.25 } },
    },
    {
      operator: "FusedMatMul",
      of: "of turned batches",
      operands: [f(4, 2, 3), f(2, 3, 5)],
      attributes: { transBatchA: 1, alpha: { float: 2 } },
    },
    { operator: "TransposeMatMul", operands: [f(2, 3, 4), f(2, 5, 4)], attributes: { transB: 1 } },
    {
      operator: "SkipLayerNormalization",
      operands: [f(...x3), drawn("f32", x3, 9), ...norm, f(6)],
      attributes: { epsilon: { float: 1e-5 } },
      within: 1e-5,
    },
    {
      operator: "SkipSimplifiedLayerNormalization",
      operands: [f(...x3), drawn("f32", x3, 9), f(6)],
      attributes: { epsilon: { float: 1e-5 } },
      within: 1e-5,
    },
    { operator: "::SimplifiedLayerNormalization", operands: [f(...x3), f(6)], within: 1e-5 },
    {
      operator: "EmbedLayerNormalization",
      operands: [ids, drawn("i32", [2, 4], 5, 2), ...tables, ...norm, given("i32", [2, 4], 1, 1, 1, 0, 1, 1, 0, 0)],
      outputs: ["f32", "i32"],
      within: 1e-5,
    },
    {
      operator: "EmbedLayerNormalization",
      of: "at given positions",
      operands: [
        ids,
        undefined,
        ...tables.slice(0, 2),
        undefined,
        ...norm,
        undefined,
        given("i32", [2, 4], 3, 2, 1, 0, 4, 5, 6, 8),
      ],
      outputs: ["f32", "i32"],
      within: 1e-5,
    },
    {
      operator: "QEmbedLayerNormalization",
      operands: [
        ids,
        drawn("i32", [2, 4], 5, 2),
        u8(7, 6),
        u8(9, 6),
        u8(2, 6),
        u8(6),
        drawn("u8", [6], 4),
        undefined,
        ...[0.01, 0.02, 0.03, 0.01, 0.02].map(scale),
        ...[120, 130, 3, 128, 9].map((each) => zero(each)),
      ],
      outputs: ["f32", "i32"],
      within: 1e-5,
    },
    { operator: "ExpandDims", operands: [f(2, 3), given("i32", [1], -1)], constants: [1] },
    { operator: "Trilu", operands: [f(4, 5)], attributes: { upper: 0 } },
    {
      operator: "GridSample",
      operands: [f(1, 2, 4, 5), f(1, 3, 3, 2)],
      attributes: { mode: "bilinear", align_corners: 1 },
    },
    { operator: "Pad", operands: [f(2, 3), given("i64", [4], 1, 0, 0, 2), scale(7)], constants: [1] },
    { operator: "GatherND", operands: [f(3, 4), given("i64", [2, 2], 0, 1, 2, 3)] },
  ];
  it.each(named(cases))("%s is that of onnxruntime", (_, each) => expectAlike(each));
});

describe("attention of onnxruntime's optimiser", () => {
  const rows = f(2, 3, 8);
  const weight = drawn("f32", [8, 24], 3);
  const bias = drawn("f32", [24], 4);
  const own = (
    of: string,
    more: readonly (Operand | undefined)[],
    attributes = {},
    outputs: readonly Kind[] = ["f32"],
  ): Case => ({
    operator: "Attention",
    of,
    operands: [rows, weight, bias, ...more],
    attributes: { num_heads: 2, ...attributes },
    outputs,
    within: 1e-5,
  });
  const [q, k, v] = [f(2, 3, 8), drawn("f32", [2, 5, 8], 5), drawn("f32", [2, 5, 8], 6)];
  const many = (
    of: string,
    operands: readonly (Operand | undefined)[],
    attributes = {},
    outputs: readonly Kind[] = ["f32"],
  ): Case => ({
    operator: "MultiHeadAttention",
    of,
    operands,
    attributes: { num_heads: 2, ...attributes },
    outputs,
    within: 1e-5,
  });
  const angles = [f(9, 2), drawn("f32", [9, 2], 8)];
  const cases: readonly Case[] = [
    own("without a mask", []),
    own("of so many keys", [given("i32", [2], 2, 3)]),
    own("of keys from one to another", [given("i32", [4], 3, 2, 1, 0)]),
    own("of keys that a mask names", [given("i32", [2, 3], 1, 0, 1, 1, 1, 0)]),
    own("of keys that a mask names for each query", [
      given("i32", [2, 3, 3], 1, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 1, 0),
    ]),
    own("of what came before", [undefined, drawn("f32", [2, 2, 2, 4, 4], 7)], { unidirectional: 1 }, ["f32", "f32"]),
    own("with what is added to scores", [undefined, undefined, drawn("f32", [2, 2, 3, 3], 8)], {
      scale: { float: 0.3 },
    }),
    {
      operator: "Attention",
      of: "of values of another width",
      operands: [rows, drawn("f32", [8, 20], 3), drawn("f32", [20], 4)],
      attributes: { num_heads: 2, qkv_hidden_sizes: [8, 8, 4] },
      within: 1e-5,
    },
    {
      operator: "QAttention",
      operands: [
        u8(2, 3, 8),
        drawn("i8", [8, 24], 2, 60),
        bias,
        scale(0.01),
        scale(0.005),
        given("i32", [2], 2, 3),
        zero(120),
        zero(0, "i8"),
      ],
      attributes: { num_heads: 2 },
      constants: [1, 4, 7],
      within: 1e-5,
    },
    many("of other rows", [q, k, v, drawn("f32", [24], 4)]),
    many("of padded keys", [
      q,
      k,
      v,
      undefined,
      given("i32", [2, 5], 1, 1, 0, 1, 0, 1, 1, 1, 1, 0),
      drawn("f32", [2, 2, 3, 5], 3),
    ]),
    many("of keys and values that are heads", [q, drawn("f32", [2, 2, 5, 4], 3), drawn("f32", [2, 2, 5, 4], 4)]),
    many(
      "of what came before",
      [
        q,
        f(2, 3, 8),
        drawn("f32", [2, 3, 8], 4),
        undefined,
        undefined,
        undefined,
        drawn("f32", [2, 2, 4, 4], 5),
        drawn("f32", [2, 2, 4, 4], 6),
      ],
      { unidirectional: 1 },
      ["f32", "f32", "f32"],
    ),
    {
      operator: "RotaryEmbedding",
      operands: [rows, given("i64", [2, 3], 0, 1, 2, 3, 7, 8), ...angles],
      attributes: { num_heads: 2 },
      within: 1e-5,
    },
    {
      operator: "RotaryEmbedding",
      of: "of pairs side by side from a position on",
      operands: [f(2, 2, 3, 4), given("i64", [1], 4), ...angles],
      attributes: { interleaved: 1 },
      within: 1e-5,
    },
  ];
  it.each(named(cases))("%s is that of onnxruntime", (_, each) => expectAlike(each));
});
