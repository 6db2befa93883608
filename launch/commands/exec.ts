// `isochron exec`: runs a method of an artifact on tensors from files, its states kept from one file to the next.
import { IsochronError } from "../../kernels/index.ts";
import {
  loadTensors,
  type StoredTensor,
  type StoredTensors,
  saveTensors,
  tensorsFile,
} from "../../runtime/import/index.ts";
import { load, type Manifest, readArtifact, type TypedArray } from "../../runtime/index.ts";
import { checkDistinct, prepareOutput } from "../output-file.ts";
import type { Terminal } from "../terminal.ts";

/** Options of `isochron exec`. */
export interface ExecOptions {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly method?: string;
  readonly threads?: number;
  readonly json?: boolean;
}

type Port = Manifest["methods"][string]["inputs"][number];

const typeText = ({ dtype, shape }: Pick<StoredTensor, "dtype" | "shape">): string => `${dtype}[${shape}]`;

/** The tensors of a file for a method's inputs: by their names, or by their positions as in0, in1, … */
function arraysFor(path: string, { tensors }: StoredTensors, ports: readonly Port[]): Record<string, TypedArray> {
  const used = new Set<string>();
  const arrays = ports.map((port, at): readonly [string, TypedArray] => {
    const name = Object.hasOwn(tensors, port.name) ? port.name : `in${at}`;
    const found: StoredTensor | undefined = Object.hasOwn(tensors, name) ? tensors[name] : undefined;
    if (!found)
      throw new IsochronError("exec/input", `${path} has no tensor for input "${port.name}"`, {
        help: `name it "${port.name}" or "in${at}", of type ${typeText(port)}`,
      });
    if (typeText(found) !== typeText(port))
      throw new IsochronError(
        "exec/input",
        `tensor "${name}" of ${path} is ${typeText(found)}, input "${port.name}" is ${typeText(port)}`,
      );
    used.add(name);
    return [port.name, found.data];
  });
  const unused = Object.keys(tensors).filter((name) => !used.has(name));
  if (unused.length > 0)
    throw new IsochronError("exec/input", `tensor "${unused[0]}" of ${path} is no input of the method`, {
      help: `its inputs are ${ports.map(({ name }) => `"${name}"`).join(", ") || "none"}`,
    });
  return Object.fromEntries(arrays);
}

/** Outputs as they are stored: out0, out1, …, whose names are in the file's metadata. */
function stored(ports: readonly Port[], arrays: Readonly<Record<string, TypedArray>>): StoredTensors {
  const tensors = ports.map(
    ({ name, dtype, shape }, at) => [`out${at}`, { dtype, shape, data: arrays[name]! }] as const,
  );
  const metadata = ports.map(({ name }, at) => [`out${at}`, name] as const);
  return { tensors: Object.fromEntries(tensors), metadata: Object.fromEntries(metadata) };
}

/** Where the outputs of each call go: nowhere, or a file for each call. */
function outputPaths({ outputs }: ExecOptions, calls: number): (string | undefined)[] {
  if (outputs.length === 0) return new Array<undefined>(calls).fill(undefined);
  if (outputs.length === calls) return [...outputs];
  throw new IsochronError("exec/outputs", `there are ${calls} calls, and ${outputs.length} files for what they give`, {
    help: "give --outputs once for each --inputs, or not at all",
  });
}

const firstElements = 8;

/** The first elements of a tensor, as they are printed. */
function elementsText(data: TypedArray): string {
  const shown = Array.from(data.subarray(0, firstElements) as Iterable<number | bigint>, String);
  return data.length > firstElements ? `${shown.join(" ")} …` : shown.join(" ");
}

/** The command: a call for each file of inputs. */
export async function execCommand(path: string, options: ExecOptions, terminal: Terminal): Promise<number> {
  const { method: name = "forward", threads, inputs } = options;
  const paths = outputPaths(options, Math.max(1, inputs.length));
  checkDistinct(
    Object.fromEntries([
      ...inputs.map((each, at) => [`--inputs ${at + 1}`, each] as const),
      ...paths.map((each, at) => [`--outputs ${at + 1}`, each] as const),
    ]),
  );
  for (const each of paths) if (each !== undefined) prepareOutput(each, tensorsFile);
  const program = load(readArtifact(path), threads === undefined ? {} : { threads });
  const method = program.method(name);
  const row = program.manifest.methods[name]!;
  const calls = [];
  // A method without inputs is called once.
  const files = inputs.length === 0 && row.inputs.length === 0 ? [undefined] : inputs;
  if (files.length === 0)
    throw new IsochronError(
      "exec/input",
      `method "${name}" has ${row.inputs.length} inputs, and there is no file of them`,
      {
        help: `isochron exec ${path} --inputs IN.safetensors`,
      },
    );
  for (const [at, file] of files.entries()) {
    const arrays = file === undefined ? {} : arraysFor(file, await loadTensors(file), row.inputs);
    const started = performance.now();
    const outputs = method.run(arrays as never) as Readonly<Record<string, TypedArray>>;
    const milliseconds = performance.now() - started;
    const found = stored(row.outputs, outputs);
    const to = paths[at];
    if (to !== undefined) saveTensors(to, found.tensors, found.metadata);
    calls.push({
      inputs: file ?? null,
      outputs: to ?? null,
      milliseconds,
      results: row.outputs.map((port) => ({
        name: port.name,
        type: typeText(port),
        first: elementsText(outputs[port.name]!),
      })),
    });
  }
  if (options.json) terminal.out(JSON.stringify({ artifact: path, method: name, target: program.target, calls }));
  else
    for (const { inputs: from, outputs: to, milliseconds, results } of calls)
      terminal.out(
        [
          `${from ?? name}${to ? ` → ${to}` : ""}  ${milliseconds.toFixed(2)} ms`,
          ...results.map(({ name: output, type, first }) => `  ${output}: ${type}  ${first}`),
        ].join("\n"),
      );
  return 0;
}
