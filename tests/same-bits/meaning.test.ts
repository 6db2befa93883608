// What drawn graphs mean before all passes and behind them, bit for bit.
import { describe, expect, it } from "vitest";
import type { Graph } from "../../runtime/graph.ts";
import { Interpreter, type Signature, simplified, staticShape, type TypedArray } from "../../runtime/index.ts";
import { passes } from "../../runtime/passes/index.ts";
import { chain } from "./chains.ts";
import { Random } from "./random.ts";
import { inputValues } from "./values.ts";

const nightly = process.env.ISOCHRON_NIGHTLY === "1";
const count = nightly ? 2000 : 60;

const interpreted = (graph: Graph, arrays: { readonly [name: string]: TypedArray }) =>
  new Interpreter<Signature, Signature>(graph).run(arrays) as { readonly [name: string]: TypedArray };

describe("drawn chains, with empty parts, broadcast numbers and up to seven dimensions", () => {
  it("mean after all passes what their primitive operators meant before", {
    timeout: nightly ? 3_600_000 : 300_000,
  }, () => {
    for (let seed = 1; seed <= count; seed++) {
      const random = new Random(seed);
      const graph = chain(random) as unknown as Graph;
      const arrays = Object.fromEntries(
        graph.inputs.map(({ name, value: { type } }) => [
          name,
          inputValues(random, type.dtype, staticShape(type.shape)),
        ]),
      );
      const before = interpreted(passes.decompose(graph), arrays);
      const after = interpreted(simplified(graph), arrays);
      for (const [name, meant] of Object.entries(before))
        expect(after[name], `${name} of seed ${seed}\n${graph}`).toEqual(meant);
    }
  });
});
