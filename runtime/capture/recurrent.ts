// Recurrent cells: one step of an LSTM or a GRU, made of products and pointwise chains, for states of any kind.
import { type Dtype, IsochronError } from "../../kernels/index.ts";
import { showTensorType } from "../graph/tensor-type.ts";
import { operatorOptions, tensorOf, tensorOption } from "./options.ts";
import { concat, type Tensor } from "./tensor.ts";

/** What one step of an LSTM leaves for the next: its output h and its memory c, both [n,hidden]. */
export interface LstmState<D extends Dtype> {
  readonly h: Tensor<D>;
  readonly c: Tensor<D>;
}

/** Weights of an LSTM as PyTorch keeps them; the gates, in this order, are input, forget, cell, output. */
export interface LstmWeights<D extends Dtype> {
  /** [4·hidden,input] */
  readonly input: Tensor<D>;
  /** [4·hidden,hidden] */
  readonly hidden: Tensor<D>;
  /** [4·hidden] each, none unless given. */
  readonly inputBias?: Tensor<D>;
  readonly hiddenBias?: Tensor<D>;
}

/** Weights of a GRU as PyTorch keeps them; the gates, in this order, are reset, update, new, so [3·hidden,…]. */
export type GruWeights<D extends Dtype> = LstmWeights<D>;

const required = tensorOption.unwrap();
const weightSchemas = { input: required, hidden: required, inputBias: tensorOption, hiddenBias: tensorOption };
const checkLstm = operatorOptions<LstmWeights<Dtype>>("lstmCell", () => weightSchemas);
const checkLstmState = operatorOptions<LstmState<Dtype>>("the state of lstmCell", () => ({ h: required, c: required }));
const checkGru = operatorOptions<GruWeights<Dtype>>("gruCell", () => weightSchemas);

/** Checks what fits; the operators inside would name values that the caller has never seen. */
function requireFit(cell: string, gates: number, x: Tensor, h: Tensor, { input, hidden }: LstmWeights<Dtype>): void {
  const [rows, width] = h.shape;
  const [batch, size] = x.shape;
  const fits =
    h.shape.length === 2 &&
    x.shape.length === 2 &&
    batch === rows &&
    String(input.shape) === String([gates * width!, size]) &&
    String(hidden.shape) === String([gates * width!, width]);
  if (fits) return;
  throw new IsochronError(
    "operator/shape",
    `${cell} of ${showTensorType(x.type)} and ${showTensorType(h.type)} with weights ${showTensorType(input.type)} and ${showTensorType(hidden.type)}`,
    { help: `x is [n,input], the state [n,hidden], the weights [${gates}·hidden,input] and [${gates}·hidden,hidden]` },
  );
}

/** Columns number `gate` of `width` each. */
const gateOf = <D extends Dtype>(all: Tensor<D>, gate: number, width: number): Tensor<D> =>
  all.slice([0, all.shape[0]!], [gate * width, (gate + 1) * width]);

const plus = <D extends Dtype>(x: Tensor<D>, bias: Tensor<D> | undefined): Tensor<D> => (bias ? x.add(bias) : x);

/**
 * One step of an LSTM (torch.nn.LSTMCell): c' = σ(f)·c + σ(i)·tanh(g), h' = σ(o)·tanh(c').
 *
 * All four gates are one product of [x, h] with both weights, which constant weights are laid out for when the graph is
 * compiled, so that a step reads them once, in order.
 */
export function lstmCell<D extends Dtype>(x: Tensor<D>, state: LstmState<D>, weights: LstmWeights<D>): LstmState<D> {
  checkLstm(weights);
  checkLstmState(state);
  tensorOf("lstmCell", x);
  const { h, c } = state;
  requireFit("lstmCell", 4, x, h, weights);
  const width = h.shape[1]!;
  const { inputBias, hiddenBias } = weights;
  const both = concat([weights.input, weights.hidden], 1).permute();
  const bias = inputBias && hiddenBias ? inputBias.add(hiddenBias) : (inputBias ?? hiddenBias);
  const gates = plus(concat([x, h], 1).matmul(both), bias);
  const [i, f, g, o] = [0, 1, 2, 3].map((gate) => gateOf(gates, gate, width)) as [
    Tensor<D>,
    Tensor<D>,
    Tensor<D>,
    Tensor<D>,
  ];
  const next = f.sigmoid().mul(c).add(i.sigmoid().mul(g.tanh()));
  return { h: o.sigmoid().mul(next.tanh()), c: next };
}

/**
 * One step of a GRU (torch.nn.GRUCell): n = tanh(x_n + r·h_n), h' = (1 − z)·n + z·h; the reset r acts behind h's product.
 *
 * One product with x and one with h, each of all three gates.
 */
export function gruCell<D extends Dtype>(x: Tensor<D>, h: Tensor<D>, weights: GruWeights<D>): Tensor<D> {
  checkGru(weights);
  for (const each of [x, h]) tensorOf("gruCell", each);
  requireFit("gruCell", 3, x, h, weights);
  const width = h.shape[1]!;
  const ofInput = plus(x.matmul(weights.input.permute()), weights.inputBias);
  const ofHidden = plus(h.matmul(weights.hidden.permute()), weights.hiddenBias);
  const gate = (at: number): Tensor<D> =>
    gateOf(ofInput, at, width)
      .add(gateOf(ofHidden, at, width))
      .sigmoid();
  const [reset, update] = [gate(0), gate(1)];
  const fresh = gateOf(ofInput, 2, width)
    .add(reset.mul(gateOf(ofHidden, 2, width)))
    .tanh();
  // (1 − z)·n + z·h, with one product.
  return fresh.add(update.mul(h.sub(fresh)));
}
