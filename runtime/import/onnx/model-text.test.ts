// A model's own nodes as text: constants, attributes of every kind, subgraphs and functions.
import { describe, expect, it } from "vitest";
import { fn, graph, modelBytes, node, stored } from "../../testing/onnx-models.ts";
import { OnnxModel } from "./model.ts";

describe("the text of a model's nodes", () => {
  it("has what each reads, its attributes, its subgraphs behind it, and why it cannot be compiled", () => {
    const inner = graph({ outputs: ["z: f32[2]"], nodes: [node("z = Odd(x)")] }, "body");
    const bytes = modelBytes(
      graph({
        inputs: ["x: f32[n]", "two words: bool"],
        outputs: ["y"],
        initializers: [stored("w", "f32", [2, 1], Float32Array.of(1, 2))],
        nodes: [
          node(
            "a = own::Twice(x, , w)",
            { mode: 'a"b', to: { float: 0.5 }, sizes: Array.from({ length: 20 }, (_, at) => at) },
            "first",
          ),
          node("y = If(two words)", { then_branch: inner }),
        ],
      }),
      { functions: [fn("Twice", ["p"], ["q"], [node("q = Add(p, p)", { axis: { ref: "side" } })])] },
    );
    const model = new OnnxModel(bytes, "made.onnx", () => new Uint8Array());
    expect(String(model).split("\n")).toEqual([
      'model made(x: f32[n], "two words": bool[]) -> (y: unknown)',
      "  const w : f32[2,1]",
      '  a = own::Twice(x, none, w, mode="a\\"b", to=0.5, sizes=[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,… 20 in all])  // node first',
      '  y = If("two words", then_branch=graph)',
      "    then_branch body() -> (z: f32[2])",
      "      z = Odd(x)  // cannot be compiled: there is no such operator here",
      "",
      "function own::Twice(p) -> (q)",
      "  q = Add(p, p, axis=the attribute side of the function)",
    ]);
  });
});
