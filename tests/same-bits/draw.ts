// Draws a graph, how it is compiled, and the inputs of some steps from a seed.
import { drawnSchedules, Random, type TargetName, targetNames } from "../../kernels/index.ts";
import type { CompileOptions, Graph, MethodGraphs, Signature, TypedArray } from "../../runtime/index.ts";
import { valuesFor } from "../../runtime/testing/cases/values.ts";
import { chain, quantised } from "./chains.ts";
import { chosen } from "./chosen.ts";
import { controlFlow } from "./control.ts";
import { type OperatorName, operatorCases, operatorNames, operatorsOfEveryKernel } from "./operator.ts";
import { planes, winogradChain } from "./planes.ts";
import { attention, longRows, recurrent, rows } from "./rows.ts";
import { inputsFor } from "./values.ts";

export interface Draw {
  readonly seed: number;
  readonly graph: Graph;
  readonly options: Pick<CompileOptions, "grain" | "schedules" | "targets">;
  /** The graph is `forward`; for some it is a second method too, and for some another graph, without states, is. */
  readonly methods: MethodGraphs;
  /** What runs one after the other: a method on an array for each of its inputs. */
  readonly steps: readonly { readonly method: string; readonly inputs: readonly TypedArray[] }[];
  /** The targets whose kernels are interpreted. */
  readonly interpreted: readonly TargetName[];
}

const networks: readonly (readonly [share: number, make: (random: Random) => Graph<Signature, Signature>])[] = [
  [3, chosen],
  [6, planes],
  [1, winogradChain],
  [3, rows],
  [1, longRows],
  [2, attention],
  [2, recurrent],
  [4, chain],
  [3, quantised],
  [4, controlFlow],
];
const networkChoices = networks.flatMap(([share, make]) => new Array<typeof make>(share).fill(make));
/** Of so many seeds, one is for cases of an operator: each operator in turn. */
const operatorEvery = 4;

/** How a drawn graph is compiled: split among threads as usual, as finely as it goes, or in between; mostly by drawn schedules. */
function compileOptions(random: Random): Draw["options"] {
  const fineness = random.next();
  const grain =
    fineness < 0.2
      ? undefined
      : fineness < 0.6
        ? { mostChunks: random.whole(2, 9), leastOperations: 1 }
        : { mostChunks: random.whole(2, 24), leastOperations: 2 ** random.whole(0, 11) };
  const schedules = random.chance(0.7) ? drawnSchedules(random.whole(0, 2 ** 31 - 1)) : undefined;
  return {
    ...(grain ? { grain } : {}),
    ...(schedules ? { schedules } : {}),
    ...(random.chance(0.1) ? { targets: targetNames } : {}),
  };
}

/** The operators whose cases a seed draws: seed 0 those of every kind of kernel, one seed in some each operator in turn. */
function operatorsOf(seed: number): readonly OperatorName[] {
  if (seed === 0) return operatorsOfEveryKernel();
  return seed % operatorEvery === 0 ? [operatorNames[(seed / operatorEvery) % operatorNames.length]!] : [];
}

/** The methods that are compiled together, drawn apart from all else. */
function methodsWith(graph: Graph, seed: number): MethodGraphs {
  const random = new Random(seed + 1_000_003);
  if (!random.chance(0.3)) return { forward: graph };
  if (random.chance(0.5)) return { forward: graph, again: graph };
  const other = random.pick(networkChoices)(random) as unknown as Graph;
  return other.states.length > 0 ? { forward: graph } : { forward: graph, other };
}

export function draw(seed: number): Draw {
  const random = new Random(seed);
  const names = operatorsOf(seed);
  const drawn =
    names.length > 0
      ? operatorCases(random, names, seed === 0 ? 1 : 3)
      : { graph: random.pick(networkChoices)(random) as unknown as Graph, operatorOf: [] };
  const { graph, operatorOf } = drawn;
  const steps = Array.from({ length: 3 }, (_, step) => ({
    method: "forward",
    inputs:
      operatorOf.length > 0
        ? inputsFor(random, graph, (type, at) => valuesFor(operatorOf[at]!, type, seed + 7919 * step + at))
        : inputsFor(random, graph),
  }));
  const options = compileOptions(random);
  const interpreted = seed === 0 ? targetNames : [random.pick(targetNames)];
  const methods = methodsWith(graph, seed);
  for (const [method, other] of Object.entries(methods).slice(1))
    steps.splice(1, 0, { method, inputs: inputsFor(random, other) });
  return { seed, graph, methods, options, steps, interpreted };
}
