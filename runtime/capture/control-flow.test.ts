// Control flow: what choices, loops and scans mean, in the interpreter, by interpreted kernels and as machine code; and what is refused.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { target, targetNames } from "../../kernels/index.ts";
import { compile, simplified } from "../compiler/compile.ts";
import { explain } from "../compiler/explain.ts";
import { Compilation } from "../compiler/stages.ts";
import type { Graph } from "../graph/graph.ts";
import { type TypedArray, tensorType } from "../graph/tensor-type.ts";
import { Interpreter } from "../interpreters/interpreter.ts";
import { KernelInterpreter } from "../interpreters/kernel-interpreter.ts";
import { LoopInterpreter } from "../interpreters/loop-interpreter.ts";
import { declutter } from "../passes/index.ts";
import { graphOf } from "../program/artifact.ts";
import { load } from "../program/program.ts";
import { cond, forLoop, scan, whileLoop } from "./control-flow.ts";
import { constant, type Tensor, where } from "./tensor.ts";
import { state, trace } from "./trace.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");
const f32 = (...values: number[]): Float32Array => Float32Array.from(values);
const i64 = (...values: number[]): BigInt64Array => BigInt64Array.from(values.map(BigInt));
const one = { name: "test" };

type Arrays = { readonly [name: string]: TypedArray };

/** What a graph gives for one step after the other; the interpreter, interpreted kernels and machine code agree on it. */
async function runs(given: Graph, steps: readonly Arrays[]): Promise<Arrays[]> {
  const interpreter = new Interpreter(given);
  const meant = steps.map((inputs) => interpreter.run(inputs) as Arrays);
  const compilation = Compilation.of(given);
  const program = load(await compile(given, { targets: ["x86-64-v3"], cacheDir }));
  for (const name of targetNames.slice(0, 2)) {
    const kernels = new KernelInterpreter(compilation.code(target(name)));
    for (const [at, inputs] of steps.entries()) {
      const { outputs } = kernels.step(given.inputs.map(({ name: input }) => inputs[input]!));
      given.outputs.forEach(({ name: output }, o) => {
        const wanted = meant[at]![output]!;
        expect(outputs[o], `${output} by kernels for ${name}`).toEqual(
          new Uint8Array(wanted.buffer, wanted.byteOffset, wanted.byteLength),
        );
      });
    }
  }
  for (const [at, inputs] of steps.entries()) {
    const outputs = program.newOutputs();
    program.run(inputs as never, outputs);
    expect({ ...outputs }, "by machine code").toEqual(meant[at]);
  }
  return meant;
}

describe("cond", () => {
  it("gives what one of two functions gives", async () => {
    const graph = trace(
      ({ x, y }) => {
        const isLess = x.less(y);
        const [low, high] = cond(
          isLess,
          (a, b) => [a, b.mul(10)],
          (a, b) => [b, a.mul(-10)],
          x,
          y,
        );
        return { low, high };
      },
      { x: tensorType("f32", []), y: tensorType("f32", []) },
      one,
    );
    expect(
      await runs(graph, [
        { x: f32(1), y: f32(2) },
        { x: f32(4), y: f32(3) },
      ]),
    ).toEqual([
      { low: f32(1), high: f32(20) },
      { low: f32(3), high: f32(-40) },
    ]);
  });

  it("reads and writes states in one branch, and keeps them in the other", async () => {
    const graph = trace(
      ({ x, reset }) => {
        const total = state("total", tensorType("f32", []));
        const before = cond(
          reset,
          (each) => {
            const old = total.get();
            total.set(each);
            return old;
          },
          (each) => {
            const old = total.get();
            total.set(old.add(each));
            return old;
          },
          x,
        );
        return { before, after: total.get() };
      },
      { x: tensorType("f32", []), reset: tensorType("bool", []) },
      one,
    );
    const step = (x: number, reset: number) => ({ x: f32(x), reset: Uint8Array.of(reset) });
    expect(await runs(graph, [step(1, 0), step(2, 0), step(5, 1), step(1, 0)])).toEqual([
      { before: f32(0), after: f32(1) },
      { before: f32(1), after: f32(3) },
      { before: f32(3), after: f32(5) },
      { before: f32(5), after: f32(6) },
    ]);
  });
});

describe("whileLoop", () => {
  it("runs as long as its condition gives true, and not at all where that is false at once", async () => {
    const graph = trace(
      ({ x }) => {
        const { n, steps } = whileLoop(
          ({ n }) => n.notEqual(1),
          ({ n, steps }) => ({
            n: where(n.remainder(2).equal(0), n.floorDivide(2), n.mul(3).add(1)),
            steps: steps.add(1),
          }),
          { n: x, steps: constant(0, "i64") },
          { atMost: 200 },
        );
        return { n, steps };
      },
      { x: tensorType("i64", []) },
      one,
    );
    // The lengths of the Collatz sequences: OEIS A006577.
    const lengths = [0, 1, 7, 2, 5, 8, 16, 3, 19, 6];
    expect(
      await runs(
        graph,
        lengths.map((_, at) => ({ x: i64(at + 1) })),
      ),
    ).toEqual(lengths.map((steps) => ({ n: i64(1), steps: i64(steps) })));
  });

  it("carries vectors without a copy, passes on what it does not change, and nests", async () => {
    const graph = trace(
      ({ x, scale }) => {
        const { v } = whileLoop(
          ({ v }) => v.abs().max().greater(1),
          ({ v, scale: by }) => {
            const { w } = whileLoop(
              ({ count }) => count.less(3),
              ({ w: inner, count }) => ({ w: inner.mul(0.5), count: count.add(1) }),
              { w: v, count: constant(0, "i32") },
              { atMost: 10 },
            );
            return { v: w.mul(by), scale: by };
          },
          { v: x, scale },
          { atMost: 100 },
        );
        return { v };
      },
      { x: tensorType("f32", [5]), scale: tensorType("f32", []) },
      one,
    );
    expect(await runs(graph, [{ x: f32(8, -64, 3, 0, 1), scale: f32(2) }])).toEqual([
      { v: f32(8 / 64, -1, 3 / 64, 0, 1 / 64) },
    ]);
  });
});

describe("forLoop", () => {
  it("runs as often as a tensor says, 0 times for less", async () => {
    const graph = trace(
      ({ n }) => ({ factorial: forLoop(n, (i, product) => product.mul(i.add(1)), constant(1, "i64"), { atMost: 20 }) }),
      { n: tensorType("i64", []) },
      one,
    );
    const steps = [5, 0, -3, 20, 1].map((n) => ({ n: i64(n) }));
    expect(await runs(graph, steps)).toEqual(
      ["120", "1", "1", "2432902008176640000", "1"].map((each) => ({ factorial: BigInt64Array.of(BigInt(each)) })),
    );
  });

  it("keeps states from turn to turn", async () => {
    const graph = trace(
      ({ x }) => {
        const seen = state("seen", tensorType("f32", [2]));
        forLoop(
          3,
          (_, each) => {
            seen.set(seen.get().mul(2).add(each));
            return each;
          },
          x,
        );
        return { seen: seen.get() };
      },
      { x: tensorType("f32", [2]) },
      one,
    );
    expect(await runs(graph, [{ x: f32(1, 10) }, { x: f32(0, 1) }])).toEqual([
      { seen: f32(7, 70) },
      { seen: f32(56, 567) },
    ]);
  });
});

describe("what a loop begins with and reads", () => {
  const counted = (...shape: number[]) =>
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, at) => (at % 7) - 3);

  it("may lie in strides, or begin anywhere in another tensor", async () => {
    const graph = trace(
      ({ x }) => {
        const turn = (_: unknown, each: Tensor<"f32">) => each.mul(2).add(1);
        const [columns, rows] = [x.slice([0, 4], [1, 9]), x.slice([1, 4], [0, 12])];
        return { columns: forLoop(2, turn, columns), rows: forLoop(3, turn, rows), x };
      },
      { x: tensorType("f32", [4, 12]) },
      one,
    );
    const x = counted(4, 12);
    const [found] = await runs(graph, [{ x }]);
    expect(found!.columns).toEqual(
      Float32Array.from({ length: 32 }, (_, at) => 4 * x[Math.floor(at / 8) * 12 + 1 + (at % 8)]! + 3),
    );
    expect(found!.rows).toEqual(x.slice(12).map((each) => 8 * each + 7));
  });

  it("stays there until the loop ends, whatever a turn computes beside it", async () => {
    const graph = trace(
      ({ x }) => {
        const w = x.matmul(x);
        const { y } = forLoop(
          3,
          (_, { y: before, w: same }) => {
            const first = before.matmul(same);
            const second = first.matmul(first).tanh();
            return { y: second.matmul(second).tanh(), w: same };
          },
          { y: x, w },
        );
        return { y };
      },
      { x: tensorType("f32", [2, 2]) },
      one,
    );
    const unrolled = trace(
      ({ x }) => {
        const w = x.matmul(x);
        let y = x;
        for (let turn = 0; turn < 3; turn++) {
          const first = y.matmul(w);
          const second = first.matmul(first).tanh();
          y = second.matmul(second).tanh();
        }
        return { y };
      },
      { x: tensorType("f32", [2, 2]) },
      one,
    );
    const inputs = { x: f32(0.5, -0.25, 0.125, 0.75) };
    const results = await Promise.all(
      [graph, unrolled].map(async (each) => {
        const program = load(await compile(each, { targets: ["x86-64-v3"], cacheDir }));
        const outputs = program.newOutputs();
        program.run(inputs, outputs);
        return outputs.y;
      }),
    );
    expect(results[0]).toEqual(results[1]);
  });

  it("may be rows that begin at no vector's boundary", async () => {
    const graph = trace(
      ({ x }) => {
        const [total, rows] = scan(
          (before, row: Tensor<"f32">) => [before.add(row), row.mul(3)],
          constant(new Float32Array(12), "f32"),
          x,
        );
        return { total, rows };
      },
      { x: tensorType("f32", [5, 12]) },
      one,
    );
    const x = counted(5, 12);
    const [found] = await runs(graph, [{ x }]);
    expect(found!.rows).toEqual(x.map((each) => 3 * each));
    expect(found!.total).toEqual(
      Float32Array.from({ length: 12 }, (_, at) => [0, 1, 2, 3, 4].reduce((sum, row) => sum + x[row * 12 + at]!, 0)),
    );
  });
});

describe("scan", () => {
  it("goes along a sequence, carries on, and keeps something of each element", async () => {
    const graph = trace(
      ({ x }) => {
        const [total, sums] = scan(
          (before, row: Tensor<"f32">) => {
            const sum = before.add(row);
            return [sum, { sum, twice: sum.mul(2).sum() }];
          },
          constant(f32(0, 0, 0), "f32"),
          x,
        );
        return { total, ...sums };
      },
      { x: tensorType("f32", [4, 3]) },
      one,
    );
    expect(await runs(graph, [{ x: f32(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12) }])).toEqual([
      {
        total: f32(22, 26, 30),
        sum: f32(1, 2, 3, 5, 7, 9, 12, 15, 18, 22, 26, 30),
        twice: f32(12, 42, 90, 156),
      },
    ]);
  });
});

describe("compiled control flow", () => {
  const compiled = async (given: Graph) => load(await compile(given, { targets: ["x86-64-v3"], cacheDir }));

  it("runs one branch, and each turn's kernels once", async () => {
    const graph = trace(
      ({ x, n }) => {
        const y = cond(
          x.sum().greater(0),
          (each) => each.matmul(each).matmul(each),
          (each) => each.sum([0], { keepDims: true }).add(each),
          x,
        );
        return { y: forLoop(n, (_, each) => each.matmul(each), y, { atMost: 10 }) };
      },
      { x: tensorType("f32", [2, 2]), n: tensorType("i64", []) },
      one,
    );
    const program = await compiled(graph as unknown as Graph);
    const outputs = program.newOutputs();
    const called = (x: number, n: number): number => {
      const before = program.kernelCalls;
      program.run({ x: f32(x, x, x, x), n: i64(n) } as never, outputs);
      return program.kernelCalls - before;
    };
    const [positive, negative] = [called(1, 0), called(-1, 0)];
    expect(positive).toBe(negative);
    expect([1, 2, 7].map((n) => called(1, n) - positive)).toEqual([1, 2, 7]);
  });

  it("is kept in the artifact, from which it compiles again to the same code", async () => {
    const graph = trace(
      ({ x }) => {
        const [last, all] = scan(
          (before, row: Tensor<"f32">) => {
            const next = cond(
              row.sum().greater(0),
              (a, b) => a.add(b),
              (a) => a.mul(constant(f32(1, 2, 3), "f32")),
              before,
              row,
            );
            return [next, next.sum()];
          },
          constant(f32(0.5, 0.25, 0), "f32"),
          x,
        );
        return {
          last,
          all,
          steps: whileLoop(
            (n) => n.less(9),
            (n) => n.add(2),
            constant(0, "i32"),
            { atMost: 7 },
          ),
        };
      },
      { x: tensorType("f32", [4, 3]) },
      one,
    );
    const first = await compile(graph, { targets: ["x86-64-v3"], cacheDir });
    const kept = graphOf(first as never);
    expect(kept.toString()).toBe(simplified(graph as never).toString());
    const second = await compile(kept, { targets: ["x86-64-v3"], cacheDir });
    expect(second.manifest.targets).toEqual(first.manifest.targets);
    const inputs = { x: f32(1, 2, 3, -1, 0, 0, 4, 4, 4, -9, 1, 1) };
    const [a, b] = [first, second].map((each) => {
      const program = load(each as never);
      const outputs = program.newOutputs();
      program.run(inputs as never, outputs);
      return outputs;
    });
    expect(b).toEqual(a);
    expect(a).toEqual(new Interpreter(graph).run(inputs));
  });

  it("has the time of each of its kernels measured", async () => {
    const graph = trace(
      ({ x }) => ({ y: forLoop(3, (_, each) => each.matmul(each), x) }),
      { x: tensorType("f32", [4, 4]) },
      one,
    );
    const program = await compiled(graph as unknown as Graph);
    expect(program.kernelTimes().length).toBe(2);
  });

  it("prints its regions, and what of it runs how often", () => {
    const graph = trace(
      ({ x }) => ({
        y: whileLoop(
          (each) => each.sum().less(10),
          (each) =>
            cond(
              each.sum().less(3),
              (a) => a.add(1),
              (a) => a.mul(2),
              each,
            ),
          x,
          { atMost: 20 },
        ),
      }),
      { x: tensorType("f32", [2]) },
      one,
    );
    expect(graph.toString()).toMatchInlineSnapshot(`
      "graph test(x: f32[2]) -> (y: f32[2])
        %x1 = whileLoop(%x, atMost=20) : f32[2]
          graph condition(x: f32[2]) -> (v0: bool)
            %0 = sum(%x, axes=[0], keepDims=false) : f32
            %1 = less(%0, 10)                      : bool
            return v0=%1
          graph body(x: f32[2]) -> (v0: f32[2])
            %0 = sum(%x, axes=[0], keepDims=false) : f32
            %1 = less(%0, 3)                       : bool
            %2 = cond(%1, %x)                      : f32[2]
              graph then(x: f32[2]) -> (v0: f32[2])
                %0 = add(%x, 1) : f32[2]
                return v0=%0
              graph otherwise(x: f32[2]) -> (v0: f32[2])
                %0 = mul(%x, 2) : f32[2]
                return v0=%0
            return v0=%2
        return y=%x1"
    `);
    const text = explain(graph as never, "x86-64-v3");
    expect(text.slice(text.indexOf("kernels for"))).toMatchInlineSnapshot(`
      "kernels for x86-64-v3, at most 62 kernel calls, 819 flops:
             whileLoop %x, at most 20 times: 21 × (1 kernel call, 19 flops) + 20 × (2 kernel calls, 21 flops)
            0  sum+less  (→ scratch condition: bool, slot x: f32[2])
               schedule of reduce f32 from 0 2 over 0: rows 1
             while condition
            1  sum+less  (→ scratch less: bool, slot x: f32[2])
               schedule of reduce f32 from 0 2 over 0: rows 1
               if less
              2  add  (→ slot x: f32[2], slot x: f32[2])
               else
              3  mul  (→ slot x: f32[2], slot x: f32[2])
          4  copy y  (→ output y: f32[2], slot x: f32[2])

      scratch, 384 bytes:
              0 +16       kernels 0–7  slots
             64 +8        kernels 0–6  turn
            128 +8        kernels 0–7  x
            192 +8        kernels 0–7  x
            256 +1        kernels 1–6  condition
            320 +1        kernels 2–3  less"
    `);
  });
});

describe("passes over control flow", () => {
  const operatorsOf = ({ nodes }: Graph): string[] => nodes.map(({ operator }) => operator.name);

  it("leave of a choice that is decided the branch that is chosen, and nothing of a loop without a turn", () => {
    const graph = trace(
      ({ x }) => {
        const isSo = constant(1, "bool");
        const y = cond(
          isSo,
          (each) => each.tanh(),
          (each) => each.exp(),
          x,
        );
        return { y: forLoop(0, (_, each) => each.sqrt(), y) };
      },
      { x: tensorType("f32", [3]) },
      one,
    );
    expect(operatorsOf(declutter(graph as never))).toEqual(["tanh"]);
  });

  it("compute before a loop what is the same in every turn, deep inside of it too", () => {
    const graph = trace(
      ({ x, w }) => {
        const { y } = forLoop(
          5,
          (_, { y: outer, w: same }) => {
            const inner = whileLoop(
              ({ v }) => v.sum().less(100),
              ({ v, s }) => ({ v: v.add(s.exp().sum()), s }),
              { v: outer, s: same },
              { atMost: 50 },
            );
            return { y: inner.v, w: same };
          },
          { y: x, w },
        );
        return { y };
      },
      { x: tensorType("f32", [3]), w: tensorType("f32", [8]) },
      one,
    );
    const plain = declutter(graph as never);
    expect(operatorsOf(plain)).toEqual(["exp", "sum", "forLoop"]);
    const inputs = { x: f32(1, 2, 3), w: f32(0, 1, 0, 1, 0, 1, 0, 1) };
    expect(new Interpreter(plain).run(inputs as never)).toEqual(new Interpreter(graph).run(inputs));
  });

  it("leave inside of a loop control flow that is the same in every turn", () => {
    const graph = trace(
      ({ x, w }) => {
        const { y } = forLoop(
          5,
          (_, { y: outer, w: same }) => {
            const inner = forLoop(2, (_turn, each) => each.mul(2), same);
            return { y: outer.add(inner), w: same };
          },
          { y: x, w },
        );
        return { y };
      },
      { x: tensorType("f32", [3]), w: tensorType("f32", [3]) },
      one,
    );
    const plain = declutter(graph as never);
    expect(operatorsOf(plain)).toEqual(["forLoop"]);
    expect(new Interpreter(plain).run({ x: f32(1, 2, 3), w: f32(1, 0, -1) } as never)).toEqual({ y: f32(21, 2, -17) });
  });

  it("drop a loop whose results nobody reads", () => {
    const graph = trace(
      ({ x }) => {
        forLoop(3, (_, each) => each.mul(2), x);
        return { y: x.neg() };
      },
      { x: tensorType("f32", [3]) },
      one,
    );
    expect(operatorsOf(declutter(graph as never))).toEqual(["neg"]);
  });
});

describe("a loop that would run more often than it may", () => {
  const graph = trace(
    ({ x }) => {
      const count = state("count", tensorType("i64", []));
      count.set(count.get().add(1));
      const y = whileLoop(
        (each) => each.less(10),
        (each) => each.add(1),
        x,
        { atMost: 5 },
      );
      return { y, count: count.get() };
    },
    { x: tensorType("f32", []) },
    one,
  );

  it("is a fault of the step, which commits no state", async () => {
    const program = load(await compile(graph, { targets: ["x86-64-v3"], cacheDir }));
    const interpreter = new Interpreter(graph);
    const outputs = program.newOutputs();
    const native = (x: number) => {
      program.run({ x: f32(x) }, outputs);
      return outputs;
    };
    const meant = (x: number) => interpreter.run({ x: f32(x) });
    for (const run of [native, meant]) {
      expect(run(5)).toEqual({ y: f32(10), count: i64(1) });
      expect(() => run(4)).toThrow(
        expect.objectContaining({
          code: "program/fault",
          message: expect.stringMatching(/^whileLoop over x would run more than 5 times/),
        }),
      );
      expect(run(12)).toEqual({ y: f32(12), count: i64(2) });
    }
    const kernels = new LoopInterpreter(graph as never, "x86-64-v3");
    expect(() => kernels.step([f32(4)])).toThrow(expect.objectContaining({ code: "program/fault" }));
  });
});
