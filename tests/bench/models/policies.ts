// Policies of robots, one step a call: dense layers, and LSTM and GRU cells whose states stay between calls.

import { exportOnnx } from "../../../runtime/import/index.ts";
import { concat, constant, gruCell, state, type Tensor, tensorType, trace } from "../../../runtime/index.ts";
import { graph as made, modelBytes, node, stored } from "../../../runtime/testing/onnx-models.ts";
import { type BenchCase, numbers, plainGraph } from "../case.ts";

const elu = (x: Tensor<"f32">): Tensor<"f32"> => x.maximum(0).add(x.minimum(0).exp().sub(1));

interface Dense {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly sizes: readonly [number, number];
}

const dense = (sizes: readonly number[]): Dense[] =>
  sizes.slice(1).map((outputs, at) => {
    const inputs = sizes[at]!;
    return {
      weight: numbers(outputs * inputs, 20 + at, Math.sqrt(3 / inputs)),
      bias: numbers(outputs, 30 + at, 0.1),
      sizes: [outputs, inputs],
    };
  });

/** Linear layers with ELU between them, which the peer has an operator for. */
const denseLayers = (x: Tensor<"f32">, layers: readonly Dense[], between = elu): Tensor<"f32"> =>
  layers.reduce((y, { weight, bias, sizes }, at) => {
    const z = y.linear(constant(weight, "f32", sizes, `w${at}`), constant(bias, "f32", undefined, `b${at}`));
    return at < layers.length - 1 ? between(z) : z;
  }, x);

const denseModel = (layers: readonly Dense[], input: string) => ({
  initializers: layers.flatMap(({ weight, bias, sizes }, at) => [
    stored(`w${at}`, "f32", sizes, weight),
    stored(`b${at}`, "f32", [sizes[0]], bias),
  ]),
  nodes: layers.flatMap((_, at) => {
    const last = at === layers.length - 1;
    const product = `${last ? "y" : `z${at}`} = Gemm(${at === 0 ? input : `e${at - 1}`}, w${at}, b${at})`;
    return [node(product, { transB: 1 }), ...(last ? [] : [node(`e${at} = Elu(z${at})`)])];
  }),
});

const denseFlops = (layers: readonly Dense[]): number => layers.reduce((sum, { weight }) => sum + 2 * weight.length, 0);

/** What is asked of a network's ratio. */
type Asked = Pick<BenchCase, "atLeast" | "aim">;

/** Linear layers with ELU between them. */
export function mlp(name: string, sizes: readonly number[], asked: Asked): BenchCase {
  const layers = dense(sizes);
  const traced = (between?: typeof elu) =>
    trace(
      ({ x }) => ({ y: denseLayers(x, layers, between) }),
      { x: tensorType("f32", [1, sizes[0]!]) },
      { name: "mlp" },
    );
  return {
    name,
    graph: plainGraph(traced()),
    model: () => exportOnnx(traced((x) => x.elu())),
    flops: denseFlops(layers),
    ...asked,
  };
}

/** One step of an LSTM cell whose state stays between calls, then an MLP. */
export function lstm(
  name: string,
  [inputs, hidden]: readonly [number, number],
  head: readonly number[],
  asked: Asked,
): BenchCase {
  const layers = dense([hidden, ...head]);
  const wx = numbers(4 * hidden * inputs, 41, 0.12);
  const wh = numbers(4 * hidden * hidden, 42, 0.12);
  const bias = numbers(4 * hidden, 43, 0.1);
  // Gates in ONNX's order: input, output, forget, cell. Ours is one product over [x, h].
  const joined = new Float32Array(4 * hidden * (inputs + hidden));
  for (let row = 0; row < 4 * hidden; row++) {
    joined.set(wx.subarray(row * inputs, (row + 1) * inputs), row * (inputs + hidden));
    joined.set(wh.subarray(row * hidden, (row + 1) * hidden), row * (inputs + hidden) + inputs);
  }
  const graph = trace(
    ({ x }) => {
      const [h, c] = [state("h", tensorType("f32", [1, hidden])), state("c", tensorType("f32", [1, hidden]))];
      const gates = concat([x, h.get()], 1).linear(
        constant(joined, "f32", [4 * hidden, inputs + hidden], "w"),
        constant(bias, "f32", undefined, "b"),
      );
      const gate = (at: number) => gates.slice([0, 1], [at * hidden, (at + 1) * hidden]);
      c.set(
        gate(2)
          .sigmoid()
          .mul(c.get())
          .add(gate(0).sigmoid().mul(gate(3).tanh())),
      );
      h.set(gate(1).sigmoid().mul(c.get().tanh()));
      return { y: denseLayers(h.get(), layers) };
    },
    { x: tensorType("f32", [1, inputs]) },
    { name: "lstm" },
  );
  const behind = denseModel(layers, "flat");
  const stateType = `f32[1,1,${hidden}]`;
  return {
    name,
    graph: plainGraph(graph),
    model: () =>
      modelBytes(
        made({
          inputs: [`x: f32[1,${inputs}]`, `h: ${stateType}`, `c: ${stateType}`],
          outputs: [`y: f32[1,${head.at(-1)}]`, `hn: ${stateType}`, `cn: ${stateType}`],
          initializers: [
            stored("wx", "f32", [1, 4 * hidden, inputs], wx),
            stored("wh", "f32", [1, 4 * hidden, hidden], wh),
            stored("bias", "f32", [1, 8 * hidden], Float32Array.of(...bias, ...new Float32Array(4 * hidden))),
            stored("sequence", "i64", [3], BigInt64Array.of(1n, 1n, BigInt(inputs))),
            stored("row", "i64", [2], BigInt64Array.of(1n, BigInt(hidden))),
            ...behind.initializers,
          ],
          nodes: [
            node("xs = Reshape(x, sequence)"),
            node(", hn, cn = LSTM(xs, wx, wh, bias, , h, c)", { hidden_size: hidden }),
            node("flat = Reshape(hn, row)"),
            ...behind.nodes,
          ],
        }),
      ),
    flops: 2 * joined.length + denseFlops(layers),
    ...asked,
    feedback: { h: "hn", c: "cn" },
  };
}

/** Gates, blocks of rows, in another order. */
export function reordered(data: Float32Array, gates: readonly number[]): Float32Array {
  const size = data.length / gates.length;
  const result = new Float32Array(data.length);
  gates.forEach((gate, to) => {
    result.set(data.subarray(gate * size, (gate + 1) * size), to * size);
  });
  return result;
}

/** One step of some GRU cells, one behind the other, whose states stay between calls, then a linear layer. */
export function gru(
  name: string,
  { inputs, hidden, cells, outputs }: { [size in "inputs" | "hidden" | "cells" | "outputs"]: number },
  asked: Asked,
): BenchCase {
  const rows = 3 * hidden;
  const stack = Array.from({ length: cells }, (_, at) => {
    const width = at === 0 ? inputs : hidden;
    const weights = [width, hidden].map((size, which) =>
      numbers(rows * size, 60 + 4 * at + which, Math.sqrt(3 / size)),
    );
    const biases = [2, 3].map((which) => numbers(rows, 60 + 4 * at + which, 0.1));
    return { width, weights, biases } as const;
  });
  const head = dense([hidden, outputs]);
  const graph = trace(
    ({ x }) => {
      let y: Tensor<"f32"> = x;
      stack.forEach(({ width, weights: [wx, wh], biases: [bx, bh] }, at) => {
        const h = state(`h${at}`, tensorType("f32", [1, hidden]));
        const next = gruCell(y, h.get(), {
          input: constant(wx!, "f32", [rows, width], `wx${at}`),
          hidden: constant(wh!, "f32", [rows, hidden], `wh${at}`),
          inputBias: constant(bx!, "f32", undefined, `bx${at}`),
          hiddenBias: constant(bh!, "f32", undefined, `bh${at}`),
        });
        h.set(next);
        y = next;
      });
      return { y: denseLayers(y, head) };
    },
    { x: tensorType("f32", [1, inputs]) },
    { name: "gru" },
  );
  // PyTorch's gates, reset, update, new, in ONNX's order: update, reset, new.
  const turned = (data: Float32Array) => reordered(data, [1, 0, 2]);
  const behind = denseModel(head, "flat");
  const stateType = `f32[1,1,${hidden}]`;
  return {
    name,
    graph: plainGraph(graph),
    model: () =>
      modelBytes(
        made({
          inputs: [`x: f32[1,${inputs}]`, ...stack.map((_, at) => `h${at}: ${stateType}`)],
          outputs: [`y: f32[1,${outputs}]`, ...stack.map((_, at) => `hn${at}: ${stateType}`)],
          initializers: [
            ...stack.flatMap(({ width, weights: [wx, wh], biases: [bx, bh] }, at) => [
              stored(`wx${at}`, "f32", [1, rows, width], turned(wx!)),
              stored(`wh${at}`, "f32", [1, rows, hidden], turned(wh!)),
              stored(`both${at}`, "f32", [1, 2 * rows], Float32Array.of(...turned(bx!), ...turned(bh!))),
            ]),
            stored("sequence", "i64", [3], BigInt64Array.of(1n, 1n, BigInt(inputs))),
            stored("row", "i64", [2], BigInt64Array.of(1n, BigInt(hidden))),
            ...behind.initializers,
          ],
          nodes: [
            node("s0 = Reshape(x, sequence)"),
            ...stack.flatMap((_, at) => [
              node(`, hn${at} = GRU(s${at}, wx${at}, wh${at}, both${at}, , h${at})`, {
                hidden_size: hidden,
                linear_before_reset: 1,
              }),
              // One step's last output, [1,1,hidden], is the next cell's sequence of one.
              node(`s${at + 1} = Identity(hn${at})`),
            ]),
            node(`flat = Reshape(s${cells}, row)`),
            ...behind.nodes,
          ],
        }),
      ),
    flops: 2 * stack.flatMap(({ weights }) => weights).reduce((sum, { length }) => sum + length, 0) + denseFlops(head),
    ...asked,
    feedback: Object.fromEntries(stack.map((_, at) => [`h${at}`, `hn${at}`])),
  };
}
