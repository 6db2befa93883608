// Models become graphs: names, versions, functions, subgraphs, states, data beside the file, and what is refused in which words.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { afterAll, describe, expect, it } from "vitest";
import { IsochronError } from "../../../kernels/index.ts";
import { type ArraysOf, Compilation, compile, Interpreter, load, tensorType, trace } from "../../index.ts";
import { fn, graph, modelBytes, node, stored } from "../../testing/onnx-models.ts";
import { type GraphOptions, type ImportOptions, importModel } from "../index.ts";
import { type GraphProto, SparseTensorProtoSchema, TensorProtoSchema } from "./format/onnx_pb.ts";
import type { RunTimeOperand } from "./import-error.ts";

const folder = mkdtempSync(join(tmpdir(), "isochron-import-"));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;

/** A file of a model in a folder of its own. */
function fileOf(main: GraphProto, options?: Parameters<typeof modelBytes>[1]): string {
  const own = join(folder, String(files++));
  mkdirSync(own);
  const path = join(own, "model.onnx");
  writeFileSync(path, modelBytes(main, options));
  return path;
}

async function imported(main: GraphProto, options?: Parameters<typeof modelBytes>[1], more?: ImportOptions) {
  const model = await importModel(fileOf(main, options), more);
  if (model.format !== "onnx") throw new Error("it is not taken for ONNX");
  return model;
}

/** What a model gives for some inputs, interpreted. */
async function meaning(
  main: GraphProto,
  inputs: object,
  given: GraphOptions = {},
  options?: Parameters<typeof modelBytes>[1],
) {
  const model = await imported(main, options);
  const outputs = new Interpreter(model.graph(given)).run(inputs as never) as ArraysOf<never>;
  return Object.fromEntries(
    Object.entries(outputs).map(([name, data]) => [name, Array.from(data as Iterable<number>, Number)]),
  );
}

const errorOf = async (body: () => unknown): Promise<IsochronError> => {
  try {
    await body();
  } catch (error) {
    if (error instanceof IsochronError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
};

const chain = graph({
  inputs: ["x: f32[2]"],
  outputs: ["y: f32[2]"],
  nodes: [node("a = Add(x, w)"), node("y = Relu(a)")],
  initializers: [stored("w", "f32", [2], Float32Array.of(1, -5))],
});

describe("importModel", () => {
  it("reads a model's inputs, outputs, operators and metadata", async () => {
    const model = await imported(chain);
    expect(model.inputs).toEqual([{ name: "x", dtype: "f32", shape: [2], type: "f32[2]" }]);
    expect(model.outputs.map(({ name }) => name)).toEqual(["y"]);
    expect([...model.operators]).toEqual([
      ["Add", 1],
      ["Relu", 1],
    ]);
    expect(model.metadata).toEqual({
      producer: "made",
      irVersion: 10,
      operatorSets: { "ai.onnx": 22, "ai.onnx.ml": 3, "com.microsoft": 1, own: 1 },
      entries: {},
    });
    expect(model.unsupported).toEqual([]);
  });

  it("makes a graph whose values are called as in the model", async () => {
    const text = String((await imported(chain)).graph());
    expect(text).toBe(
      [
        "graph made(x: f32[2]) -> (y: f32[2])",
        "  const @w : f32[2]",
        "  %a = add(%x, @w)    : f32[2]",
        "  %y = maximum(%a, 0) : f32[2]",
        "  return y=%y",
      ].join("\n"),
    );
  });

  it("gives what the model gives", async () => {
    expect(await meaning(chain, { x: Float32Array.of(3, 4) })).toEqual({ y: [4, 0] });
  });

  it("takes sizes by the names of dimensions, and whole types", async () => {
    const open = graph({ inputs: ["x: f32[n,3]"], outputs: ["y: f32[n,3]"], nodes: [node("y = Neg(x)")] });
    const model = await imported(open);
    expect(model.graph({ symbols: { n: 2 } }).inputs[0]!.value.type.shape).toEqual([2, 3]);
    expect(model.graph({ inputs: { x: tensorType("f32", [5, 3]) } }).inputs[0]!.value.type.shape).toEqual([5, 3]);
    const error = await errorOf(() => model.graph());
    expect([error.code, error.message]).toEqual([
      "import/size",
      'dimension 0 of input "x" is "n", whose size is not known',
    ]);
  });

  it("makes a function of tensors, that is compiled with what stands before and behind it", async () => {
    const net = (await imported(chain)).graph();
    const around = trace(
      ({ x }) => ({ z: net({ x: x.div(4) }).y!.sqrt() }),
      { x: tensorType("f32", [2]) },
      { name: "g" },
    );
    const alone = load(await compile(net)).run({ x: Float32Array.of(2, 40) });
    const { z } = load(await compile(around)).run({ x: Float32Array.of(8, 160) });
    expect([...z]).toEqual([...(alone.y as Float32Array)].map((y) => Math.fround(Math.sqrt(y))));
  });

  it("keeps outputs as the inputs of the next step", async () => {
    const counter = graph({
      inputs: ["by: f32", "before: f32"],
      outputs: ["after: f32", "twice: f32"],
      nodes: [node("after = Add(before, by)"), node("twice = Add(after, after)")],
    });
    const made = (await imported(counter)).graph({ states: { before: { output: "after", initial: [10] } } });
    expect(made.inputs.map(({ name }) => name)).toEqual(["by"]);
    const interpreter = new Interpreter(made);
    const steps = [1, 2].map(
      (by) => (interpreter.run({ by: Float32Array.of(by) } as never) as { twice: Float32Array }).twice[0],
    );
    expect(steps).toEqual([22, 26]);
  });

  it("runs functions of the model, with their attributes, defaults and overloads", async () => {
    const functions = [
      fn(
        "Moved",
        ["x"],
        ["y"],
        [node("c = Constant()", { value_int: { ref: "by" } }), node("d = Cast(c)", { to: 1 }), node("y = Add(x, d)")],
        { attribute: ["by"] },
      ),
      fn("Moved", ["x"], ["y"], [node("y = Neg(x)")], { overload: "back" }),
    ];
    const back = node("z = own::Moved(y)");
    back.overload = "back";
    const main = graph({
      inputs: ["x: f32"],
      outputs: ["z: f32"],
      nodes: [node("y = own::Moved(x)", { by: 7 }), back],
    });
    expect(await meaning(main, { x: Float32Array.of(1) }, {}, { functions })).toEqual({ z: [-8] });
  });

  it("keeps operands as inputs that decide no shape: the region of a Resize, the limits of a NonMaxSuppression", async () => {
    const crop = graph({
      inputs: ["x: f32[1,1,1,3]", "roi: f32[8]"],
      outputs: ["y"],
      nodes: [
        node("y = Resize(x, roi, , sizes)", { mode: "linear", coordinate_transformation_mode: "tf_crop_and_resize" }),
      ],
      initializers: [stored("sizes", "i64", [4], BigInt64Array.of(1n, 1n, 1n, 2n))],
    });
    const resized = (start: number, end: number) =>
      meaning(crop, { x: Float32Array.of(1, 3, 7), roi: Float32Array.of(0, 0, 0, start, 1, 1, 1, end) });
    expect(await resized(0, 1)).toEqual({ y: [1, 7] });
    expect(await resized(0.75, 1.5)).toEqual({ y: [5, 0] });
    const suppressed = graph({
      inputs: ["boxes: f32[1,2,4]", "scores: f32[1,1,2]", "many: i64", "iou: f32[1]", "least: f32[1]"],
      outputs: ["kept"],
      nodes: [node("kept = NonMaxSuppression(boxes, scores, many, iou, least)")],
    });
    const kept = (iou: number, least: number, many = 2) =>
      meaning(suppressed, {
        boxes: Float32Array.of(0, 0, 10, 10, 0, 0, 10, 6),
        scores: Float32Array.of(0.5, 0.75),
        many: BigInt64Array.of(BigInt(many)),
        iou: Float32Array.of(iou),
        least: Float32Array.of(least),
      });
    expect(await kept(0.5, 0)).toEqual({ kept: [0, 0, 1, 0, 0, 0], keptCount: [1] });
    expect(await kept(0.625, 0)).toEqual({ kept: [0, 0, 1, 0, 0, 0], keptCount: [2] });
    expect(await kept(0.625, 0.5)).toEqual({ kept: [0, 0, 1, 0, 0, 0], keptCount: [1] });
    expect(await kept(0.625, 0, 1)).toEqual({ kept: [0, 0, 1, 0, 0, 0], keptCount: [1] });
    expect(await kept(0.625, 0, -1)).toEqual({ kept: [0, 0, 0, 0, 0, 0], keptCount: [0] });
  });

  it("refuses functions that call themselves", async () => {
    const functions = [fn("Again", ["x"], ["y"], [node("y = own::Again(x)")])];
    const main = graph({ inputs: ["x: f32"], outputs: ["y: f32"], nodes: [node("y = own::Again(x)")] });
    const error = await errorOf(async () => (await imported(main, { functions })).graph());
    expect(error.code).toBe("import/model");
    expect(error.message).toMatch(/calls itself/);
  });

  it("lets subgraphs read what stands around them, known or not", async () => {
    const branch = (operator: string) => graph({ outputs: ["r: f32[2]"], nodes: [node(`r = ${operator}(x, w)`)] });
    const main = graph({
      inputs: ["x: f32[2]", "c: bool"],
      outputs: ["y: f32[2]"],
      nodes: [node("y = If(c)", { then_branch: branch("Add"), else_branch: branch("Mul") })],
      initializers: [stored("w", "f32", [2], Float32Array.of(10, 20))],
    });
    const x = Float32Array.of(2, 3);
    expect(await meaning(main, { x, c: Uint8Array.of(1) })).toEqual({ y: [12, 23] });
    expect(await meaning(main, { x, c: Uint8Array.of(0) })).toEqual({ y: [20, 60] });
  });

  it("chooses between sequences and optionals of one structure, and asks which it is where their structures differ", async () => {
    const branch = (...nodes: ReturnType<typeof node>[]) => graph({ outputs: ["r"], nodes });
    const chosen = (then_branch: GraphProto, else_branch: GraphProto, ...after: ReturnType<typeof node>[]) =>
      graph({
        inputs: ["x: f32[2]", "c: bool"],
        outputs: ["y"],
        nodes: [node("z = If(c)", { then_branch, else_branch }), ...after],
      });
    const pair = branch(node("n = Neg(x)"), node("r = SequenceConstruct(x, n)"));
    const turned = branch(node("n = Neg(x)"), node("r = SequenceConstruct(n, x)"));
    const x = Float32Array.of(2, 3);
    const either = async (main: GraphProto) => [
      await meaning(main, { x, c: Uint8Array.of(1) }),
      await meaning(main, { x, c: Uint8Array.of(0) }),
    ];
    const joined = chosen(pair, turned, node("y = ConcatFromSequence(z)", { axis: 0 }));
    expect(await either(joined)).toEqual([{ y: [2, 3, -2, -3] }, { y: [-2, -3, 2, 3] }]);
    const some = branch(node("n = Exp(x)"), node("r = Optional(x)"));
    const other = branch(node("n = Neg(x)"), node("r = Optional(n)"));
    expect(await either(chosen(some, other, node("y = OptionalGetElement(z)")))).toEqual([
      { y: [2, 3] },
      { y: [-2, -3] },
    ]);
    const none = branch(node("r = SequenceEmpty()"));
    expect(await either(chosen(none, none, node("y = SequenceLength(z)")))).toEqual([{ y: [0] }, { y: [0] }]);

    const longer = chosen(pair, branch(node("r = SequenceConstruct(x)")), node("y = SequenceLength(z)"));
    const error = await errorOf(async () => (await imported(longer)).graph());
    expect([error.code, error.message, (error as RunTimeOperand).inputs]).toEqual([
      "import/run-time",
      'node 0 (If): operand 0 decides what the branches give, and is computed from "c"',
      ["c"],
    ]);
    const bound = (value: number) =>
      ({ inputs: { c: { dtype: "bool", shape: [], data: Uint8Array.of(value) } } }) as const;
    expect([await meaning(longer, { x }, bound(1)), await meaning(longer, { x }, bound(0))]).toEqual([
      { y: [2] },
      { y: [1] },
    ]);
  });

  it("keeps something of each turn of a loop that the values end, up to the bound that is given", async () => {
    const body = graph({
      inputs: ["i: i64", "go: bool", "before: f32"],
      outputs: ["goes: bool", "after: f32", "seen: f32"],
      nodes: [node("after = Add(before, one)"), node("goes = Less(after, ten)"), node("seen = Identity(after)")],
    });
    const main = graph({
      inputs: ["x: f32"],
      outputs: ["last: f32", "kept: f32[n]"],
      nodes: [node("last, kept = Loop(, , x)", { body })],
      initializers: [stored("one", "f32", [], Float32Array.of(1)), stored("ten", "f32", [], Float32Array.of(10))],
    });
    const model = await imported(main);
    const error = await errorOf(() => model.graph());
    expect(error.help).toContain('bounds: { "kept": 100 }');
    const found = await meaning(main, { x: Float32Array.of(7) }, { bounds: { kept: 5 } });
    expect(found).toEqual({ last: [10], kept: [8, 9, 10, 0, 0], keptCount: [3] });
  });

  it("computes shapes while the graph is built", async () => {
    const main = graph({
      inputs: ["x: f32[2,3]"],
      outputs: ["y: f32[3,2]"],
      nodes: [node("s = Shape(x)"), node("r = Slice(s, from, to, axes, back)"), node("y = Reshape(x, r)")],
      initializers: [
        stored("from", "i64", [1], BigInt64Array.of(-1n)),
        stored("to", "i64", [1], BigInt64Array.of(-(2n ** 62n))),
        stored("axes", "i64", [1], BigInt64Array.of(0n)),
        stored("back", "i64", [1], BigInt64Array.of(-1n)),
      ],
    });
    const made = (await imported(main)).graph();
    expect(made.outputs[0]!.value.type).toEqual({ dtype: "f32", shape: [3, 2] });
  });

  it("says which input decides a shape, and takes its value", async () => {
    const main = graph({
      inputs: ["x: f32[4]", "shape: i64[2]"],
      outputs: ["y: f32[a,b]"],
      nodes: [node("y = Reshape(x, shape)", {}, "fold")],
    });
    const model = await imported(main);
    const error = await errorOf(() => model.graph());
    expect(error.code).toBe("import/run-time");
    expect(error.message).toBe('node "fold" (Reshape): operand 1 decides shapes, and is computed from "shape"');
    expect(error.place).toMatch(/model\.onnx$/);
    const bound = { shape: { dtype: "i64", shape: [2], data: BigInt64Array.of(2n, 2n) } } as const;
    expect(model.graph({ inputs: bound }).inputs.map(({ name }) => name)).toEqual(["x"]);
  });

  it("names nodes whose operators nothing defines, and takes what the user defines", async () => {
    const main = graph({
      inputs: ["x: f32"],
      outputs: ["y: f32"],
      nodes: [node("y = own::Twice(x)", { plus: 3 }, "t")],
    });
    const model = await imported(main);
    expect(model.unsupported).toEqual([
      { node: 'node "t" (own::Twice)', operator: "own::Twice", reason: "there is no such operator here" },
    ]);
    const error = await errorOf(() => model.graph());
    expect([error.code, error.message]).toEqual([
      "import/unsupported",
      'node "t" (own::Twice): there is no such operator here',
    ]);
    const given = await imported(
      main,
      {},
      { operators: { "own::Twice": ([x], { plus }) => x!.mul(2).add(Number(plus)) } },
    );
    const outputs = new Interpreter(given.graph()).run({ x: Float32Array.of(4) } as never) as { y: Float32Array };
    expect(outputs.y[0]).toBe(11);
  });

  it("reads elements that are several to a byte, and those that are listed", async () => {
    const packed = create(TensorProtoSchema, {
      name: "p",
      dims: [3n],
      dataType: 22,
      rawData: Uint8Array.of(0x8f, 0x07),
    });
    const sparse = create(SparseTensorProtoSchema, {
      values: stored("s", "f32", [2], Float32Array.of(5, 6)),
      indices: stored("", "i64", [2], BigInt64Array.of(0n, 2n)),
      dims: [3n],
    });
    const main = graph({
      outputs: ["y: f32[3]"],
      nodes: [node("f = Cast(p)", { to: 1 }), node("y = Add(f, s)")],
      initializers: [packed],
    });
    main.sparseInitializer.push(sparse);
    expect(await meaning(main, {})).toEqual({ y: [4, -8, 13] });
  });

  it("refuses what nothing before a node defines, tensors of another length, and files that are no models", async () => {
    const unknown = graph({ inputs: ["x: f32"], outputs: ["y: f32"], nodes: [node("y = Add(x, nowhere)")] });
    expect((await errorOf(async () => (await imported(unknown)).graph())).message).toBe(
      'node 0 (Add): it reads "nowhere", which nothing before it defines',
    );
    const short = graph({
      outputs: ["y: f32[2]"],
      nodes: [node("y = Neg(w)")],
      initializers: [stored("w", "f32", [2], Float32Array.of(1))],
    });
    expect((await errorOf(async () => (await imported(short)).graph())).message).toBe(
      'tensor "w" of float[2] has 4 bytes where 8 are its elements',
    );
    const path = join(folder, "text.onnx");
    for (const bytes of ["", "PK\x03\x04", "hello, this is no model"]) {
      writeFileSync(path, bytes);
      const error = await errorOf(() => importModel(path));
      expect(error.code).toMatch(/^import\/(model|unsupported|archive)$/);
      expect(error.place).toBe(path);
    }
    expect((await errorOf(() => importModel(join(folder, "none.onnx")))).code).toBe("file/read");
  });

  it("refuses names that the model does not have, and says what was meant", async () => {
    const error = await errorOf(async () => (await imported(chain)).graph({ states: { x: "z" } }));
    expect([error.code, error.message]).toEqual(["import/name", 'the model has no output "z"']);
    const typed = await errorOf(async () => (await imported(chain)).graph({ inputs: { x: tensorType("f64", [2]) } }));
    expect(typed.code).toBe("import/type");
  });

  it("keeps names of every kind apart from its own", async () => {
    const names = ["__proto__", "constructor", "toString"];
    const main = graph({
      inputs: names.map((name) => `${name}: f32`),
      outputs: ["hasOwnProperty: f32"],
      nodes: [node("valueOf = Add(__proto__, constructor)"), node("hasOwnProperty = Add(valueOf, toString)")],
    });
    const made = (await imported(main)).graph();
    expect(made.inputs.map(({ name }) => name)).toEqual(names);
    const inputs = Object.fromEntries(names.map((name, at) => [name, Float32Array.of(2 ** at)]));
    const outputs = new Interpreter(made).run(inputs as never) as { hasOwnProperty: unknown };
    expect(outputs.hasOwnProperty).toEqual(Float32Array.of(7));
  });
});

describe("a quantised model", () => {
  /** A convolution and a product of bytes between QuantizeLinear and DequantizeLinear, weights of this dtype around this zero point. */
  const quantised = (dtype: "u8" | "i8", zero: number) => {
    const weight = Array.from({ length: 4 * 2 * 3 * 3 }, (_, at) => ((at * 7) % 23) - 11 + zero);
    const bytes = (values: readonly number[]) => (dtype === "u8" ? Uint8Array.from(values) : Int8Array.from(values));
    return graph({
      inputs: ["x: u8[1,2,5,5]"],
      outputs: ["y: u8[1,4,3,3]"],
      nodes: [
        node("a = DequantizeLinear(x, s, zx)"),
        node("b = DequantizeLinear(w, sw, zw)", { axis: 0 }),
        node("c = Conv(a, b)", { kernel_shape: [3, 3] }),
        node("d = Relu(c)"),
        node("y = QuantizeLinear(d, t, zy)"),
      ],
      initializers: [
        stored("s", "f32", [], Float32Array.of(0.5)),
        stored("zx", "u8", [], Uint8Array.of(100)),
        stored("w", dtype, [4, 2, 3, 3], bytes(weight)),
        stored("sw", "f32", [4], Float32Array.of(1, 0.5, 0.25, 2)),
        stored("zw", dtype, [4], bytes([zero, zero, zero, zero])),
        stored("t", "f32", [], Float32Array.of(16)),
        stored("zy", "u8", [], Uint8Array.of(3)),
      ],
    });
  };
  const x = Uint8Array.from({ length: 50 }, (_, at) => (at * 37) % 256);

  it.each([
    ["i8", 0],
    ["u8", 128],
    ["i8", -5],
  ] as const)("convolves %s weights around %s in integers, rounded once", async (dtype, zero) => {
    const made = (await imported(quantised(dtype, zero))).graph();
    const { portable } = Compilation.of(made).methods[0]!;
    const names = portable.nodes.map(({ operator }) => operator.name);
    expect(names).toContain("convInteger");
    expect(names).toContain("requantize");
    expect(names).not.toContain("conv2d");
    const meant = new Interpreter(made).run({ x } as never) as { y: Uint8Array };
    expect([...(new Interpreter(portable).run({ x } as never) as { y: Uint8Array }).y]).toEqual([...meant.y]);
    // The same weights around another zero point are the same weights.
    const plain = new Interpreter((await imported(quantised("i8", 0))).graph()).run({ x } as never) as {
      y: Uint8Array;
    };
    expect([...meant.y]).toEqual([...plain.y]);
    expect(new Set(meant.y).size).toBeGreaterThan(8);
  });
});

describe("data beside a model", () => {
  const external = (entries: { readonly [key: string]: string }) =>
    graph({
      outputs: ["y: f32[2]"],
      nodes: [node("y = Neg(w)")],
      initializers: [
        create(TensorProtoSchema, {
          name: "w",
          dims: [2n],
          dataType: 1,
          dataLocation: 1,
          externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
        }),
      ],
    });

  it("is read from its place in a file of the model's folder", async () => {
    const path = fileOf(external({ location: "w.bin", offset: "4", length: "8" }));
    writeFileSync(join(path, "../w.bin"), new Uint8Array(Float32Array.of(9, 1, 2, 9).buffer));
    const outputs = new Interpreter((await importModel(path)).graph()).run({} as never) as { y: Float32Array };
    expect([...outputs.y]).toEqual([-1, -2]);
  });

  it.each([
    ["outside of the folder", { location: "../secret.bin" }, /outside of the model's folder/],
    ["at an absolute path", { location: "/etc/hostname" }, /external data lies at/],
    ["in no file", { location: "none.bin" }, /no such file/],
    ["beyond the file's end", { location: "w.bin", offset: "8" }, /has 8 bytes|0 bytes where 8/],
    ["at an offset that is no number", { location: "w.bin", offset: "-1" }, /offset/],
    ["through a link to outside", { location: "link.bin" }, /outside of the model's folder/],
  ])("is refused %s", async (_, entries, text) => {
    const path = fileOf(external(entries as { readonly [key: string]: string }));
    writeFileSync(join(folder, "secret.bin"), new Uint8Array(8));
    writeFileSync(join(path, "../w.bin"), new Uint8Array(8));
    symlinkSync(join(folder, "secret.bin"), join(path, "../link.bin"));
    const error = await errorOf(async () => (await importModel(path)).graph());
    expect(error.message).toMatch(text);
  });
});
