// `isochron inspect MODEL`: what a model takes and gives, what it is made of, and what of it cannot be compiled.
import { importModel, type Model } from "../../runtime/import/index.ts";
import type { Terminal } from "../terminal.ts";

const ports = (all: Model["inputs"]): string[] => all.map(({ name, type }) => `    ${name}: ${type}`);

/** Counts of operators, the most frequent first. */
const counted = ({ operators }: Model): (readonly [string, number])[] =>
  [...operators].sort(([a, left], [b, right]) => right - left || (a < b ? -1 : 1));

function modelText(path: string, model: Model): string {
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
    ...Object.entries(entries).map(([key, value]) => `  ${key}: ${value}`),
    ...model.unsupported.map(({ node, reason }) => `  cannot be compiled: ${node}: ${reason}`),
  ].join("\n");
}

/** The command for a model file. Throws `import/…` for what is none. */
export async function inspectModel(
  path: string,
  { json }: { readonly json?: boolean },
  terminal: Terminal,
): Promise<number> {
  const model = await importModel(path);
  const { name, inputs, outputs, metadata, unsupported } = model;
  const operators = Object.fromEntries(counted(model));
  terminal.out(
    json ? JSON.stringify({ name, inputs, outputs, metadata, operators, unsupported }) : modelText(path, model),
  );
  return 0;
}
