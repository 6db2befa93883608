// Reading slices of a tensor at computed positions.
import { z } from "zod";
import { generators, loop } from "../../kernels/index.ts";
import { countOf, showTensorType } from "../tensor-type.ts";
import { kindOf } from "./elementwise.ts";
import { operandError, operator } from "./operator.ts";

/**
 * x[…, positions, …] along `axis`: the dimension is replaced by those of `positions`, an integer tensor (not u64).
 *
 * Positions outside are moved to the nearest end. x: any dtype. Exact.
 */
export const gather = operator({
  name: "gather",
  attributes: z.strictObject({ axis: z.int().min(0) }),
  errorUlp: 0,
  infer([x, positions], { axis }) {
    const size = x!.shape[axis];
    if (kindOf(positions!.dtype) !== "integer" || positions!.dtype === "u64" || size === undefined || size === 0) {
      throw operandError(
        "shape",
        `gather of ${showTensorType(x!)} at ${showTensorType(positions!)} along dimension ${axis}`,
        "positions are integers (not u64), and the dimension exists and is not empty",
      );
    }
    return { dtype: x!.dtype, shape: [...x!.shape.slice(0, axis), ...positions!.shape, ...x!.shape.slice(axis + 1)] };
  },
  evaluate([x, positions], { axis }, { data }) {
    const size = x!.shape[axis]!;
    const inner = countOf(x!.shape.slice(axis + 1));
    const count = positions!.data.length;
    for (let i = 0; i < data.length; i++) {
      const outer = Math.floor(i / (inner * count));
      const wanted = Number(positions!.data[Math.floor(i / inner) % count]!);
      const at = Math.min(Math.max(wanted, 0), size - 1);
      data[i] = x!.data[(outer * size + at) * inner + (i % inner)]!;
    }
  },
  lowering: {
    kind: "source",
    inMemory: [0],
    source([x, positions], { axis }, shape) {
      const { buffer, offset, strides, shape: from } = x as generators.View;
      const rank = positions!.shape.length;
      const rest = { offset, strides: strides.filter((_, d) => d !== axis) };
      return {
        scalar: x!.scalar,
        shape,
        at(index, lanes) {
          const wanted = loop.convert(positions!.at(index.slice(axis, axis + rank), lanes), "i64");
          const limit = from[axis]! - 1;
          const raised = loop.select(loop.lt(wanted, 0), loop.constant("i64", 0, lanes), wanted);
          const at = loop.select(loop.gt(raised, limit), loop.constant("i64", limit, lanes), raised);
          const { base, step } = generators.addressOf(rest, [...index.slice(0, axis), ...index.slice(axis + rank)]);
          const start = step === 0 ? loop.broadcast(base, lanes) : loop.ramp(base, step, lanes);
          return loop.load(buffer, loop.add(start, loop.mul(at, strides[axis]!)));
        },
      };
    },
  },
});
