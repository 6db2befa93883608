// Scaled dot-product attention of every head of a batch, computed in tiles.
import { z } from "zod";
import { generators, isFloatDtype } from "../../kernels/index.ts";
import type { Value } from "../graph/graph.ts";
import {
  broadcastShapes,
  countOf,
  type Dimension,
  showTensorType,
  staticShape,
  type TensorType,
} from "../graph/tensor-type.ts";
import { unlessAlong } from "./bounded.ts";
import { indexer } from "./indexing.ts";
import { type Builder, type Nd, type Operator, operandError, operator } from "./operator.ts";
import { pad, permute } from "./structure.ts";

const attributes = z.strictObject({ scale: z.number(), causal: z.boolean() });
type Attributes = z.infer<typeof attributes>;

/** The result's type; keys are […,n,d], or […,d,n] where `turned`. */
function attentionType(name: string, operands: readonly TensorType[], turned: boolean): TensorType {
  const [q, k, v, mask] = operands as [TensorType, TensorType, TensorType, TensorType?];
  const shown = `${name} of ${operands.map(showTensorType).join(", ")}`;
  const wrong = (why: string) => operandError("shape", shown, why);
  if (operands.some(({ dtype }) => dtype !== q.dtype) || !isFloatDtype(q.dtype))
    throw operandError("dtype", shown, "all must be f32, or all f64");
  if ([q, k, v].some(({ shape }) => shape.length < 2)) throw wrong("each needs two dimensions or more");
  const last = ({ shape }: TensorType) => shape.slice(-2) as [Dimension, Dimension];
  const [m, d] = last(q);
  const [n, keyDepth] = turned ? last(k).reverse() : last(k);
  const [values, e] = last(v);
  if (d !== keyDepth || n !== values) throw wrong("queries are […,m,d], keys […,n,d], values […,n,e]");
  const batch = [q, k, v, ...(mask ? [mask] : [])].reduce<readonly Dimension[] | undefined>(
    (all, { shape }) => all && broadcastShapes(all, shape.slice(0, -2)),
    [],
  );
  if (!batch) throw wrong("the batch dimensions do not broadcast");
  if (mask && broadcastShapes(mask.shape.slice(-2), [m!, n!])?.some((size, at) => size !== [m, n][at]) !== false)
    throw wrong("the mask does not broadcast to […,m,n]");
  if (turned && d === 0) throw wrong("queries and keys have elements");
  return { dtype: q.dtype, shape: [...batch, m!, e!] };
}

/** Every row of scores, its operands read in float64: what the meaning and its error are computed from. */
function forEachQuery(
  [q, k, v, mask]: readonly Nd[],
  { scale, causal }: Attributes,
  turned: boolean,
  result: Nd,
  visit: (scores: number[], sizes: number[], valueAt: (key: number, column: number) => number, to: number) => void,
): void {
  const [m, e] = result.shape.slice(-2) as [number, number];
  const n = v!.shape.at(-2)!;
  const d = q!.shape.at(-1)!;
  const batch = result.shape.slice(0, -2);
  const starts = [q!, k!, v!].map(({ shape }) => indexer(shape.slice(0, -2), batch));
  const scoreShape = [...batch, m, n];
  const maskAt = mask && indexer(mask.shape, scoreShape);
  for (let b = 0; b < countOf(batch); b++) {
    const [fromQ, fromK, fromV] = [starts[0]!(b) * m * d, starts[1]!(b) * n * d, starts[2]!(b) * n * e];
    for (let i = 0; i < m; i++) {
      const scores: number[] = [];
      const sizes: number[] = [];
      for (let j = 0; j < n; j++) {
        let [score, size] = [0, 0];
        for (let c = 0; c < d; c++) {
          const key = Number(k!.data[fromK + (turned ? c * n + j : j * d + c)]!);
          const term = Number(q!.data[fromQ + i * d + c]!) * key;
          score += term;
          size += Math.abs(term);
        }
        const added = maskAt ? Number(mask.data[maskAt((b * m + i) * n + j)]!) : 0;
        scores.push(causal && j > i ? -Infinity : score * scale + added);
        sizes.push((d + 2) * size * Math.abs(scale) + Math.abs(Number.isFinite(added) ? added : 0));
      }
      visit(scores, sizes, (key, column) => Number(v!.data[fromV + key * e + column]!), (b * m + i) * e);
    }
  }
}

/** [m,0] as zeros [m,1]. */
function withZero(value: Value, builder: Builder): Value {
  const shape = staticShape(value.type.shape);
  const none = shape.map(() => 0);
  return builder.apply(pad, [value], { before: none, after: none.with(-1, 1), value: 0 });
}

const shares = (scores: readonly number[]): number[] => {
  const top = scores.reduce((a, b) => (Number.isNaN(b) || a < b ? b : a), -Infinity);
  const powers = scores.map((score) => Math.exp(score - top));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
};

const attentionOperator = (
  name: string,
  turned: boolean,
  lowering: Operator<Attributes>["lowering"],
): Operator<Attributes> =>
  operator<Attributes>({
    name,
    attributes,
    errorUlp: 4,
    bounded: (operands) => unlessAlong(operands, [operands[0]!.shape.length - 1]),
    infer: (operands) => attentionType(name, operands, turned),
    evaluate(operands, given, result) {
      const e = result.shape.at(-1)!;
      forEachQuery(operands, given, turned, result, (scores, _, valueAt, to) => {
        const weights = shares(scores);
        for (let column = 0; column < e; column++) {
          let total = 0;
          for (let j = 0; j < weights.length; j++) total += weights[j]! * valueAt(j, column);
          result.data[to + column] = total;
        }
      });
    },
    magnitude(operands, given, result) {
      const e = result.shape.at(-1)!;
      const magnitude = new Float64Array(result.data.length);
      forEachQuery(operands, given, turned, result, (scores, sizes, valueAt, to) => {
        const weights = shares(scores);
        const top = Math.max(...scores);
        const below = scores.map((score) => (Number.isFinite(top - score) ? top - score : 0));
        // An infinite term makes its score infinite, which is exact.
        const roundings = Math.max(0, ...sizes.filter(Number.isFinite)) + Math.max(...below) + scores.length + 2;
        for (let column = 0; column < e; column++) {
          let total = 0;
          for (let j = 0; j < weights.length; j++) total += weights[j]! * Math.abs(valueAt(j, column));
          magnitude[to + column] = total * roundings;
        }
      });
      return magnitude;
    },
    lowering,
  });

/**
 * Attention over keys that are turned, […,d,n]: what `attention` is compiled to.
 *
 * Its types, meaning and error are those of `attention`.
 */
export const tiledAttention = attentionOperator("tiledAttention", true, {
  kind: "kernel",
  inMemory: [0, 1, 2, 3],
  fuses: true,
  plan: () => "a score one chain along d, their powers in 16 chains, an output one chain over the keys",
  work([q, , v], _, target) {
    const [queries, depth] = staticShape(q!.shape).slice(-2) as [number, number];
    const [keys, width] = staticShape(v!.shape).slice(-2) as [number, number];
    const elements = generators.attentionWork({ queries, keys, depth, width }, target);
    return { work: { dtype: q!.dtype, elements, private: true } };
  },
  build({ name, buffers, operands, destination, shape, work, epilogue, target }, given) {
    const batch = shape.slice(0, -2);
    const [queries, keys, values] = operands.map((each) =>
      generators.broadcasted(each, [...batch, ...each.shape.slice(-2)]),
    ) as [generators.Source, generators.Source, generators.Source];
    const mask = operands[3] && {
      mask: generators.broadcasted(operands[3], [...batch, shape.at(-2)!, values.shape.at(-2)!]),
    };
    const sources = { queries, keys, values, ...mask };
    const plan = attributes.parse(given);
    return generators.attentionKernel(name, buffers, sources, plan, work.work!, destination, epilogue, target);
  },
});

/**
 * Σ_j softmax_j(scale · q_i·k_j + mask_ij) v_j: q[…,m,d], k[…,n,d], v[…,n,e] and a mask that broadcasts to […,m,n] → […,m,e].
 *
 * Batch dimensions broadcast. With `causal`, query i sees keys 0 to i. A row that sees no key is NaN; where there are no keys it is 0. Floats of one dtype. Error:
 * 4 ulp of Σ_j softmax_j·|v_j| times max_j((d + 2)·scale·|q|·|k_j| + |mask_j|) + max_j(top − score_j) + n + 2.
 */
export const attention: Operator<Attributes> = attentionOperator("attention", false, {
  kind: "composite",
  decompose([q, k, v, ...mask], given, builder) {
    const rank = k!.type.shape.length;
    // Without elements all scores are 0, as they are with an element of 0.
    if (q!.type.shape.at(-1) === 0) {
      const [queries, keys] = [q!, k!].map((each) => withZero(each, builder)) as [Value, Value];
      return builder.apply(attention, [queries, keys, v!, ...mask], given);
    }
    const axes = Array.from({ length: rank }, (_, d) => (d < rank - 2 ? d : 2 * rank - 3 - d));
    return builder.apply(tiledAttention, [q!, builder.apply(permute, [k!], { axes }), v!, ...mask], given);
  },
});
