// PyTorch's recurrent layers and cells: LSTM, GRU and plain ones, over layers, both directions, and sequences of different lengths.
import type { FloatDtype } from "../../../../kernels/index.ts";
import { gruCell, type LstmState, type LstmWeights, lstmCell } from "../../../capture/recurrent.ts";
import { concat, constant, stack, type Tensor, where } from "../../../capture/tensor.ts";
import { type TorchCall, torchMisfit, unsupportedTorch } from "../call.ts";
import { fixedNumbers } from "../known.ts";
import { operator, shapeOf, type TorchOperator, type TorchResult } from "./definition.ts";

type Float = Tensor<FloatDtype>;
type Weights = LstmWeights<FloatDtype>;

/** Turns of a recurrent layer that are written out one after the other, at most. */
const mostTurns = 4096;

/** A cell: what a step makes of a state, what it gives, and how two states are mixed by rows. */
interface Cell<S> {
  readonly step: (weights: Weights, projection: Float | undefined) => (x: Float, state: S) => S;
  readonly output: (state: S) => Tensor;
  readonly mixed: (rows: Tensor<"bool">, next: S, now: S) => S;
}

const rowsOf = (rows: Tensor<"bool">, next: Float, now: Float): Float => where(rows, next, now);

/** An LSTM whose output is made smaller by a matrix before it goes round. */
function projectedLstm(x: Float, { h, c }: LstmState<FloatDtype>, weights: Weights, projection: Float) {
  const width = c.shape[1]!;
  const product = (a: Float, weight: Float, bias: Float | undefined): Float =>
    bias ? a.linear(weight, bias) : a.matmul(weight.permute([1, 0]));
  const gates = product(x, weights.input, weights.inputBias).add(product(h, weights.hidden, weights.hiddenBias));
  const gate = (at: number): Float => gates.slice([], [at * width, (at + 1) * width]);
  const next = gate(1)
    .sigmoid()
    .mul(c)
    .add(gate(0).sigmoid().mul(gate(2).tanh()));
  return {
    h: gate(3)
      .sigmoid()
      .mul(next.tanh())
      .matmul(projection.permute([1, 0])),
    c: next,
  };
}

const lstmOf: Cell<LstmState<FloatDtype>> = {
  step: (weights, projection) => (x, state) =>
    projection ? projectedLstm(x, state, weights, projection) : lstmCell(x, state, weights),
  output: ({ h }) => h,
  mixed: (rows, next, now) => ({ h: rowsOf(rows, next.h, now.h), c: rowsOf(rows, next.c, now.c) }),
};

const gruOf: Cell<Float> = {
  step: (weights) => (x, state) => gruCell(x, state, weights),
  output: (state) => state,
  mixed: rowsOf,
};

const projected = (x: Float, weight: Float, bias: Float | undefined): Float =>
  bias ? x.linear(weight, bias) : x.matmul(weight.permute([1, 0]));

const plainCell = (
  x: Float,
  h: Float,
  { input, hidden, inputBias, hiddenBias }: Weights,
  active: (x: Float) => Float,
) => active(projected(x, input, inputBias).add(projected(h, hidden, hiddenBias)));

const activeBy = { tanh: (x: Float): Float => x.tanh(), relu: (x: Float): Float => x.relu() } as const;

const plainOf = (active: (x: Float) => Float): Cell<Float> => ({
  step: (weights) => (x, state) => plainCell(x, state, weights, active),
  output: (state) => state,
  mixed: rowsOf,
});

/** The weights of one direction of one layer, from the flat list that PyTorch keeps. */
function weightsAt(flat: readonly Tensor[], at: number, hasBiases: boolean, each: number) {
  const own = flat.slice(at * each, (at + 1) * each) as readonly Float[];
  const [input, hidden] = own as [Float, Float];
  const biases = hasBiases ? { inputBias: own[2]!, hiddenBias: own[3]! } : {};
  const projection = each === (hasBiases ? 5 : 3) ? own.at(-1) : undefined;
  return { weights: { input, hidden, ...biases }, projection };
}

/** A batch of sequences [t,n,i]; with how many of them, the longest first, go on at each step where they differ. */
interface Sequences {
  readonly x: Tensor;
  readonly sizes: readonly number[] | undefined;
}

/** One direction of one layer from a state: outputs in their order, and the last state of each sequence. */
function direction<S>(
  { x, sizes }: Sequences,
  backwards: boolean,
  first: S,
  step: (x: Float, state: S) => S,
  { output, mixed }: Cell<S>,
) {
  const [steps, batch] = shapeOf(x) as [number, number];
  const outputs: Tensor[] = new Array(steps);
  let state = first;
  for (let turn = 0; turn < steps; turn++) {
    const at = backwards ? steps - 1 - turn : turn;
    const next = step(x.slice([at, at + 1]).squeeze(0) as Float, state);
    const size = sizes?.[at] ?? batch;
    const goesOn = Array.from({ length: batch }, (_, row) => (row < size ? 1 : 0));
    // A sequence that has ended, or not begun from its end, keeps its state.
    state = size === batch ? next : mixed(constant(goesOn, "bool", [batch, 1]) as Tensor<"bool">, next, state);
    outputs[at] = output(state);
  }
  return { outputs: stack(outputs, 0), state };
}

/** Layers over layers of both directions, as torch.lstm and torch.gru order them. */
function recurrent<S>(
  call: TorchCall,
  sequences: Sequences,
  states: readonly Tensor[],
  stateAt: (at: number) => S,
  cell: Cell<S>,
): { readonly y: Tensor; readonly last: readonly S[] } {
  if (call.flag("train") && call.float("dropout") > 0)
    throw unsupportedTorch("a recurrent layer that drops out", "call eval() before the model is saved");
  const flat = call.torches("params").map((each) => each.read());
  const directions = call.flag("bidirectional") ? 2 : 1;
  const layers = call.int("num_layers");
  let { x } = sequences;
  if (shapeOf(x)[0]! * layers * directions > mostTurns)
    throw unsupportedTorch(
      `a recurrent layer of ${shapeOf(x)[0]} turns`,
      `call it with shorter sequences: ${mostTurns} turns are written out at most`,
    );
  if (states.some((each) => shapeOf(each)[0] !== layers * directions))
    throw torchMisfit("the first states are not one for each layer and direction");
  const last: S[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const found = Array.from({ length: directions }, (_, each) => {
      const at = layer * directions + each;
      const own = weightsAt(flat, at, call.flag("has_biases"), flat.length / (layers * directions));
      const step = cell.step(own.weights, own.projection);
      return direction({ ...sequences, x }, each === 1, stateAt(at), step, cell);
    });
    x =
      found.length === 1
        ? found[0]!.outputs
        : concat(
            found.map(({ outputs }) => outputs),
            2,
          );
    last.push(...found.map(({ state }) => state));
  }
  return { y: x, last };
}

const layerOf = (states: Tensor, at: number): Float => states.slice([at, at + 1]).squeeze(0) as Float;

type Run = (sequences: Sequences) => { readonly y: Tensor; readonly last: readonly Tensor[] };

/** A batch of sequences of one length, their outputs in the same order. */
function overBatch(call: TorchCall, run: Run): TorchResult {
  const isBatchFirst = call.flag("batch_first");
  const input = call.tensor("input");
  const { y, last } = run({ x: isBatchFirst ? input.permute([1, 0, 2]) : input, sizes: undefined });
  return [isBatchFirst ? y.permute([1, 0, 2]) : y, ...last];
}

/** Packed sequences: the rows of all that go on at a step, step by step, their outputs packed alike. */
function overPacked(call: TorchCall, run: Run): TorchResult {
  const sizes = fixedNumbers(call.tensor("batch_sizes"))?.map(Number);
  if (!sizes) throw unsupportedTorch("sequences whose lengths only a run knows", "give the lengths as numbers");
  const data = call.tensor("data");
  const batch = sizes[0] ?? 0;
  let start = 0;
  const rows = sizes.map((size) => {
    start += size;
    const own = data.slice([start - size, start]);
    return own.pad([0, 0], [batch - size, 0]);
  });
  const { y, last } = run({ x: stack(rows, 0), sizes });
  const packed = sizes.map((size, at) => y.slice([at, at + 1], [0, size]).squeeze(0));
  return [concat(packed, 0), ...last];
}

const lstm = (call: TorchCall, over: (call: TorchCall, run: Run) => TorchResult): TorchResult => {
  const [hidden, cell] = call.torches("hx").map((each) => each.read());
  if (!hidden || !cell) throw torchMisfit("an LSTM begins with a hidden and a cell state");
  return over(call, (sequences) => {
    const stateAt = (at: number) => ({ h: layerOf(hidden, at), c: layerOf(cell, at) });
    const { y, last } = recurrent(call, sequences, [hidden, cell], stateAt, lstmOf);
    const all = (part: "h" | "c"): Tensor =>
      stack(
        last.map((each) => each[part]),
        0,
      );
    return { y, last: [all("h"), all("c")] };
  });
};

const ofOneState =
  (cell: Cell<Float>) =>
  (call: TorchCall, over: (call: TorchCall, run: Run) => TorchResult): TorchResult => {
    const hidden = call.tensor("hx");
    return over(call, (sequences) => {
      const { y, last } = recurrent(call, sequences, [hidden], (at) => layerOf(hidden, at), cell);
      return { y, last: [stack(last, 0)] };
    });
  };

function cellWeights(call: TorchCall): Weights {
  const [inputBias, hiddenBias] = [call.optional("b_ih"), call.optional("b_hh")];
  return {
    input: call.tensor("w_ih") as Float,
    hidden: call.tensor("w_hh") as Float,
    ...(inputBias ? { inputBias: inputBias as Float } : {}),
    ...(hiddenBias ? { hiddenBias: hiddenBias as Float } : {}),
  };
}

const options = "bool has_biases, int num_layers, float dropout, bool train, bool bidirectional";
const cellOptions = "Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None";

/** A layer over a batch, and over packed sequences. */
const layer = (
  name: string,
  state: string,
  results: string,
  run: (call: TorchCall, over: (call: TorchCall, run: Run) => TorchResult) => TorchResult,
): readonly TorchOperator[] => [
  operator(
    `${name}.input(Tensor input, ${state} hx, Tensor[] params, ${options}, bool batch_first) -> ${results}`,
    (call) => run(call, overBatch),
  ),
  operator(
    `${name}.data(Tensor data, Tensor batch_sizes, ${state} hx, Tensor[] params, ${options}) -> ${results}`,
    (call) => run(call, overPacked),
  ),
];

export const recurrentLayers: readonly TorchOperator[] = [
  ...layer("lstm", "Tensor[]", "(Tensor, Tensor, Tensor)", lstm),
  ...layer("gru", "Tensor", "(Tensor, Tensor)", ofOneState(gruOf)),
  operator(`lstm_cell(Tensor input, Tensor[] hx, ${cellOptions}) -> (Tensor, Tensor)`, (call) => {
    const [h, c] = call.torches("hx").map((each) => each.read()) as [Float, Float];
    const next = lstmCell(call.tensor("input") as Float, { h, c }, cellWeights(call));
    return [next.h, next.c];
  }),
  operator(`gru_cell(Tensor input, Tensor hx, ${cellOptions}) -> Tensor`, (call) =>
    gruCell(call.tensor("input") as Float, call.tensor("hx") as Float, cellWeights(call)),
  ),
  ...(["tanh", "relu"] as const).flatMap((name) => [
    ...layer(`rnn_${name}`, "Tensor", "(Tensor, Tensor)", ofOneState(plainOf(activeBy[name]))),
    operator(`rnn_${name}_cell(Tensor input, Tensor hx, ${cellOptions}) -> Tensor`, (call) =>
      plainCell(call.tensor("input") as Float, call.tensor("hx") as Float, cellWeights(call), activeBy[name]),
    ),
  ]),
];
