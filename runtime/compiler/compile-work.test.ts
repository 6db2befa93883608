// Compiling takes work in proportion to nodes, operands and depth: twice the graph is twice the visits, kernels and bytes, at most a little more.
import { describe, expect, it } from "vitest";
import { emitModule, target } from "../../kernels/index.ts";
import { conv2d, convTranspose2d } from "../capture/convolutions.ts";
import { constant, stack, type Tensor } from "../capture/tensor.ts";
import { trace } from "../capture/trace.ts";
import { Graph, type Node } from "../graph/graph.ts";
import { writeGraph } from "../graph/graph-file.ts";
import { tensorType } from "../graph/tensor-type.ts";
import { layoutKept, layoutWeights } from "../graph/weights.ts";
import { declutter, plan } from "../passes/index.ts";
import { load } from "../program/program.ts";
import { compile } from "./compile.ts";
import { codeOf } from "./kernel-call.ts";
import { lower } from "./lower.ts";
import { planMemory } from "./memory.ts";
import { emitStep } from "./step.ts";
import { callsOf, lifetimesOf } from "./step-tree.ts";

const x64 = target("x86-64-v3");

/** What was done to compile a graph, but for the machine code. */
interface Work {
  readonly nodes: number;
  /** How often the operands of a node were looked at. */
  readonly visits: number;
  readonly kernels: number;
  /** Text of the graph, of the kernels and of the step. */
  readonly bytes: number;
}

/** A graph that counts how often its nodes' operands are looked at. */
function counted(graph: Graph): { readonly graph: Graph; readonly visits: () => number } {
  let visits = 0;
  const nodes = graph.nodes.map((node): Node => {
    const { inputs } = node;
    return Object.defineProperty({ ...node }, "inputs", {
      enumerable: true,
      get: () => {
        visits++;
        return inputs;
      },
    });
  });
  return { graph: new Graph({ ...graph, nodes }), visits: () => visits };
}

function workOf(given: Graph): Work {
  const plain = declutter(given);
  const planned = plan(plain);
  const weights = layoutWeights(planned);
  const { graph, visits } = counted(planned);
  const { steps } = lower(graph, x64, weights);
  const kernels = callsOf(steps).flatMap(({ call }) => codeOf(call));
  const texts = [
    writeGraph(plain, layoutKept(weights, plain), ""),
    ...kernels.map((kernel) => emitModule([kernel], x64)),
    emitStep("forward", steps, planMemory(lifetimesOf(steps)), x64),
  ];
  const bytes = texts.reduce((sum, text) => sum + text.length, 0);
  return { nodes: planned.nodes.length, visits: visits(), kernels: kernels.length, bytes };
}

type Plane = Tensor<"f32">;

const graphOf = (shape: readonly number[], compute: (x: Plane) => Plane | Record<string, Plane>): Graph =>
  trace(
    ({ x }) => {
      const made = compute(x);
      return "type" in made ? { y: made as Plane } : (made as Record<string, Plane>);
    },
    { x: tensorType("f32", shape) },
    { name: "g" },
  ) as unknown as Graph;

const repeated = (x: Plane, count: number, step: (x: Plane, at: number) => Plane): Plane => {
  let y = x;
  for (let at = 0; at < count; at++) y = step(y, at);
  return y;
};

const squarings = (count: number): Graph => graphOf([64], (x) => repeated(x, count, (y) => y.mul(y)));
const chain = (count: number): Graph =>
  graphOf([64], (x) => repeated(x, count, (y, at) => (at % 2 ? y.mul(1.0001) : y.add(0.1))));
const stacked = (count: number): Graph =>
  trace(
    (all) => ({ y: stack(Object.values(all)) }),
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`x${at}`, tensorType("f32", [28, 28])])),
    { name: "g" },
  ) as unknown as Graph;

/** Graphs that grow in one way each: so many steps, made of `count`. */
const families: { readonly [name: string]: (count: number) => Graph } = {
  "a chain of element-wise operators": chain,
  "a chain of functions with deep expressions": (count) => graphOf([64], (x) => repeated(x, count, (y) => y.sin())),
  "squarings of squarings": squarings,
  "values read twice by the operator after next": (count) =>
    graphOf([64], (x) => repeated(x, count, (y) => y.mul(y.neg()))),
  "gates behind a product": (count) =>
    graphOf([8, 16], (x) => repeated(x.matmul(x.permute()), count, (y) => y.abs().mul(y))),
  "doublings of one integer": (count) =>
    graphOf([1], (x) => {
      let y = x.cast("i64");
      for (let at = 0; at < count; at++) y = y.add(y);
      return y.cast("f32");
    }),
  "a stack of tensors": stacked,
  "slices of slices": (count) => graphOf([4000], (x) => repeated(x, count, (y) => y.slice([1, y.shape[0]!])).add(1)),
  "turned and padded planes": (count) =>
    graphOf([8, 8], (x) => repeated(x, count, (y) => y.permute().pad([0, 1], [0, 0]).slice([0, 8], [1, 9]).neg())),
  "readers of one value": (count) =>
    graphOf([32], (x) => {
      const y = x.exp();
      return Object.fromEntries(Array.from({ length: count }, (_, at) => [`y${at}`, y.mul(at)]));
    }),
  "softmax of softmax": (count) => graphOf([4, 32], (x) => repeated(x, count, (y) => y.softmax(1))),
  "products one after the other": (count) =>
    graphOf([4, 4], (x) =>
      repeated(x, count, (y) => y.matmul(constant(new Float32Array(16).fill(0.1), "f32", [4, 4]))),
    ),
  "paddings before a convolution": (count) =>
    graphOf([1, 16, 4, 4], (x) =>
      conv2d(
        repeated(x, count, (y) => y.pad([0, 0, 1, 0], [0, 0, 0, 0])),
        constant(new Float32Array(16 * 16).fill(1), "f32", [16, 16, 1, 1]),
      ),
    ),
  "constants of one name": (count) =>
    graphOf([8], (x) => repeated(x, count, (y, at) => y.add(constant([0, 1, 2, 3, 4, 5, 6, at], "f32")))),
};

describe("the work of compiling", () => {
  it.each(Object.entries(families))("is in proportion to %s", (_, graphOfCount) => {
    const [half, whole] = [workOf(graphOfCount(40)), workOf(graphOfCount(80))];
    for (const what of ["nodes", "visits", "kernels", "bytes"] as const)
      expect(whole[what], `${what}: ${half[what]}, then ${whole[what]}`).toBeLessThanOrEqual(2.3 * half[what] + 40);
  });

  it("does not grow with the stride of a transposed convolution", () => {
    const upsampling = (stride: number) =>
      workOf(
        graphOf([1, 4, 3, 3], (x) => {
          const kernel = 2 * stride;
          const w = Float32Array.from({ length: 16 * kernel * kernel }, (_, at) => Math.sin(at));
          return convTranspose2d(x, constant(w, "f32", [4, 4, kernel, kernel]), { stride, padding: stride / 2 });
        }),
      );
    const [some, more] = [upsampling(8), upsampling(16)];
    expect(more.nodes).toBeLessThanOrEqual(some.nodes);
    expect(more.kernels).toBeLessThanOrEqual(some.kernels);
    expect(more.bytes).toBeLessThanOrEqual(1.3 * some.bytes);
  });

  it.each([
    ["weights that are not known", 16, 1, false],
    ["whole blocks of channels", 32, 1, true],
    ["a window for each channel", 32, 32, true],
    ["groups within a block", 32, 8, true],
    ["groups of no block", 24, 8, true],
  ])("does not grow with the window of a convolution: %s", (_, channels, groups, isKnown) => {
    const work = (window: readonly [number, number], deep: readonly [number, number]) => {
      const weight = [channels, channels / groups, ...window] as const;
      const convolution = trace(
        ({ x, w }) => {
          const data = Float32Array.from({ length: weight.reduce((a, b) => a * b) }, (_, at) => at % 7);
          const taps = isKnown ? constant(data, "f32").reshape(weight) : w;
          return { y: conv2d(x, taps, { groups }) };
        },
        { x: tensorType("f32", [1, channels, ...deep]), w: tensorType("f32", weight) },
        { name: "wide" },
      );
      return workOf(convolution).bytes;
    };
    expect(work([1, 2016], [1, 2056])).toBeLessThan(1.5 * work([1, 224], [1, 264]));
    expect(work([2016, 1], [2056, 1])).toBeLessThan(1.5 * work([224, 1], [264, 1]));
  });

  it("is done for a chain of 3,000 operators, whose values are right", async () => {
    const program = load(await compile(chain(3000), { targets: ["x86-64-v3"] }));
    const outputs = program.newOutputs();
    program.run({ x: new Float32Array(64) }, outputs);
    let expected = 0;
    for (let at = 0; at < 3000; at++)
      expected = Math.fround(at % 2 ? expected * Math.fround(1.0001) : expected + Math.fround(0.1));
    expect(Array.from(outputs.y as Float32Array)).toEqual(new Array(64).fill(expected));
  });

  it("is done for 40 squarings, whose values are right", async () => {
    const program = load(await compile(squarings(40), { targets: ["x86-64-v3"] }));
    const outputs = program.newOutputs();
    program.run({ x: Float32Array.from({ length: 64 }, (_, at) => [1, -1, 0.5, 2][at % 4]!) }, outputs);
    expect(Array.from((outputs.y as Float32Array).subarray(0, 4))).toEqual([1, 1, 0, Infinity]);
  });
});
