// ONNX's recurrent networks: RNN, GRU and LSTM, forward, backward or both.
import { iota, stack, type Tensor, where, zeros } from "../../../capture/tensor.ts";
import type { Call, Definition, Definitions } from "../call.ts";
import { unsupported } from "../import-error.ts";
import { activations, castTo } from "./elementwise.ts";
import { widened } from "./norms.ts";
import { alongTime, type Named } from "./recurrence.ts";

interface Activation {
  of(x: Tensor): Tensor;
  /** What it lacks to 1, without loss near 1 where it is a sigmoid. */
  rest(x: Tensor): Tensor;
}

/** The activations that take alpha, and those that take beta too; each takes the next of its list. */
const takesAlpha = new Set(["Affine", "Elu", "HardSigmoid", "LeakyRelu", "ScaledTanh", "ThresholdedRelu"]);
const takesBeta = new Set(["Affine", "HardSigmoid", "ScaledTanh"]);

/** All activations of a node, those of one direction after the other. */
function activationsOf(call: Call, otherwise: readonly string[]): Activation[] {
  const [alphas, betas] = [call.floats("activation_alpha", []), call.floats("activation_beta", [])];
  return call.texts("activations", otherwise).map((given) => {
    const name = Object.keys(activations).find((each) => each.toLowerCase() === given.toLowerCase());
    if (!name) throw unsupported(`activation "${given}"`);
    const alpha = takesAlpha.has(name) ? alphas.shift() : undefined;
    const beta = takesBeta.has(name) ? betas.shift() : undefined;
    const of = (x: Tensor) => activations[name]!(x, alpha, beta);
    return { of, rest: name === "Sigmoid" ? (x: Tensor) => of(x.neg()) : (x: Tensor) => of(x).neg().add(1) };
  });
}

/** Columns number `gate` of `width` each, along the last dimension. */
const gateOf = (all: Tensor, gate: number, width: number): Tensor =>
  all.slice(...all.shape.slice(1).map(() => [] as const), [gate * width, (gate + 1) * width]);

/** One direction of a network: its weights, what it starts from, and how its gates are activated. */
interface Direction {
  readonly width: number;
  /** [input,gates·width] and [width,gates·width]. */
  readonly input: Tensor;
  readonly hidden: Tensor;
  /** [gates·width] each. */
  readonly inputBias: Tensor | undefined;
  readonly hiddenBias: Tensor | undefined;
  /** [3·width] of an LSTM. */
  readonly peepholes: Tensor | undefined;
  readonly activations: readonly Activation[];
  clip(x: Tensor): Tensor;
}

/** A kind of cell: of the gates' products with the input, and what is carried, the next of what is carried. */
interface Cell {
  readonly gates: number;
  readonly activations: readonly string[];
  /** Where in the operands the initial values of what is carried stand, by name. */
  readonly initial: { readonly [name: string]: number };
  /** What the input's products get added: biases that no product with the state comes between. */
  inputBias(call: Call, direction: Direction): Tensor | undefined;
  step(call: Call, direction: Direction, carried: Named, products: Tensor, fixed: Named): Named;
}

const plus = (x: Tensor, y: Tensor | undefined): Tensor => (y ? x.add(y) : x);
const sumOf = (a: Tensor | undefined, b: Tensor | undefined): Tensor | undefined => (a && b ? a.add(b) : (a ?? b));

const rnn: Cell = {
  gates: 1,
  activations: ["Tanh"],
  initial: { h: 5 },
  inputBias: (_, { inputBias, hiddenBias }) => sumOf(inputBias, hiddenBias),
  step: (_, { activations: [f], clip }, { h }, products, { hidden }) => ({
    h: f!.of(clip(products.add(h!.matmul(hidden!)))),
  }),
};

const gru: Cell = {
  gates: 3,
  activations: ["Sigmoid", "Tanh"],
  initial: { h: 5 },
  // Where the reset acts behind the product with the state, that product's bias is reset too.
  inputBias: (call, { inputBias, hiddenBias }) =>
    call.flag("linear_before_reset") ? inputBias : sumOf(inputBias, hiddenBias),
  step(call, { width, clip, activations: [f, g] }, { h }, products, { hidden, hiddenBias }) {
    const isLinear = call.flag("linear_before_reset");
    const gate = (all: Tensor, at: number) => gateOf(all, at, width);
    const all = isLinear ? plus(h!.matmul(hidden!), hiddenBias) : h!.matmul(hidden!.slice([], [0, 2 * width]));
    const [update, reset] = [0, 1].map((at) => clip(gate(products, at).add(gate(all, at)))) as [Tensor, Tensor];
    const resets = f!.of(reset);
    const ofState = isLinear
      ? resets.mul(gate(all, 2))
      : resets.mul(h!).matmul(hidden!.slice([], [2 * width, 3 * width]));
    const fresh = g!.of(clip(gate(products, 2).add(ofState)));
    return { h: f!.rest(update).mul(fresh).add(f!.of(update).mul(h!)) };
  },
};

const lstm: Cell = {
  gates: 4,
  activations: ["Sigmoid", "Tanh", "Tanh"],
  initial: { h: 5, c: 6 },
  inputBias: (_, { inputBias, hiddenBias }) => sumOf(inputBias, hiddenBias),
  step(call, { width, clip, activations: [f, g, h] }, carried, products, { hidden, peepholes }) {
    const all = products.add(carried.h!.matmul(hidden!));
    const seen = (x: Tensor, memory: Tensor, at: number) =>
      peepholes ? x.add(memory.mul(peepholes.slice([at * width, (at + 1) * width]))) : x;
    const before = carried.c!;
    const entering = clip(seen(gateOf(all, 0, width), before, 0));
    const input = f!.of(entering);
    const isCoupled = call.flag("input_forget");
    const forget = isCoupled ? f!.rest(entering) : f!.of(clip(seen(gateOf(all, 2, width), before, 2)));
    const fresh = g!.of(clip(gateOf(all, 3, width)));
    const c = forget.mul(before).add(input.mul(fresh));
    const output = f!.of(clip(seen(gateOf(all, 1, width), c, 1)));
    return { h: output.mul(h!.of(c)), c };
  },
};

/** What is of one direction, of an operand that has something of each in its first dimension. */
const partOf = (call: Call, at: number, direction: number): Tensor | undefined => {
  const given = call.optional(at);
  return (
    given &&
    widened(given)
      .slice([direction, direction + 1])
      .reshape(given.shape.slice(1))
  );
};

/** Direction number `at` of the network of a node. */
function directionOf(call: Call, cell: Cell, at: number, all: readonly Activation[]): Direction {
  const [input, hidden] = [1, 2].map((operand) => partOf(call, operand, at)!.permute()) as [Tensor, Tensor];
  const size = cell.gates * hidden.shape[0]!;
  const bias = partOf(call, 3, at);
  const bound = call.attribute("clip") && call.float("clip");
  return {
    width: hidden.shape[0]!,
    input,
    hidden,
    inputBias: bias?.slice([0, size]),
    hiddenBias: bias?.slice([size, 2 * size]),
    peepholes: cell === lstm ? partOf(call, 7, at) : undefined,
    activations: all.slice(at * cell.activations.length, (at + 1) * cell.activations.length),
    clip: (x) => (bound === undefined ? x : x.clamp(-bound, bound)),
  };
}

/** What one direction gives: each turn's output [time,batch,width], and what is carried last. */
interface Run {
  readonly outputs: Tensor;
  readonly last: Named;
}

function run(call: Call, cell: Cell, x: Tensor, direction: Direction, initial: Named, isBackward: boolean): Run {
  const [time, batch, size] = x.shape as [number, number, number];
  const lengths = call.optional(4)?.cast("i64").reshape([batch, 1]);
  // The products with the inputs of all turns are one.
  const rows = plus(x.reshape([time * batch, size]).matmul(direction.input), cell.inputBias(call, direction));
  const products = rows.reshape([time, batch, cell.gates * direction.width]);
  const turned = (each: Tensor): Tensor => (isBackward ? each.flip([0]) : each);
  const { hidden, hiddenBias, peepholes } = direction;
  const sequences = { products: turned(products), ...(lengths && { at: turned(iota("i64", [time])) as Tensor }) };
  const fixed: Named = {
    hidden,
    ...(hiddenBias && { hiddenBias }),
    ...(peepholes && { peepholes }),
    ...(lengths && { lengths: lengths as Tensor }),
  };
  const [last, given] = alongTime<Named, Named, Named, Named>(
    (carried, elements, weights) => {
      const next = cell.step(call, direction, carried, elements.products!, weights);
      if (!weights.lengths) return [next, { y: next.h! }];
      // Behind its end a sequence gives zeros, and what is carried stays.
      const runs = elements.at!.less(weights.lengths);
      const kept = Object.entries(next).map(([name, each]) => [name, where(runs, each, carried[name]!)] as const);
      return [Object.fromEntries(kept), { y: where(runs, next.h!, 0) }];
    },
    initial,
    sequences,
    fixed,
  );
  return { outputs: turned(given.y!), last };
}

/** Y[time,directions,batch,width], and what is carried last [directions,batch,width]; of layout 1 the batch comes first. */
const recurrent =
  (cell: Cell): Definition =>
  (call) => {
    const given = call.tensor(0);
    const isBatchFirst = call.int("layout", 0) === 1;
    const batchFirst = (each: Tensor): Tensor => (isBatchFirst ? each.transpose(0, 1) : each);
    const x = widened(batchFirst(given));
    const directions = { forward: [false], reverse: [true], bidirectional: [false, true] };
    const backward = call.choice("direction", directions, "forward");
    const all = activationsOf(
      call,
      backward.flatMap(() => cell.activations),
    );
    const runs = backward.map((isBackward, at) => {
      const direction = directionOf(call, cell, at, all);
      const initial = Object.entries(cell.initial).map(([name, operand]) => {
        const start = call.optional(operand);
        const none = zeros(x.dtype, [x.shape[1]!, direction.width]);
        return [
          name,
          start ? widened(batchFirst(start).slice([at, at + 1])).reshape([x.shape[1]!, direction.width]) : none,
        ] as const;
      });
      return run(call, cell, x, direction, Object.fromEntries(initial), isBackward);
    });
    const outputs = stack(
      runs.map((each) => each.outputs),
      1,
    );
    const whole = isBatchFirst ? outputs.permute([2, 0, 1, 3]) : outputs;
    const last = Object.keys(cell.initial).map((name) => batchFirst(stack(runs.map((each) => each.last[name]!))));
    return [whole, ...last].map((each) => castTo(each, given.dtype));
  };

export const recurrentNetworks: Definitions = {
  GRU: recurrent(gru),
  LSTM: recurrent(lstm),
  RNN: recurrent(rnn),
};
