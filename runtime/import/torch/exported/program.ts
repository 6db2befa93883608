// An exported program of a `.pt2` archive: its graph, what its inputs and outputs are, and its tensors.
import { IsochronError } from "../../../../kernels/index.ts";
import type { TorchArchive } from "../archive.ts";
import { unpickle } from "../pickle.ts";
import { outside, rebuilt, type Storage, type StridedTensor, storageOf, tensorIn } from "../tensors.ts";
import {
  type ExportedGraph,
  type ExportedJson,
  exportedDtype,
  exportedError,
  kindOf,
  parsed,
  programSchema,
  schemaMajor,
  specKinds,
  type TensorMeta,
  type TensorsJson,
  tensorsSchema,
} from "./schema.ts";
import { sizeOf } from "./sizes.ts";
import { readTree, type Tree } from "./tree.ts";

type Spec<K extends keyof typeof specKinds> = Extract<
  ReturnType<typeof kindOf<typeof specKinds>>,
  { readonly kind: K }
>;

export type InputSpec = Spec<"parameter" | "buffer" | "tensor_constant" | "user_input" | "constant_input">;
export type OutputSpec = Spec<"user_output" | "buffer_mutation" | "parameter_mutation" | "user_input_mutation">;

/** What an archive of torch.export.save holds. */
export interface ExportedProgram {
  readonly name: string;
  readonly version: string;
  readonly torchVersion: string;
  readonly graph: ExportedGraph;
  readonly inputs: readonly InputSpec[];
  readonly outputs: readonly OutputSpec[];
  readonly ranges: ExportedJson["range_constraints"];
  /** Tensors by the names that modules have for them; those that share all are one. */
  readonly tensors: ReadonlyMap<string, StridedTensor>;
  readonly outputTree: Tree | undefined;
}

/** Whether an archive is of torch.export.save. */
export const isExported = ({ entries }: TorchArchive): boolean =>
  [...entries.keys()].some((name) => /^models\/[^/]+\.json$/.test(name));

function jsonIn(bytes: Uint8Array | undefined, what: string): unknown {
  try {
    return JSON.parse(Buffer.from(bytes ?? []).toString("utf8"));
  } catch (cause) {
    throw exportedError(`${what} is no JSON: ${cause instanceof Error ? cause.message : cause}`);
  }
}

/** Refuses schemas of other versions before anything else of them is read. */
function requireVersion(json: unknown): void {
  const version =
    typeof json === "object" && json !== null && "schema_version" in json ? json.schema_version : undefined;
  const major = typeof version === "object" && version !== null && "major" in version ? version.major : undefined;
  if (major === schemaMajor) return;
  throw new IsochronError(
    "import/unsupported",
    `it is of schema ${JSON.stringify(major)?.slice(0, 20)} of torch.export, and schema ${schemaMajor} is read`,
    { help: "save it by a PyTorch that writes this schema: torch.export.save(torch.export.load(path), other)" },
  );
}

const inputKinds: readonly string[] = ["parameter", "buffer", "tensor_constant", "user_input", "constant_input"];

/** Reads a program. Throws `import/model` and `import/unsupported`. */
export function readExported(archive: TorchArchive): ExportedProgram {
  const { entries } = archive;
  if (Buffer.from(entries.get("byteorder") ?? "little").toString("latin1") !== "little")
    throw new IsochronError("import/unsupported", "its tensors lie in big-endian order", {
      help: "save it again on a little-endian machine",
    });
  const files = [...entries.keys()].filter((name) => /^models\/[^/]+\.json$/.test(name));
  if (files.length !== 1)
    throw new IsochronError("import/unsupported", `the archive holds ${files.length} programs: ${files.join(", ")}`, {
      help: "save each in a file of its own",
    });
  const file = files[0]!;
  const model = file.slice("models/".length, -".json".length);
  const json = jsonIn(entries.get(file), file);
  requireVersion(json);
  const { schema_version: version, torch_version, graph_module, range_constraints } = parsed(programSchema, json, file);
  const { graph, signature, module_call_graph: calls } = graph_module;
  const specs = (all: readonly Record<string, Record<string, unknown>>[], what: string) =>
    all.map((each, at) => kindOf(specKinds, each, `${what} ${at}`));
  const inputs = specs(signature.input_specs, "input").filter((each): each is InputSpec =>
    inputKinds.includes(each.kind),
  );
  const outputs = specs(signature.output_specs, "output").filter(
    (each): each is OutputSpec => !inputKinds.includes(each.kind),
  );
  if (inputs.length !== graph.inputs.length || outputs.length !== graph.outputs.length)
    throw exportedError("its signature has other inputs or outputs than its graph");
  const tree = calls.find(({ fqn }) => fqn === "")?.signature?.out_spec;
  const program = {
    name: archive.name,
    version: `${version.major}.${version.minor}`,
    torchVersion: torch_version,
    graph,
    inputs,
    outputs,
    ranges: range_constraints,
    tensors: new Map([...tensorsIn(entries, "weights", model), ...tensorsIn(entries, "constants", model)]),
    outputTree: tree === undefined ? undefined : readTree(tree),
  };
  requireTensors(program);
  return program;
}

/** The tensors of a folder, by its configuration. */
function tensorsIn(entries: TorchArchive["entries"], folder: string, model: string): Map<string, StridedTensor> {
  const file = `data/${folder}/${model}_${folder}_config.json`;
  if (!entries.has(file)) return new Map();
  const { config } = parsed(tensorsSchema, jsonIn(entries.get(file), file), file);
  const known = new Map<string, StridedTensor>();
  return new Map(
    Object.entries(config).map(([name, each]) => {
      const tensor = tensorOf(name, each, entries, folder);
      const { storage, dtype, offset, shape, strides } = tensor;
      const key = JSON.stringify([storage.key, dtype, offset, shape, strides]);
      if (!known.has(key)) known.set(key, tensor);
      return [name, known.get(key)!];
    }),
  );
}

type TensorEntry = TensorsJson["config"][string];

function tensorOf(
  name: string,
  { path_name: path, use_pickle: isPickled, tensor_meta: meta }: TensorEntry,
  entries: TorchArchive["entries"],
  folder: string,
): StridedTensor {
  const key = `data/${folder}/${path}`;
  if (isPickled) return pickledTensor(name, key, entries);
  if (!meta) throw exportedError(`the type of "${name}" is not there`);
  const bytes = entries.get(key);
  if (!bytes) throw exportedError(`"${name}" should be in ${key}, which the archive does not have`);
  const tensor = {
    storage: { key, bytes },
    dtype: exportedDtype(meta.dtype, `"${name}"`),
    offset: fixedSizes([meta.storage_offset], name)[0]!,
    shape: fixedSizes(meta.sizes, name),
    strides: fixedSizes(meta.strides, name),
  };
  const wrong = outside(tensor);
  if (wrong !== undefined) throw exportedError(`"${name}" ${wrong}`);
  return tensor;
}

/** A tensor that torch.save wrote, an archive within the archive. */
function pickledTensor(name: string, key: string, entries: TorchArchive["entries"]): StridedTensor {
  const pickle = entries.get(`${key}/data.pkl`);
  if (!pickle) throw exportedError(`"${name}" should be a file of torch.save in ${key}, and is none`);
  const value = unpickle<Storage | StridedTensor>(pickle, {
    persistent: (id) => storageOf(id, (part) => entries.get(`${key}/data/${part}`)),
    call: rebuilt,
    isClass: () => false,
  });
  const tensor = tensorIn(value);
  if (!tensor) throw exportedError(`"${name}" is pickled in ${key}, and is no tensor`);
  return { ...tensor, storage: { ...tensor.storage, key: `${key}/${tensor.storage.key}` } };
}

const noSymbols = new Map<string, number>();

function fixedSizes(sizes: TensorMeta["sizes"], name: string): readonly number[] {
  return sizes.map((each) => {
    const size = sizeOf(each, noSymbols);
    if (size !== undefined && Number.isSafeInteger(size) && size >= 0) return size;
    throw exportedError(`a size of "${name}" is no whole number from 0`);
  });
}

/** The name of the tensor that an input is; undefined for what the user gives. */
export function tensorNameOf({ kind, value }: InputSpec): string | undefined {
  switch (kind) {
    case "parameter":
      return value.parameter_name;
    case "buffer":
      return value.buffer_name;
    case "tensor_constant":
      return value.tensor_constant_name;
    default:
      return undefined;
  }
}

/** Refuses programs whose tensors are not there, or of other types than its graph takes. */
function requireTensors({ inputs, graph, tensors }: ExportedProgram): void {
  for (const spec of inputs) {
    const name = tensorNameOf(spec);
    if (name === undefined || spec.kind === "user_input" || spec.kind === "constant_input") continue;
    const tensor = tensors.get(name);
    if (!tensor) throw exportedError(`the archive does not have "${name}", which the graph takes`);
    const { name: input } = spec.value.arg;
    const meta = Object.hasOwn(graph.tensor_values, input) ? graph.tensor_values[input] : undefined;
    if (!meta) continue;
    const shape = fixedSizes(meta.sizes, input);
    const dtype = exportedDtype(meta.dtype, `"${input}"`);
    if (dtype !== tensor.dtype || shape.join() !== tensor.shape.join())
      throw exportedError(
        `"${name}" is ${tensor.dtype}[${tensor.shape}], and the graph takes ${dtype}[${shape}] for it`,
      );
  }
}
