// What drawn graphs mean before all passes and behind them, bit for bit.
import { describe, expect, it } from "vitest";
import { Random } from "../../kernels/index.ts";
import type { Graph } from "../../runtime/graph/graph.ts";
import { Interpreter, type Signature, staticShape, type TypedArray } from "../../runtime/index.ts";
import { passes } from "../../runtime/passes/index.ts";
import { withPlan } from "../../runtime/testing/with-plan.ts";
import { chain } from "./chains.ts";
import { chosen } from "./chosen.ts";
import { inputsFor, inputValues } from "./values.ts";

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
      const after = interpreted(withPlan(graph), arrays);
      for (const [name, meant] of Object.entries(before))
        expect(after[name], `${name} of seed ${seed}\n${graph}`).toEqual(meant);
    }
  });
});

/** Whether numbers are equal but for rounding, measured in the largest of them. */
function areClose(found: TypedArray, meant: TypedArray): boolean {
  const numbers = [...(meant as Float32Array)].map(Number);
  const scale = Math.max(1, ...numbers.filter(Number.isFinite).map(Math.abs));
  return numbers.every((each, at) => {
    const other = Number(found[at]);
    return Object.is(each, other) || each === other || Math.abs(each - other) <= 1e-4 * scale;
  });
}

describe("drawn graphs over as many elements as the values say", () => {
  it("mean at their maximum, masked, what they mean at their count", { timeout: nightly ? 3_600_000 : 300_000 }, () => {
    for (let seed = 1; seed <= (nightly ? 2000 : 20); seed++) {
      const random = new Random(seed);
      const graph = chosen(random) as unknown as Graph;
      const values = inputsFor(random, graph, ({ shape }) =>
        Float32Array.from(staticShape(shape).flatMap((n) => Array.from({ length: n }, () => random.whole(-8, 8) / 4))),
      );
      const arrays = Object.fromEntries(graph.inputs.map(({ name }, at) => [name, values[at]!]));
      const meant = interpreted(graph, arrays);
      const found = interpreted(withPlan(graph), arrays);
      for (const [name, numbers] of Object.entries(meant))
        if (!areClose(found[name]!, numbers)) expect(found[name], `${name} of seed ${seed}\n${graph}`).toEqual(numbers);
    }
  });
});
