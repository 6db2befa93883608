// Exported programs become graphs with their names, sizes and states; damaged and unknown ones are refused in words.
import { type Zippable, zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { IsochronError } from "../../../../kernels/index.ts";
import { tensorType } from "../../../graph/tensor-type.ts";
import { Interpreter } from "../../../interpreters/interpreter.ts";
import { readTorchArchive } from "../archive.ts";
import { ExportedModel } from "./model.ts";

const tensor = (name: string) => ({ as_tensor: { name } });
const symbol = { as_expr: { expr_str: "Symbol('s7', positive=True, integer=True)" } };
const meta = (...sizes: readonly (number | typeof symbol)[]) => ({
  dtype: 7,
  sizes: sizes.map((each) => (typeof each === "number" ? { as_int: each } : each)),
  strides: sizes.map((_, at) => ({ as_int: at === sizes.length - 1 ? 1 : 2 })),
  storage_offset: { as_int: 0 },
});
const node = (target: string, inputs: { readonly [name: string]: object }, ...outputs: readonly string[]) => ({
  target,
  inputs: Object.entries(inputs).map(([name, arg]) => ({ name, arg, kind: 1 })),
  outputs: outputs.map(tensor),
});
const leaf = { type: null, context: null, children_spec: [] };

/** A program of a weight w[2] and a count c[2] that a step adds x[s7,2]'s first row to; its results are a dictionary. */
const program = () => ({
  schema_version: { major: 8, minor: 20 },
  torch_version: "2.15.0",
  range_constraints: { s7: { min_val: 2, max_val: 5 } },
  graph_module: {
    graph: {
      inputs: [tensor("p_w"), tensor("b_c"), tensor("x")],
      outputs: [tensor("mul"), tensor("clone")],
      nodes: [
        node("torch.ops.aten.mul.Tensor", { self: tensor("x"), other: tensor("p_w") }, "mul"),
        node("torch.ops.aten.select.int", { self: tensor("x"), dim: { as_int: 0 }, index: { as_int: 0 } }, "row"),
        node("torch.ops.aten.add_.Tensor", { self: tensor("b_c"), other: tensor("row") }, "add_"),
        node("torch.ops.aten.clone.default", { self: tensor("add_") }, "clone"),
      ],
      tensor_values: { p_w: meta(2), b_c: meta(2), x: meta(symbol, 2) } as { [name: string]: object },
    },
    signature: {
      input_specs: [
        { parameter: { arg: { name: "p_w" }, parameter_name: "w" } },
        { buffer: { arg: { name: "b_c" }, buffer_name: "c", persistent: true } },
        { user_input: { arg: tensor("x") } },
      ],
      output_specs: [{ user_output: { arg: tensor("mul") } }, { user_output: { arg: tensor("clone") } }],
    },
    module_call_graph: [
      {
        fqn: "",
        signature: {
          in_spec: "",
          out_spec: JSON.stringify([
            1,
            { type: "builtins.dict", context: '["scaled", "count"]', children_spec: [leaf, leaf] },
          ]),
        },
      },
    ],
  },
});

type Program = ReturnType<typeof program>;

/** The model of a program, changed by `change`; `weights` are the files of tensors that there are. */
async function modelOf(
  change: (given: Program) => void = () => undefined,
  weights = ["w0", "w1"],
  pickled: Uint8Array | undefined = undefined,
) {
  const json = program();
  change(json);
  const files: Zippable = {};
  const add = (name: string, data: Uint8Array | object): void => {
    const bytes = data instanceof Uint8Array ? data : Buffer.from(JSON.stringify(data));
    files[`m/${name}`] = [bytes, { level: 0 }];
  };
  add("models/model.json", json);
  const entry = (path_name: string, use_pickle = false) => ({ path_name, use_pickle, tensor_meta: meta(2) });
  const config = { w: entry("w0", pickled !== undefined), c: entry("w1") };
  add("data/weights/model_weights_config.json", { config });
  const data: { readonly [name: string]: Float32Array } = { w0: Float32Array.of(2, 3), w1: Float32Array.of(10, 20) };
  for (const name of weights) add(`data/weights/${name}`, new Uint8Array(data[name]!.buffer));
  if (pickled) add("data/weights/w0", pickled);
  const bytes = zipSync(files);
  return new ExportedModel(await readTorchArchive(bytes, "m.pt2"), bytes.length, "m.pt2");
}

async function refusal(make: () => unknown): Promise<IsochronError> {
  try {
    await make();
  } catch (error) {
    if (error instanceof IsochronError) return error;
    throw error;
  }
  throw new Error("it is not refused");
}

const three = { inputs: { x: tensorType("f32", [3, 2]) } };

describe("An exported program", () => {
  it("names its results by its tree, and keeps the buffers that it writes to as states", async () => {
    const model = await modelOf();
    expect(model.outputs.map(({ name }) => name)).toEqual(["scaled", "count"]);
    const graph = model.graph(three);
    expect(graph.states.map(({ name }) => name)).toEqual(["c"]);
    const run = new Interpreter(graph);
    const x = Float32Array.of(1, 2, 3, 4, 5, 6);
    const first = run.run({ x } as never) as unknown as { readonly [name: string]: Float32Array };
    expect({ scaled: [...first.scaled!], count: [...first.count!] }).toEqual({
      scaled: [2, 6, 6, 12, 10, 18],
      count: [11, 22],
    });
    const second = run.run({ x } as never) as unknown as { readonly [name: string]: Float32Array };
    expect([...second.count!]).toEqual([12, 24]);
  });

  it("takes an open size from a type or by its symbol, and asks for it otherwise", async () => {
    const model = await modelOf();
    expect(model.inputs).toEqual([{ name: "x", dtype: "f32", shape: ["s7", 2], type: "f32[s7,2]" }]);
    expect(model.graph({ symbols: { s7: 4 } }).inputs[0]!.value.type.shape).toEqual([4, 2]);
    const error = await refusal(() => model.graph());
    expect(error.code).toBe("import/size");
    expect(error.message).toContain('input "x" is f32[s7,2], and s7 is not given');
  });

  it.each([
    [
      "a size out of its range",
      { symbols: { s7: 9 } },
      "import/size",
      "s7 is 9, and the model was exported for 2 to 5",
    ],
    ["another dtype", { inputs: { x: tensorType("f64", [3, 2]) } }, "import/type", "got f64[3,2]"],
    ["another size", { inputs: { x: tensorType("f32", [3, 1]) } }, "import/size", "got f32[3,1]"],
    ["another input", { inputs: { y: tensorType("f32", [3, 2]) } }, "import/name", 'no input "y"'],
  ])("refuses %s", async (_, options, code, message) => {
    const error = await refusal(async () => (await modelOf()).graph(options));
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
  });

  const graphOf = (change: (given: Program) => void) => async () => (await modelOf(change)).graph(three);

  it.each([
    [
      "an operator that is not there, with its node",
      graphOf(({ graph_module: { graph } }) => {
        graph.nodes[0]!.target = "torch.ops.aten.no_such.default";
      }),
      "import/unsupported",
      "no_such",
    ],
    [
      "a schema of another version",
      () =>
        modelOf((given) => {
          given.schema_version.major = 9;
        }),
      "import/unsupported",
      "it is of schema 9 of torch.export, and schema 8 is read",
    ],
    ["a weight that the archive lacks", () => modelOf(undefined, ["w0"]), "import/model", "data/weights/w1"],
    [
      "a name that nothing has",
      graphOf(({ graph_module: { graph } }) => {
        graph.nodes[0]!.inputs[0]!.arg = tensor("nowhere");
      }),
      "import/model",
      '"nowhere" is used, and nothing before it is called that',
    ],
    [
      "a node that takes its own result",
      graphOf(({ graph_module: { graph } }) => {
        graph.nodes[0]!.inputs[0]!.arg = tensor("mul");
      }),
      "import/model",
      '"mul" is used, and nothing before it is called that',
    ],
    [
      "two values of one name",
      graphOf(({ graph_module: { graph } }) => {
        graph.nodes[1]!.outputs = [tensor("mul")];
      }),
      "import/model",
      'two values are called "mul"',
    ],
    [
      "a weight of another shape than the graph takes",
      () =>
        modelOf(({ graph_module: { graph } }) => {
          graph.tensor_values.p_w = meta(3);
        }),
      "import/model",
      '"w" is f32[2], and the graph takes f32[3] for it',
    ],
  ])("is refused for %s", async (_, make, code, message) => {
    const error = await refusal(make);
    expect(error.code).toBe(code);
    expect([error.message, ...error.details].join(" ")).toContain(message);
  });

  it("has sizes that values decide, up to what its ranges say", async () => {
    const int = (value: number) => ({ as_int: value });
    const sized = (name: string) => ({ as_sym_int: { as_name: name } });
    const model = await modelOf((given) => {
      const { graph, signature } = given.graph_module;
      const numbered = (target: string, inputs: Parameters<typeof node>[1], name: string) => ({
        ...node(target, inputs),
        outputs: [sized(name) as never],
      });
      const first = { self: tensor("x"), dim: int(1), index: int(0) };
      const [places, at] = [
        { self: tensor("places"), dim: int(0) },
        { self: tensor("places"), dim: int(1) },
      ];
      const size = { as_sym_ints: [{ as_name: "k" }, { as_int: 2 }] };
      graph.nodes = [
        node("torch.ops.aten.select.int", first, "column"),
        node("torch.ops.aten.nonzero.default", { self: tensor("column") }, "places"),
        numbered("torch.ops.aten.sym_size.int", places, "n"),
        node("torch.ops.aten.squeeze.dim", at, "at"),
        node("torch.ops.aten.index_select.default", { self: tensor("x"), dim: int(0), index: tensor("at") }, "rows"),
        node("torch.ops.aten.mul.Tensor", { self: tensor("rows"), other: sized("n") }, "mul"),
        node("torch.ops.aten.argmax.default", { self: tensor("column") }, "last"),
        numbered("torch.ops.aten.item.default", { self: tensor("last") }, "k"),
        node("torch.ops.aten.zeros.default", { size }, "zeros"),
        node("torch.ops.aten.sub.Tensor", { self: tensor("zeros"), other: tensor("p_w") }, "clone"),
      ];
      const symbolOf = (name: string) => ({ as_expr: { expr_str: `Symbol('${name}', integer=True)` } });
      Object.assign(graph, { sym_int_values: { n: symbolOf("u0"), k: symbolOf("u1") } });
      Object.assign(given.range_constraints, { u0: { min_val: 0, max_val: 5 }, u1: { min_val: 0, max_val: 2 } });
      signature.input_specs = signature.input_specs.filter((each) => !("buffer" in each));
      graph.inputs = [tensor("p_w"), tensor("x")];
    });
    const run = new Interpreter(model.graph({ symbols: { s7: 4 } }));
    // What a graph gives has its largest shape, with zeros behind what there is.
    const given = (...column: readonly number[]) => {
      const x = Float32Array.from(column.flatMap((each) => [each, 1]));
      const results = run.run({ x } as never) as unknown as { readonly [name: string]: Float32Array };
      return [[...results.scaled!], [...results.count!]];
    };
    expect(given(0, 5, 7, 0)).toEqual([
      [10, 2, 14, 2, 0, 0, 0, 0],
      [-2, -3, -2, -3],
    ]);
    expect(given(0, 0, 0, 0)).toEqual([new Array(8).fill(0), new Array(4).fill(0)]);
    expect(() => given(1, 2, 3, 4)).toThrow(
      expect.objectContaining({
        code: "program/fault",
        message: "u1 is not from 0 to 2, for which the model was exported",
      }),
    );
  });

  /** What torch.save writes of one tensor [2]. */
  const saved = (pickle: string): Uint8Array => {
    const data = new Uint8Array(Float32Array.of(2, 3).buffer);
    const files = { "w/data.pkl": Buffer.from(pickle, "latin1"), "w/data/0": data };
    return zipSync(Object.fromEntries(Object.entries(files).map(([name, each]) => [name, [each, { level: 0 }]])));
  };
  const storage = "(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuI2\ntQ";
  const vector = `\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(${storage}I0\n(I2\nt(I1\nt\x89NtR.`;

  it("reads weights that are pickled, which run nothing", async () => {
    const model = await modelOf(undefined, ["w1"], saved(vector));
    const x = Float32Array.of(1, 2, 3, 4, 5, 6);
    const { scaled } = new Interpreter(model.graph(three)).run({ x } as never) as unknown as { scaled: Float32Array };
    expect([...scaled]).toEqual([2, 6, 6, 12, 10, 18]);
    const hostile = await refusal(() =>
      modelOf(undefined, ["w1"], saved("\x80\x02cos\nsystem\n(X\x01\x00\x00\x00atR.")),
    );
    expect(hostile.message).toContain("it asks for os.system, which no model needs");
    const raw = await refusal(() => modelOf(undefined, ["w1"], Uint8Array.of(1, 2)));
    expect(raw.message).toContain('"w" should be a file of torch.save in data/weights/w0, and is none');
  });

  it("scans and maps along the first dimension, in a graph and with values in hand", async () => {
    const body = (nodes: readonly object[], inputs: readonly string[], outputs: readonly string[]) => ({
      as_graph: {
        name: "body",
        graph: { inputs: inputs.map(tensor), outputs: outputs.map(tensor), nodes, tensor_values: {} },
      },
    });
    const tensors = (...names: readonly string[]) => ({ as_tensors: names.map((name) => ({ name })) });
    const model = await modelOf(({ graph_module: { graph } }) => {
      const sums = body(
        [
          node("torch.ops.aten.add.Tensor", { self: tensor("sum"), other: tensor("row") }, "next"),
          node("torch.ops.aten.mul.Tensor", { self: tensor("next"), other: tensor("by") }, "kept"),
        ],
        ["sum", "row", "by"],
        ["next", "kept"],
      );
      const squares = body([node("torch.ops.aten.square.default", { self: tensor("e") }, "square")], ["e"], ["square"]);
      const scanned = { combine_fn: sums, init: tensors("b_c"), xs: tensors("x"), additional_inputs: tensors("p_w") };
      graph.nodes = [
        { ...node("torch.ops.higher_order.scan", scanned), outputs: [tensors("last", "mul") as never] },
        {
          ...node("torch.ops.higher_order.map_impl", { f: squares, xs: tensors("mul"), pos_args: tensors() }),
          outputs: [tensors("clone") as never],
        },
      ];
    });
    const x = Float32Array.of(1, 2, 3, 4, 5, 6);
    const sums = [22, 66, 28, 78, 38, 96];
    const results = new Interpreter(model.graph(three)).run({ x } as never) as { [name: string]: ArrayLike<number> };
    expect({ scaled: Array.from(results.scaled!), count: Array.from(results.count!) }).toEqual({
      scaled: sums,
      count: sums.map((each) => each * each),
    });
    const { scaled } = model.interpret({ x: { dtype: "f32", shape: [3, 2], data: x } });
    expect(scaled).toMatchObject({ shape: [3, 2], data: Float32Array.from(sums) });
  });

  it("says at which node it is refused", async () => {
    const error = await refusal(
      graphOf(({ graph_module: { graph } }) => {
        graph.nodes[0]!.target = "torch.ops.aten.no_such.default";
      }),
    );
    expect(error.details.join(" ")).toContain("at node mul = torch.ops.aten.no_such.default");
  });
});
