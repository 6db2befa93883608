// The error of exporting a graph: what ONNX has no words for.
import { IsochronError } from "../../../../kernels/index.ts";

/** What cannot be said in ONNX, or not in the operator set that is asked for. */
export const exportError = (message: string, help?: string): IsochronError =>
  new IsochronError("export/unsupported", message, help === undefined ? {} : { help });
