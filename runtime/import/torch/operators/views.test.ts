// What is written to views is written to what they show.

import { expect, test } from "vitest";
import { constant, iota, type Tensor } from "../../../capture/tensor.ts";
import { trace } from "../../../capture/trace.ts";
import { countOf } from "../../../graph/tensor-type.ts";
import { Interpreter } from "../../../interpreters/interpreter.ts";
import { bound, TorchCall } from "../call.ts";
import { TorchTensor, type TorchValue } from "../values.ts";
import { torchOperators } from "./index.ts";

/** A view of a tensor by the first overload of an operator that takes the arguments. */
function view(name: string, self: TorchTensor, ...others: readonly TorchValue[]): TorchTensor {
  for (const { schema, run } of torchOperators.get(name)!) {
    const given = bound(schema, [self, ...others], new Map());
    if (given) return (run(new TorchCall(given)) as { readonly value: TorchTensor }).value;
  }
  throw new Error(`${name} does not take these operands`);
}

/** What 0, 1, 2, … in a shape become when −1, −2, … are written to a view of them. */
function written(shape: readonly number[], of: (whole: TorchTensor) => TorchTensor): readonly number[] {
  const graph = trace(
    () => {
      const whole = TorchTensor.of(iota("i32", [countOf(shape)]).reshape(shape) as Tensor);
      const part = of(whole);
      const count = countOf(part.shape);
      const numbers = Array.from({ length: count }, (_, at) => -1 - at);
      part.write(constant(numbers, "i32", part.shape));
      return { y: whole.read() };
    },
    {},
    { name: "write" },
  );
  return Array.from(new Interpreter(graph).run({}).y, Number);
}

test("every second element is written to", () => {
  expect(written([6], (x) => view("slice", x, 0n, 1n, 6n, 2n))).toEqual([0, -1, 2, -2, 4, -3]);
});

test("a view of a view is written to: x[1:, 0]", () => {
  const of = (x: TorchTensor) => view("select", view("slice", x, 0n, 1n, null, 1n), 1n, 0n);
  expect(written([3, 2], of)).toEqual([0, 1, -1, 3, -2, 5]);
});

test("a transposed view is written to in its own order", () => {
  expect(written([2, 2], (x) => view("t", x))).toEqual([-1, -3, -2, -4]);
});

test("a diagonal is written to", () => {
  expect(written([3, 3], (x) => view("diagonal", x, 1n))).toEqual([0, -1, 2, 3, 4, -2, 6, 7, 8]);
});

test("elements by strides are written to where none is shown twice", () => {
  expect(written([6], (x) => view("as_strided", x, [2n, 2n], [3n, 1n], 1n))).toEqual([0, -1, -2, 3, -3, -4]);
  expect(() => written([4], (x) => view("as_strided", x, [2n, 2n], [1n, 1n]))).toThrow(/what as_strided gives/);
});

test("what expand gives is not written to, and the error says what to do", () => {
  expect(() => written([1, 2], (x) => view("expand", x, [2n, 2n]))).toThrow(/what expand gives is written to/);
});
