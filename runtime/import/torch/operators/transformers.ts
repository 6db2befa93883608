// PyTorch's fused operators of transformers: an encoder's layer, and attention of many heads.

import { concat, constant, type Tensor, where } from "../../../capture/tensor.ts";
import { countOf } from "../../../graph/tensor-type.ts";
import { cast, type TorchCall, torchMisfit } from "../call.ts";
import { TorchTensor, TorchTuple } from "../values.ts";
import { given, operator, type TorchOperator, type TorchResult } from "./definition.ts";

type Float = Tensor<"f32">;

/** x·wᵀ + b over the last dimension. */
function projected(x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  const lead = x.shape.slice(0, -1);
  const rows = x.reshape([countOf(lead), x.shape.at(-1)!]);
  return rows.linear(weight, bias).reshape([...lead, weight.shape[0]!]);
}

/** −∞ where a mask hides a key: of [queries, keys], of [batch, keys], or of every head. */
function hidden(call: TorchCall, scores: Tensor): Tensor {
  const mask = call.optional("mask");
  if (!mask) return scores;
  const [batch, , queries, keys] = scores.shape as [number, number, number, number];
  const type = call.has("mask_type") ? call.int("mask_type") : 2;
  const shapes = [[1, 1, queries, keys], [batch, 1, 1, keys], undefined];
  const shape = shapes[type];
  const whole = shape && mask.shape.length === 2 ? mask.reshape(shape) : mask;
  const hides = cast(whole, "bool") as Tensor<"bool">;
  return where(hides.broadcastTo(scores.shape), constant(Number.NEGATIVE_INFINITY, scores.dtype), scores);
}

interface Attended {
  readonly y: Tensor;
  /** Of every head. */
  readonly weights: Tensor;
}

/** Attention of heads over a batch of sequences, projections included. */
function attended(call: TorchCall, query: Tensor, key: Tensor, value: Tensor, heads: number): Attended {
  const [batch, queries, width] = query.shape as [number, number, number];
  const size = width / heads;
  if (!Number.isInteger(size)) throw torchMisfit(`${width} features are split into ${heads} heads`);
  const [weight, bias] = [call.tensor("qkv_weight"), call.tensor("qkv_bias")];
  const third = (at: number, x: Tensor): Tensor => {
    const range = [at * width, (at + 1) * width] as const;
    const y = projected(x, weight.slice(range), bias.slice(range));
    return y.reshape([batch, x.shape[1]!, heads, size]).permute([0, 2, 1, 3]);
  };
  const [q, k, v] = [third(0, query), third(1, key), third(2, value)];
  const scores = q.mul(1 / Math.sqrt(size)).matmul(k.permute([0, 1, 3, 2]));
  const weights = hidden(call, scores).softmax(3);
  const joined = weights.matmul(v).permute([0, 2, 1, 3]).reshape([batch, queries, width]);
  return { y: projected(joined, call.tensor("proj_weight"), call.tensor("proj_bias")), weights };
}

function multiHead(call: TorchCall): TorchResult {
  const [query, key, value] = ["query", "key", "value"].map((name) => call.tensor(name)) as [Tensor, Tensor, Tensor];
  const { y, weights } = attended(call, query, key, value, call.int("num_head"));
  if (!call.flag("need_weights")) return given(new TorchTuple([TorchTensor.of(y), null]));
  return [y, call.flag("average_attn_weights") ? weights.mean([1]) : weights];
}

function encoderLayer(call: TorchCall): Tensor {
  const src = call.tensor("src");
  const epsilon = call.float("eps");
  const normalised = (x: Tensor, at: 1 | 2): Tensor =>
    (x as Float).layerNorm(call.tensor(`norm_weight_${at}`) as Float, call.tensor(`norm_bias_${at}`) as Float, epsilon);
  const attention = (x: Tensor): Tensor => attended(call, x, x, x, call.int("num_heads")).y;
  const forward = (x: Tensor): Tensor => {
    const inner = projected(x, call.tensor("ffn_weight_1"), call.tensor("ffn_bias_1"));
    const active = call.flag("use_gelu") ? (inner as Float).gelu() : inner.relu();
    return projected(active, call.tensor("ffn_weight_2"), call.tensor("ffn_bias_2"));
  };
  if (call.flag("norm_first")) {
    const x = src.add(attention(normalised(src, 1)));
    return x.add(forward(normalised(x, 2)));
  }
  const x = normalised(src.add(attention(src)), 1);
  return normalised(x.add(forward(x)), 2);
}

/** Grouped queries, where fewer keys serve several heads: each is repeated. */
export const repeatedHeads = (x: Tensor, heads: number): Tensor => {
  const own = x.shape.at(-3)!;
  if (own === heads) return x;
  const lead = x.shape.slice(0, -3);
  const [length, size] = x.shape.slice(-2) as [number, number];
  const times = new Array<Tensor>(heads / own).fill(x.unsqueeze(lead.length + 1));
  return concat(times, lead.length + 1).reshape([...lead, heads, length, size]);
};

export const transformers: readonly TorchOperator[] = [
  operator(
    "_native_multi_head_attention(Tensor query, Tensor key, Tensor value, int embed_dim, int num_head, Tensor qkv_weight, Tensor qkv_bias, Tensor proj_weight, Tensor proj_bias, Tensor? mask=None, bool need_weights=True, bool average_attn_weights=True, int? mask_type=None) -> (Tensor, Tensor)",
    multiHead,
  ),
  operator(
    "_transformer_encoder_layer_fwd(Tensor src, int embed_dim, int num_heads, Tensor qkv_weight, Tensor qkv_bias, Tensor proj_weight, Tensor proj_bias, bool use_gelu, bool norm_first, float eps, Tensor norm_weight_1, Tensor norm_bias_1, Tensor norm_weight_2, Tensor norm_bias_2, Tensor ffn_weight_1, Tensor ffn_bias_1, Tensor ffn_weight_2, Tensor ffn_bias_2, Tensor? mask=None, int? mask_type=None) -> Tensor",
    encoderLayer,
  ),
];
