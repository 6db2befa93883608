// Methods of one artifact: what they share, what each leaves alone, and what cannot be compiled together.
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { readArchive, runnableTargets } from "../../kernels/index.ts";
import {
  type Artifact,
  byteLength,
  compile,
  constant,
  Graph,
  Interpreter,
  load,
  type Signature,
  state,
  sym,
  type Tensor,
  type TypedArray,
  tensorType,
  trace,
} from "../index.ts";
import { LoopInterpreter } from "../interpreters/loop-interpreter.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");
const targets = runnableTargets();
const whole = (rows: number, columns: number, seed: number) =>
  constant(
    Float32Array.from({ length: rows * columns }, (_, at) => ((at * 7 + seed) % 9) - 4),
    "f32",
    [rows, columns],
  );
const memory = () => state("memory", tensorType("f32", [1, 4]), [1, 2, 3, 4]);
const readOut = (h: Tensor<"f32">) => h.matmul(whole(4, 2, 5));

/** A recurrent network of whole numbers, whose sums have no rounding. */
const network = {
  forward: trace(
    ({ x }) => {
      const [h, steps] = [memory(), state("steps", tensorType("i64", []))];
      h.set(
        x
          .matmul(whole(3, 4, 1))
          .add(h.get().matmul(whole(4, 4, 3)))
          .clamp(-64, 64),
      );
      steps.set(steps.get().add(1));
      return { y: readOut(h.get()) };
    },
    { x: tensorType("f32", [1, 3]) },
    { name: "network" },
  ),
  recall: trace(
    ({ scale }) => ({ y: readOut(memory().get()).mul(scale) }),
    { scale: tensorType("f32", []) },
    { name: "recall" },
  ),
  resetMemory: trace(
    ({ level }) => {
      const h = memory();
      const was = h.get().sum();
      h.set(level.broadcastTo([1, 4]));
      return { was };
    },
    { level: tensorType("f32", []) },
    { name: "resetMemory" },
  ),
};
type Name = keyof typeof network;
const graphs: Readonly<Record<Name, Graph>> = network;

const calls = [
  "forward",
  "forward",
  "recall",
  "resetMemory",
  "recall",
  "forward",
  "resetMemory",
  "forward",
  "recall",
] as const;
const inputsOf = (method: Name, step: number): Record<string, TypedArray> =>
  Object.fromEntries(
    graphs[method].inputs.map(({ name, value: { type } }, at) => [
      name,
      Float32Array.from({ length: byteLength(type) / 4 }, (_, i) => ((i + step * 5 + at) % 7) - 3),
    ]),
  );

/** The graph with its states as inputs and what they become as outputs. */
const opened = (graph: Graph): Graph =>
  new Graph({
    ...graph,
    inputs: [...graph.inputs, ...graph.states],
    states: [],
    outputs: [...graph.outputs, ...graph.states.map(({ name, next }) => ({ name: `next ${name}`, value: next }))],
  });

const bytesOf = (data: TypedArray): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

/** What each call leaves, outputs and then all states, where `run` computes the outputs of an opened graph. */
function meant(run: (method: Name, inputs: readonly TypedArray[]) => readonly Buffer[]): Buffer[][] {
  const states = new Map<string, TypedArray>();
  for (const graph of Object.values(graphs)) for (const { name, initial } of graph.states) states.set(name, initial);
  return calls.map((method, step) => {
    const { inputs, outputs, states: own } = graphs[method];
    const given = inputsOf(method, step);
    const left = run(method, [...inputs.map(({ name }) => given[name]!), ...own.map(({ name }) => states.get(name)!)]);
    own.forEach(({ name, initial }, at) => {
      const next = initial.slice();
      bytesOf(next).set(left[outputs.length + at]!);
      states.set(name, next);
    });
    return [...left.slice(0, outputs.length), Buffer.concat([...states.values()].map(bytesOf))];
  });
}

describe("the methods of an artifact", () => {
  let artifact: Awaited<ReturnType<typeof compile<typeof network>>>;
  beforeAll(async () => {
    artifact = await compile(network, { targets, cacheDir });
  });

  it("compute what their graphs mean on the states that they share, on every target and by the loop interpreter", () => {
    const expected = meant((method, inputs) => {
      const graph = opened(graphs[method]);
      const given = Object.fromEntries(graph.inputs.map(({ name }, at) => [name, inputs[at]!]));
      const left = new Interpreter<Signature, Signature>(graph).run(given as never);
      return graph.outputs.map(({ name }) => bytesOf(left[name]!));
    });
    const interpreted = meant((method, inputs) =>
      new LoopInterpreter(opened(graphs[method]), "x86-64-v3").step(inputs).outputs.map((each) => Buffer.from(each)),
    );
    expect(interpreted).toEqual(expected);
    for (const target of targets) {
      const program = load(artifact as Artifact, { target });
      const found = calls.map((name, step) => {
        const method = program.method(name);
        const outputs = method.newOutputs();
        method.run(inputsOf(name, step), outputs);
        return [...Object.values(outputs).map(bytesOf), Buffer.from(program.snapshot())];
      });
      expect(found, target).toEqual(expected);
    }
  });

  it("leave the states alone that they do not have, and begin again together", () => {
    const program = load(artifact);
    const before = program.snapshot();
    program.run({ x: Float32Array.of(1, 2, 3) }, program.outputs);
    const { outputs, inputs } = program.method("resetMemory");
    inputs.level[0] = 9;
    program.method("resetMemory").run(inputs, outputs);
    const { states } = program.manifest;
    expect(states.map(({ name }) => name)).toEqual(["memory", "steps"]);
    expect(program.snapshot()).toEqual(Buffer.concat([new Float32Array(4).fill(9), BigInt64Array.of(1n)].map(bytesOf)));
    program.reset();
    expect(program.snapshot()).toEqual(before);
  });

  it("have arrays, sets of inputs and kernels of their own", () => {
    const program = load(artifact);
    const recall = program.method("recall");
    const set = recall.newInputs();
    set.scale[0] = 2;
    recall.inputs.scale[0] = -1;
    recall.run(set, recall.outputs);
    const [first] = recall.outputs.y;
    recall.run(recall.inputs, recall.outputs);
    expect(recall.outputs.y[0]).toBe(-first! / 2);
    expect(recall.kernelTimes()).toHaveLength(
      artifact.manifest.targets[program.target]!.methods.recall!.kernels.length,
    );
    expect(recall.stepTimes(3)).toHaveLength(3);
  });

  it("are typed by their graphs", () => {
    const program = load(artifact);
    expectTypeOf(program.outputs.y).toEqualTypeOf<Float32Array>();
    expectTypeOf(program.method("resetMemory").outputs).toEqualTypeOf<{ readonly was: Float32Array }>();
    expectTypeOf(program.method<"recall">)
      .parameter(0)
      .toEqualTypeOf<"recall">();
    // @ts-expect-error: there is no such method.
    expect(() => program.method("recal")).toThrow(
      expect.objectContaining({
        code: "program/method",
        message: '"network" has no method "recal"',
        help: "did you mean recall? it has forward, recall, resetMemory",
      }),
    );
  });

  it("share weights of equal bytes and kernels alike", async () => {
    const alone = await compile(network.forward, { targets: ["x86-64-v3"], cacheDir });
    const twice = await compile(
      { forward: network.forward, again: network.forward },
      { targets: ["x86-64-v3"], cacheDir },
    );
    expect(twice.manifest.weights).toEqual(alone.manifest.weights);
    const code = ({ bytes }: { readonly bytes: Uint8Array }) => readArchive(bytes)["code/x86-64-v3.o"]!.length;
    expect(code(twice)).toBeLessThan(1.4 * code(alone));
    expect(artifact.manifest.weights.bytes).toBe(alone.manifest.weights.bytes);
    const { methods } = twice.manifest.targets["x86-64-v3"]!;
    const symbols = Object.values(methods).flatMap(({ kernels }) => kernels.map(({ symbol }) => symbol));
    expect(symbols).toEqual(symbols.map((_, at) => `call_${at}`));
  });

  it("are asked for by name where none is forward", async () => {
    const { recall, resetMemory } = network;
    const program = load(await compile({ recall, resetMemory }, { targets: targets.slice(0, 1), cacheDir }));
    expect(program.manifest.name).toBe("recall");
    const outputs = program.method("recall").newOutputs();
    program.method("recall").run({ scale: Float32Array.of(1) }, outputs);
    expect(outputs.y).toEqual(Float32Array.from(new Interpreter(recall).run({ scale: Float32Array.of(1) }).y));
    expect(() => program.run({} as never, {} as never)).toThrow(
      expect.objectContaining({
        code: "program/method",
        message: '"recall" has no method "forward"',
        help: "it has recall, resetMemory",
      }),
    );
  });

  it("take the size of a symbol that only one of them has", async () => {
    const n = sym("n");
    const sized = trace(({ x }) => ({ y: x.add(1) }), { x: tensorType("f32", [n]) }, { name: "sized" });
    const both = { forward: sized, recall: network.recall };
    const { manifest } = await compile(both, { dimensions: { n: 3 }, targets: ["x86-64-v3"], cacheDir });
    expect(manifest.methods.forward!.inputs[0]!.shape).toEqual([3]);
    await expect(compile(both, { dimensions: { n: 3, m: 1 }, targets: ["x86-64-v3"] })).rejects.toMatchObject({
      code: "compile/unknown-symbol",
    });
  });
});

/** Lets go of what nothing refers to; finalizers run between two turns of the event loop. */
async function collect(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const all: () => void = runInNewContext("gc");
  for (let turn = 0; turn < 3; turn++) {
    all();
    await setImmediate();
  }
}

describe("a method", () => {
  it("runs on when nothing else refers to its program any more, and is let go of with it", async () => {
    const artifact = await compile(network.recall, { targets: targets.slice(0, 1), cacheDir });
    const ended: number[] = [];
    const registry = new FinalizationRegistry<number>((each) => ended.push(each));
    const programOf = (each: number) => {
      const program = load(artifact);
      registry.register(program, each);
      return program.method("forward");
    };
    let methods = Array.from({ length: 20 }, (_, each) => programOf(each));
    await collect();
    expect(ended.length).toBeGreaterThan(10);
    const outputs = methods.map((method) => method.run({ scale: Float32Array.of(2) }).y);
    for (const each of outputs) expect(each).toEqual(outputs[0]);
    const left = methods.map((method) => new WeakRef(method));
    methods = [];
    await collect();
    expect(left.filter((each) => each.deref() === undefined).length).toBeGreaterThan(10);
  });
});

describe("methods that cannot be compiled together", () => {
  const holding = (initial: number, dtype: "f32" | "i32", shape: readonly number[]) =>
    trace(() => ({ y: state("level", tensorType(dtype, shape), initial).get() }), {}, { name: "holding" });
  const refused = (graphs: unknown) => {
    const failing = compile(graphs as typeof network, { targets: ["x86-64-v3"] });
    return expect(failing).rejects;
  };
  const place = expect.stringMatching(/program\/program-methods\.test\.ts:\d+:\d+$/);

  it.each([
    ["of two shapes", holding(0, "f32", [4]), "it is f32[2] in one, f32[4] in the other"],
    ["of two types", holding(0, "i32", [2]), "it is f32[2] in one, i32[2] in the other"],
    ["with two initial values", holding(1, "f32", [2]), "they begin with different values"],
  ])("are refused with the user's line for one state %s", async (_, other, why) => {
    await refused({ forward: holding(0, "f32", [2]), reset: other }).toMatchObject({
      code: "compile/state",
      message: `methods "forward" and "reset" do not share the state "level": ${why}`,
      help: "a state of one name is one state: give it one type and one initial value, or two names",
      place,
    });
  });

  it.each([
    [{}, "compile/method", "there is no method to compile"],
    [{ "re set": network.recall }, "compile/method", 'a method cannot be called "re set"'],
    [{ "0": network.recall }, "compile/method", 'a method cannot be called "0"'],
    [{ reset: 5 }, "compile/argument", "compile: reset cannot be 5"],
    [network.recall.nodes, "compile/argument", expect.stringContaining("compile: 0 cannot be")],
    [undefined, "compile/argument", "compile: graph is missing"],
  ])("are refused where they are none: %j", async (given, code, message) => {
    await refused(given).toMatchObject({ code, message, place });
  });
});
