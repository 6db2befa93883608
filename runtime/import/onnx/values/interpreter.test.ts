// Models that no graph can be made of, interpreted: texts, sequences that grow, shapes that values decide.
import { describe, expect, it } from "vitest";
import { IsochronError } from "../../../../kernels/index.ts";
import { Interpreter } from "../../../interpreters/interpreter.ts";
import { graph, modelBytes, node, stored } from "../../../testing/onnx-models.ts";
import { TensorProto_DataType as DataType } from "../format/onnx_pb.ts";
import { OnnxModel } from "../model.ts";
import type { ModelValue, TensorValue } from "./value.ts";

const modelOf = (parts: Parameters<typeof graph>[0]): OnnxModel =>
  new OnnxModel(modelBytes(graph(parts)), "test.onnx", () => new Uint8Array());

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
      inputs: ["words: string[n]", "at: i64[m]"],
      outputs: ["taken", "distinct", "counts", "padded"],
      nodes: [
        node("taken = Gather(words, at)"),
        node("distinct, , , counts = Unique(taken)"),
        node("padded = Pad(taken, pads)"),
      ],
      initializers: [stored("pads", "i64", [2], BigInt64Array.of(1n, 0n))],
    });
    const found = model.interpret({ words: texts("é", "b", "a"), at: i64(-1, 0, 2) });
    expect(found).toEqual({
      taken: texts("a", "é", "a"),
      distinct: texts("a", "é"),
      counts: i64(2, 1),
      padded: texts("", "a", "é", "a"),
    });
  });

  it("draws what a seed says, wherever a node has none of its own", () => {
    const model = modelOf({
      inputs: ["x: f32[4]"],
      outputs: ["free", "other", "fixed"],
      nodes: [
        node("free = RandomNormalLike(x)"),
        node("other = RandomNormalLike(x)"),
        node("fixed = RandomNormalLike(x)", { seed: { float: 3.5 } }),
      ],
    });
    const x = f32([4], 0, 0, 0, 0);
    const [none, again, one, same, two] = [undefined, undefined, 1, 1, -2].map((seed) =>
      model.interpret({ x }, seed === undefined ? {} : { seed }),
    );
    expect(again).toEqual(none);
    expect(same).toEqual(one);
    const drawn = [none, one, two].flatMap((each) => [each!.free, each!.other]).map((each) => JSON.stringify(each));
    expect(new Set(drawn).size).toBe(6);
    expect([one!.fixed, two!.fixed]).toEqual([none!.fixed, none!.fixed]);
    const compiled = new Interpreter(model.graph({ seed: 1 })).run({ x: Float32Array.of(0, 0, 0, 0) });
    expect(compiled.free).toEqual((one!.free as TensorValue).data);
  });

  it("gives what values decide in its own shape", () => {
    const model = modelOf({
      inputs: ["x: f32[n]"],
      outputs: ["where", "those"],
      nodes: [node("where = NonZero(x)"), node("rows = Transpose(where)"), node("those = GatherND(x, rows)")],
    });
    const { where, those } = model.interpret({ x: f32([4], 0, 2, 0, 3) });
    expect(where).toEqual({ dtype: "i64", shape: [1, 2], data: BigInt64Array.of(1n, 3n) });
    expect(those).toEqual(f32([2], 2, 3));
    expect(model.interpret({ x: f32([1], 0) })).toMatchObject({ those: { shape: [0] } });
  });

  it("carries a sequence through as many turns as a value says, and keeps what each turn gives", () => {
    const body = graph({
      inputs: ["turn", "on", "list"],
      outputs: ["on", "longer", "kept: f32[1]"],
      nodes: [
        node("row = Unsqueeze(turn, zero)"),
        node("part = Slice(x, zero, row)"),
        node("longer = SequenceInsert(list, part)"),
        node("kept = Gather(x, row)"),
      ],
    });
    const model = modelOf({
      inputs: ["x: f32[n]", "turns: i64[]"],
      outputs: ["list", "all"],
      nodes: [node("none = SequenceEmpty()"), node("list, all = Loop(turns, , none)", { body })],
      initializers: [stored("zero", "i64", [1], BigInt64Array.of(0n))],
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
    const body = graph({
      inputs: ["sum", "each"],
      outputs: ["next", "copy"],
      nodes: [node("next = Add(sum, each)"), node("copy = Identity(next)")],
    });
    const attributes = {
      body,
      num_scan_inputs: 1,
      scan_input_axes: [1],
      scan_input_directions: [1],
      scan_output_axes: [-1],
    };
    const model = modelOf({
      inputs: ["start: f32[2]", "x: f32[2,3]"],
      outputs: ["last", "sums"],
      nodes: [node("last, sums = Scan(start, x)", attributes)],
    });
    const found = model.interpret({ start: f32([2], 0, 0), x: f32([2, 3], 1, 2, 3, 10, 20, 30) });
    expect(found).toEqual({ last: f32([2], 6, 60), sums: f32([2, 3], 3, 5, 6, 30, 50, 60) });
  });

  it("runs a subgraph on each element of a sequence, and tells an empty optional from a full one", () => {
    const body = graph({ inputs: ["one"], outputs: ["two"], nodes: [node("two = Neg(one)")] });
    const model = modelOf({
      inputs: ["x: f32[2]"],
      outputs: ["mapped", "has", "hasNot"],
      nodes: [
        node("list = SequenceConstruct(x, x)"),
        node("mapped = SequenceMap(list)", { body }),
        node("full = Optional(x)"),
        node("empty = Optional()"),
        node("has = OptionalHasElement(full)"),
        node("hasNot = OptionalHasElement(empty)"),
      ],
    });
    const { mapped, has, hasNot } = model.interpret({ x: f32([2], 1, 2) });
    expect(mapped).toEqual([f32([2], -1, -2), f32([2], -1, -2)]);
    expect([has, hasNot]).toMatchObject([{ data: Uint8Array.of(1) }, { data: Uint8Array.of(0) }]);
  });

  it("casts texts to numbers and back", () => {
    const model = modelOf({
      inputs: ["words: string[n]"],
      outputs: ["numbers", "back"],
      nodes: [
        node("numbers = Cast(words)", { to: DataType.FLOAT }),
        node("back = Cast(numbers)", { to: DataType.STRING }),
      ],
    });
    const { numbers, back } = model.interpret({ words: texts("0.1", "-INF", "1e3", "nan") });
    expect(numbers).toEqual(f32([4], 0.1, -Infinity, 1000, Number.NaN));
    expect(back).toEqual(texts("0.1", "-inf", "1000", "nan"));
    expect(codeOf(() => model.interpret({ words: texts("one") }))).toBe("import/model");
  });

  it("counts n-grams of texts, and knows categories and labels", () => {
    const grams = {
      min_gram_length: 1,
      max_gram_length: 2,
      max_skip_count: 0,
      mode: "TF",
      pool_strings: ["a", "a", "b"],
      ngram_counts: [0, 1],
      ngram_indexes: [0, 1],
    };
    const model = modelOf({
      inputs: ["words: string[4]"],
      outputs: ["counts", "category", "label"],
      nodes: [
        node("counts = TfIdfVectorizer(words)", grams),
        node("category = ai.onnx.ml::CategoryMapper(words)", { cats_strings: ["a", "b"], cats_int64s: [7, 8] }),
        node("label = ai.onnx.ml::LabelEncoder(category)", { keys_int64s: [7], values_strings: ["seven"] }),
      ],
    });
    expect(model.interpret({ words: texts("a", "b", "a", "c") })).toEqual({
      counts: f32([2], 2, 1),
      category: i64(7, 8, 7, -1),
      label: texts("seven", "_Unused", "seven", "_Unused"),
    });
  });

  it("names classes by texts, which a graph cannot", () => {
    const attributes = {
      coefficients: { floats: [-1, 1] },
      intercepts: { floats: [0, 0] },
      classlabels_strings: ["no", "yes"],
    };
    const model = modelOf({
      inputs: ["x: f32[2,1]"],
      outputs: ["label", "scores"],
      nodes: [node("label, scores = ai.onnx.ml::LinearClassifier(x)", attributes)],
    });
    const x = f32([2, 1], 3, -3);
    expect(model.interpret({ x })).toEqual({ label: texts("yes", "no"), scores: f32([2, 2], -3, 3, 3, -3) });
    expect(codeOf(() => model.graph())).toBe("import/run-time");
  });

  it("refuses inputs that are not of the types that the file says, and names the node that fails", () => {
    const model = modelOf({
      inputs: ["x: f32[n]", "y: f32[n]"],
      outputs: ["z"],
      nodes: [node("z = Nonsense(x, y)")],
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
