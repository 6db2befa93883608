// onnxruntime's own operators (com.microsoft) of attention, as its optimiser makes them of transformers.
import { dequantize } from "../../../capture/quantization.ts";
import {
  concat,
  constant,
  iota,
  scaledDotProductAttention,
  stack,
  type Tensor,
  where,
} from "../../../capture/tensor.ts";
import type { Call, Definitions } from "../call.ts";
import { modelError, unsupported } from "../import-error.ts";
import { headsOf, turnedByAngles, withoutHeads } from "./attention.ts";
import { embedded } from "./contrib.ts";
import { scaledSum } from "./contrib-quantization.ts";
import { castTo } from "./elementwise.ts";
import { widened } from "./norms.ts";
import { byteProduct } from "./quantization.ts";

/** 0 where a key is seen, and what masked scores are lowered by elsewhere. */
const hidden = (isSeen: Tensor, filter: number, dtype: Tensor["dtype"]): Tensor =>
  where(isSeen as Tensor<"bool">, constant(0, dtype), constant(filter, dtype));

/** Keys as [1,1,1,n]. */
const keyPlaces = (keys: number): Tensor<"i32"> => iota("i32", [1, 1, 1, keys], 3);

/**
 * A mask as what is added to scores [b,heads,m,n]: how many keys are seen, [b]; where they end and begin, [2b]; or which are,
 * [b,n], [b,m,n] or [b,1,most,most].
 */
function maskOf(mask: Tensor, batch: number, queries: number, keys: number, past: number, filter: number): Tensor {
  const byBatch = (x: Tensor): Tensor<"i32"> => castTo(x, "i32").reshape([batch, 1, 1, 1]) as Tensor<"i32">;
  switch (mask.shape.length) {
    case 1: {
      if (mask.shape[0] !== batch && mask.shape[0] !== 2 * batch)
        throw unsupported(`a mask of ${mask.shape[0]} numbers for a batch of ${batch}`);
      const places = keyPlaces(keys);
      const before = places.less(byBatch(mask.slice([0, batch])));
      if (mask.shape[0] === batch) return hidden(before, filter, "f32");
      return hidden(before.and(places.greaterEqual(byBatch(mask.slice([batch, 2 * batch])))), filter, "f32");
    }
    case 2:
      return hidden(mask.notEqual(0).reshape([batch, 1, 1, keys]), filter, "f32");
    case 3:
      return hidden(mask.notEqual(0).reshape([batch, 1, queries, keys]), filter, "f32");
    case 4:
      return hidden(mask.slice([], [], [past, past + queries], [0, keys]).notEqual(0), filter, "f32");
    default:
      throw modelError(`a mask has ${mask.shape.length} dimensions`);
  }
}

/** Queries do not see what comes after them. */
const causal = (queries: number, keys: number, past: number): Tensor => {
  const place = (axis: number) => iota("i32", [1, 1, queries, keys], axis);
  return hidden(place(3).lessEqual(place(2).add(past)), -3.4028234663852886e38, "f32");
};

interface Heads {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
}

/** What heads [b,heads,n,d] attend to, as rows [b,m,heads·d]; `added` are tensors that scores get added. */
function attended(call: Call, { q, k, v }: Heads, added: readonly (Tensor | undefined)[]): Tensor {
  const [wideQ, wideK, wideV] = [q, k, v].map(widened) as [Tensor, Tensor, Tensor];
  const scale = call.float("scale", 0) || 1 / Math.sqrt(q.shape[3]!);
  const all = added.flatMap((each) => (each ? [castTo(each, wideQ.dtype)] : []));
  const mask = all.length > 0 ? all.reduce((a, b) => a.add(b)) : undefined;
  return withoutHeads(
    castTo(scaledDotProductAttention(wideQ, wideK, wideV, { scale, ...(mask && { mask }) }), q.dtype),
  );
}

/** Keys or values behind those of the past. */
const behind = (past: Tensor | undefined, x: Tensor): Tensor => (past ? concat([past, x], 2) : x);

/** Attention of rows that are queries, keys and values side by side; the present keys and values are the second result. */
function fromRows(call: Call, rows: Tensor, mask: number, pastAt: number, biasAt?: number): Tensor[] {
  const heads = call.int("num_heads");
  if (call.flag("do_rotary")) throw unsupported("attention that turns its queries and keys by angles");
  const widths = call.ints(
    "qkv_hidden_sizes",
    [0, 1, 2].map(() => rows.shape[2]! / 3),
  );
  const [first, second, third] = widths as [number, number, number];
  const part = (from: number, width: number): Tensor => headsOf(rows.slice([], [], [from, from + width]), heads);
  const [q, fresh, values] = [part(0, first), part(first, second), part(first + second, third)];
  const past = call.optional(pastAt);
  const before = (at: number) => past?.slice([at, at + 1]).squeeze(0);
  const [k, v] = [behind(before(0), fresh), behind(before(1), values)];
  const [batch, queries, keys] = [q.shape[0]!, q.shape[2]!, k.shape[2]!];
  const count = keys - queries;
  const given = call.optional(mask);
  const y = attended(call, { q, k, v }, [
    given && maskOf(given, batch, queries, keys, count, call.float("mask_filter_value", -10000)),
    call.flag("unidirectional") ? causal(queries, keys, count) : undefined,
    biasAt === undefined ? undefined : call.optional(biasAt),
  ]);
  return call.wants(1) ? [y, stack([k, v], 0)] : [y];
}

/** Operands: rows, weight, bias, mask, past, what is added to scores. */
function attention(call: Call): Tensor[] {
  const rows = call.tensor(0).matmul(call.tensor(1));
  return fromRows(call, call.has(2) ? rows.add(call.tensor(2)) : rows, 3, 4, 5);
}

/** Operands: rows, weight, bias, the scales of both, mask, their zero points, past. */
function quantizedAttention(call: Call): Tensor[] {
  const sum = byteProduct(call.tensor(0), call.optional(6), call.tensor(1), call.optional(7));
  return fromRows(call, scaledSum(sum, call.tensor(3), call.tensor(4)).add(call.tensor(2)), 5, 8);
}

/** Operands: queries, keys, values, bias, which keys are padding, what is added to scores, past keys and values. */
function multiHeadAttention(call: Call): (Tensor | undefined)[] {
  const heads = call.int("num_heads");
  const bias = call.optional(3);
  let from = 0;
  const [q, k, v] = [0, 1, 2].map((at) => {
    const given = call.tensor(at);
    // Keys and values that come as heads have their bias already; packed ones are for other machines than CPUs.
    if (given.shape.length === 4) return given;
    if (given.shape.length > 4) throw unsupported("attention whose queries, keys and values are packed");
    const width = given.shape[2]!;
    const rows = bias ? given.add(bias.slice([from, from + width])) : given;
    from += width;
    return headsOf(rows, heads);
  }) as [Tensor, Tensor, Tensor];
  const [keys, values] = [behind(call.optional(6), k), behind(call.optional(7), v)];
  const [batch, m, n] = [q.shape[0]!, q.shape[2]!, keys.shape[2]!];
  const padding = call.optional(4);
  const y = attended(call, { q, k: keys, v: values }, [
    padding && maskOf(padding, batch, m, n, n - m, call.float("mask_filter_value", -10000)),
    call.flag("unidirectional") ? causal(m, n, n - m) : undefined,
    call.optional(5),
  ]);
  return [y, keys, values];
}

/** Operands: heads or rows, positions, tables of cosines and sines; positions may be one, of the first. */
function rotaryEmbedding(call: Call): Tensor {
  const given = call.tensor(0);
  const [positions, cosines, sines] = [call.tensor(1), call.tensor(2), call.tensor(3)];
  const turned = call.int("rotary_embedding_dim", 0);
  const heads = call.int("num_heads", 0) || given.shape[2]! / (turned || 2 * cosines.shape[1]!);
  const isFlat = given.shape.length === 3;
  const x = isFlat ? headsOf(given, heads) : given;
  const [batch, , length] = x.shape as [number, number, number];
  const places =
    positions.shape.length === 1
      ? positions
          .reshape([1, 1])
          .add(iota("i64", [1, length], 1))
          .broadcastTo([batch, length])
      : positions;
  const y = turnedByAngles(x, [cosines, sines].map((table) => table.indexSelect(0, places)) as [Tensor, Tensor], {
    size: turned || x.shape[3]!,
    isInterleaved: call.flag("interleaved"),
  });
  return isFlat ? withoutHeads(y) : y;
}

/** Operands: ids, segments, tables, scale, shift, mask, and the scales and zero points of the five, which are bytes. */
function quantizedEmbedding(call: Call): (Tensor | undefined)[] {
  const numbers = (at: number, scale: number): Tensor =>
    dequantize(
      call.tensor(at) as Tensor<"u8">,
      call.tensor(scale).reshape([]) as Tensor<"f32">,
      call.tensor(scale + 5).reshape([]) as Tensor<"u8">,
    ) as Tensor;
  const tables = [numbers(2, 8), numbers(3, 9), ...(call.has(4) ? [numbers(4, 10)] : [])];
  const [y, counts] = embedded(call.withOperands(call.inputs.slice(0, 8)), tables, [numbers(5, 11), numbers(6, 12)], 7);
  return [y, counts];
}

export const contribAttention: Definitions = {
  "com.microsoft::Attention": attention,
  "com.microsoft::MultiHeadAttention": multiHeadAttention,
  "com.microsoft::QAttention": quantizedAttention,
  "com.microsoft::QEmbedLayerNormalization": quantizedEmbedding,
  "com.microsoft::RotaryEmbedding": rotaryEmbedding,
};
