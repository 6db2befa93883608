// Networks keep their channels in blocks from the first convolution to the last.
import { describe, expect, it } from "vitest";
import { trace } from "../capture/trace.ts";
import type { Graph, Node, Value } from "../graph/graph.ts";
import { tensorType } from "../graph/tensor-type.ts";
import { layer, mobileNet, resNet, segmenter, uNet, yolo } from "../testing/networks.ts";
import { withPlan } from "../testing/with-plan.ts";

const isConvolution = ({ operator }: Node): boolean => /conv/i.test(operator.name);

/** Transpositions of what depends on a convolution and what another one depends on. */
function innerReorderings(graph: Graph): string[] {
  const [behind, before] = [new Set<Value>(), new Set<Value>()];
  for (const node of graph.nodes)
    if (isConvolution(node) || node.inputs.some((value) => behind.has(value))) behind.add(node.outputs[0]);
  for (const node of graph.nodes.toReversed())
    if (isConvolution(node) || before.has(node.outputs[0])) for (const value of node.inputs) before.add(value);
  return graph.nodes
    .filter(({ operator }) => operator.name === "permute")
    .filter(({ inputs, outputs: [output] }) => behind.has(inputs[0]!) && before.has(output))
    .map(({ outputs: [output] }) => output.type.shape.join());
}

const networks: readonly (readonly [string, Graph])[] = [
  ["a ResNet", resNet(64, 32)],
  ["a ResNeXt with four channels a group", resNet(64, 32, 8)],
  ["a ResNeXt with groups of blocks", resNet(64, 64, 4)],
  ["a MobileNet with squeeze-and-excitation", mobileNet(64)],
  ["a U-Net with transposed convolutions", uNet(32, 16, "transposed")],
  ["a U-Net that repeats pixels", uNet(32, 16, "nearest")],
  ["a U-Net that interpolates", uNet(32, 24, "linear")],
  ["a YOLO", yolo(64, 16)],
  ["a YOLO whose stages split blocks", yolo(64, 8)],
  ["a segmenter with normalised planes", segmenter(32)],
];

describe("between its first convolution and its last", () => {
  it.each(networks)("%s reorders nothing", (_, graph) => {
    const planned = withPlan(graph);
    planned.verify();
    expect(innerReorderings(planned)).toEqual([]);
    expect(planned.nodes.filter(({ operator }) => operator.name === "conv2d")).toEqual([]);
  });

  it("groups of 24 channels, which make no blocks, are a convolution each", () => {
    const graph = trace(
      ({ x }) => ({ y: layer(layer(x, { outputs: 72 }).relu(), { outputs: 72, groups: 3, seed: 3 }) }),
      { x: tensorType("f32", [1, 3, 6, 6]) },
      { name: "g" },
    );
    const planned = withPlan(graph as unknown as Graph);
    expect(innerReorderings(planned)).toEqual([]);
    expect(planned.nodes.filter(isConvolution).map(({ operator }) => operator.name)).toEqual(
      new Array(4).fill("blockedConv2d"),
    );
  });

  it("a graph that adds channels up one after the other is said to reorder them", () => {
    const graph = trace(
      ({ x }) => ({ y: layer(layer(x, { outputs: 16 }).cumsum(1), { outputs: 16, seed: 3 }) }),
      { x: tensorType("f32", [1, 3, 6, 6]) },
      { name: "g" },
    );
    expect(innerReorderings(withPlan(graph as unknown as Graph))).toHaveLength(2);
  });

  it("a softmax over channels in the end leaves the blocks once", () => {
    const graph = trace(
      ({ x }) => ({ y: layer(x, { outputs: 20 }).softmax(1) }),
      { x: tensorType("f32", [1, 3, 6, 6]) },
      { name: "g" },
    );
    const { nodes } = withPlan(graph as unknown as Graph);
    expect(nodes.filter(({ operator }) => operator.name === "permute")).toHaveLength(1);
  });

  it("channels that are put last in the end, or come last in the beginning, are moved once", () => {
    const graph = trace(
      ({ x }) => ({
        y: layer(x.permute([0, 3, 1, 2]), { outputs: 24 })
          .relu()
          .permute([0, 2, 3, 1]),
      }),
      { x: tensorType("f32", [1, 6, 7, 20]) },
      { name: "g" },
    );
    const moves = withPlan(graph as unknown as Graph).nodes.filter(({ operator }) => operator.name === "permute");
    expect(moves.map(({ outputs: [output] }) => output.type.shape)).toEqual([
      [1, 2, 6, 7, 16],
      [1, 6, 7, 2, 16],
    ]);
  });
});
