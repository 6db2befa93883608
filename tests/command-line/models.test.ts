// `isochron compile` and `isochron exec`: a model file becomes an artifact, and runs on files of tensors.
import { existsSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadTensors, saveTensors } from "../../runtime/import/index.ts";
import { elsewhere, graph, modelBytes, node, stored } from "../../runtime/testing/onnx-models.ts";
import { type Ended, Workplace } from "./command.ts";

const workplace = new Workplace();
afterAll(() => workplace.remove());
const at = (name: string): string => workplace.path(name);

/** total = total before + x · w, and total · 2. */
const adder = modelBytes(
  graph(
    {
      inputs: ["x: f32[n]", "before: f32[n]"],
      outputs: ["after: f32[n]", "twice: f32[n]"],
      nodes: [node("m = Mul(x, w)"), node("after = Add(before, m)"), node("twice = Add(after, after)")],
      initializers: [stored("w", "f32", [1], Float32Array.of(10))],
    },
    "adder",
  ),
);
const odd = modelBytes(
  graph({
    inputs: ["x: f32"],
    outputs: ["y: f32"],
    nodes: [node("a = own::Odd(x)", {}, "first"), node("y = Strange(a)")],
  }),
);

/** Its weights are to lie in a file that is not there. */
const fiveGigabytes = modelBytes(
  graph({
    inputs: ["x: f32[1,16384]"],
    outputs: ["y5: f32[1,16384]"],
    nodes: [1, 2, 3, 4, 5].map((layer) =>
      node(`y${layer} = MatMul(${layer === 1 ? "x" : `y${layer - 1}`}, w${layer})`),
    ),
    initializers: [1, 2, 3, 4, 5].map((layer) => elsewhere(`w${layer}`, "f32", [16384, 16384], "weights.bin", 0)),
  }),
);

let [compiled, open, unsupported, none, large, executed, wrong, unused] = [] as Ended[];
let inspected: Ended[] = [];

beforeAll(async () => {
  writeFileSync(at("adder.onnx"), adder);
  writeFileSync(at("odd.onnx"), odd);
  writeFileSync(at("not.onnx"), "no model");
  writeFileSync(at("large.onnx"), fiveGigabytes);
  const x = (...values: number[]) =>
    ({ dtype: "f32", shape: [values.length], data: Float32Array.from(values) }) as const;
  saveTensors(at("one.safetensors"), { x: x(1, 2) });
  saveTensors(at("two.safetensors"), { in0: x(3, 4) });
  saveTensors(at("three.safetensors"), { x: x(1, 2, 3) });
  saveTensors(at("more.safetensors"), { x: x(1, 2), z: x(1) });
  const input = ["--input", "x=f32[2]", "--input", "before=f32[2]", "--state", "before=after"];
  [compiled, open, unsupported, none, large] = await workplace.each([
    ["compile", "adder.onnx", ...input, "--target", "x86-64-v3", "--target", "aarch64", "--check", "--json"],
    ["compile", "adder.onnx", "-o", "open.iso"],
    ["compile", "odd.onnx"],
    ["compile", "not.onnx"],
    ["compile", "large.onnx"],
  ]);
  inspected = await workplace.each([
    ["inspect", "adder.onnx", ...input],
    ["inspect", "adder.onnx", ...input, "--ir", "imported"],
    ["inspect", "odd.onnx", "--ir", "imported", "--json"],
    ["inspect", "adder.onnx", "--input", "x=f32[2]", "--ir", "imported"],
    ["inspect", "adder.onnx", ...input, "--ir", "llvm", "0", "--target", "aarch64"],
    ["inspect", "adder.iso", "--target", "aarch64"],
    ["inspect", "adder.iso", "--json"],
    ["inspect", "adder.iso", "--ir", "imported"],
    ["inspect", "adder.iso", "--ir", "graph", "--state", "before=after"],
    ["inspect", "adder.onnx", ...input, "--ir", "loop"],
  ]);
  const outputs = ["--outputs", "a.safetensors", "--outputs", "b.safetensors"];
  [executed, wrong, unused] = await workplace.each([
    ["exec", "adder.iso", "--inputs", "one.safetensors", "--inputs", "two.safetensors", ...outputs],
    ["exec", "adder.iso", "--inputs", "three.safetensors"],
    ["exec", "adder.iso", "--inputs", "more.safetensors"],
  ]);
});

describe("isochron compile", () => {
  it("writes an artifact beside the model, and says what is in it and that it means what the model means", () => {
    expect(compiled!.error).toBe("");
    const { output, operators, multiplyAdds, weightBytes, arenaBytes, check } = JSON.parse(compiled!.out);
    expect({ output, operators, weightBytes }).toEqual({
      output: "adder.iso",
      operators: { Mul: 1, Add: 2 },
      weightBytes: expect.any(Number),
    });
    expect(multiplyAdds).toBeGreaterThan(0);
    expect(Object.keys(arenaBytes).sort()).toEqual(["aarch64", "x86-64-v3"]);
    expect(check).toMatch(/agree in 1 outputs/);
  });

  it("asks for what the model leaves open", () => {
    expect(open!.code).toBe(1);
    expect(open!.error).toContain('dimension 0 of input "x" is "n", whose size is not known');
    expect(existsSync(at("open.iso"))).toBe(false);
  });

  it("names every node that it cannot compile", () => {
    expect(unsupported!.code).toBe(1);
    expect(unsupported!.error).toContain("2 nodes of the model cannot be compiled");
    expect(unsupported!.error).toContain('node "first" (own::Odd): there is no such operator here');
    expect(unsupported!.error).toContain("node 1 (Strange): there is no such operator here");
  });

  it("refuses a model whose weights no artifact can hold, before any is read", () => {
    expect(large!.code).toBe(1);
    expect(large!.error).toContain(
      "error[artifact/size]: the weights take 5368709120 bytes, and an artifact may have 4294967295",
    );
    expect(existsSync(at("large.iso"))).toBe(false);
  });

  it("refuses what is no model", () => {
    expect(none!.code).toBe(1);
    expect(none!.error).toContain("error[import/model]: it is no ONNX model");
    expect(none!.error).toContain("--> not.onnx");
  });
});

describe("isochron inspect of a model", () => {
  const shown = (at: number): string => {
    const { code, out, error } = inspected[at]!;
    expect({ code, error }).toEqual({ code: 0, error: "" });
    return out;
  };

  it("says what it is made of, and the multiply-adds of a step where all sizes are known", () => {
    expect(shown(0)).toContain("operators: 2 Add, 1 Mul\n  weights: 4 bytes\n  multiply-adds: 0.0 million a step");
  });

  it("shows it as it is imported, or its own nodes where no graph can be made of it", () => {
    expect(shown(1)).toMatch(/^graph adder\(x: f32\[2\]\) -> \(twice: f32\[2\]\)\n[\s\S]* = mul\(%x, @w\)/);
    const { ir, graphs } = JSON.parse(shown(2));
    expect(ir).toBe("imported");
    expect(graphs[0].text.split("\n")).toEqual([
      '// no graph can be made of it: node "first" (own::Odd): there is no such operator here',
      "model made(x: f32[]) -> (y: f32[])",
      "  a = own::Odd(x)  // node first: cannot be compiled: there is no such operator here",
      "  y = Strange(a)  // cannot be compiled: there is no such operator here",
    ]);
  });

  it("asks for what the model leaves open", () => {
    expect(inspected[3]).toMatchObject({ code: 1, out: "" });
    expect(inspected[3]!.error).toContain('dimension 0 of input "before" is "n", whose size is not known');
  });

  it("shows what a later stage makes of it", () => {
    expect(shown(4)).toContain('target triple = "aarch64-unknown-linux-gnu"');
  });

  it("shows where everything lies in the memory of what it is compiled to", () => {
    expect(shown(5)).toContain(
      [
        "memory on aarch64, 320 bytes",
        "  arena, 128 bytes: states twice, then the scratch of the method that runs",
        "            0 +8         before: f32[2]",
        "           64 +8         before: f32[2], as the step leaves it",
        "  forward: 64 bytes of inputs, 64 of outputs, 0 of scratch",
        "  weights, 64 bytes",
        "            0 +8         before, as it begins",
      ].join("\n"),
    );
    const { format, memory } = JSON.parse(shown(6));
    expect({ format, memory }).toMatchObject({
      format: "isochron-artifact",
      memory: { target: "x86-64-v3", arena: { bytes: 128, states: [{ offset: 0, bytes: 8 }] } },
    });
  });

  it("refuses what only a model has of what is none, and lists the stages where one is not known", () => {
    expect(inspected.slice(7).map(({ code }) => code)).toEqual([1, 1, 1]);
    expect(inspected[7]!.error).toContain(
      "error[command/stage]: --ir imported shows a model as it was read, and adder.iso is no model",
    );
    expect(inspected[8]!.error).toContain(
      "error[command/argument]: --state says what a model leaves open, and adder.iso is no model",
    );
    expect(inspected[9]!.error).toContain("imported, graph, plan, loops, llvm, asm");
  });
});

describe("isochron exec", () => {
  it("runs calls on files of tensors by name or position, states kept between them", async () => {
    expect({ code: executed!.code, error: executed!.error }).toEqual({ code: 0, error: "" });
    expect(executed!.out).toContain("twice: f32[2]  20 40");
    const { tensors, metadata } = await loadTensors(at("b.safetensors"));
    expect(tensors).toEqual({ out0: { dtype: "f32", shape: [2], data: Float32Array.of(80, 120) } });
    expect(metadata).toEqual({ out0: "twice" });
  });

  it("refuses tensors that do not fit the inputs, or that nothing takes", () => {
    expect([wrong!.code, unused!.code]).toEqual([1, 1]);
    expect(wrong!.error).toContain('tensor "x" of three.safetensors is f32[3], input "x" is f32[2]');
    expect(unused!.error).toContain('tensor "z" of more.safetensors is no input of the method');
  });
});
