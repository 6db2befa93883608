// A TorchScript archive as a program: its classes and functions by name, its constants, and the object that was saved.
import { errorAt, IsochronError } from "../../../kernels/index.ts";
import type { TorchArchive } from "./archive.ts";
import { type Pickled, PickledName, PickledObject, PickledTuple, pickleError, unpickle } from "./pickle.ts";
import { parseSource } from "./source/parser.ts";
import type { ClassDefinition, FunctionDefinition } from "./source/syntax.ts";
import { rebuilt, type Storage, type StridedTensor, storageOf, tensorIn } from "./tensors.ts";

type Value = Pickled<Storage | StridedTensor>;

/** A definition, and the file that it stands in. */
export interface Defined<D> {
  readonly definition: D;
  readonly file: string;
}

/** What a TorchScript archive holds. */
export interface TorchProgram {
  readonly name: string;
  /** Of the archive's format. */
  readonly version: number;
  readonly classes: ReadonlyMap<string, Defined<ClassDefinition>>;
  readonly functions: ReadonlyMap<string, Defined<FunctionDefinition>>;
  readonly root: PickledObject<Storage | StridedTensor>;
  readonly constants: readonly Value[];
}

/** Source of all files together, characters. */
const mostSource = 2 ** 25;

const textOf = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("utf8");

/** Parses the files under `code/`. */
function definitionsIn(entries: ReadonlyMap<string, Uint8Array>): Pick<TorchProgram, "classes" | "functions"> {
  const classes = new Map<string, Defined<ClassDefinition>>();
  const functions = new Map<string, Defined<FunctionDefinition>>();
  let characters = 0;
  for (const [file, bytes] of entries) {
    if (!file.startsWith("code/") || !file.endsWith(".py")) continue;
    characters += bytes.length;
    if (characters > mostSource)
      throw new IsochronError("import/size-limit", `the archive has more than ${mostSource} characters of source`);
    const module = file.slice("code/".length, -".py".length).replaceAll("/", ".");
    for (const definition of parseSource(textOf(bytes), file).definitions) {
      const name = `${module}.${definition.name}`;
      if (definition.kind === "function") functions.set(name, { definition, file });
      else classes.set(name, { definition, file });
    }
  }
  return { classes, functions };
}

const packedClass = /^__torch__\.torch\.classes\.quantized\.(Linear|Conv[23]d)PackedParamsBase$/;

/** Of which kind of layer the packed weights of PyTorch's own class are; undefined for any other class. */
export const packedKind = (name: PickledName): "Linear" | "Conv2d" | "Conv3d" | undefined =>
  packedClass.exec(name.full)?.[1] as "Linear" | "Conv2d" | "Conv3d" | undefined;

/** Calls that make values without running anything. */
function plain(name: PickledName, args: readonly Value[]): Value | undefined {
  switch (name.full) {
    case "torch.jit._pickle.restore_type_tag":
    case "torch.jit._pickle.build_tensorlist":
    case "torch.jit._pickle.build_intlist":
    case "torch.jit._pickle.build_doublelist":
    case "torch.jit._pickle.build_boollist":
    case "torch.device":
    case "torch.Size":
      return args[0];
    case "collections.OrderedDict":
      return new Map();
    default:
      return undefined;
  }
}

/** Reads the program of an archive. Throws `import/pickle`, `import/torch-source`, `import/unsupported`. */
export function readProgram({ name, entries }: TorchArchive, path: string): TorchProgram {
  try {
    const definitions = definitionsIn(entries);
    const read = (pickle: string, folder: string): Value => {
      const bytes = entries.get(pickle);
      if (!bytes) throw pickleError(`the archive has no ${pickle}`);
      return unpickle<Storage | StridedTensor>(bytes, {
        persistent: (id) => storageOf(id, (key) => entries.get(`${folder}/${key}`)),
        call: (called, args) => rebuilt(called, args) ?? plain(called, args) ?? enumMember(called, args, definitions),
        isClass: (called) => definitions.classes.has(called.full) || packedKind(called) !== undefined,
      });
    };
    const root = read("data.pkl", "data");
    if (!(root instanceof PickledObject)) throw pickleError("the archive's data.pkl holds no object");
    const constants = entries.has("constants.pkl") ? read("constants.pkl", "constants") : new PickledTuple<never>([]);
    if (!(constants instanceof PickledTuple)) throw pickleError("the archive's constants.pkl holds no tuple");
    return {
      name,
      version: Number(textOf(entries.get("version")) || 0),
      ...definitions,
      root,
      constants: constants.items,
    };
  } catch (error) {
    throw errorAt(error, path);
  }
}

/** A member of an enumeration, as an object with its value. */
function enumMember(
  name: PickledName,
  args: readonly Value[],
  { classes }: Pick<TorchProgram, "classes">,
): Value | undefined {
  if (classes.get(name.full)?.definition.kind !== "enum") return undefined;
  const object = new PickledObject<Storage | StridedTensor>(name, args);
  object.state = new Map<Value, Value>([["value", args[0] ?? null]]);
  return object;
}

export type { Value as PickledValue };
export { PickledName, PickledObject, PickledTuple, tensorIn };
