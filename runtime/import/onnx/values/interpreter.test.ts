// Models that no graph can be made of, interpreted: texts, sequences that grow, shapes that values decide.
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { IsochronError } from "../../../../kernels/index.ts";
import {
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  type GraphProtoSchema,
  ModelProtoSchema,
  type NodeProtoSchema,
} from "../format/onnx_pb.ts";
import { OnnxModel } from "../model.ts";
import type { ModelValue } from "./value.ts";

type Node = MessageInitShape<typeof NodeProtoSchema>;
type Attribute = NonNullable<Node["attribute"]>[number];

const text = (given: string) => new TextEncoder().encode(given);
const node = (opType: string, input: string[], output: string[], attribute: Attribute[] = []): Node => ({
  opType,
  input,
  output,
  attribute,
});
const int = (name: string, i: number): Attribute => ({ name, type: AttributeType.INT, i: BigInt(i) });
const ints = (name: string, all: number[]): Attribute => ({ name, type: AttributeType.INTS, ints: all.map(BigInt) });
const graphOf = (name: string, g: MessageInitShape<typeof GraphProtoSchema>): Attribute => ({
  name,
  type: AttributeType.GRAPH,
  g,
});
const port = (name: string, elemType: DataType, dims?: (number | string)[]) => ({
  name,
  type: {
    value: {
      case: "tensorType" as const,
      value: {
        elemType,
        ...(dims && {
          shape: {
            dim: dims.map((each) => ({
              value:
                typeof each === "number"
                  ? { case: "dimValue" as const, value: BigInt(each) }
                  : { case: "dimParam" as const, value: each },
            })),
          },
        }),
      },
    },
  },
});
const named = (name: string) => ({ name });

function modelOf(graph: MessageInitShape<typeof GraphProtoSchema>): OnnxModel {
  const model = create(ModelProtoSchema, {
    irVersion: 10n,
    opsetImport: [
      { domain: "", version: 20n },
      { domain: "ai.onnx.ml", version: 4n },
    ],
    graph: { name: "test", ...graph },
  });
  return new OnnxModel(toBinary(ModelProtoSchema, model), "test.onnx", () => new Uint8Array());
}

const texts = (...data: string[]): ModelValue => ({ shape: [data.length], data });
const i64 = (...data: number[]): ModelValue => ({
  dtype: "i64",
  shape: [data.length],
  data: BigInt64Array.from(data, BigInt),
});
const f32 = (shape: number[], ...data: number[]): ModelValue => ({
  dtype: "f32",
  shape,
  data: Float32Array.from(data),
});
const codeOf = (run: () => unknown): string => {
  try {
    run();
    return "none";
  } catch (error) {
    return error instanceof IsochronError ? error.code : String(error);
  }
};

describe("OnnxModel.interpret", () => {
  it("moves texts as it moves numbers", () => {
    const model = modelOf({
      input: [port("words", DataType.STRING, ["n"]), port("at", DataType.INT64, ["m"])],
      output: [named("taken"), named("distinct"), named("counts"), named("padded")],
      node: [
        node("Gather", ["words", "at"], ["taken"]),
        node("Unique", ["taken"], ["distinct", "", "", "counts"]),
        node("Pad", ["taken", "pads"], ["padded"]),
      ],
      initializer: [{ name: "pads", dataType: DataType.INT64, dims: [2n], int64Data: [1n, 0n] }],
    });
    const found = model.interpret({ words: texts("é", "b", "a"), at: i64(-1, 0, 2) });
    expect(found).toEqual({
      taken: texts("a", "é", "a"),
      distinct: texts("a", "é"),
      counts: i64(2, 1),
      padded: texts("", "a", "é", "a"),
    });
  });

  it("gives what values decide in its own shape", () => {
    const model = modelOf({
      input: [port("x", DataType.FLOAT, ["n"])],
      output: [named("where"), named("those")],
      node: [
        node("NonZero", ["x"], ["where"]),
        node("Transpose", ["where"], ["rows"]),
        node("GatherND", ["x", "rows"], ["those"]),
      ],
    });
    const { where, those } = model.interpret({ x: f32([4], 0, 2, 0, 3) });
    expect(where).toEqual({ dtype: "i64", shape: [1, 2], data: BigInt64Array.of(1n, 3n) });
    expect(those).toEqual(f32([2], 2, 3));
    expect(model.interpret({ x: f32([1], 0) })).toMatchObject({ those: { shape: [0] } });
  });

  it("carries a sequence through as many turns as a value says, and keeps what each turn gives", () => {
    const body = {
      name: "body",
      input: [named("turn"), named("on"), named("list")],
      output: [named("on"), named("longer"), port("kept", DataType.FLOAT, [1])],
      node: [
        node("Unsqueeze", ["turn", "zero"], ["row"]),
        node("Slice", ["x", "zero", "row"], ["part"]),
        node("SequenceInsert", ["list", "part"], ["longer"]),
        node("Gather", ["x", "row"], ["kept"]),
      ],
    };
    const model = modelOf({
      input: [port("x", DataType.FLOAT, ["n"]), port("turns", DataType.INT64, [])],
      output: [named("list"), named("all")],
      node: [
        node("SequenceEmpty", [], ["none"]),
        node("Loop", ["turns", "", "none"], ["list", "all"], [graphOf("body", body)]),
      ],
      initializer: [{ name: "zero", dataType: DataType.INT64, dims: [1n], int64Data: [0n] }],
    });
    const x = f32([3], 5, 6, 7);
    const turns = (count: number): ModelValue => ({ dtype: "i64", shape: [], data: BigInt64Array.of(BigInt(count)) });
    expect(model.interpret({ x, turns: turns(3) })).toEqual({
      list: [f32([0]), f32([1], 5), f32([2], 5, 6)],
      all: f32([3, 1], 5, 6, 7),
    });
    expect(model.interpret({ x, turns: turns(0) })).toEqual({ list: [], all: f32([0, 1]) });
  });

  it("scans along other dimensions and backwards", () => {
    const body = {
      name: "body",
      input: [named("sum"), named("each")],
      output: [named("next"), named("copy")],
      node: [node("Add", ["sum", "each"], ["next"]), node("Identity", ["next"], ["copy"])],
    };
    const attributes = [
      graphOf("body", body),
      int("num_scan_inputs", 1),
      ints("scan_input_axes", [1]),
      ints("scan_input_directions", [1]),
      ints("scan_output_axes", [-1]),
    ];
    const model = modelOf({
      input: [port("start", DataType.FLOAT, [2]), port("x", DataType.FLOAT, [2, 3])],
      output: [named("last"), named("sums")],
      node: [node("Scan", ["start", "x"], ["last", "sums"], attributes)],
    });
    const found = model.interpret({ start: f32([2], 0, 0), x: f32([2, 3], 1, 2, 3, 10, 20, 30) });
    expect(found).toEqual({ last: f32([2], 6, 60), sums: f32([2, 3], 3, 5, 6, 30, 50, 60) });
  });

  it("runs a subgraph on each element of a sequence, and tells an empty optional from a full one", () => {
    const body = { name: "body", input: [named("one")], output: [named("two")], node: [node("Neg", ["one"], ["two"])] };
    const model = modelOf({
      input: [port("x", DataType.FLOAT, [2])],
      output: [named("mapped"), named("has"), named("hasNot")],
      node: [
        node("SequenceConstruct", ["x", "x"], ["list"]),
        node("SequenceMap", ["list"], ["mapped"], [graphOf("body", body)]),
        node("Optional", ["x"], ["full"]),
        node("Optional", [], ["empty"]),
        node("OptionalHasElement", ["full"], ["has"]),
        node("OptionalHasElement", ["empty"], ["hasNot"]),
      ],
    });
    const { mapped, has, hasNot } = model.interpret({ x: f32([2], 1, 2) });
    expect(mapped).toEqual([f32([2], -1, -2), f32([2], -1, -2)]);
    expect([has, hasNot]).toMatchObject([{ data: Uint8Array.of(1) }, { data: Uint8Array.of(0) }]);
  });

  it("casts texts to numbers and back", () => {
    const model = modelOf({
      input: [port("words", DataType.STRING, ["n"])],
      output: [named("numbers"), named("back")],
      node: [
        node("Cast", ["words"], ["numbers"], [int("to", DataType.FLOAT)]),
        node("Cast", ["numbers"], ["back"], [int("to", DataType.STRING)]),
      ],
    });
    const { numbers, back } = model.interpret({ words: texts("0.1", "-INF", "1e3", "nan") });
    expect(numbers).toEqual(f32([4], 0.1, -Infinity, 1000, Number.NaN));
    expect(back).toEqual(texts("0.1", "-inf", "1000", "nan"));
    expect(codeOf(() => model.interpret({ words: texts("one") }))).toBe("import/model");
  });

  it("counts n-grams of texts, and knows categories and labels", () => {
    const strings = (name: string, all: string[]): Attribute => ({
      name,
      type: AttributeType.STRINGS,
      strings: all.map(text),
    });
    const model = modelOf({
      input: [port("words", DataType.STRING, [4])],
      output: [named("counts"), named("category"), named("label")],
      node: [
        node(
          "TfIdfVectorizer",
          ["words"],
          ["counts"],
          [
            int("min_gram_length", 1),
            int("max_gram_length", 2),
            int("max_skip_count", 0),
            { name: "mode", type: AttributeType.STRING, s: text("TF") },
            strings("pool_strings", ["a", "a", "b"]),
            ints("ngram_counts", [0, 1]),
            ints("ngram_indexes", [0, 1]),
          ],
        ),
        {
          ...node(
            "CategoryMapper",
            ["words"],
            ["category"],
            [strings("cats_strings", ["a", "b"]), ints("cats_int64s", [7, 8])],
          ),
          domain: "ai.onnx.ml",
        },
        {
          ...node(
            "LabelEncoder",
            ["category"],
            ["label"],
            [ints("keys_int64s", [7]), strings("values_strings", ["seven"])],
          ),
          domain: "ai.onnx.ml",
        },
      ],
    });
    expect(model.interpret({ words: texts("a", "b", "a", "c") })).toEqual({
      counts: f32([2], 2, 1),
      category: i64(7, 8, 7, -1),
      label: texts("seven", "_Unused", "seven", "_Unused"),
    });
  });

  it("names classes by texts, which a graph cannot", () => {
    const floats = (name: string, all: number[]): Attribute => ({ name, type: AttributeType.FLOATS, floats: all });
    const labels = ["no", "yes"].map(text);
    const model = modelOf({
      input: [port("x", DataType.FLOAT, [2, 1])],
      output: [named("label"), named("scores")],
      node: [
        {
          ...node(
            "LinearClassifier",
            ["x"],
            ["label", "scores"],
            [
              floats("coefficients", [-1, 1]),
              floats("intercepts", [0, 0]),
              { name: "classlabels_strings", type: AttributeType.STRINGS, strings: labels },
            ],
          ),
          domain: "ai.onnx.ml",
        },
      ],
    });
    const x = f32([2, 1], 3, -3);
    expect(model.interpret({ x })).toEqual({ label: texts("yes", "no"), scores: f32([2, 2], -3, 3, 3, -3) });
    expect(codeOf(() => model.graph())).toBe("import/run-time");
  });

  it("refuses inputs that are not of the types that the file says, and names the node that fails", () => {
    const model = modelOf({
      input: [port("x", DataType.FLOAT, ["n"]), port("y", DataType.FLOAT, ["n"])],
      output: [named("z")],
      node: [node("Nonsense", ["x", "y"], ["z"])],
    });
    const x = f32([1], 1);
    const given: { readonly [name: string]: ModelValue }[] = [
      { x },
      { x, y: i64(1) },
      { x, y: texts("a") },
      { x, y: f32([2], 1, 2) },
      { x, y: f32([1, 1], 1) },
      { x, y: f32([1], 1, 2) },
    ];
    expect(given.map((each) => codeOf(() => model.interpret(each)))).toEqual(given.map(() => "import/type"));
    expect(codeOf(() => model.interpret({ x, y: x, z: x }))).toBe("import/name");
    expect(() => model.interpret({ x, y: x })).toThrow(/node 0 \(Nonsense\)/);
  });
});
