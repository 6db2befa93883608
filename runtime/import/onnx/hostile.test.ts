// Whatever a model file holds: it becomes a graph, or is refused in words; nothing crashes, hangs or takes more than may be.
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IsochronError } from "../../../kernels/index.ts";
import { damaged, graphOutcome, interpretedOutcome, noFiles, restructured } from "../../testing/hostile-models.ts";
import { fn, graph, modelBytes, node, stored } from "../../testing/onnx-models.ts";
import { type GraphProto, type NodeProto, type TensorProto, TensorProtoSchema } from "./format/onnx_pb.ts";
import { mostNodes } from "./limits.ts";
import { OnnxModel } from "./model.ts";
import type { ModelValue } from "./values/value.ts";

const isNightly = process.env.ISOCHRON_NIGHTLY === "1";
const runs = isNightly ? 2_000 : 10;

const wide = (...values: readonly (number | bigint)[]): TensorProto =>
  stored("n", "i64", [values.length], BigInt64Array.from(values, BigInt));
const one = (name: string, value: number | bigint): TensorProto =>
  stored(name, "i64", [], BigInt64Array.of(BigInt(value)));

/** The quick suite draws the same files every time. */
const options = { numRuns: runs, ...(isNightly ? {} : { seed: 20_261_130 }) };

/** A model of one input, `x: f32[2,3]`, one output `y`, and these nodes. */
const modelOf = (nodes: readonly NodeProto[], initializers: readonly TensorProto[] = []): Uint8Array =>
  modelBytes(graph({ inputs: ["x: f32[2,3]"], outputs: ["y"], nodes, initializers }));

const errorOf = (bytes: Uint8Array, use: (model: OnnxModel) => unknown = (model) => model.graph()): IsochronError => {
  try {
    use(new OnnxModel(bytes, "hostile.onnx", noFiles));
  } catch (error) {
    if (error instanceof IsochronError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
};

/** Choices in choices, so deep. */
function nested(depth: number): GraphProto {
  const inner = depth === 0 ? graph({ outputs: ["r"], nodes: [node("r = Neg(x)")] }) : nested(depth - 1);
  return graph({
    outputs: ["r"],
    nodes:
      depth === 0
        ? inner.node
        : [
            node("r = If(c)", {
              then_branch: inner,
              else_branch: graph({ outputs: ["r"], nodes: [node("r = Abs(x)")] }),
            }),
          ],
  });
}

const loopBody = graph({
  inputs: ["i: i64", "c: bool", "v: f32"],
  outputs: ["d: bool", "w: f32"],
  nodes: [node("d = Identity(c)"), node("w = Add(v, v)")],
});

/** Models of every shape of file: names, attributes, subgraphs, functions, loops. */
const made: readonly Uint8Array[] = [
  modelOf(
    [node("y = Conv(v, k)", { strides: [1, 1], pads: [0, 0, 0, 0], kernel_shape: [2, 2] }), node("v = Reshape(x, n)")],
    [wide(1, 1, 2, 3), stored("k", "f32", [1, 1, 2, 2], new Float32Array(4))],
  ),
  modelOf(
    [
      node("v = Reshape(x, n)"),
      node("y = MaxPool(v)", { strides: [1, 1], kernel_shape: [2, 2], auto_pad: "SAME_UPPER" }),
    ],
    [wide(1, 1, 2, 3)],
  ),
  modelOf([node("a, b = Split(x)", { axis: 1, num_outputs: 2 }), node("y = Concat(a, b)", { axis: 0 })]),
  modelOf([node("y = Pad(x, n)", { mode: "constant" })], [wide(1, 0, 0, 1)]),
  modelOf([node("s = Shape(x)"), node("e = ConstantOfShape(s)"), node("y = Add(e, x)")]),
  modelOf([node("y = Loop(m, , x)", { body: loopBody })], [one("m", 3)]),
  modelOf([node("c = Constant()", { value_ints: [3, 2] }), node("y = Reshape(x, c)")]),
  modelBytes(
    graph({
      inputs: ["x: f32[2]", "c: bool"],
      outputs: ["y"],
      nodes: [
        node("y = If(c)", {
          then_branch: graph({ outputs: ["r"], nodes: [node("r = Abs(x)")] }),
          else_branch: graph({ outputs: ["r"], nodes: [node("r = Neg(x)")] }),
        }),
      ],
    }),
  ),
  modelBytes(graph({ inputs: ["x: f32"], outputs: ["y"], nodes: [node("y = own::Twice(x)", { by: 2 })] }), {
    functions: [fn("Twice", ["a"], ["b"], [node("b = Add(a, a)")], { attribute: ["by"] })],
  }),
  modelBytes(
    graph({ inputs: ["t: string[2]"], outputs: ["y"], nodes: [node("y = RegexFullMatch(t)", { pattern: "a+" })] }),
  ),
];

describe("a model", () => {
  it("becomes a graph or is refused in words, whichever bytes of it are changed or cut off", () => {
    for (const bytes of made)
      fc.assert(
        fc.property(damaged(bytes), (each) => void graphOutcome(each)),
        options,
      );
  });

  it("becomes a graph or is refused in words, whichever fields of it are changed", () => {
    for (const bytes of made)
      fc.assert(
        fc.property(restructured(bytes), (each) => void graphOutcome(each)),
        options,
      );
  });

  it("is interpreted or refused in words, whichever fields of it are changed", () => {
    for (const bytes of made)
      fc.assert(
        fc.property(restructured(bytes), (each) => void interpretedOutcome(each)),
        options,
      );
  });

  it.each<readonly [string, readonly NodeProto[], readonly TensorProto[]]>([
    ["a shape", [node("y = ConstantOfShape(n)")], [wide(100_000, 100_000, 100)]],
    [
      "an expansion",
      [node("y = Expand(v, n)")].toSpliced(0, 0, node("v = Identity(m)")),
      [one("m", 1), wide(2 ** 40, 1)],
    ],
    ["repeats", [node("y = Tile(x, n)")], [wide(2 ** 20, 2 ** 20)]],
    ["pads", [node("y = Pad(x, n)")], [wide(0, 2 ** 31, 0, 2 ** 31)]],
    ["a range", [node("y = Range(a, b, c)")], [one("a", 0), one("b", 2n ** 40n), one("c", 1)]],
    [
      "classes",
      [node("p = Cast(x)", { to: 7 }), node("y = OneHot(p, n, v)")],
      [wide(2 ** 40), stored("v", "f32", [2], Float32Array.of(0, 1))],
    ],
    [
      "a window of pooling",
      [node("v = Reshape(x, n)"), node("y = MaxPool(v)", { kernel_shape: [2 ** 31, 1], auto_pad: "SAME_UPPER" })],
      [wide(1, 1, 2, 3)],
    ],
    ["a window", [node("y = HannWindow(m)")], [one("m", 2n ** 40n)]],
    [
      "channels that are divided by",
      [node("v = Reshape(x, n)"), node("y = LRN(v)", { size: 2 ** 30 })],
      [wide(1, 2, 3, 1)],
    ],
    ["pieces", [node("y = Split(x)", { axis: 0, num_outputs: 2 ** 31 })], []],
    [
      "what follows from constants",
      [
        node("a = ConstantOfShape(n)"),
        node("b = Add(a, a)"),
        node("r = ReduceSum(b)", { keepdims: 0 }),
        node("s = Cast(r)", { to: 7 }),
        node("y = ConstantOfShape(s)"),
      ],
      [wide(2 ** 15, 2 ** 15)],
    ],
  ])(
    "is refused before memory is taken where %s comes to more than may be, and the node is named",
    (_, nodes, initializers) => {
      const error = errorOf(modelOf(nodes, initializers));
      expect(error.code).toBe("import/size-limit");
      expect(error.message).toMatch(/^node \d+ \(\w+\): /);
      expect(error.place).toBe("hostile.onnx");
    },
  );

  it("is refused where an input is larger than a tensor may be, and the input is named", () => {
    const model = graph({
      inputs: [`x: f32[${2 ** 40}]`, "i: i64"],
      outputs: ["y: f32"],
      nodes: [node("y = Gather(x, i)")],
    });
    const error = errorOf(modelBytes(model));
    expect([error.code, error.message]).toEqual([
      "import/size-limit",
      'input "x": it is f32[1099511627776], and a tensor may have 4294967296 bytes',
    ]);
  });

  it.each([
    [
      "functions that call each other twice, sixty deep",
      () => {
        const doubling = Array.from({ length: 60 }, (_, at) =>
          fn(
            `F${at}`,
            ["a"],
            ["b"],
            at === 59 ? [node("b = Identity(a)")] : [node(`c = own::F${at + 1}(a)`), node(`b = own::F${at + 1}(c)`)],
          ),
        );
        return modelBytes(graph({ inputs: ["x: f32"], outputs: ["y"], nodes: [node("y = own::F0(x)")] }), {
          functions: doubling,
        });
      },
    ],
    // Slow, since each turn makes a node.
    ...(isNightly
      ? ([
          [
            "loops in loops",
            () => {
              const loops = (depth: number): GraphProto =>
                graph({
                  inputs: [`i${depth}: i64`, `c${depth}: bool`, `v${depth}: f32`],
                  outputs: [`d${depth}`, `w${depth}`],
                  nodes: [
                    node(`d${depth} = Identity(c${depth})`),
                    depth === 0
                      ? node("w0 = Neg(v0)")
                      : node(`w${depth} = Loop(m, , v${depth})`, { body: loops(depth - 1) }),
                  ],
                });
              return modelOf([node("y = Loop(m, , x)", { body: loops(3) })], [one("m", 1000)]);
            },
          ],
        ] as const)
      : []),
  ] as const)("is refused where it comes to too many nodes, as of %s", (_, make) => {
    const error = errorOf(make());
    expect([error.code, error.message.endsWith(`the model comes to more than ${mostNodes} nodes`)]).toEqual([
      "import/size-limit",
      true,
    ]);
  });

  it("is a graph with choices 60 deep, and refused with 64 and with 500", () => {
    const choices = (depth: number): Uint8Array =>
      modelBytes(
        graph({
          inputs: ["x: f32[2]"],
          outputs: ["r"],
          nodes: [node("c = Constant()", { value_int: 1 }), ...nested(depth).node],
        }),
      );
    expect(graphOutcome(choices(60))).toBe("done");
    expect(errorOf(choices(64)).message).toMatch(/stands 64 levels deep/);
    expect(errorOf(choices(500)).code).toBe("import/model");
  });

  it("has operators, results and attributes of any name, which stand for nothing else", () => {
    for (const name of ["toString", "constructor", "__proto__", "hasOwnProperty"]) {
      expect(errorOf(modelOf([node(`y = ${name}(x)`)])).message).toBe(
        `node 0 (${name}): there is no such operator here`,
      );
      expect(errorOf(modelOf([node(`y = Pad(x, n)`, { mode: name })], [wide(0, 1, 0, 1)])).message).toMatch(
        /attribute "mode" is/,
      );
      expect(
        errorOf(
          modelOf([node("y = RNN(v, v, v)", { direction: name })].toSpliced(0, 0, node("v = Reshape(x, n)")), [
            wide(1, 2, 3),
          ]),
        ).message,
      ).toMatch(/attribute "direction" is/);
      const found = modelBytes(
        graph({ inputs: ["x: f32[2]"], outputs: [name], nodes: [node(`${name} = NonZero(x)`)] }),
      );
      const made = new OnnxModel(found, "hostile.onnx", noFiles).graph({ bounds: { other: 3 } });
      expect(String(made.outputs[0]!.value.type.shape[1])).not.toContain("function");
    }
  });

  it.each<readonly [string, () => Uint8Array, RegExp]>([
    [
      "a subgraph captures what there is not",
      () =>
        modelBytes(
          graph({
            inputs: ["c: bool"],
            outputs: ["y"],
            nodes: [
              node("y = If(c)", {
                then_branch: graph({ outputs: ["r"], nodes: [node("r = Neg(gone)")] }),
                else_branch: graph({ outputs: ["r"], nodes: [node("r = Neg(gone)")] }),
              }),
            ],
          }),
        ),
      /^node 0 \(If\): its subgraph reads "gone"/,
    ],
    [
      "functions call each other in a circle",
      () =>
        modelBytes(graph({ inputs: ["x: f32"], outputs: ["y"], nodes: [node("y = own::A(x)")] }), {
          functions: [fn("A", ["x"], ["y"], [node("y = own::B(x)")]), fn("B", ["x"], ["y"], [node("y = own::A(x)")])],
        }),
      /calls itself/,
    ],
    [
      "a node reads its own result",
      () => modelOf([node("y = Add(x, y)")]),
      /it reads "y", which nothing before it defines/,
    ],
    [
      "an element type is none",
      () =>
        modelOf(
          [node("y = Neg(w)")],
          [create(TensorProtoSchema, { name: "w", dims: [1n], dataType: 999, rawData: new Uint8Array(4) })],
        ),
      /tensor "w" of type 999/,
    ],
    [
      "a dimension is negative",
      () => modelOf([node("y = Neg(w)")], [create(TensorProtoSchema, { name: "w", dims: [-2n], dataType: 1 })]),
      /tensor "w" has the shape \[-2\]/,
    ],
    [
      "dimensions multiply to more than numbers hold",
      () =>
        modelOf(
          [node("y = Neg(w)")],
          [create(TensorProtoSchema, { name: "w", dims: [2n ** 40n, 2n ** 40n], dataType: 1 })],
        ),
      /tensor "w" has the shape/,
    ],
    [
      "an attribute is of another type",
      () => modelOf([node("y = Concat(x, x)", { axis: "first" })]),
      /^node 0 \(Concat\): attribute "axis" is STRING where INT belongs/,
    ],
    [
      "an attribute is missing",
      () => modelOf([node("y = DepthToSpace(x)")]),
      /^node 0 \(DepthToSpace\): attribute "blocksize" is missing/,
    ],
    ["an axis is outside", () => modelOf([node("y = Flatten(x)", { axis: 9 })]), /^node 0 \(Flatten\): /],
    [
      "more sequences are scanned than there are",
      () => modelOf([node("y = Scan(x)", { num_scan_inputs: 2 ** 31, body: loopBody })]),
      /^node 0 \(Scan\): attribute "num_scan_inputs" is 2147483648 where a number up to 1 belongs/,
    ],
    [
      "operands have too few dimensions",
      () => modelOf([node("y = DepthToSpace(x)", { blocksize: 2 })]),
      /^node 0 \(DepthToSpace\): /,
    ],
  ])("is refused where %s, and the node or the tensor is named", (_, make, said) => {
    const error = errorOf(make());
    expect(error.message).toMatch(said);
    expect(error.code).toMatch(/^(import|operator|tensor)\//);
    expect(error.place).toBe("hostile.onnx");
  });

  it.skipIf(!isNightly)("is not interpreted for ever: its turns are counted", () => {
    const endless = modelBytes(
      graph({
        inputs: ["x: f32"],
        outputs: ["y"],
        nodes: [node("y = Loop(m, , x)", { body: loopBody })],
        initializers: [one("m", 2n ** 62n)],
      }),
    );
    const x = { dtype: "f32", shape: [], data: Float32Array.of(1) } as const;
    expect(errorOf(endless, (model) => model.interpret({ x })).code).toBe("import/size-limit");
  });

  it("refuses values that are none, of another type, of another shape, or missing", () => {
    const bytes = modelOf([node("y = Neg(x)")]);
    const hostile: readonly unknown[] = [
      undefined,
      null,
      1,
      "x",
      {},
      [],
      { dtype: "f32" },
      { dtype: "f64", shape: [2, 3], data: new Float64Array(6) },
      { dtype: "f32", shape: [2, 3], data: new Float32Array(5) },
      { dtype: "f32", shape: [3, 2], data: new Float32Array(6) },
      { dtype: "f32", shape: [2, -3], data: new Float32Array(0) },
      { dtype: "__proto__", shape: [2, 3], data: new Float32Array(6) },
      { shape: [2, 3], data: ["a"] },
    ];
    for (const x of hostile)
      expect(errorOf(bytes, (model) => model.interpret({ x: x as ModelValue })).code).toBe("import/type");
    const circle: unknown[] = [];
    circle.push(circle);
    expect(errorOf(bytes, (model) => model.interpret({ x: circle as ModelValue })).code).toBe("import/type");
    expect(errorOf(bytes, (model) => model.interpret({ __proto__: null, toString: null } as never)).code).toBe(
      "import/name",
    );
  });
});
