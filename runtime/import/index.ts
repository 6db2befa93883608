// The door for model files: reads one, whatever its format, as something that graphs can be made of.
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { checkArgument, errorAt, fileError, optionsOf } from "../../kernels/index.ts";
import type { Graph } from "../graph/graph.ts";
import { externalData } from "./onnx/external-data.ts";
import { modelError } from "./onnx/import-error.ts";
import { OnnxModel } from "./onnx/model.ts";
import { type ImportedOperator, userOperators } from "./onnx/user-operators.ts";
import { recordModel } from "./recorded.ts";
import { isArchive } from "./torch/archive.ts";
import type { ExportedModel } from "./torch/exported/model.ts";
import type { TorchModel } from "./torch/model.ts";

export { loadTensors } from "./load-tensors.ts";
export { type ExportOptions, exportOnnx } from "./onnx/export/index.ts";
export type {
  BoundInput,
  GraphOptions,
  InputType,
  InterpretOptions,
  OnnxModel,
  StateOption,
  Unsupported,
} from "./onnx/model.ts";
export type { ModelDimension, ModelPort } from "./onnx/ports.ts";
export type { AttributeValue, ImportedOperator } from "./onnx/user-operators.ts";
export type { ModelValue, TensorValue, TextValue } from "./onnx/values/value.ts";
export { saveTensors, tensorsFile } from "./safetensors.ts";
export type { StoredTensor, StoredTensors } from "./stored-tensors.ts";
export type { ExportedGraphOptions, ExportedModel } from "./torch/exported/model.ts";
export type { FixedArgument, GraphArgument, GraphArguments } from "./torch/graph-arguments.ts";
export type { TorchData, TorchInterpreter } from "./torch/interpreter.ts";
export type { TorchGraphOptions, TorchMethod, TorchModel, TorchParameter } from "./torch/model.ts";

/** A model of a file; `format` says of which. */
export type Model = OnnxModel | TorchModel | ExportedModel;

/** Options of `importModel`. */
export interface ImportOptions {
  /** Operators that the format does not have, or that are to be others here, by "DOMAIN::NAME", or by their name alone in ONNX's own domain. */
  readonly operators?: { readonly [name: string]: ImportedOperator };
}

const checkImport = optionsOf<ImportOptions>("import", "importModel", () => ({
  operators: z
    .record(z.string(), z.custom((given) => typeof given === "function").describe("a function of tensors"))
    .describe('functions by name: { "my.domain::Op": (inputs, attributes) => … }')
    .optional(),
}));

/**
 * Reads a model from a file; what the file is, its content says: ONNX, TorchScript as `torch.jit.save` writes it, or an
 * exported program as `torch.export.save` does.
 *
 * Nothing that a file names is run. Throws `file/read`, `import/model` for what is no model, `import/archive`, `import/pickle` and
 * `import/torch-source` for damaged files of PyTorch, `import/unsupported` for other formats.
 *
 * @example
 * ```ts
 * import { importModel } from "isochron/import";
 *
 * const error = await importModel("no-such-file.onnx").catch((error) => error);
 * console.log(error.code); // file/read
 * ```
 */
export async function importModel(path: string, options: ImportOptions = {}): Promise<Model> {
  checkArgument("import", "importModel", "path", z.string().min(1).describe("a text: the file's path"), path);
  checkImport(options);
  const bytes = await readFile(path).catch((cause) => {
    throw fileError("read", path, cause);
  });
  try {
    if (bytes.length === 0) throw modelError("it is empty");
    const onGraph = (given: object, graph: Graph): void => record?.(given, graph);
    const model: Model = isArchive(bytes)
      ? await (await import("./torch/read-model.ts")).readTorchModel(bytes, path, onGraph)
      : new OnnxModel(bytes, path, externalData(path), userOperators(options.operators ?? {}), onGraph);
    const record = recordModel(path, bytes, () => model);
    return model;
  } catch (error) {
    throw errorAt(error, path);
  }
}
