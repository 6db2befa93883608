// Scatter: positions outside take nothing, those that are known when the graph is compiled included.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { compile } from "../compile.ts";
import { Interpreter } from "../interpreter.ts";
import { load } from "../program.ts";
import { iota } from "../tensor.ts";
import { tensor } from "../tensor-type.ts";
import { trace } from "../trace.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");

describe("scatter", () => {
  it.each([
    [-1, [1, 2, 3]],
    [0, [5, 2, 3]],
    [2, [1, 2, 5]],
    [3, [1, 2, 3]],
  ])("at the known position %i gives %j", async (position, expected) => {
    const graph = trace(
      ({ x, update }) => ({ y: x.scatter(iota("i64", [1], 0).add(position), update) }),
      { x: tensor("f32", [3]), update: tensor("f32", [1]) },
      { name: "known" },
    );
    const arrays = { x: Float32Array.of(1, 2, 3), update: Float32Array.of(5) };
    const program = load(await compile(graph, { cacheDir }));
    const outputs = program.newOutputs();
    program.run(arrays, outputs);
    expect([...outputs.y]).toEqual(expected);
    expect([...new Interpreter(graph).run(arrays).y]).toEqual(expected);
  });
});
