// Recurrent cells against their equations, step by step, and what they are compiled to.
import { describe, expect, it } from "vitest";
import { compile } from "../compiler/compile.ts";
import { constant, explain, gruCell, Interpreter, load, lstmCell, state, tensorType, trace } from "../index.ts";

const [inputs, hidden, steps] = [5, 7, 6];
const wave = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin((i + 1) * (seed + 0.37)) * 0.8);
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Weights of a cell with so many gates. */
const weightsOf = (gates: number) => ({
  input: wave(gates * hidden * inputs, 1),
  hidden: wave(gates * hidden * hidden, 2),
  inputBias: wave(gates * hidden, 3),
  hiddenBias: wave(gates * hidden, 4),
});
type Weights = ReturnType<typeof weightsOf>;

const constants = (gates: number, weights: Weights) => ({
  input: constant(weights.input, "f32", [gates * hidden, inputs], "wi"),
  hidden: constant(weights.hidden, "f32", [gates * hidden, hidden], "wh"),
  inputBias: constant(weights.inputBias, "f32", [gates * hidden], "bi"),
  hiddenBias: constant(weights.hiddenBias, "f32", [gates * hidden], "bh"),
});

/** Row `row` of w · x + b. */
const affine = (w: Float32Array, x: ArrayLike<number>, b: Float32Array, row: number): number => {
  let total = b[row]!;
  for (let j = 0; j < x.length; j++) total += w[row * x.length + j]! * x[j]!;
  return total;
};

const lstmWeights = weightsOf(4);
const lstm = () =>
  trace(
    ({ x }) => {
      const [h, c] = [state("h", tensorType("f32", [1, hidden])), state("c", tensorType("f32", [1, hidden]))];
      const next = lstmCell(x, { h: h.get(), c: c.get() }, constants(4, lstmWeights));
      h.set(next.h);
      c.set(next.c);
      return { y: next.h };
    },
    { x: tensorType("f32", [1, inputs]) },
    { name: "lstm" },
  );

const gruWeights = weightsOf(3);
const gru = () =>
  trace(
    ({ x }) => {
      const h = state("h", tensorType("f32", [1, hidden]), 0.25);
      const next = gruCell(x, h.get(), constants(3, gruWeights));
      h.set(next);
      return { y: next };
    },
    { x: tensorType("f32", [1, inputs]) },
    { name: "gru" },
  );

/** Outputs of every step, compiled and interpreted, which must both be what the equations say. */
async function expectSteps(graph: ReturnType<typeof lstm>, equations: (x: Float32Array) => number[]): Promise<void> {
  const program = load(await compile(graph));
  const interpreter = new Interpreter(graph);
  const outputs = program.newOutputs();
  for (let step = 0; step < steps; step++) {
    const x = wave(inputs, 10 + step);
    const expected = equations(x);
    program.run({ x }, outputs);
    const meant = interpreter.run({ x }).y;
    expected.forEach((value, i) => {
      expect(Math.abs(meant[i]! - value)).toBeLessThan(1e-6);
      expect(Math.abs(outputs.y[i]! - value)).toBeLessThan(2e-6);
    });
  }
}

describe("recurrent cells", () => {
  it("lstmCell follows the equations of an LSTM over several steps", async () => {
    const { input, hidden: recurrent, inputBias, hiddenBias } = lstmWeights;
    let [h, c] = [new Array<number>(hidden).fill(0), new Array<number>(hidden).fill(0)];
    await expectSteps(lstm(), (x) => {
      const gate = (at: number, i: number) =>
        affine(input, x, inputBias, at * hidden + i) + affine(recurrent, h, hiddenBias, at * hidden + i);
      const next = c.map((old, i) => sigmoid(gate(1, i)) * old + sigmoid(gate(0, i)) * Math.tanh(gate(2, i)));
      h = next.map((memory, i) => sigmoid(gate(3, i)) * Math.tanh(memory));
      c = next;
      return h;
    });
  });

  it("gruCell follows the equations of a GRU, the reset behind the product", async () => {
    const { input, hidden: recurrent, inputBias, hiddenBias } = gruWeights;
    let h = new Array<number>(hidden).fill(0.25);
    await expectSteps(gru(), (x) => {
      const parts = (at: number, i: number) =>
        [affine(input, x, inputBias, at * hidden + i), affine(recurrent, h, hiddenBias, at * hidden + i)] as const;
      const gate = (at: number, i: number) => {
        const [a, b] = parts(at, i);
        return sigmoid(a + b);
      };
      h = h.map((old, i) => {
        const [a, b] = parts(2, i);
        const fresh = Math.tanh(a + gate(0, i) * b);
        return (1 - gate(1, i)) * fresh + gate(1, i) * old;
      });
      return h;
    });
  });

  it("lays constant weights of all gates out for one product, and folds the biases", () => {
    const text = explain(lstm() as never, "x86-64-v3");
    expect(text.match(/ {2}\d+ {2}matmul/g)).toHaveLength(1);
    expect(text).toContain(`f32[${inputs + hidden},${4 * hidden}]`);
    expect(text.split("kernels for")[0]).not.toContain("permute(");
  });

  it("names the shapes that do not fit", () => {
    expect(() =>
      trace(
        ({ x }) => ({ y: gruCell(x, constant(0, "f32").broadcastTo([1, 3]), constants(3, gruWeights)) }),
        { x: tensorType("f32", [1, inputs]) },
        { name: "gru" },
      ),
    ).toThrow("gruCell of f32[1,5] and f32[1,3] with weights f32[21,5] and f32[21,7]");
  });
});
