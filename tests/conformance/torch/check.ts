// Checks one model of a folder: its calls interpreted and compiled, against what PyTorch gave and left in the states.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { IsochronError } from "../../../kernels/index.ts";
import type { StoredTensors } from "../../../runtime/import/index.ts";
import { loadTensors } from "../../../runtime/import/index.ts";
import { readTorchArchive } from "../../../runtime/import/torch/archive.ts";
import { ExportedModel } from "../../../runtime/import/torch/exported/model.ts";
import { isExported } from "../../../runtime/import/torch/exported/program.ts";
import type { GraphArgument } from "../../../runtime/import/torch/graph-arguments.ts";
import { type TorchGraphOptions, TorchModel, type TorchResult } from "../../../runtime/import/torch/model.ts";
import { type CallableGraph, compile, type Graph, load, type TypedArray, tensorType } from "../../../runtime/index.ts";
import { evaluate } from "../../../runtime/interpreters/interpreter.ts";
import { differenceOf } from "./difference.ts";
import { type Call, dtypeOf, type Fixture, type FixtureValue, flat } from "./fixtures.ts";
import { interpretCalls, interpretExported } from "./interpreted.ts";
import { atMaximum, pairedWith } from "./results.ts";

/** How something came out. */
export type Outcome = "passed" | "failed" | "notSupported";

/** How a model came out: passed where all its calls did. */
export interface Result {
  readonly name: string;
  readonly compiled: Outcome;
  readonly interpreted: Outcome;
  readonly calls: number;
  readonly compiledCalls: number;
  readonly interpretedCalls: number;
  readonly kernelCalls: number;
  /** Names of the operators that its source calls. */
  readonly operators: readonly string[];
  /** The first call of each reason, with the reason. */
  readonly reasons: readonly string[];
}

const cacheDir = join(fileURLToPath(new URL("../../..", import.meta.url)), ".cache/kernels");

type Arrays = { readonly [name: string]: TypedArray };
export type Tensors = StoredTensors["tensors"];

/** What a graph of a call is made with, and the arrays that a step of it gets. */
function givenTo(
  model: TorchModel | ExportedModel,
  call: Call,
  tensors: Tensors,
): { readonly options: TorchGraphOptions; readonly arrays: Arrays } {
  // Of dictionaries and tuples an exported program takes the tensors.
  const isFlat = model.format === "exported-program";
  const parameters = isFlat ? model.inputs : (model.methods.find(({ name }) => name === call.method)?.parameters ?? []);
  const inputs: { [name: string]: GraphArgument } = {};
  const arrays: { [name: string]: TypedArray } = {};
  const taken = (value: FixtureValue, name: string): GraphArgument => {
    if (value.type === "none") return null;
    if (value.type === "dict")
      throw new IsochronError(
        "import/unsupported",
        `${name} of ${call.method} is a dictionary, and no graph takes one`,
      );
    if ("items" in value) return value.items.map((each, at) => taken(each, `${name}.${at}`));
    if ("value" in value) return value.value as GraphArgument;
    arrays[name] = tensors[value.key]!.data;
    return tensorType(dtypeOf(value.dtype), value.shape);
  };
  for (const [at, value] of (isFlat ? flat(call.inputs) : call.inputs).entries()) {
    const name = parameters[at]?.name ?? `argument ${at}`;
    inputs[name] = taken(value, name);
  }
  return { options: isFlat ? { inputs } : { method: call.method, inputs }, arrays };
}

/** Outputs but those that say how many elements others have. */
const withoutCounts = (outputs: Graph["outputs"]): Graph["outputs"] =>
  outputs.filter(({ name }) => !outputs.some((each) => name.startsWith(`${each.name}Count`)));

/** Throws where results or states are not what PyTorch has. */
function requireResults(
  model: TorchModel | ExportedModel,
  fixture: Fixture,
  call: Call,
  graph: Graph,
  tensors: Tensors,
  results: Arrays,
  states: ReadonlyMap<string, TypedArray>,
): void {
  const fail = (what: string): never => {
    throw new Error(what);
  };
  const found: readonly TorchResult[] =
    model.format === "torchscript" ? model.results(graph as unknown as CallableGraph) : withoutCounts(graph.outputs);
  for (const [at, wanted] of pairedWith(found, call.outputs, (key) => tensors[key]!.data).entries()) {
    const { name, text } = wanted.result;
    if ("text" in wanted) {
      if (text !== wanted.text) fail(`result ${at} is ${text} instead of ${wanted.text}`);
      continue;
    }
    const own = results[name];
    const { shape } = graph.outputs.find((each) => each.name === name)!.value.type;
    // The graph interpreter gives as many elements as there are.
    const isAtMaximum = own?.length !== wanted.data.length && shape.some((size) => typeof size !== "number");
    const data = isAtMaximum ? atMaximum(wanted.data, wanted.shape, shape) : wanted.data;
    const differs = differenceOf(own, data, fixture);
    if (differs) fail(`result ${at} ${differs}`);
  }
  for (const [name, wanted] of Object.entries(call.state_after)) {
    const state = states.get(name);
    // What is never written to is a constant.
    if (!state || wanted.type !== "tensor") continue;
    const differs = differenceOf(state, tensors[wanted.key]!.data, fixture);
    if (differs) fail(`state ${name} ${differs}`);
  }
}

/** One way of running the graphs of a model. */
interface Way {
  run(method: string, arrays: Arrays): Arrays;
  states(): ReadonlyMap<string, TypedArray>;
  readonly kernelCalls: number;
}

/** The graph interpreter, over states that all methods share. */
function interpreted(graphs: { readonly [name: string]: Graph }): Way {
  const states = new Map(
    Object.values(graphs).flatMap((graph) => graph.states.map((each) => [each.name, each.initial] as const)),
  );
  return {
    kernelCalls: 0,
    states: () => states,
    run(method, arrays) {
      const graph = graphs[method]!;
      const values = new Map<never, never>() as unknown as Parameters<typeof evaluate>[1];
      const put = (
        { type }: { readonly type: { readonly dtype: never; readonly shape: readonly unknown[] } },
        value: never,
        data: TypedArray,
      ) => values.set(value, { dtype: type.dtype, shape: type.shape as number[], data } as never);
      for (const { name, value } of graph.inputs) put(value as never, value as never, arrays[name]!);
      for (const { name, value } of graph.states) put(value as never, value as never, states.get(name)!);
      evaluate(graph, values);
      for (const { name, next } of graph.states) states.set(name, values.get(next)!.data.slice());
      return Object.fromEntries(graph.outputs.map(({ name, value }) => [name, values.get(value)!.data]));
    },
  };
}

/** Machine code, of all graphs in one artifact. */
async function compiled(graphs: { readonly [name: string]: Graph }): Promise<Way> {
  const program = load(await compile(graphs, { cacheDir }));
  return {
    get kernelCalls() {
      return program.kernelCalls;
    },
    states: () => new Map(),
    run: (method, arrays) => program.method(method).run(arrays as never) as unknown as Arrays,
  };
}

/** A call, with the name of its graph, or why there is none. */
type Step = { readonly call: Call } & (
  | { readonly name: string; readonly arrays: Arrays }
  | { readonly error: unknown }
);

/** Graphs of a model; of an exported program, types alone are given. */
const graphsOf = (model: TorchModel | ExportedModel, options: { readonly [name: string]: TorchGraphOptions }) =>
  model.format === "torchscript" ? model.graphs(options) : model.graphs(options as never);

/** The calls of a model, and the graphs that they take: those of equal types and values share one. */
function planned(model: TorchModel | ExportedModel, { cases }: Fixture, tensors: Tensors) {
  const options: { [name: string]: TorchGraphOptions } = {};
  const names = new Map<string, string>();
  const steps = cases.map((call): Step => {
    try {
      const given = givenTo(model, call, tensors);
      const key = JSON.stringify(given.options);
      let name = names.get(key);
      if (name === undefined) {
        graphsOf(model, { graph: given.options });
        name = `call${names.size}`;
        names.set(key, name);
        options[name] = given.options;
      }
      return { call, name, arrays: given.arrays };
    } catch (error) {
      return { call, error };
    }
  });
  return { steps, options };
}

/** Reads a model of a folder. */
async function modelOf({ file }: Fixture, folder: string): Promise<TorchModel | ExportedModel> {
  const bytes = readFileSync(join(folder, file));
  const archive = await readTorchArchive(bytes, file);
  const Kind = isExported(archive) ? ExportedModel : TorchModel;
  return new Kind(archive, bytes.length, file);
}

const tensorsOf = async ({ file }: Fixture, folder: string): Promise<Tensors> =>
  (await loadTensors(join(folder, file.replace(/\.pt2?$/, ".safetensors")))).tensors;

/** Graphs of a model, and the steps of its calls that have one and raise nothing, for other checks than of numbers. */
export async function runsOf(fixture: Fixture, folder: string) {
  const model = await modelOf(fixture, folder);
  const { steps, options } = planned(model, fixture, await tensorsOf(fixture, folder));
  const graphs = graphsOf(model, options) as unknown as { readonly [name: string]: Graph };
  return {
    graphs,
    steps: steps.flatMap((step) => {
      if (!("name" in step) || step.call.raises) return [];
      const inputs = graphs[step.name]!.inputs.map(({ name }) => step.arrays[name]!);
      return [{ method: step.name, inputs }];
    }),
  };
}

/** Checks a model of a folder. */
export async function checkFixture(fixture: Fixture, folder: string): Promise<Result> {
  const reasons = new Map<string, string>();
  const note = (way: string, call: Call | undefined, error: unknown): Outcome => {
    const isRefusal = error instanceof IsochronError && error.code !== "import/raised";
    const text = error instanceof IsochronError ? [error.message, ...error.details].join(" ") : String(error);
    if (!reasons.has(text)) reasons.set(text, `${way}${call ? ` ${call.method}` : ""}: ${text}`);
    return isRefusal ? "notSupported" : "failed";
  };
  const all = fixture.cases.length;
  const result = (parts: Partial<Result>): Result => ({
    name: fixture.name,
    compiled: "notSupported",
    interpreted: "notSupported",
    calls: all,
    compiledCalls: 0,
    interpretedCalls: 0,
    kernelCalls: 0,
    operators: [],
    reasons: [...reasons.values()],
    ...parts,
  });
  let model: TorchModel | ExportedModel;
  const tensors = await tensorsOf(fixture, folder);
  try {
    model = await modelOf(fixture, folder);
  } catch (error) {
    note("read", undefined, error);
    return result({});
  }
  const { steps, options } = planned(model, fixture, tensors);
  const outcomes = { interpreted: [] as Outcome[], compiled: [] as Outcome[] };
  let kernelCalls = 0;
  const graphs =
    Object.keys(options).length === 0
      ? {}
      : (graphsOf(model, options) as unknown as { readonly [name: string]: Graph });
  for (const kind of ["interpreted", "compiled"] as const) {
    // An exported program keeps its buffers between steps of a graph alone.
    if (kind === "interpreted" && (model.format === "torchscript" || !fixture.stateful)) {
      const failed = (call: Call, error: unknown): Outcome => note(kind, call, error);
      const passed: Outcome = "passed";
      outcomes.interpreted.push(
        ...(model.format === "torchscript"
          ? interpretCalls(model, fixture, tensors, passed, failed)
          : interpretExported(model, fixture, tensors, passed, failed)),
      );
      continue;
    }
    let way: Way | undefined;
    try {
      if (Object.keys(graphs).length > 0) way = kind === "interpreted" ? interpreted(graphs) : await compiled(graphs);
    } catch (error) {
      note(kind, undefined, error);
    }
    // What a call that could not run would have left in the states, later ones build on.
    let isLost = false;
    for (const step of steps) {
      const { call } = step;
      if (isLost) {
        outcomes[kind].push("notSupported");
        continue;
      }
      if ("error" in step) {
        const { error } = step;
        const isRaised = call.raises && error instanceof IsochronError && error.code === "import/raised";
        outcomes[kind].push(isRaised ? "passed" : note("graph", call, error));
        isLost = fixture.stateful && !isRaised;
        continue;
      }
      try {
        if (!way) throw new IsochronError("import/unsupported", "its graphs do not compile");
        const results = way.run(step.name, step.arrays);
        if (call.raises) throw new Error("the call should fail, and does not");
        requireResults(model, fixture, call, graphs[step.name]!, tensors, results, way.states());
        outcomes[kind].push("passed");
      } catch (error) {
        outcomes[kind].push(call.raises && error instanceof IsochronError ? "passed" : note(kind, call, error));
      }
    }
    if (kind === "compiled") kernelCalls = way?.kernelCalls ?? 0;
  }
  const whole = (kind: keyof typeof outcomes): Outcome => {
    if (outcomes[kind].every((each) => each === "passed")) return "passed";
    return outcomes[kind].includes("failed") ? "failed" : "notSupported";
  };
  const count = (kind: keyof typeof outcomes): number => outcomes[kind].filter((each) => each === "passed").length;
  return result({
    compiled: whole("compiled"),
    interpreted: whole("interpreted"),
    compiledCalls: count("compiled"),
    interpretedCalls: count("interpreted"),
    kernelCalls,
    operators: [...model.operators.keys()],
  });
}
