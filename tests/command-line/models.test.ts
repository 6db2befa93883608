// `isochron compile` and `isochron exec`: a model file becomes an artifact, and runs on files of tensors.
import { existsSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadTensors, saveTensors } from "../../runtime/import/index.ts";
import { graph, modelBytes, node, stored } from "../../runtime/testing/onnx-models.ts";
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

let [compiled, open, unsupported, none, executed, wrong, unused] = [] as Ended[];

beforeAll(async () => {
  writeFileSync(at("adder.onnx"), adder);
  writeFileSync(at("odd.onnx"), odd);
  writeFileSync(at("not.onnx"), "no model");
  const x = (...values: number[]) =>
    ({ dtype: "f32", shape: [values.length], data: Float32Array.from(values) }) as const;
  saveTensors(at("one.safetensors"), { x: x(1, 2) });
  saveTensors(at("two.safetensors"), { in0: x(3, 4) });
  saveTensors(at("three.safetensors"), { x: x(1, 2, 3) });
  saveTensors(at("more.safetensors"), { x: x(1, 2), z: x(1) });
  const input = ["--input", "x=f32[2]", "--input", "before=f32[2]", "--state", "before=after"];
  [compiled, open, unsupported, none] = await workplace.each([
    ["compile", "adder.onnx", ...input, "--target", "x86-64-v3", "--target", "aarch64", "--check", "--json"],
    ["compile", "adder.onnx", "-o", "open.iso"],
    ["compile", "odd.onnx"],
    ["compile", "not.onnx"],
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

  it("refuses what is no model", () => {
    expect(none!.code).toBe(1);
    expect(none!.error).toContain("error[import/model]: it is no ONNX model");
    expect(none!.error).toContain("--> not.onnx");
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
