// Every operator of PyTorch against values that PyTorch computed.
import { describe, expect, test } from "vitest";
import type { Dtype } from "../../../../kernels/index.ts";
import { Interpreter } from "../../../interpreters/interpreter.ts";
import { graphOfCall, numberOf, type OperatorCase, operatorCases } from "../testing/operator-cases.ts";
import { torchOperators } from "./index.ts";

const cases = operatorCases();

/** What an operator gives for constants. */
function called(each: OperatorCase) {
  const { graph } = graphOfCall(each);
  const results = new Interpreter(graph).run({} as never) as { readonly [name: string]: ArrayLike<number | bigint> };
  // What has as many elements as values say comes with their count, which has a name of its own.
  const own = graph.outputs.filter(({ name: key }) => /^y[0-9]+$/.test(key));
  return own.map(({ name: key, value: { type } }) => ({
    dtype: type.dtype,
    shape: type.shape,
    data: Array.from(results[key]!, Number),
  }));
}

/** Whether numbers are the same to the bit. */
function expectSame(data: readonly number[], wanted: readonly number[], dtype: Dtype): void {
  expect(data).toEqual(dtype === "f32" ? wanted.map(Math.fround) : wanted);
}

/** Whether numbers agree to what the dtype's functions promise. */
function expectClose(data: readonly number[], wanted: readonly number[], dtype: Dtype): void {
  const room = dtype === "f64" ? 1e-10 : dtype === "f32" ? 2e-5 : 0;
  expect(data.length).toBe(wanted.length);
  for (const [at, each] of data.entries()) {
    const other = wanted[at]!;
    const isSame = Object.is(each, other) || each === other;
    if (!isSame && !(Math.abs(each - other) <= room * (1 + Math.abs(other))))
      expect.fail(`element ${at} is ${each} instead of ${other}`);
  }
}

const names = [...new Set(cases.map(({ operator }) => operator))];

describe("PyTorch's operators give what PyTorch gives", () => {
  test.each(names)("%s gives what PyTorch computed", (name) => {
    for (const each of cases.filter(({ operator }) => operator === name)) {
      const found = called(each);
      expect(found.length).toBe(each.results.length);
      for (const [at, { tensor, shape, data }] of each.results.entries()) {
        const one = found[at]!;
        expect(one.dtype).toBe(tensor);
        const own = each.signless ? one.data.map(Math.abs) : one.data;
        const wanted = data.map(numberOf);
        const isBounded = (one.shape as readonly unknown[]).some((size) => typeof size !== "number");
        if (!isBounded) expect(one.shape).toEqual(shape);
        // Behind what there is stands nothing that counts.
        const expectEqual = each.exact ? expectSame : expectClose;
        expectEqual(isBounded ? own.slice(0, data.length) : own, each.signless ? wanted.map(Math.abs) : wanted, tensor);
      }
    }
  });

  /** They draw numbers, which a graph does not do without a generator. */
  const drawing = new Set([
    "rand",
    "randn",
    "rand_like",
    "randn_like",
    "randint",
    "randint.low",
    "randint_like",
    "randperm",
    "bernoulli",
    "bernoulli.p",
    "exponential",
    "multinomial",
    "normal",
    "normal.Tensor_Tensor",
    "poisson",
    "uniform",
  ]);

  test("every operator has a case of its own, but for those that draw numbers", () => {
    const all = [...torchOperators.values()].flatMap((overloads) =>
      overloads.map(({ schema: { name, overload } }) => (overload === "" ? name : `${name}.${overload}`)),
    );
    // Overloads "run" take numbers of a step, which control flow brings: its tests have them.
    const missing = all.filter((each) => !names.includes(each) && !drawing.has(each) && !each.endsWith(".run"));
    expect([...new Set(missing)]).toEqual([]);
  });

  test("all results are PyTorch's own, but of eight calls that it refuses today", () => {
    expect(cases.filter(({ by }) => by === undefined).map(({ operator }) => operator)).toEqual([
      "cholesky",
      "cholesky",
      "_adaptive_avg_pool1d",
      "_fft_c2r",
      ...Array<string>(4).fill("cholesky"),
    ]);
  });

  test("operators that draw numbers are refused with a way out", () => {
    const call = { operator: "rand", arguments: [[2]], keywords: {}, results: [] };
    expect(() => called(call)).toThrow(/rand draws numbers/);
  });
});
