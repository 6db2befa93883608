// Constants of any size are laid out when a graph is compiled: no step rearranges weights.
import { describe, expect, it } from "vitest";
import type { Graph, Value } from "../graph/graph.ts";
import { concat, constant, convTranspose2d, lstmCell, tensorType, trace } from "../index.ts";
import { declutter } from "./index.ts";

const weight = (...shape: number[]) =>
  constant(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, at) => (at % 7) * 0.01),
    "f32",
    shape,
  );

/** The operators that a graph computes from constants alone in every step. */
function repeated(graph: Graph): string[] {
  const varying = new Set<Value>([...graph.inputs, ...graph.states].map(({ value }) => value));
  const names: string[] = [];
  for (const {
    operator,
    inputs,
    outputs: [output],
  } of graph.nodes) {
    if (inputs.some((value) => varying.has(value))) varying.add(output);
    else names.push(operator.name);
  }
  return names;
}

const layers = {
  "an LSTM of 364 by 364": () =>
    trace(
      ({ x, h, c }) => ({ ...lstmCell(x, { h, c }, { input: weight(1456, 364), hidden: weight(1456, 364) }) }),
      { x: tensorType("f32", [1, 364]), h: tensorType("f32", [1, 364]), c: tensorType("f32", [1, 364]) },
      { name: "lstm" },
    ),
  "a transposed convolution of 1024 to 512 channels": () =>
    trace(
      ({ x }) => ({ y: convTranspose2d(x, weight(1024, 512, 2, 2), { stride: 2 }) }),
      { x: tensorType("f32", [1, 1024, 3, 3]) },
      { name: "up" },
    ),
  "a linear layer of 4096 to 4097": () =>
    trace(
      ({ x }) => ({ y: x.linear(weight(4097, 4096), weight(4097)) }),
      { x: tensorType("f32", [1, 4096]) },
      { name: "linear" },
    ),
};

describe("constants above 2^20 elements", () => {
  it.each(Object.entries(layers))("are laid out at compile time for %s", (_, graph) => {
    expect(repeated(declutter(graph() as unknown as Graph))).toEqual([]);
  });

  it("keep their elements wherever they are moved", () => {
    const [rows, columns] = [1100, 1001];
    const given = Float32Array.from({ length: rows * columns }, (_, at) => at);
    const graph = trace(
      ({ x }) => {
        const w = constant(given, "f32", [rows, columns]);
        const moved = concat([w.permute().slice([1, columns, 2]), w.permute().slice([0, columns, 2])], 0);
        return { y: x.add(moved.reshape([rows, columns]).pad([1, 0], [0, 2], -1)) };
      },
      { x: tensorType("f32", [1]) },
      { name: "moved" },
    );
    const plain = declutter(graph as unknown as Graph);
    expect(repeated(plain)).toEqual([]);
    const { data } = plain.constants.find(({ value }) => value.type.shape.length === 2)!;
    const half = Math.floor(columns / 2);
    const expected = Float32Array.from({ length: (rows + 1) * (columns + 2) }, (_, at) => {
      const [row, column] = [Math.floor(at / (columns + 2)) - 1, at % (columns + 2)];
      if (row < 0 || column >= columns) return -1;
      const [line, place] = [Math.floor((row * columns + column) / rows), (row * columns + column) % rows];
      return given[place * columns + (line < half ? 2 * line + 1 : 2 * (line - half))]!;
    });
    expect(
      Buffer.compare(Buffer.from(data.buffer, data.byteOffset, data.byteLength), Buffer.from(expected.buffer)),
    ).toBe(0);
  });

  it("are one where they are equal, and are not made larger than twice what they are made of", () => {
    const graph = trace(
      ({ x }) => ({
        y: x.add(weight(1100, 1000)).mul(weight(1100, 1000)),
        z: constant(1, "f32").broadcastTo([1 << 21]),
      }),
      { x: tensorType("f32", [1]) },
      { name: "equal" },
    );
    const plain = declutter(graph as unknown as Graph);
    expect(plain.constants.map(({ value }) => value.type.shape)).toEqual([[1100, 1000], []]);
    expect(repeated(plain)).toEqual(["broadcastTo"]);
  });
});
