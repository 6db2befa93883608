// The graphs of a model file for what the command line says of it, by method: what `compile` compiles and `inspect` shows.
import { IsochronError } from "../../kernels/index.ts";
import type { Model, TorchModel } from "../../runtime/import/index.ts";
import { type MethodGraphs, methodsOf, showTensorType } from "../../runtime/index.ts";
import type { ModelOptions } from "./model-arguments.ts";

/** The graphs of a model, and what its user should know of how they came about. */
export interface ModelGraphs {
  readonly methods: MethodGraphs;
  readonly notes: readonly string[];
}

/** The graphs of all methods that graphs can be made of. Throws what `model.graph` throws for `forward`. */
export function modelGraphs(model: Model, given: ModelOptions): ModelGraphs {
  if (model.format === "onnx") return { methods: methodsOf(model.graph(given)), notes: [] };
  for (const name of ["bounds", "states"] as const) {
    if (Object.keys(given[name]).length === 0) continue;
    const option = name === "bounds" ? "--bound" : "--state";
    throw new IsochronError(
      "command/argument",
      `${option} is of ONNX models: those of PyTorch say themselves what lasts from step to step`,
      {
        help: "leave it out",
      },
    );
  }
  if (model.format === "exported-program")
    return { methods: methodsOf(model.graph({ inputs: given.inputs })), notes: [] };
  return torchGraphs(model, given.inputs);
}

/** `forward`, and each other method that is given all that it needs and that a graph can be made of. */
function torchGraphs(model: TorchModel, inputs: ModelOptions["inputs"]): ModelGraphs {
  const notes: string[] = [];
  const likely = Object.keys(inputs).length === 0 ? model.likelyInputs() : undefined;
  for (const [name, type] of Object.entries(likely ?? {}))
    notes.push(
      `input ${name} is taken for ${showTensorType(type)}, by the first weight that it fits; --input ${name}=… says otherwise`,
    );
  const types = { ...inputs, ...likely };
  const elsewhere = new Set(
    model.methods.flatMap(({ name, parameters }) => (name === "forward" ? [] : parameters.map((each) => each.name))),
  );
  const options = model.methods.map(({ name, parameters }) => {
    const own = new Set(parameters.map((each) => each.name));
    const fits = (input: string): boolean => own.has(input) || (name === "forward" && !elsewhere.has(input));
    return [
      name,
      { method: name, inputs: Object.fromEntries(Object.entries(types).filter(([input]) => fits(input))) },
    ] as const;
  });
  const first = model.methods.some(({ name }) => name === "forward") ? "forward" : model.methods[0]?.name;
  const taken = options.filter(([name, each]) => {
    try {
      model.graph(each);
      return true;
    } catch (error) {
      if (name === first || !(error instanceof IsochronError)) throw error;
      notes.push(`method ${name} is left out: ${error.message}`);
      return false;
    }
  });
  return { methods: methodsOf(model.graphs(Object.fromEntries(taken))), notes };
}
