// The errors of importing a model: what is wrong with the file, what is not supported, and what has to be given.
import { type ErrorParts, IsochronError } from "../../../kernels/index.ts";

/** A fault of the file: it is no model, or not a valid one. */
export const modelError = (
  message: string,
  help = "export it again, or check it with onnx.checker",
  parts: ErrorParts = {},
) => new IsochronError("import/model", message, { ...parts, help });

/** What is valid, and cannot be made machine code of. */
export const unsupported = (message: string, help?: string): IsochronError =>
  new IsochronError("import/unsupported", message, help === undefined ? {} : { help });

/** Operands and attributes that an operator's definition could make nothing of; `cause` is what it stumbled over. */
export const misfit = (operands: readonly string[], cause: unknown): IsochronError =>
  modelError(
    `its attributes do not belong to ${operands.length === 0 ? "no operands" : `operands ${operands.join(", ")}`}`,
    "check the model with onnx.checker; where it is valid, this is a fault of Isochron's",
    { cause },
  );

/** An operand that has to be known when the graph is built, as it decides shapes or texts, and depends on inputs of the model. */
export class RunTimeOperand extends IsochronError {
  readonly operand: string;
  /** The inputs of the model that it is computed from. */
  readonly inputs: readonly string[];

  readonly decides: string;

  constructor(operand: string, inputs: readonly string[], decides = "shapes", place?: string) {
    const given = inputs.map((name) => `"${name}"`).join(", ");
    super(
      "import/run-time",
      `${operand} decides ${decides}, and is computed from ${given || "values of its subgraph"}`,
      {
        ...(place === undefined ? {} : { place }),
        help:
          decides === "texts"
            ? "there are no texts in machine code: interpret the model, with model.interpret(inputs)"
            : inputs.length === 0
              ? "it changes while the model runs: no shape would be known"
              : `give the value when the graph is built: model.graph({ inputs: { ${inputs[0]}: constant data } })`,
      },
    );
    this.operand = operand;
    this.inputs = inputs;
    this.decides = decides;
  }
}

/** An error about a part of a model, which is named first, at the file that the model is of. */
export function errorAbout(part: string, error: unknown, place: string): unknown {
  if (error instanceof RunTimeOperand)
    return new RunTimeOperand(`${part}: ${error.operand}`, error.inputs, error.decides, place);
  if (!(error instanceof IsochronError)) return error;
  const { code, message, details, help, cause } = error;
  return new IsochronError(code, `${part}: ${message}`, {
    details,
    place,
    cause,
    ...(help === undefined ? {} : { help }),
  });
}
