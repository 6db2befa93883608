// Where something stands in a file of source, and the error about it.
import { IsochronError } from "../../../../kernels/index.ts";

/** A line and a column, both counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** The place as errors write it: file:line:column. */
export const placeText = (file: string, { line, column }: Place): string => `${file}:${line}:${column}`;

/** Source that is not of the language that PyTorch's serializer writes. */
export const sourceError = (message: string, file: string, at: Place): IsochronError =>
  new IsochronError("import/torch-source", message, {
    place: placeText(file, at),
    help: "save the model again with torch.jit.save: what it writes can be read, other Python cannot",
  });
