// `isochron inspect MODEL`: what a model takes and gives, what it is made of, what it costs, and what of it cannot be compiled.
import { IsochronError, type TargetName } from "../../kernels/index.ts";
import { type GraphOptions, importModel, type Model } from "../../runtime/import/index.ts";
import { Compilation, multiplyAddsOf } from "../../runtime/index.ts";
import type { Terminal } from "../terminal.ts";
import { inspectedAs } from "./inspected.ts";
import { graphOptions, type ModelArguments } from "./model-arguments.ts";

const ports = (all: Model["inputs"]): string[] => all.map(({ name, type }) => `    ${name}: ${type}`);

/** Counts of operators, the most frequent first. */
const counted = ({ operators }: Model): (readonly [string, number])[] =>
  [...operators].sort(([a, left], [b, right]) => right - left || (a < b ? -1 : 1));

/** Errors that say what has to be given for a model to be imported. */
const asking: ReadonlySet<string> = new Set(["import/size", "import/name", "import/type"]);

/** What a graph of the model gives, or why there is none. */
function withGraph<T>(
  model: Model,
  given: GraphOptions,
  use: (graph: ReturnType<Model["graph"]>) => T,
): T | IsochronError {
  try {
    return use(model.graph(given));
  } catch (error) {
    if (error instanceof IsochronError && error.code.startsWith("import/")) return error;
    throw error;
  }
}

/** The multiply-adds of a step on a target; why they are not known, where the model is no graph yet. */
const multiplyAdds = (model: Model, given: GraphOptions, target: TargetName): number | IsochronError =>
  withGraph(model, given, (graph) => multiplyAddsOf(Compilation.of(graph).code(target)));

function modelText(path: string, model: Model, cost: number | IsochronError): string {
  const { producer, irVersion, operatorSets, entries } = model.metadata;
  const sets = Object.entries(operatorSets).map(([domain, version]) => `${domain} ${version}`);
  return [
    `model ${model.name} in ${path}: ONNX, IR version ${irVersion}${producer === "" ? "" : `, by ${producer}`}`,
    `  operator sets: ${sets.join(", ")}`,
    "  inputs",
    ...ports(model.inputs),
    "  outputs",
    ...ports(model.outputs),
    `  operators: ${counted(model)
      .map(([name, count]) => `${count} ${name}`)
      .join(", ")}`,
    `  weights: ${model.weightBytes} bytes`,
    typeof cost === "number"
      ? `  multiply-adds: ${(cost / 1e6).toFixed(1)} million a step`
      : `  multiply-adds: not known: ${cost.message}`,
    ...Object.entries(entries).map(([key, value]) => `  ${key}: ${value}`),
    ...model.unsupported.map(({ node, reason }) => `  cannot be compiled: ${node}: ${reason}`),
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
  const cost = multiplyAdds(model, options, target);
  terminal.out(
    json
      ? JSON.stringify({
          name,
          inputs,
          outputs,
          metadata,
          operators,
          weightBytes: model.weightBytes,
          multiplyAdds: typeof cost === "number" ? cost : null,
          unsupported,
        })
      : modelText(path, model, cost),
  );
  return 0;
}

/**
 * A model's graph as it is imported, as the text of its one method; of a model that no graph can be made of, its own nodes.
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
  const text = withGraph(model, options, (graph) => graph.toString());
  if (text instanceof IsochronError && asking.has(text.code)) throw text;
  const shown = typeof text === "string" ? text : `// no graph can be made of it: ${text.message}\n${model}`;
  return { forward: { program: model.name, text: shown } };
}
