// Holds an artifact to what its graph means: a step on inputs drawn from a seed, node by node where they differ.
import { IsochronError, isFloatDtype, Random, runnableTargets, type TargetName } from "../../kernels/index.ts";
import { compile } from "../compiler/compile.ts";
import { Graph } from "../graph/graph.ts";
import { forward } from "../graph/method-graphs.ts";
import { elementsFrom } from "../graph/numbers.ts";
import {
  countOf,
  numberIn,
  showTensorType,
  staticShape,
  type TensorType,
  type TypedArray,
} from "../graph/tensor-type.ts";
import { type ArraysOf, Interpreter } from "../interpreters/interpreter.ts";
import type { Artifact } from "./artifact.ts";
import { load } from "./program.ts";

interface CheckOptions {
  /** The method whose graph it is; `forward` unless given. */
  readonly method?: string;
  readonly signal?: AbortSignal;
  readonly progress?: (text: string) => void;
}

type Arrays = ArraysOf<Record<string, TensorType>>;

/** Floats between −1 and 1; integers 0 and 1, which every integer dtype and most indices hold; bools. */
function drawn({ dtype, shape }: TensorType, random: Random): TypedArray {
  const values = Array.from({ length: countOf(staticShape(shape)) }, () => {
    if (isFloatDtype(dtype)) return random.next() * 2 - 1;
    return random.whole(0, 1);
  });
  return elementsFrom("a drawn input", dtype, values);
}

const inputsOf = ({ inputs }: Graph, seed: number): Arrays => {
  const random = new Random(seed);
  return Object.fromEntries(inputs.map(({ name, value }) => [name, drawn(value.type, random)]));
};

/** Compiled floats are within this part of the largest magnitude of their tensor; everything else is equal. */
const tolerance = 1e-4;

/** The first element outside of the tolerance, in words. */
function differing({ dtype }: TensorType, found: TypedArray, meant: TypedArray): string | undefined {
  const [a, b] = [found, meant].map((all) =>
    Array.from(all as Iterable<number | bigint>, (each) => Number(numberIn(dtype, each))),
  );
  const range = b!.reduce((most, each) => (Number.isFinite(each) ? Math.max(most, Math.abs(each)) : most), 0);
  const allowed = isFloatDtype(dtype) ? tolerance * range : 0;
  const at = a!.findIndex(
    (each, index) => !Object.is(each, b![index]) && each !== b![index] && !(Math.abs(each - b![index]!) <= allowed),
  );
  return at < 0 ? undefined : `element ${at} of ${a!.length} is ${a![at]}, and means ${b![at]}`;
}

const differenceIn = (graph: Graph, found: Arrays, meant: Arrays): string | undefined => {
  for (const { name, value } of graph.outputs) {
    const text = differing(value.type, found[name]!, meant[name]!);
    if (text) return `${name}: ${showTensorType(value.type)}: ${text}`;
  }
  return undefined;
};

/** The same graph with the result of every node as an output, in the order in which they are computed. */
function watched(graph: Graph): Graph {
  const nodes = graph.nodes.flatMap((node, number) =>
    node.regions || node.outputs.some(({ type }) => type.shape.some((size) => typeof size !== "number"))
      ? []
      : node.outputs.map((value) => ({ name: `${number} ${node.operator.name} ${value.hint ?? ""}`.trim(), value })),
  );
  return new Graph({ ...graph, outputs: nodes });
}

/**
 * Holds an artifact to what its graph means, for a step on seeded inputs.
 *
 * Gives what was found in words. Throws `compile/check` where they differ, with the first node that does.
 */
export async function checkArtifact(
  graph: Graph,
  artifact: Artifact,
  { method = forward, signal, progress }: CheckOptions = {},
): Promise<string> {
  const here = runnableTargets().filter((name) => Object.hasOwn(artifact.manifest.targets, name));
  const target: TargetName | undefined = here[0];
  if (!target)
    throw new IsochronError("compile/check", "the artifact has no code for this machine, which cannot check it", {
      help: `compile for ${runnableTargets().join(" or ")} too`,
    });
  const inputs = inputsOf(graph, 1);
  progress?.("checking: interpreting the graph");
  const meant = new Interpreter(graph).run(inputs as never) as Arrays;
  const found = load(artifact, { target })
    .method(method)
    .run(inputs as never) as Arrays;
  const difference = differenceIn(graph, found, meant);
  if (difference === undefined)
    return `compiled and interpreted agree in ${graph.outputs.length} outputs, floats within ${tolerance} of their range`;
  progress?.("checking: looking for the first node that differs");
  const all = watched(graph);
  const own = load(await compile(all, { targets: [target], ...(signal ? { signal } : {}) })).run(
    inputs as never,
  ) as Arrays;
  const first = differenceIn(all, own, new Interpreter(all).run(inputs as never) as Arrays);
  throw new IsochronError("compile/check", `compiled code differs from what the model means: output ${difference}`, {
    details: [first === undefined ? "no node differs where each is an output" : `first node: ${first}`],
    help: "report this with the model: compiled code and the interpreter have to agree",
  });
}
