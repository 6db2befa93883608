// Attention as one operator: what the plan makes of products around a softmax.
import { z } from "zod";
import { showTensorType, staticShape } from "../tensor-type.ts";
import { type Nd, type Operator, operandError, operator } from "./operator.ts";

export const attentionAttributes = z.strictObject({ scale: z.number() });

/** What one row of scores makes of values; `absolute` sums absolute values, for the bound of the error. */
function attend(
  [q, k, v]: readonly Nd[],
  scale: number,
  data: { [at: number]: number | bigint },
  absolute: boolean,
): void {
  const [m, d] = q!.shape.slice(-2) as [number, number];
  const [n, e] = v!.shape.slice(-2) as [number, number];
  const batch = q!.data.length / (m * d);
  for (let b = 0; b < batch; b++)
    for (let row = 0; row < m; row++) {
      const scores = Array.from({ length: n }, (_, column) => {
        let total = 0;
        for (let i = 0; i < d; i++)
          total += Number(q!.data[(b * m + row) * d + i]!) * Number(k!.data[(b * d + i) * n + column]!);
        return total * scale;
      });
      const top = Math.max(...scores);
      const powers = scores.map((score) => Math.exp(score - top));
      const sum = powers.reduce((x, y) => x + y, 0);
      for (let o = 0; o < e; o++) {
        let total = 0;
        for (let i = 0; i < n; i++) {
          const term = powers[i]! * Number(v!.data[(b * n + i) * e + o]!);
          total += absolute ? Math.abs(term) : term;
        }
        data[(b * m + row) * e + o] = total / sum;
      }
    }
}

/** Of each row of q, the largest Σ|q·k|·|scale| over columns: what the roundings of its scores are counted in. */
function largestScore([q, k]: readonly Nd[], scale: number): (row: number) => number {
  const [m, d] = q!.shape.slice(-2) as [number, number];
  const n = k!.shape.at(-1)!;
  return (row) => {
    let most = 0;
    for (let column = 0; column < n; column++) {
      let total = 0;
      for (let i = 0; i < d; i++) {
        const at = (Math.floor(row / m) * d + i) * n + column;
        total += Math.abs(Number(q!.data[row * d + i]!) * Number(k!.data[at]!) * scale);
      }
      // Infinite scores are exact.
      if (Number.isFinite(total) && total > most) most = total;
    }
    return most;
  };
}

/**
 * softmax(scale·q·k)·v along the last dimension of the scores: q[…,m,d], k[…,d,n], v[…,n,e] → […,m,e]; f32.
 *
 * Error: 4 ulp of (n + 4 + (d + 2)·Σ|q·k|·|scale|) · softmax·|v|.
 */
export const attention: Operator = operator({
  name: "attention",
  attributes: attentionAttributes,
  errorUlp: 4,
  infer([q, k, v]) {
    const [qs, ks, vs] = [staticShape(q!.shape), staticShape(k!.shape), staticShape(v!.shape)];
    const rank = qs.length;
    const batch = (shape: readonly number[]) => shape.slice(0, -2).join();
    const fits =
      [q, k, v].every((each) => each!.dtype === "f32") &&
      rank >= 2 &&
      batch(qs) === batch(ks) &&
      batch(qs) === batch(vs) &&
      qs[rank - 1] === ks[rank - 2] &&
      ks[rank - 1] === vs[rank - 2];
    if (!fits)
      throw operandError("shape", `attention of ${showTensorType(q!)}, ${showTensorType(k!)}, ${showTensorType(v!)}`);
    return { dtype: "f32", shape: [...qs.slice(0, -1), vs[rank - 1]!] };
  },
  evaluate: (operands, { scale }, { data }) => attend(operands, scale, data, false),
  magnitude(operands, { scale }, { data }) {
    const magnitude = new Float64Array(data.length);
    attend(operands, scale, magnitude, true);
    const [d, n] = operands[1]!.shape.slice(-2) as [number, number];
    const e = operands[2]!.shape.at(-1)!;
    const largest = largestScore(operands, scale);
    for (let row = 0; row < data.length / e; row++) {
      const factor = n + 4 + (d + 2) * largest(row);
      for (let o = 0; o < e; o++) magnitude[row * e + o] = magnitude[row * e + o]! * factor;
    }
    return magnitude;
  },
  lowering: { kind: "attention" },
});
