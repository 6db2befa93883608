// Methods of tensors that work element by element, beyond arithmetic, comparison and the commonest functions.
import { z } from "zod";
import type { Dtype } from "../../../kernels/index.ts";
import { operatorOptions } from "../options.ts";
import type { Operand, Tensor } from "../tensor.ts";
import { Symbolic } from "./symbolic.ts";

/** Options of elu, as in PyTorch. */
export interface EluOptions {
  /** What is come near to far below 0, times −1; 1 unless given. */
  readonly alpha?: number;
}

/** Options of gelu, as in PyTorch. */
export interface GeluOptions {
  /** "none" is exact, "tanh" the approximation that many networks are trained with. */
  readonly approximate?: "none" | "tanh";
}

/** Options of softplus, as in PyTorch. */
export interface SoftplusOptions {
  readonly beta?: number;
  /** Where beta·x is above it, x itself is the result. */
  readonly threshold?: number;
}

const checkElu = operatorOptions<EluOptions>("elu", () => ({ alpha: z.number().optional() }));
const checkGelu = operatorOptions<GeluOptions>("gelu", () => ({ approximate: z.enum(["none", "tanh"]).optional() }));
const checkSoftplus = operatorOptions<SoftplusOptions>("softplus", () => ({
  beta: z.number().optional(),
  threshold: z.number().optional(),
}));

/** The part of `Tensor` that holds these methods. */
export abstract class ElementwiseMethods<D extends Dtype> extends Symbolic {
  /** The error function, 2/√π·∫ e^−t² dt from 0 to this. */
  erf(): Tensor<D> {
    return this.apply("erf", []);
  }
  /** This where it is above 0, and alpha·(e^this − 1) elsewhere. */
  elu(options: EluOptions = {}): Tensor<D> {
    checkElu(options);
    const { alpha = 1 } = options;
    return this.apply("elu", [], { alpha });
  }
  /** This times the normal distribution below it. */
  gelu(options: GeluOptions = {}): Tensor<D> {
    checkGelu(options);
    const { approximate = "none" } = options;
    return this.apply("gelu", [], { approximate });
  }
  /** This times its sigmoid. */
  silu(): Tensor<D> {
    return this.apply("silu", []);
  }
  /** ln (1 + e^(beta·this)) / beta. */
  softplus(options: SoftplusOptions = {}): Tensor<D> {
    checkSoftplus(options);
    const { beta = 1, threshold = 20 } = options;
    return this.apply("softplus", [], { beta, threshold });
  }
  /** Of radians. */
  tan(): Tensor<D> {
    return this.apply("tan", []);
  }
  /** In radians; NaN beyond ±1. */
  asin(): Tensor<D> {
    return this.apply("asin", []);
  }
  /** In radians; NaN beyond ±1. */
  acos(): Tensor<D> {
    return this.apply("acos", []);
  }
  sinh(): Tensor<D> {
    return this.apply("sinh", []);
  }
  cosh(): Tensor<D> {
    return this.apply("cosh", []);
  }
  /** ln (1 + this), without loss near 0. */
  log1p(): Tensor<D> {
    return this.apply("log1p", []);
  }
  /** e^this − 1, without loss near 0. */
  expm1(): Tensor<D> {
    return this.apply("expm1", []);
  }
  log2(): Tensor<D> {
    return this.apply("log2", []);
  }
  /** 1 / √this. */
  rsqrt(): Tensor<D> {
    return this.apply("rsqrt", []);
  }
  /** 1, 0 or −1; 0 of NaN. */
  sign(): Tensor<D> {
    return this.apply("sign", []);
  }
  /** To the integer that is nearer to zero. */
  trunc(): Tensor<D> {
    return this.apply("trunc", []);
  }
  /** this − other·⌊this / other⌋, with the sign of `other`; of integers by zero 0. */
  remainder(other: Operand<D>): Tensor<D> {
    return this.apply("remainder", [other]);
  }
  /** ⌊this / other⌋; of integers by zero 0. */
  floorDivide(other: Operand<D>): Tensor<D> {
    return this.apply("floorDivide", [other]);
  }

  isNaN(): Tensor<"bool"> {
    return this.apply("isNaN", []);
  }
  isInf(): Tensor<"bool"> {
    return this.apply("isInf", []);
  }
  isFinite(): Tensor<"bool"> {
    return this.apply("isFinite", []);
  }

  /** Of integers or bools, like the other operators on bits. */
  bitwiseAnd(other: Operand<D>): Tensor<D> {
    return this.apply("bitwiseAnd", [other]);
  }
  bitwiseOr(other: Operand<D>): Tensor<D> {
    return this.apply("bitwiseOr", [other]);
  }
  bitwiseXor(other: Operand<D>): Tensor<D> {
    return this.apply("bitwiseXor", [other]);
  }
  bitwiseNot(): Tensor<D> {
    return this.apply("bitwiseNot", []);
  }
  /** Counts of the width or more, and negative ones, leave 0. */
  bitwiseLeftShift(count: Operand<D>): Tensor<D> {
    return this.apply("bitwiseLeftShift", [count]);
  }
  /** With copies of the sign from above; counts of the width or more, and negative ones, leave nothing else. */
  bitwiseRightShift(count: Operand<D>): Tensor<D> {
    return this.apply("bitwiseRightShift", [count]);
  }
}
