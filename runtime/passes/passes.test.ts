// What each pass does, as text before and after; and that no pass changes what a graph means.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { showTensorType, sym } from "../graph/tensor-type.ts";
import { concat, constant, Interpreter, state, type Tensor, tensorType, trace, where } from "../index.ts";
import { withPlan } from "../testing/with-plan.ts";
import { bindSymbols, passes } from "./index.ts";

const body = (text: { toString(): string }): string => text.toString().split("\n").slice(1).join("\n");

describe("passes", () => {
  it("decompose makes composite operators of primitive ones", () => {
    const graph = trace(({ x }) => ({ y: x.softmax(1) }), { x: tensorType("f32", [2, 3]) }, { name: "g" });
    expect(body(graph)).toMatchInlineSnapshot(`
      "  %0 = softmax(%x, axis=1) : f32[2,3]
        return y=%0"
    `);
    const plain = passes.decompose(graph);
    plain.verify();
    expect(body(plain)).toMatchInlineSnapshot(`
      "  %0 = max(%x, axes=[1], keepDims=true) : f32[2,1]
        %1 = sub(%x, %0)                      : f32[2,3]
        %2 = exp(%1)                          : f32[2,3]
        %3 = sum(%2, axes=[1], keepDims=true) : f32[2,1]
        %4 = div(%2, %3)                      : f32[2,3]
        return y=%4"
    `);
  });

  it("foldConstants computes what depends on constants only", () => {
    const graph = trace(
      ({ x }) => ({ y: x.mul(constant(2, "f32").add(3).sqrt()).add(constant([1, 2], "f32").neg()) }),
      { x: tensorType("f32", [2]) },
      { name: "g" },
    );
    const folded = passes.eliminateDeadCode(passes.foldConstants(graph));
    folded.verify();
    expect(body(folded)).toMatchInlineSnapshot(`
      "  const @neg : f32[2]
        %0 = mul(%x, 2.236068) : f32[2]
        %1 = add(%0, @neg)     : f32[2]
        return y=%1"
    `);
  });

  it("simplifyViews joins reshapes and transposes and drops what changes nothing", () => {
    const graph = trace(
      ({ x }) => ({
        y: x.reshape([6]).reshape([3, 2]).permute([1, 0]).permute([1, 0]).cast("f32"),
        z: x.reshape([6]).reshape([2, 3]).neg(),
      }),
      { x: tensorType("f32", [2, 3]) },
      { name: "g" },
    );
    const simple = passes.eliminateDeadCode(passes.simplifyViews(graph));
    simple.verify();
    expect(body(simple)).toMatchInlineSnapshot(`
      "  %0 = reshape(%x, shape=[3,2]) : f32[3,2]
        %1 = neg(%x)                  : f32[2,3]
        return y=%0, z=%1"
    `);
  });

  it("eliminateCommonSubexpressions computes equal nodes once, and keeps apart what differs in the sign of zero", () => {
    const graph = trace(
      ({ x }) => ({
        y: x.mul(2).exp().add(x.mul(2).exp()),
        p: x.pad([1], [0], 0).add(x.pad([1], [0], 0)),
        q: x.pad([1], [0], -0),
      }),
      { x: tensorType("f32", [2]) },
      { name: "g" },
    );
    const shared = passes.eliminateDeadCode(passes.eliminateCommonSubexpressions(graph));
    shared.verify();
    expect(body(shared)).toMatchInlineSnapshot(`
      "  %0 = mul(%x, 2)                               : f32[2]
        %1 = exp(%0)                                  : f32[2]
        %2 = add(%1, %1)                              : f32[2]
        %3 = pad(%x, before=[1], after=[0], value=0)  : f32[3]
        %4 = add(%3, %3)                              : f32[3]
        %5 = pad(%x, before=[1], after=[0], value=-0) : f32[3]
        return y=%2, p=%4, q=%5"
    `);
  });

  it("eliminateCommonSubexpressions keeps apart constants of equal bytes whose types or shapes differ", () => {
    const zeros = <D extends "f32" | "i32">(dtype: D, shape: number[]) => constant([0, 0, 0, 0], dtype, shape);
    const graph = trace(
      ({ x, n }) => ({
        y: x.add(zeros("f32", [4])).add(zeros("f32", [2, 2]).reshape([4])),
        m: n.add(zeros("i32", [4])),
      }),
      { x: tensorType("f32", [4]), n: tensorType("i32", [4]) },
      { name: "g" },
    );
    const shared = passes.eliminateCommonSubexpressions(graph as never);
    shared.verify();
    expect(shared.constants.map(({ value }) => showTensorType(value.type)).sort()).toEqual([
      "f32[2,2]",
      "f32[4]",
      "i32[4]",
    ]);
    expect(shared.nodes.flatMap(({ inputs }) => inputs.map(({ type }) => type.dtype))).toEqual(
      graph.nodes.flatMap(({ inputs }) => inputs.map(({ type }) => type.dtype)),
    );
  });

  it("fuseAttention makes a softmax between two products one operator, unless something else reads a part of it", () => {
    const type = tensorType("f32", [2, 5, 4]);
    const attended = (shared: boolean) =>
      trace(
        ({ q, k, v }) => {
          const weights = q
            .matmul(k.permute([0, 2, 1]))
            .mul(0.5)
            .softmax(2);
          return shared ? { y: weights.matmul(v), weights } : { y: weights.matmul(v).add(1) };
        },
        { q: type, k: type, v: type },
        { name: "g" },
      );
    const fused = passes.eliminateDeadCode(passes.fuseAttention(passes.decompose(attended(false) as never)));
    fused.verify();
    expect(body(fused)).toMatchInlineSnapshot(`
      "  %0 = permute(%k, axes=[0,2,1])                           : f32[2,4,5]
        %1 = tiledAttention(%q, %0, %v, scale=0.5, causal=false) : f32[2,5,4]
        %2 = add(%1, 1)                                          : f32[2,5,4]
        return y=%2"
    `);
    const apart = passes.fuseAttention(passes.decompose(attended(true) as never));
    expect(apart.nodes.some((node) => node.operator.name === "tiledAttention")).toBe(false);
  });

  it("eliminateDeadCode drops what no output and no state needs", () => {
    const graph = trace(
      ({ x }) => {
        x.exp();
        const s = state("s", tensorType("f32", [2]));
        s.set(x.neg());
        return { y: x.abs() };
      },
      { x: tensorType("f32", [2]) },
      { name: "g" },
    );
    expect(body(passes.eliminateDeadCode(graph))).toMatchInlineSnapshot(`
      "  state $s : f32[2]
        %0 = neg(%x) : f32[2]
        %1 = abs(%x) : f32[2]
        $s := %0
        return y=%1"
    `);
  });

  it("bindSymbols infers every type anew", () => {
    const graph = trace(({ x }) => ({ y: x.neg().sum([1]) }), { x: tensorType("f32", [sym("n"), 3]) }, { name: "g" });
    const bound = bindSymbols(graph, { n: 7 });
    bound.verify();
    expect(bound.toString()).toMatchInlineSnapshot(`
      "graph g(x: f32[7,3]) -> (y: f32[7])
        %0 = neg(%x)                           : f32[7,3]
        %1 = sum(%0, axes=[1], keepDims=false) : f32[7]
        return y=%1"
    `);
  });
});

/** A view of a tensor of three dimensions: turned, under another shape, or cut along a dimension and joined again. */
const view: fc.Arbitrary<(x: Tensor<"f32">) => Tensor<"f32">> = fc
  .record({
    what: fc.constantFrom("transpose", "reshape", "parts", "every other"),
    order: fc.shuffledSubarray([0, 1, 2], { minLength: 3 }),
    cut: fc.nat(3),
  })
  .map(({ what, order, cut }) => (x) => {
    const shape = x.type.shape as readonly number[];
    const turned = order.map((axis) => shape[axis]!);
    const axis = order[0]!;
    const part = (from: number, to: number, step: number) =>
      x.slice(...shape.map((size, d): [number, number, number] => (d === axis ? [from, to, step] : [0, size, 1])));
    const end = shape[axis]!;
    switch (what) {
      case "transpose":
        return x.permute(order);
      case "reshape":
        return x.reshape(turned);
      case "parts":
        return cut < end && cut > 0 ? concat([part(0, cut, 1), part(cut, end, 1)], axis) : x;
      default: {
        const middle = 2 * Math.floor(end / 4);
        return middle > 0 ? concat([part(0, middle, 2), part(middle, end, 2), part(1, end, 2)], axis) : x;
      }
    }
  });

describe("simplifyViews", () => {
  it("keeps every element where chains of views put it", () => {
    const x = Float32Array.from({ length: 120 }, (_, i) => i);
    fc.assert(
      fc.property(fc.array(view, { minLength: 1, maxLength: 8 }), (views) => {
        const graph = trace(
          (given) => ({ y: views.reduce((value, each) => each(value), given.x) }),
          { x: tensorType("f32", [4, 5, 6]) },
          { name: "g" },
        );
        const simple = passes.simplifyViews(graph as never);
        simple.verify();
        expect(new Interpreter(simple as typeof graph).run({ x }).y).toEqual(new Interpreter(graph).run({ x }).y);
      }),
      { numRuns: 200, seed: 12 },
    );
  });
});

type Step = (pool: readonly Tensor<"f32">[]) => Tensor<"f32">;

/** One step of a random program over f32[3,4] tensors. */
const step: fc.Arbitrary<Step> = fc
  .tuple(fc.constantFrom("add", "mul", "softmax", "mean", "views", "where", "constant", "max"), fc.nat(), fc.nat())
  .map(
    ([what, i, j]): Step =>
      (pool) => {
        const [a, b] = [pool[i % pool.length]!, pool[j % pool.length]!];
        switch (what) {
          case "add":
            return a.add(b);
          case "mul":
            return a.mul(b);
          case "softmax":
            return a.softmax(1);
          case "mean":
            return a.sub(a.mean([0], { keepDims: true }));
          case "views":
            return a.reshape([12]).reshape([4, 3]).permute([1, 0]).permute([1, 0]).permute([1, 0]);
          case "where":
            return where(a.less(b), a, b.neg());
          case "max":
            return a.maximum(0.5);
          default:
            return a.mul(
              constant(i % 5, "f32")
                .add(1)
                .sqrt(),
            );
        }
      },
  );

describe("every pass", () => {
  it("keeps a graph valid and its meaning within rounding", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
        const graph = trace(
          ({ x }) => {
            const pool: Tensor<"f32">[] = [x];
            for (const each of steps) pool.push(each(pool));
            return { y: pool.at(-1)!, z: pool[Math.floor(pool.length / 2)]! };
          },
          { x: tensorType("f32", [3, 4]) },
          { name: "g" },
        );
        const x = Float32Array.from({ length: 12 }, (_, i) => Math.sin(i * 2.3));
        const before = new Interpreter(graph).run({ x });
        const plain = withPlan(graph, (_, after) => after.verify());
        const after = new Interpreter(plain).run({ x });
        for (const name of ["y", "z"] as const) {
          expect(after[name]!.length).toBe(before[name].length);
          before[name].forEach((value, i) => {
            // A few roundings of float32: what is decomposed rounds at each step.
            expect(Math.abs(Number(after[name]![i]) - value)).toBeLessThanOrEqual(
              2 ** -20 * Math.max(1, Math.abs(value)),
            );
          });
        }
      }),
      { numRuns: 100, seed: 11 },
    );
  });
});
