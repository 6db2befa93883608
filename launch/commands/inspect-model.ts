// `isochron inspect MODEL`: what a model takes and gives, what it is made of, what it costs, and what of it cannot be compiled.
import { IsochronError, type TargetName } from "../../kernels/index.ts";
import { importModel, type Model } from "../../runtime/import/index.ts";
import { Compilation, multiplyAddsOf } from "../../runtime/index.ts";
import type { Terminal } from "../terminal.ts";
import { inspectedAs } from "./inspected.ts";
import { graphOptions, type ModelArguments, type ModelOptions } from "./model-arguments.ts";
import { type ModelGraphs, modelGraphs } from "./model-graphs.ts";

const ports = (all: Model["inputs"]): string[] => all.map(({ name, type }) => `    ${name}: ${type}`);

/** Counts of operators, the most frequent first. */
const counted = ({ operators }: Model): (readonly [string, number])[] =>
  [...operators].sort(([a, left], [b, right]) => right - left || (a < b ? -1 : 1));

/** Errors that say what has to be given for a model to be imported. */
const asking: ReadonlySet<string> = new Set(["import/size", "import/name", "import/type"]);

/** What a graph of the model gives, or why there is none. */
function withGraphs<T>(model: Model, given: ModelOptions, use: (graphs: ModelGraphs) => T): T | IsochronError {
  try {
    return use(modelGraphs(model, given));
  } catch (error) {
    if (error instanceof IsochronError && error.code.startsWith("import/")) return error;
    throw error;
  }
}

/** What a step costs, and what its graph was made with. */
interface Cost extends Pick<ModelGraphs, "notes"> {
  readonly multiplyAdds: number;
}

/** The multiply-adds of a step on a target; why they are not known, where the model is no graph yet. */
const costOf = (model: Model, given: ModelOptions, target: TargetName): Cost | IsochronError =>
  withGraphs(model, given, ({ methods, notes }) => ({
    notes,
    multiplyAdds: multiplyAddsOf(Compilation.of(methods).code(target)),
  }));

/** What the file is, in words. */
function headLines(path: string, model: Model): string[] {
  const { producer } = model.metadata;
  const by = producer === "" ? "" : `, by ${producer}`;
  if (model.format === "torchscript") {
    const { formatVersion } = model.metadata;
    return [
      `model ${model.name} in ${path}: TorchScript, format version ${formatVersion}${by}`,
      "  methods",
      ...model.methods.map(({ name, parameters, returns }) => {
        const taken = parameters.map((each) => `${each.name}: ${each.type}`).join(", ");
        return `    ${name}(${taken}) -> ${returns}`;
      }),
    ];
  }
  return [
    `model ${model.name} in ${path}: ${formatText(model)}${by}`,
    ...setLines(model),
    "  inputs",
    ...ports(model.inputs),
    "  outputs",
    ...ports(model.outputs),
  ];
}

const formatText = ({ metadata }: Exclude<Model, { readonly format: "torchscript" }>): string =>
  "irVersion" in metadata
    ? `ONNX, IR version ${metadata.irVersion}`
    : `an exported program, schema ${metadata.schemaVersion}`;

function setLines({ metadata }: Exclude<Model, { readonly format: "torchscript" }>): string[] {
  if (!("operatorSets" in metadata)) return [];
  const sets = Object.entries(metadata.operatorSets).map(([domain, version]) => `${domain} ${version}`);
  return [`  operator sets: ${sets.join(", ")}`];
}

function modelText(path: string, model: Model, cost: Cost | IsochronError): string {
  const isKnown = !(cost instanceof IsochronError);
  const calls = model.format === "torchscript" ? "is not there, and may never be reached" : "cannot be compiled";
  return [
    ...headLines(path, model),
    `  operators: ${counted(model)
      .map(([name, count]) => `${count} ${name}`)
      .join(", ")}`,
    `  weights: ${model.weightBytes} bytes`,
    isKnown
      ? `  multiply-adds: ${(cost.multiplyAdds / 1e6).toFixed(1)} million a step`
      : `  multiply-adds: not known: ${cost.message}`,
    ...(isKnown ? cost.notes.map((note) => `  ${note}`) : []),
    ...Object.entries(model.metadata.entries).map(([key, value]) => `  ${key}: ${value}`),
    ...model.unsupported.map(({ node, operator, reason }) =>
      model.format === "torchscript" ? `  ${calls}: ${operator} at ${node}` : `  ${calls}: ${node}: ${reason}`,
    ),
  ].join("\n");
}

/** The command for a model file. Throws `import/…` for what is none. */
export async function inspectModel(
  path: string,
  { json, target = "x86-64-v3", ...given }: ModelArguments & { readonly json?: boolean; readonly target?: TargetName },
  terminal: Terminal,
): Promise<number> {
  const options = graphOptions(given);
  const model = await importModel(path);
  const { name, inputs, outputs, metadata, unsupported } = model;
  const operators = Object.fromEntries(counted(model));
  const cost = costOf(model, options, target);
  terminal.out(
    json
      ? JSON.stringify({
          name,
          inputs,
          outputs,
          metadata,
          operators,
          weightBytes: model.weightBytes,
          multiplyAdds: cost instanceof IsochronError ? null : cost.multiplyAdds,
          ...(model.format === "torchscript" ? { methods: model.methods } : {}),
          unsupported,
        })
      : modelText(path, model, cost),
  );
  return 0;
}

/**
 * A model's graphs as they are imported, as the texts of its methods; of a model that no graph can be made of, its own nodes or source.
 *
 * Throws `command/stage` for what is no model, and what asks for types or sizes.
 */
export async function importedText(path: string, given: ModelArguments) {
  if (inspectedAs(path) !== "model")
    throw new IsochronError("command/stage", `--ir imported shows a model as it was read, and ${path} is no model`, {
      help: "name a model file; of all that has graphs there are --ir graph and --ir plan",
    });
  const options = graphOptions(given);
  const model = await importModel(path);
  const program = model.name;
  const texts = withGraphs(model, options, ({ methods }) =>
    Object.fromEntries(Object.entries(methods).map(([name, graph]) => [name, { program, text: graph.toString() }])),
  );
  if (!(texts instanceof IsochronError)) return texts;
  if (asking.has(texts.code)) throw texts;
  return { forward: { program, text: `// no graph can be made of it: ${texts.message}\n${model}` } };
}
