// Models of TorchScript: methods over shared states, views and writes, types that are asked for, and what is refused with its line.
import { zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { IsochronError } from "../../../kernels/index.ts";
import type { Graph } from "../../graph/graph.ts";
import { type TensorType, tensorType } from "../../graph/tensor-type.ts";
import { compile, load } from "../../index.ts";
import { Interpreter } from "../../interpreters/interpreter.ts";
import { readTorchArchive } from "./archive.ts";
import { requireProgram, type TorchGraphOptions, TorchModel } from "./model.ts";
import { type TestTensor, torchFile } from "./testing/archives.ts";

const modelOf = async (...given: Parameters<typeof torchFile>): Promise<TorchModel> => {
  const bytes = torchFile(...given);
  return new TorchModel(requireProgram(await readTorchArchive(bytes, "m.pt")), bytes.length, "m.pt");
};

const refusal = async (body: () => unknown): Promise<string> => {
  try {
    await body();
  } catch (error) {
    if (error instanceof IsochronError) return [`${error.code}: ${error.message}`, ...error.details].join(" | ");
    throw error;
  }
  return "nothing is refused";
};

/** A class with one method, `forward`. */
const module = (
  parameters: string,
  body: readonly string[],
  returns = "Tensor",
  attributes: readonly string[] = [],
): string =>
  [
    "class M(Module):",
    "  __parameters__ = []",
    "  __buffers__ = []",
    ...attributes.map((each) => `  ${each}`),
    `  def forward(self: __torch__.M${parameters === "" ? "" : `,\n    ${parameters}`}) -> ${returns}:`,
    ...body.map((line) => `    ${line}`),
    "",
  ].join("\n");

const f32 = (...shape: readonly number[]): TensorType => tensorType("f32", [...shape]);
const vector = (...values: readonly number[]): TestTensor => ({
  shape: [values.length],
  data: Float32Array.from(values),
});

/** What a step gives, interpreted, by names. */
function step(graph: Graph, inputs: { readonly [name: string]: unknown } = {}): { readonly [name: string]: number[] } {
  const results: object = new Interpreter(graph).run(inputs as never);
  return Object.fromEntries(
    Object.entries(results).map(([name, data]) => [name, Array.from(data as Iterable<number>, Number)]),
  );
}

/** What `forward` of x gives for some numbers. */
async function forward(
  body: readonly string[],
  x: readonly number[],
  shape: readonly number[] = [x.length],
  options: TorchGraphOptions = {},
) {
  const model = await modelOf(module("x: Tensor", body));
  return step(model.graph({ inputs: { x: f32(...shape), ...options.inputs } }), { x: Float32Array.from(x) });
}

const counter = [
  "class M(Module):",
  "  __parameters__ = []",
  '  __buffers__ = ["total", ]',
  "  total : Tensor",
  "  def forward(self: __torch__.M,",
  "    x: Tensor) -> Tensor:",
  "    total = self.total",
  "    _0 = torch.add_(total, x)",
  "    return torch.mul(self.total, 2)",
  "  def peek(self: __torch__.M) -> Tensor:",
  "    return torch.neg(self.total)",
  "  def reset(self: __torch__.M) -> NoneType:",
  "    _0 = torch.zero_(self.total)",
  "    return None",
  "",
].join("\n");

describe("models of TorchScript", () => {
  it("have a fault with the line where a matrix has no result, in a course that runs", async () => {
    const body = [
      "if bool(torch.gt(torch.sum(x), 0)):",
      "  y = torch.linalg_inv(torch.reshape(x, [2, 2]))",
      "else:",
      "  y = torch.linalg_pinv(torch.reshape(x, [2, 2]))",
      "return y",
    ];
    const graph = (await modelOf(module("x: Tensor", body))).graph({ inputs: { x: f32(4) } });
    const run = (...x: number[]) => step(graph, { x: Float32Array.from(x) });
    expect(Object.values(run(2, 0, 0, 4))).toEqual([[0.5, 0, 0, 0.25]]);
    expect(() => run(1, 2, 2, 4)).toThrow(
      "the model raises: linalg.inv: the input matrix is singular at code/__torch__.py:7:7",
    );
    expect(Object.values(run(-4, 0, 0, 0))).toEqual([[-0.25, 0, 0, 0]]);
    const program = load(await compile(graph));
    expect(() => program.run({ x: Float32Array.of(1, 2, 2, 4) }, program.newOutputs())).toThrow(
      /linalg\.inv: the input matrix is singular at code/,
    );
  });

  it("have the methods that the source has, over states that each of them reads and writes", async () => {
    const model = await modelOf(counter, { total: vector(1, 2) });
    expect(model.methods.map(({ name, parameters, returns }) => [name, parameters.length, returns])).toEqual([
      ["forward", 1, "Tensor"],
      ["peek", 0, "Tensor"],
      ["reset", 0, "NoneType"],
    ]);
    const graphs = model.graphs({
      forward: { inputs: { x: f32(2) } },
      peek: { method: "peek" },
      reset: { method: "reset" },
    });
    const program = load(await compile(graphs));
    const run = (method: string, inputs: object = {}) =>
      Object.values(program.method(method).run(inputs as never)).flatMap((each) => [...(each as Float32Array)]);
    expect(run("forward", { x: Float32Array.of(10, 20) })).toEqual([22, 44]);
    expect(run("peek")).toEqual([-11, -22]);
    expect(run("reset")).toEqual([0, 0]);
    expect(run("forward", { x: Float32Array.of(1, 1) })).toEqual([2, 2]);
  });

  it("take lists and tuples of tensors, of numbers and of both, with a length that is given", async () => {
    const parameters = "xs: List[Tensor],\n    ks: List[int],\n    pair: Tuple[Tensor, int]";
    const model = await modelOf(
      module(parameters, [
        "y = torch.mul(xs[0], ks[1])",
        "for i in range(torch.len(xs)):",
        "  y = torch.add(y, xs[i])",
        "z, n = pair",
        "return torch.add(torch.mul(y, torch.len(ks)), torch.mul(z, n))",
      ]),
    );
    const graph = model.graph({ inputs: { xs: [f32(2), f32(2)], ks: [5, 7], pair: [f32(1), 3] } });
    expect(graph.inputs.map(({ name }) => name)).toEqual(["xs.0", "xs.1", "pair.0"]);
    const vectors = { "xs.0": Float32Array.of(1, 2), "xs.1": Float32Array.of(10, 20), "pair.0": Float32Array.of(100) };
    expect(step(graph, vectors)).toEqual({ y: [(7 + 11) * 2 + 300, (14 + 22) * 2 + 300] });
    expect(await refusal(() => model.graph({ inputs: { ks: [1] } }))).toMatch(
      'import/size: input "xs" of forward is List[Tensor], whose length the model does not say',
    );
  });

  it("have no states where nothing is written", async () => {
    const model = await modelOf(counter, { total: vector(1, 2) });
    expect(model.graph({ method: "peek" }).states).toEqual([]);
  });

  it("write through views to what they show", async () => {
    const { y } = await forward(
      [
        "a = torch.clone(x)",
        "_0 = torch.add_(torch.select(torch.slice(a, 0, 1), 1, 0), 10)",
        "_1 = torch.mul_(torch.transpose(a, 0, 1), 2)",
        "_2 = torch.copy_(torch.slice(torch.view(a, [6]), 0, 4, 5), torch.neg(torch.slice(torch.view(x, [6]), 0, 0, 1)))",
        "return a",
      ],
      [1, 2, 3, 4, 5, 6],
      [2, 3],
    );
    // PyTorch: a = x.clone(); a[1:, 0] += 10; a.T.mul_(2); a.view(6)[4:5] = -x.view(6)[0:1].
    expect(y).toEqual([2, 4, 6, 28, -1, 12]);
  });

  it("leave a copy as it is when what it was made of is written to", async () => {
    const { y } = await forward(
      ["a = torch.clone(x)", "b = torch.clone(a)", "_0 = torch.add_(a, 1)", "return torch.sub(b, a)"],
      [1, 2],
    );
    expect(y).toEqual([-1, -1]);
  });

  it("promote dtypes as PyTorch does: numbers and tensors without dimensions count where their kind is higher", async () => {
    const typeOf = async (expression: string, type: TensorType) => {
      const model = await modelOf(module("x: Tensor", [`return ${expression}`]));
      return model.graph({ inputs: { x: type } }).outputs[0]!.value.type.dtype;
    };
    const [i32, i64, half] = [tensorType("i32", [2]), tensorType("i64", [2]), tensorType("f16", [2])];
    expect(await typeOf("torch.add(x, 1)", i32)).toBe("i32");
    expect(await typeOf("torch.add(x, 1.5)", i32)).toBe("f32");
    expect(await typeOf("torch.add(x, 1.5)", half)).toBe("f16");
    expect(await typeOf("torch.div(x, 2)", i64)).toBe("f32");
    expect(await typeOf("torch.add(x, torch.tensor(3))", i32)).toBe("i32");
    expect(await typeOf("torch.add(x, torch.tensor([3, 4]))", i32)).toBe("i64");
    expect(await typeOf("torch.mul(x, torch.tensor(2.5, dtype=7))", half)).toBe("f16");
    expect(await typeOf("torch.gt(x, 0)", half)).toBe("bool");
    expect(await typeOf("torch.sum(x)", i32)).toBe("i64");
    expect(await typeOf("torch.mean(torch.to(x, 6))", i32)).toBe("f32");
  });

  it("run loops and choices over numbers, lists and sizes while the graph is made", async () => {
    const { y } = await forward(
      [
        "parts = annotate(List[Tensor], [])",
        "for i in range(torch.size(x, 0)):",
        "  if torch.eq(torch.remainder(i, 2), 0):",
        "    _0 = torch.append(parts, torch.mul(torch.select(x, 0, i), i))",
        "  else:",
        "    pass",
        "return torch.stack(parts)",
      ],
      [1, 2, 3, 4, 5],
    );
    expect(y).toEqual([0, 6, 20]);
  });

  it("give tuples by place and named results by name", async () => {
    const model = await modelOf(
      module(
        "x: Tensor",
        ["return (torch.neg(x), (torch.abs(x), torch.relu(x)))"],
        "Tuple[Tensor, Tuple[Tensor, Tensor]]",
      ),
    );
    const graph = model.graph({ inputs: { x: f32(1) } });
    expect(graph.outputs.map(({ name }) => name)).toEqual(["y0", "y1.0", "y1.1"]);
    expect(step(graph, { x: Float32Array.of(-2) })).toEqual({ y0: [2], "y1.0": [2], "y1.1": [0] });
  });

  it("guess the row that a policy takes by the first weight that it fits", async () => {
    const body = ["return torch.linear(torch.tanh(torch.linear(x, self.a)), self.b)"];
    const source = module("x: Tensor", body, "Tensor", ["a : Tensor", "b : Tensor"]);
    const model = await modelOf(source, {
      b: { shape: [2, 4], data: new Float32Array(8) },
      a: { shape: [4, 3], data: new Float32Array(12) },
    });
    expect(model.likelyInputs()).toEqual({ x: f32(1, 3) });
    expect((await modelOf(module("x: Tensor, y: Tensor", ["return x"]))).likelyInputs()).toBeUndefined();
  });
});

describe("what a model of TorchScript does not say", () => {
  const model = () => modelOf(counter, { total: vector(1, 2) });

  it("is asked for by name", async () => {
    expect(await refusal(async () => (await model()).graph())).toBe(
      'import/size: input "x" of forward is Tensor, whose shape the model does not say',
    );
    expect(await refusal(async () => (await model()).graph({ inputs: { z: f32(2) } }))).toBe(
      'import/name: the model has no input "z"',
    );
    expect(await refusal(async () => (await model()).graph({ method: "resett" }))).toBe(
      'import/name: M has no method "resett"',
    );
  });
});

describe("what no graph can be made of", () => {
  const graph = (body: readonly string[], attributes: Parameters<typeof torchFile>[1] = {}) =>
    refusal(async () =>
      (
        await modelOf(
          module(
            "x: Tensor",
            body,
            "Tensor",
            Object.keys(attributes).map((name) => `${name} : int`),
          ),
          attributes,
        )
      ).graph({ inputs: { x: f32(2) } }),
    );

  it("is refused with the operator and its line", async () => {
    expect(await graph(["y = torch.neg(x)", "return torch.lgamma_of_nobody(y)"])).toBe(
      "import/unsupported: lgamma_of_nobody(a tensor f32[2]) is not there | at code/__torch__.py:7:5",
    );
    expect(await graph(["return torch.linear(x, 3)"])).toBe(
      "import/unsupported: linear(a tensor f32[2], an int) is not there for these operands | at code/__torch__.py:6:5",
    );
    expect(await graph(["return torch.view(x, [3])"])).toMatch(
      /import\/model: \[2\] cannot be viewed as \[3\] \| at code/,
    );
    expect(await graph(['ops.prim.RaiseException("too short", "builtins.ValueError")', "return x"])).toMatch(
      /import\/raised: the model raises: too short \| at code\/__torch__\.py:6:5/,
    );
  });

  it("is refused before it takes for ever", async () => {
    expect(await graph(["return (self).forward(x, )"])).toMatch(/import\/model: forward is called 200 deep/);
    expect(await graph(["while True:", "  y = 1", "return x"])).toMatch(
      /import\/unsupported: more than \d+ statements run/,
    );
    expect(await graph(["for i in range(1000000000):", "  y = 1", "return x"])).toMatch(/a loop of 1000000000 turns/);
    expect(await graph(["return torch.expand(x, [100000000000, 2])"])).toMatch(
      /import\/size-limit: it gives f32\[100000000000,2\], and a tensor may have 4294967296 bytes \| at code/,
    );
  });

  it("does not read attributes of JavaScript's own", async () => {
    expect(await graph(["return self.constructor"])).toMatch(/has no attribute constructor/);
    expect(await graph(["return torch.hasOwnProperty(x)"])).toMatch(/hasOwnProperty\(.*\) is not there/);
    expect(await graph(["return torch.__proto__(x)"])).toMatch(/__proto__\(.*\) is not there/);
  });
});

describe("archives that hold no TorchScript", () => {
  const of = (names: readonly string[]) =>
    refusal(async () =>
      requireProgram(
        await readTorchArchive(zipSync(Object.fromEntries(names.map((name) => [`m/${name}`, new Uint8Array(1)]))), "m"),
      ),
    );

  it("are told by what they hold", async () => {
    expect(await of(["archive_format"])).toMatch(/a package of PyTorch without a program/);
    expect(await of(["serialized_exported_program.json"])).toMatch(/\(\.pt2\) of the older layout/);
    expect(await of(["data/aotinductor/model.so", "archive_format"])).toMatch(/a package of AOTInductor/);
    expect(await of(["data.pkl", "data/0"])).toMatch(/holds tensors, and no model that uses them/);
    expect(await of(["word/document.xml"])).toMatch(/a ZIP archive that PyTorch did not write/);
  });
});
