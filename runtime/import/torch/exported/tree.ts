// The trees of values that a model takes and gives, as PyTorch's pytree specs describe them: their leaves, and the values that they hold.
import { z } from "zod";
import { IsochronError } from "../../../../kernels/index.ts";
import { TorchTuple, type TorchValue } from "../values.ts";
import { exportedError, parsed } from "./schema.ts";

const mostDeep = 64;

/** A tree: a leaf has no type. */
export interface Tree {
  readonly type: string | null;
  readonly context: string | null;
  readonly children_spec: readonly Tree[];
}

const tree: z.ZodType<Tree> = z.lazy(() =>
  z.object({ type: z.string().nullable(), context: z.string().nullable(), children_spec: z.array(tree) }),
);

/** Reads a spec: `[1, {"type": null, …}]`. Throws `import/model`. */
export function readTree(text: string): Tree {
  if ((text.match(/\{/g)?.length ?? 0) > 2 ** 16) throw exportedError("a tree of values has more than 65536 parts");
  try {
    return parsed(z.tuple([z.literal(1), tree]), JSON.parse(text), "a tree of values")[1];
  } catch (error) {
    if (error instanceof IsochronError) throw error;
    throw exportedError("a tree of values is no JSON");
  }
}

/** The value of a tree whose leaves are some values, one after the other. Throws `import/model`, `import/unsupported`. */
export function valueOfTree(root: Tree, leaves: readonly TorchValue[]): TorchValue {
  let next = 0;
  const make = ({ type, context, children_spec: children }: Tree, deep: number): TorchValue => {
    if (deep > mostDeep) throw exportedError(`a tree of values is more than ${mostDeep} deep`);
    if (type === null) {
      if (next >= leaves.length) throw exportedError(`the model gives ${leaves.length} values, and its tree has more`);
      return leaves[next++]!;
    }
    const values = children.map((each) => make(each, deep + 1));
    switch (type) {
      case "builtins.list":
        return values;
      case "builtins.tuple":
      case "collections.namedtuple":
        return new TorchTuple(values);
      case "builtins.dict":
      case "collections.OrderedDict": {
        const keys = parsed(
          z.array(z.union([z.string(), z.number(), z.boolean()])),
          JSON.parse(context ?? "[]"),
          "keys",
        );
        if (keys.length !== values.length) throw exportedError("a dictionary has other keys than values");
        return new Map(keys.map((key, at) => [key, values[at]!]));
      }
      default:
        throw new IsochronError("import/unsupported", `the model gives an object of ${type}`, {
          help: "return tensors, tuples, lists and dictionaries",
        });
    }
  };
  const value = make(root, 0);
  if (next !== leaves.length) throw exportedError(`the model gives ${leaves.length} values, and its tree has ${next}`);
  return value;
}
