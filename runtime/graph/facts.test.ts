// Known values: shapes that are given as tensors fold while a graph is traced, and operators see what is known.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import {
  apply,
  concat,
  constant,
  forLoop,
  full,
  Interpreter,
  iota,
  operator,
  operators,
  simplified,
  sym,
  type Tensor,
  tensorType,
  trace,
} from "../index.ts";
import { operandError } from "../operators/operand-error.ts";
import { bindSymbols } from "../passes/index.ts";
import { caseArbitraries, valuesFor } from "../testing/cases/index.ts";
import { constantValueOf } from "./facts.ts";
import { Graph, type NamedValue, nodeOf } from "./graph.ts";
import { isInteger } from "./tensor-type.ts";

const n = sym("n");
type Body = (x: Tensor<"f32">) => { readonly [name: string]: Tensor };
const over = (body: Body, shape: readonly (number | typeof n)[] = [n, 3, 4]): Graph =>
  trace(({ x }) => body(x), { x: tensorType("f32", shape) }, { name: "g" }) as unknown as Graph;
const whole = (...values: number[]): Tensor<"i64"> => constant(values, "i64");
const typesOf = (graph: Graph): string =>
  graph
    .toString()
    .split("\n")[0]!
    .replace(/^.* -> /, "");

describe("what is known of small tensors of integers", () => {
  it("goes through sizes, joining, reading, cutting and arithmetic, named sizes included", () => {
    over((x) => {
      const sizes = x.size();
      expect(sizes.known).toEqual([n, 3, 4]);
      expect(concat([sizes.slice([0, 1]), whole(-1)], 0).known).toEqual([n, -1]);
      expect(sizes.indexSelect(0, whole(2, 0)).known).toEqual([4, n]);
      expect(sizes.slice([1]).prod().known).toEqual([12]);
      expect(sizes.slice([1]).mul(2).sub(1).floorDivide(2).cast("i32").known).toEqual([2, 3]);
      expect(sizes.mul(2).known).toBeUndefined();
      expect(x.cast("i64").known).toBeUndefined();
      return { y: x };
    });
  });

  it("is the shape of what is reshaped, repeated, filled and counted", () => {
    const graph = over((x) => {
      const sizes = x.size();
      const flat = concat([sizes.slice([0, 1]), whole(-1)], 0);
      return {
        flat: x.reshape(flat),
        wide: constant([1, 2, 3, 4], "f32").broadcastTo(sizes),
        tiled: x.tile(
          sizes
            .slice([1])
            .mul(0)
            .add(1)
            .pad([1], [0], 1)
            .add(whole(0, 0, 1)),
        ),
        filled: full("f32", sizes.indexSelect(0, whole(2, 0)), 1),
        counted: iota("i64", x.size(1).reshape([1])),
      };
    });
    expect(typesOf(graph)).toBe(
      "(flat: f32[n,12], wide: f32[n,3,4], tiled: f32[n,3,8], filled: f32[4,n], counted: i64[3])",
    );
    expect(typesOf(simplified(graph, { n: 2 }))).toBe(
      "(flat: f32[2,12], wide: f32[2,3,4], tiled: f32[2,3,8], filled: f32[4,2], counted: i64[3])",
    );
  });

  it("is how often a loop runs, which then needs no bound", () => {
    const graph = over((x) => ({ y: forLoop(x.size(1).sub(1), (_, each: Tensor<"f32">) => each.mul(2), x) }), [1, 3]);
    expect(new Interpreter(graph).run({ x: Float32Array.of(1, 2, 3) })).toEqual({ y: Float32Array.of(4, 8, 12) });
  });

  it.each(Object.entries(operators))("is what a step would compute: %s", (name, each) => {
    const cases = fc.sample(caseArbitraries[name as keyof typeof operators], { numRuns: 12, seed: 20_261_130 });
    for (const [at, { operands, attributes }] of cases.entries()) {
      if (!operands.every(({ dtype }) => isInteger(dtype))) continue;
      const data = operands.map((type, o) => valuesFor(name, type, at + o));
      const values = operands.map((type, o) => constantValueOf(type, data[o]!));
      const node = nodeOf(each, values, { attributes });
      const [output] = node.outputs;
      if (!output.known) continue;
      const constants = values.map((value, o) => ({ name: `c${o}`, value, data: data[o]! }));
      const outputs: NamedValue[] = [{ name: "y", value: output }];
      const graph = new Graph({ name, inputs: [], constants, states: [], nodes: [node], outputs });
      const { y } = new Interpreter(graph).run({}) as unknown as { readonly y: ArrayLike<number | bigint> };
      expect(Array.from(y, Number)).toEqual(output.known);
    }
  });
});

describe("an operator", () => {
  /** x repeated to a shape that a tensor says, as ONNX's Expand. */
  const expand = operator({
    name: "expand",
    attributes: z.strictObject({}),
    errorUlp: 0,
    infer([x, shape]) {
      const sizes = shape!.known;
      if (!sizes) throw operandError("unknown", "expand: the shape is not known");
      return { dtype: x!.dtype, shape: sizes };
    },
    evaluate([x], _, result) {
      operators.broadcastTo.evaluate([x!], { shape: result.shape }, result);
    },
    lowering: {
      kind: "composite",
      decompose: ([x, shape], _, builder) => builder.apply(operators.broadcastTo, [x!], { shape: shape!.known }),
    },
  });

  it("sees which operands are known, until it is compiled", () => {
    const graph = over((x) => ({
      y: apply<"f32">(expand, [x.sum([2]), concat([whole(2), x.size().slice([0, 2])], 0)]),
    }));
    expect(typesOf(graph)).toBe("(y: f32[2,n,3])");
    expect(typesOf(bindSymbols(graph, { n: 5 }))).toBe("(y: f32[2,5,3])");
    const plain = simplified(graph, { n: 1 });
    const x = Float32Array.from({ length: 12 }, (_, at) => at);
    expect(new Interpreter(plain).run({ x })).toEqual({ y: Float32Array.of(6, 22, 38, 6, 22, 38) });
  });

  it("refuses what it has to know and does not, at the user's line", () => {
    const place = expect.stringMatching(/facts\.test\.ts:\d+:\d+$/);
    const unknown = (x: Tensor<"f32">): Tensor<"i64"> => x.reshape([-1]).cast("i64");
    expect(() => over((x) => ({ y: apply(expand, [x, unknown(x)]) }), [2])).toThrow(
      expect.objectContaining({ code: "operator/unknown", place }),
    );
    expect(() => over((x) => ({ y: x.reshape(unknown(x)) }), [2])).toThrow(
      expect.objectContaining({
        code: "operator/unknown",
        message: "reshape: what shape is given as is no list that is known while the graph is traced",
        place,
      }),
    );
    expect(() => over((x) => ({ y: x.broadcastTo(whole(-2)) }), [1])).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^operator\/(argument|attributes)$/), place }),
    );
  });
});
