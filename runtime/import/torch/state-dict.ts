// Files of tensors that `torch.save` writes: dictionaries and lists of tensors, with nothing in them that would have to be run.
import { IsochronError } from "../../../kernels/index.ts";
import type { StoredTensor, StoredTensors } from "../stored-tensors.ts";
import { readTorchArchive } from "./archive.ts";
import { type Pickled, PickledName, PickledObject, PickledTuple, pickleError, unpickle } from "./pickle.ts";
import { elementsOf, rebuilt, type Storage, type StridedTensor, storageOf, TensorBudget, tensorIn } from "./tensors.ts";

type Value = Pickled<Storage | StridedTensor>;

/** How deep dictionaries and lists lie in each other, and how many values they have together, at most. */
const mostDeep = 64;
const mostValues = 2 ** 20;

const unsupported = (message: string, help: string): IsochronError =>
  new IsochronError("import/unsupported", message, { help });

/** Calls that make dictionaries and sizes. */
function plain(name: PickledName, args: readonly Value[]): Value | undefined {
  if (name.full === "collections.OrderedDict") {
    if (args.length === 0) return new Map();
    const pairs = Array.isArray(args[0]) ? args[0] : [];
    return new Map(
      pairs.map((pair) => (pair instanceof PickledTuple ? [pair.items[0]!, pair.items[1]!] : [pair, null])),
    );
  }
  if (name.full === "torch.Size") return args[0];
  if (name.full === "torch.device") return args[0];
  return undefined;
}

/**
 * The tensors of a file that `torch.save` wrote (PyTorch 1.6 or later), by the keys and numbers that lead to them, joined by
 * dots. Numbers, texts and flags among them become metadata.
 *
 * Throws `import/archive`, `import/pickle` for what would have to be run, `import/unsupported` for files of models.
 */
export async function readStateDict(bytes: Uint8Array, path: string): Promise<StoredTensors> {
  const { entries } = await readTorchArchive(bytes, path);
  const pickle = entries.get("data.pkl");
  if (!pickle) {
    const isExported = entries.has("models/model.json") || entries.has("archive_format");
    throw unsupported(
      isExported
        ? "it is an exported program (.pt2), not a file of tensors"
        : "its ZIP archive holds no data.pkl, as PyTorch's do",
      "save tensors: torch.save(model.state_dict(), path)",
    );
  }
  if ([...entries.keys()].some((name) => name.startsWith("code/")))
    throw unsupported(
      "it is a TorchScript model, not a file of tensors",
      "save its tensors: torch.save(torch.jit.load(path).state_dict(), other)",
    );
  if (Buffer.from(entries.get("byteorder") ?? "little").toString("latin1") !== "little")
    throw unsupported("its tensors lie in big-endian order", "save it again on a little-endian machine");
  const value = unpickle<Storage | StridedTensor>(pickle, {
    persistent: (id) => storageOf(id, (key) => entries.get(`data/${key}`)),
    call: (name, args) => rebuilt(name, args) ?? plain(name, args),
    isClass: () => false,
  });
  return collect(value, new TensorBudget(bytes.length));
}

function collect(root: Value, budget: TensorBudget): StoredTensors {
  const tensors = new Map<string, StoredTensor>();
  const metadata = new Map<string, string>();
  let count = 0;
  const add = (name: string, value: Value, deep: number): void => {
    if (++count > mostValues) throw pickleError(`the file has more than ${mostValues} values`);
    if (deep > mostDeep) throw pickleError(`"${name.slice(0, 100)}" lies more than ${mostDeep} deep`);
    const under = (key: string) => (name === "" ? key : `${name}.${key}`);
    const tensor = tensorIn(value);
    if (tensor) {
      if (tensor.quantizer) throw unsupported(`tensor "${name}" is quantised`, "save its integers: x.int_repr()");
      const title = name === "" ? "0" : name;
      if (tensors.has(title)) throw pickleError(`two tensors are called "${title}"`);
      tensors.set(title, elementsOf(tensor, budget));
    } else if (value instanceof Map) for (const [key, each] of value) add(under(keyText(key)), each, deep + 1);
    else if (Array.isArray(value)) for (const [at, each] of value.entries()) add(under(`${at}`), each, deep + 1);
    else if (value instanceof PickledTuple)
      for (const [at, each] of value.items.entries()) add(under(`${at}`), each, deep + 1);
    else if (value === null || value instanceof Uint8Array) return;
    else if (value instanceof PickledName) metadata.set(name, value.full);
    else if (value instanceof PickledObject || typeof value === "object")
      throw unsupported(`"${name}" is no tensor`, "save tensors alone: torch.save(model.state_dict(), path)");
    else metadata.set(name, String(value));
  };
  add("", root, 0);
  return { tensors: Object.fromEntries(tensors), metadata: Object.fromEntries(metadata) };
}

const keyText = (key: Value): string => {
  if (typeof key === "string" || typeof key === "bigint") return String(key);
  throw pickleError("a key of a dictionary is neither a text nor an integer");
};
