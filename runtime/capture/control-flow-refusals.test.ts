// What cannot be control flow is refused at the user's line, with a way out.
import { describe, expect, it } from "vitest";
import { IsochronError } from "../../kernels/index.ts";
import { tensorType } from "../graph/tensor-type.ts";
import { cond, forLoop, scan, whileLoop } from "./control-flow.ts";
import { constant, stack, type Tensor } from "./tensor.ts";
import { state, trace } from "./trace.ts";

const f32 = (...values: number[]): Float32Array => Float32Array.from(values);

describe("what cannot be control flow", () => {
  const x = tensorType("f32", [3]);
  const refused = (body: (x: Tensor<"f32">, p: Tensor<"bool">) => unknown): IsochronError => {
    try {
      trace(
        ({ x: given, p }) => ({ y: body(given, p) }) as { y: Tensor },
        { x, p: tensorType("bool", []) },
        { name: "test" },
      );
    } catch (error) {
      if (error instanceof IsochronError) return error;
      throw error;
    }
    throw new Error("nothing was thrown");
  };
  const always = () => constant(1, "bool");

  it.each([
    [
      "a region that captures",
      "control/capture",
      (y: Tensor<"f32">, p: Tensor<"bool">) =>
        cond(
          p,
          () => y,
          () => constant(f32(1, 2, 3), "f32"),
        ),
    ],
    [
      "a carried shape that changes",
      "control/carried",
      (y: Tensor<"f32">) => whileLoop(always, (each) => stack([each, each]) as never, y, { atMost: 3 }),
    ],
    [
      "a carried dtype that changes",
      "control/carried",
      (y: Tensor<"f32">) => whileLoop(always, (each) => each.cast("f64") as never, y, { atMost: 3 }),
    ],
    ["an unbounded loop", "operator/option", (y: Tensor<"f32">) => whileLoop(always, (each) => each, y, {} as never)],
    [
      "a predicate of several elements",
      "control/predicate",
      (y: Tensor<"f32">) =>
        cond(
          y.greater(0) as never,
          (each) => each,
          (each) => each,
          y,
        ),
    ],
    [
      "branches that give different types",
      "control/results",
      (y: Tensor<"f32">, p: Tensor<"bool">) =>
        cond(
          p,
          (each) => each,
          (each) => each.sum() as never,
          y,
        ),
    ],
    [
      "a condition that gives a number",
      "control/condition",
      (y: Tensor<"f32">) =>
        whileLoop(
          (each) => each.sum() as never,
          (each) => each,
          y,
          { atMost: 3 },
        ),
    ],
    ["a negative count", "operator/option", (y: Tensor<"f32">) => forLoop(-1, (_, each) => each, y)],
    [
      "a count that is a fraction",
      "control/count",
      (y: Tensor<"f32">) => forLoop(1.5, (_, each) => each, y, { atMost: 3 }),
    ],
    ["a number to begin with", "control/tensors", () => forLoop(2, (_, each) => each, 0 as never)],
    [
      "a sequence without a dimension",
      "control/sequences",
      (y: Tensor<"f32">) => scan((c, e: Tensor<"f32">) => [c, e], y, y.sum()),
    ],
    [
      "a state declared inside",
      "trace/state",
      (y: Tensor<"f32">) =>
        forLoop(
          2,
          (_, each) => {
            state("inner", tensorType("f32", []));
            return each;
          },
          y,
        ),
    ],
  ])("%s is refused at the user's line", (_, code, body) => {
    const error = refused(body);
    expect(error.code).toBe(code);
    expect(error.place).toContain("control-flow-refusals.test.ts:");
    expect(error.help).toBeTruthy();
  });
});
