// What every tensor is under trace: symbolic. It takes part in operators, and JavaScript cannot read it as a value.
import { type Dtype, IsochronError } from "../../../kernels/index.ts";
import { Place, withPlace } from "../../graph/place.ts";
import type { Operator, operators } from "../../operators/index.ts";
import type { Operand, Tensor } from "../tensor.ts";

/** Elements of a tensor, and where they were: along the dimension, or of pooling in the plane. */
export interface WithIndices<D extends Dtype> {
  readonly values: Tensor<D>;
  readonly indices: Tensor<"i64">;
}

/** The root of `Tensor`, known to what `Tensor` is made of. */
export abstract class Symbolic {
  /** Adds an operator to the trace, this its first operand; numbers mean their value. */
  protected abstract apply<R extends Dtype>(
    name: keyof typeof operators,
    others: readonly Operand[],
    attributes?: unknown,
  ): Tensor<R>;

  /** Adds an operator that has several results. */
  protected abstract results(operator: Operator, others: readonly Tensor[], attributes: unknown): Tensor[];

  /** Adds an operator that gives elements of this, and where they were. */
  protected withIndices<D extends Dtype>(operator: Operator, attributes: unknown): WithIndices<D> {
    const [values, indices] = this.results(operator, [], attributes) as [Tensor<D>, Tensor<"i64">];
    return { values, indices };
  }

  /** What JavaScript's own operators ask for: `a > 0`, `a + 1`, a text with `a` in it. Throws `trace/value`. */
  [Symbol.toPrimitive](hint: "number" | "string" | "default"): never {
    const help =
      hint === "string"
        ? "print its type and shape, or the graph that trace() returns: graph.toString()"
        : "compute with a.add(1), compare with a.greater(0), and choose with where(condition, a, b)";
    throw withPlace(
      new IsochronError("trace/value", "a tensor has no value while it is traced", { help }),
      new Place(),
    );
  }
}

/** Whether something is a tensor. */
export const isTensor = (given: unknown): given is Tensor => given instanceof Symbolic;
