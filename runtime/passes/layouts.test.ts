// Networks keep their channels in blocks from the first convolution to the last.
import { describe, expect, it } from "vitest";
import type { Graph, Node, Value } from "../graph.ts";
import { mobileNet, resNet, segmenter, uNet, yolo } from "../testing/networks.ts";
import { declutter } from "./index.ts";

const isConvolution = ({ operator }: Node): boolean => /conv/i.test(operator.name);

/** Transpositions of what depends on a convolution and what another one depends on. */
function innerReorderings(graph: Graph): string[] {
  const [behind, before] = [new Set<Value>(), new Set<Value>()];
  for (const node of graph.nodes)
    if (isConvolution(node) || node.inputs.some((value) => behind.has(value))) behind.add(node.output);
  for (const node of graph.nodes.toReversed())
    if (isConvolution(node) || before.has(node.output)) for (const value of node.inputs) before.add(value);
  return graph.nodes
    .filter(({ operator }) => operator.name === "transpose")
    .filter(({ inputs, output }) => behind.has(inputs[0]!) && before.has(output))
    .map(({ output }) => output.type.shape.join());
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
    const planned = declutter(graph);
    planned.verify();
    expect(innerReorderings(planned)).toEqual([]);
    expect(planned.nodes.filter(({ operator }) => operator.name === "conv2d")).toEqual([]);
  });

  it("a graph that puts channels last in the middle is said to reorder them", () => {
    const graph = declutter(resNet(64, 32, 8));
    const [first] = graph.nodes.filter(isConvolution);
    expect(first?.operator.name).toBe("blockedConv2d");
  });
});
