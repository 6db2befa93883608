// ONNX's attention: of scaled products, of scores that a subgraph changes, and of states that are linear in the keys.
import { conv1d } from "../../../capture/convolutions.ts";
import { isTensor } from "../../../capture/methods/symbolic.ts";
import {
  concat,
  constant,
  iota,
  scaledDotProductAttention,
  type Tensor,
  where,
  zeros,
} from "../../../capture/tensor.ts";
import type { Call, Definitions } from "../call.ts";
import { modelError } from "../import-error.ts";
import { castTo } from "./elementwise.ts";
import { widened } from "./norms.ts";
import { alongTime, type Named } from "./recurrence.ts";

/** [b,n,heads·d] as [b,heads,n,d]. */
export function headsOf(x: Tensor, heads: number): Tensor {
  const [batch, length, width] = x.shape as [number, number, number];
  if (width % heads !== 0) throw modelError(`${heads} heads do not divide rows of ${width}`);
  return x.reshape([batch, length, heads, width / heads]).permute([0, 2, 1, 3]);
}

/** [b,heads,n,d] as [b,n,heads·d]. */
export function withoutHeads(x: Tensor): Tensor {
  const [batch, heads, length, width] = x.shape as [number, number, number, number];
  return x.permute([0, 2, 1, 3]).reshape([batch, length, heads * width]);
}

/** Heads in groups, each of the heads that share one of the keys: [b,heads,…] as [b,groups,heads / groups,…]; one for all stays one. */
function grouped(x: Tensor, groups: number): Tensor {
  const [batch, heads, ...rest] = x.shape as [number, number, ...number[]];
  if (heads === 1) return x.reshape([batch, 1, 1, ...rest]);
  if (heads % groups !== 0) throw modelError(`${heads} heads of queries are no multiple of ${groups} of keys`);
  return x.reshape([batch, groups, heads / groups, ...rest]);
}

/** [b,groups,each,…] as [b,heads,…]. */
function ungrouped(x: Tensor): Tensor {
  const [batch, groups, each, ...rest] = x.shape as [number, number, number, ...number[]];
  return x.reshape([batch, groups * each, ...rest]);
}

/** A mask as what is added to scores: 0 where a query sees a key, minus infinity elsewhere. */
const added = (mask: Tensor, dtype: Tensor["dtype"]): Tensor =>
  mask.dtype === "bool"
    ? where(mask as Tensor<"bool">, constant(0, dtype), constant(-Infinity, dtype))
    : castTo(mask, dtype);

/** What is added to the scores [b,heads,m,n] of a node, in four dimensions; undefined for nothing. */
function biasOf(call: Call, dtype: Tensor["dtype"], queries: number, keys: number, past: number): Tensor | undefined {
  const parts: Tensor[] = [];
  const mask = call.optional(3);
  if (mask) {
    const shape = [...new Array<number>(4 - mask.shape.length).fill(1), ...mask.shape];
    const missing = keys - shape[3]!;
    const whole = added(mask, dtype).reshape(shape);
    // Keys that a mask says nothing of are not seen.
    parts.push(missing > 0 && shape[3] !== 1 ? whole.pad([0, 0, 0, 0], [0, 0, 0, missing], -Infinity) : whole);
  }
  if (call.flag("is_causal")) {
    const place = (axis: number) => iota("i64", [1, 1, queries, keys], axis);
    parts.push(added(place(3).lessEqual(place(2).add(past)), dtype));
  }
  const lengths = call.optional(6);
  if (lengths) {
    const seen = iota("i64", [1, 1, 1, keys]).less(lengths.cast("i64").reshape([-1, 1, 1, 1]) as Tensor<"i64">);
    parts.push(added(seen, dtype));
  }
  return parts.length === 0 ? undefined : parts.reduce((a, b) => a.add(b));
}

/** Scores of queries [b,groups,each,m,d] and keys [b,groups,1,n,d]. */
function scoresOf(q: Tensor, k: Tensor, scale: number): Tensor {
  const root = Math.sqrt(scale);
  // Half of the scale on either side, so that no product overflows that the scores would not.
  return q.mul(root).matmul(k.mul(root).transpose(-2, -1));
}

function attention(call: Call): (Tensor | undefined)[] {
  const given = [0, 1, 2].map((at) => call.tensor(at)) as [Tensor, Tensor, Tensor];
  const { dtype } = given[0];
  const isFlat = given[0].shape.length === 3;
  const heads = ["q_num_heads", "kv_num_heads", "kv_num_heads"];
  const [queries, newKeys, newValues] = given.map((each, at) =>
    isFlat ? headsOf(each, call.int(heads[at]!)) : each,
  ) as [Tensor, Tensor, Tensor];
  const joined = (past: Tensor | undefined, fresh: Tensor) => (past ? concat([past, fresh], 2) : fresh);
  const [pastKeys, pastValues] = [call.optional(4), call.optional(5)];
  const [keys, values] = [joined(pastKeys, newKeys), joined(pastValues, newValues)];
  const groups = keys.shape[1]!;
  const [q, k, v] = [grouped(queries, groups), keys.unsqueeze(2), values.unsqueeze(2)].map(widened) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const scale = call.float("scale", 1 / Math.sqrt(q.shape.at(-1)!));
  const softcap = call.float("softcap", 0);
  const [m, n] = [queries.shape[2]!, keys.shape[2]!];
  const bias = biasOf(call, q.dtype, m, n, pastKeys?.shape[2] ?? 0);
  const mask = bias && grouped(bias, groups);
  const finished = (y: Tensor): Tensor => {
    const whole = castTo(ungrouped(y), dtype);
    return isFlat ? withoutHeads(whole) : whole;
  };
  const precision = call.dtype("softmax_precision", q.dtype);
  if (softcap === 0 && !call.wants(3) && precision === q.dtype)
    return [finished(scaledDotProductAttention(q, k, v, { scale, ...(mask && { mask }) })), keys, values];
  const scores = scoresOf(q, k, scale);
  const capped = softcap > 0 ? scores.div(softcap).tanh().mul(softcap) : scores;
  const masked = mask ? capped.add(mask) : capped;
  const shares = castTo(castTo(masked, precision).softmax(-1), q.dtype);
  const shown = [scores, capped, masked, shares][call.int("qk_matmul_output_mode", 0)];
  if (!shown) throw modelError(`attribute "qk_matmul_output_mode" is ${call.int("qk_matmul_output_mode")}`);
  return [finished(shares.matmul(v)), keys, values, castTo(ungrouped(shown), dtype)];
}

/** Attention whose scores, and whose shares, a subgraph changes. */
function flexAttention(call: Call): Tensor {
  const [queries, keys, values] = [0, 1, 2].map((at) => call.tensor(at)) as [Tensor, Tensor, Tensor];
  const groups = keys.shape[1]!;
  const [q, k, v] = [grouped(queries, groups), keys.unsqueeze(2), values.unsqueeze(2)].map(widened) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const scale = call.float("scale", 1 / Math.sqrt(queries.shape.at(-1)!));
  const precision = call.dtype("softmax_precision", q.dtype);
  const changed = (attribute: string, x: Tensor): Tensor => {
    if (!call.attribute(attribute)) return x;
    const [found] = call.surroundings.inline(call.graph(attribute), [ungrouped(x)]);
    if (isTensor(found)) return grouped(castTo(found, precision), groups);
    throw modelError(`the subgraph "${attribute}" gives no tensor`);
  };
  const isPlain = !call.attribute("score_mod") && !call.attribute("prob_mod") && precision === q.dtype;
  if (isPlain) return castTo(ungrouped(scaledDotProductAttention(q, k, v, { scale })), values.dtype);
  const scores = changed("score_mod", castTo(scoresOf(q, k, scale), precision));
  const shares = changed("prob_mod", scores.softmax(-1));
  return castTo(ungrouped(shares.matmul(castTo(v, precision))), values.dtype);
}

/** The first `size` elements of heads [b,heads,n,d], turned in pairs by angles whose cosines and sines are [b,n,size / 2]. */
export function turnedByAngles(
  given: Tensor,
  angles: readonly [cosines: Tensor, sines: Tensor],
  { size, isInterleaved }: { readonly size: number; readonly isInterleaved: boolean },
): Tensor {
  const x = widened(given);
  const [cosine, sine] = angles.map((table) => castTo(table, x.dtype).unsqueeze(1)) as [Tensor, Tensor];
  const part = (at: number): Tensor =>
    isInterleaved ? x.slice([], [], [], [at, size, 2]) : x.slice([], [], [], [(at * size) / 2, ((at + 1) * size) / 2]);
  const [a, b] = [part(0), part(1)];
  const [real, imaginary] = [a.mul(cosine).sub(b.mul(sine)), a.mul(sine).add(b.mul(cosine))];
  const both = isInterleaved
    ? concat([real.unsqueeze(-1), imaginary.unsqueeze(-1)], -1).reshape([...x.shape.slice(0, 3), size])
    : concat([real, imaginary], -1);
  const last = x.shape[3]!;
  return castTo(size < last ? concat([both, x.slice([], [], [], [size, last])], -1) : both, given.dtype);
}

/** Pairs of elements of a head turned by the angles of their position. */
function rotaryEmbedding(call: Call): Tensor {
  const given = call.tensor(0);
  const isFlat = given.shape.length === 3;
  const x = isFlat ? headsOf(given, call.int("num_heads")) : given;
  const angles = (at: number): Tensor => {
    const table = call.tensor(at);
    return call.has(3) ? table.indexSelect(0, call.tensor(3)) : table;
  };
  const y = turnedByAngles(x, [angles(1), angles(2)], {
    size: call.int("rotary_embedding_dim", 0) || x.shape[3]!,
    isInterleaved: call.flag("interleaved"),
  });
  return isFlat ? withoutHeads(y) : y;
}

const updateRules = ["linear", "gated", "delta", "gated_delta"];

/** Attention as a state of each head, [d,e], that every key and value changes, and that every query reads. */
function linearAttention(call: Call): Tensor[] {
  const rule = call.text("update_rule", "gated_delta");
  if (!updateRules.includes(rule)) throw modelError(`attribute "update_rule" is "${rule}"`);
  const [heads, groups] = [call.int("q_num_heads"), call.int("kv_num_heads")];
  const given = call.tensor(0);
  const [batch, time] = given.shape as [number, number];
  const wide = (at: number): Tensor => widened(call.tensor(at));
  /** [b,time,parts·d] as [time,b,parts,d]. */
  const alongParts = (x: Tensor, parts: number): Tensor => {
    const shape = [batch, time, parts, x.shape[2]! / parts];
    return x.reshape(shape).permute([1, 0, 2, 3]);
  };
  const [q, k, v] = [alongParts(wide(0), heads), alongParts(wide(1), groups), alongParts(wide(2), groups)];
  const [depth, width] = [k.shape[3]!, v.shape[3]!];
  const isGated = rule.startsWith("gated");
  const isDelta = rule.endsWith("delta");
  const sequences: Named = {
    q,
    k,
    v,
    // One number for each head, or one for each element of a key.
    ...(isGated && { decay: alongParts(wide(4), groups).exp() }),
    ...(isDelta && { beta: alongParts(wide(5), call.tensor(5).shape[2]!) }),
  };
  const scale = call.float("scale", 0) || 1 / Math.sqrt(depth);
  const start = call.optional(3);
  const none = zeros(q.dtype, [batch, groups, depth, width]);
  const [last, { y }] = alongTime<{ readonly state: Tensor }, Named, Named, { readonly y: Tensor }>(
    ({ state }, { q, k, v, decay, beta }) => {
      const kept = decay ? state.mul(decay.unsqueeze(-1)) : state;
      const [key, value] = [k!.unsqueeze(-1), v!.unsqueeze(2)];
      const written = beta ? beta.unsqueeze(-1).mul(value.sub(k!.unsqueeze(2).matmul(kept))) : value;
      const next = kept.add(key.mul(written));
      const read = q!
        .reshape([batch, groups, heads / groups, depth])
        .matmul(next)
        .mul(scale);
      return [{ state: next }, { y: read.reshape([batch, heads * width]) }];
    },
    { state: start ? widened(start) : none },
    sequences,
    {},
  );
  return [castTo(y.transpose(0, 1), given.dtype), castTo(last.state, start?.dtype ?? given.dtype)];
}

/** A convolution of each channel over what came before, the last of which is kept for the next call. */
function causalConvolution(call: Call): Tensor[] {
  const [x, w] = [call.tensor(0), call.tensor(1)];
  const [batch, channels, length] = x.shape as [number, number, number];
  const taps = w.shape[2]!;
  const past = call.optional(3) ?? zeros(x.dtype, [batch, channels, taps - 1]);
  const whole = taps > 1 ? concat([past, x], 2) : x;
  const bias = call.optional(2);
  const y = conv1d(whole, w, { groups: channels, ...(bias && { bias }) });
  const activation = call.text("activation", "none");
  if (!["none", "silu", "swish"].includes(activation)) throw modelError(`attribute "activation" is "${activation}"`);
  const output = activation === "none" ? y : castTo(widened(y).silu(), x.dtype);
  return [output, whole.slice([], [], [length, length + taps - 1])];
}

export const attentions: Definitions = {
  Attention: attention,
  CausalConvWithState: causalConvolution,
  LinearAttention: linearAttention,
  RotaryEmbedding: rotaryEmbedding,
  "ai.onnx.preview::FlexAttention": flexAttention,
};
