// The error of operands and attributes that do not fit an operator.
import { IsochronError } from "../../kernels/index.ts";

/** An error about operands; the place in the user's source is added by the tracer. */
export const operandError = (code: string, message: string, help?: string): IsochronError =>
  new IsochronError(`operator/${code}`, message, help === undefined ? {} : { help });
