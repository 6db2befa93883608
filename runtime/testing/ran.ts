// Runs a step of a graph in every way that there is, for tests of what dtypes mean.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { runnableTargets } from "../../kernels/index.ts";
import { compile } from "../compiler/compile.ts";
import type { Graph, Signature } from "../graph/graph.ts";
import type { TypedArray } from "../graph/tensor-type.ts";
import { Interpreter } from "../interpreters/interpreter.ts";
import { LoopInterpreter } from "../interpreters/loop-interpreter.ts";
import { load } from "../program/program.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");

/** The outputs of one step, the same by the interpreter, by interpreted kernels and on every target. */
export async function ran(graph: Graph<Signature, Signature>, inputs: { readonly [name: string]: TypedArray }) {
  const meant = new Interpreter(graph).run(inputs);
  const loops = new LoopInterpreter(graph as unknown as Graph, "x86-64-v3", {});
  const left = loops.step(graph.inputs.map(({ name }) => inputs[name]!));
  graph.outputs.forEach(({ name }, at) => {
    const { buffer, byteOffset, byteLength } = meant[name]!;
    expect(left.outputs[at], name).toEqual(new Uint8Array(buffer, byteOffset, byteLength));
  });
  const artifact = await compile(graph, { cacheDir });
  // Code that only adds integer instructions is there where a graph has integer products.
  const targets = runnableTargets().filter((name) => Object.hasOwn(artifact.manifest.targets, name));
  expect(targets).not.toEqual([]);
  for (const target of targets) {
    const program = load(artifact, { target });
    const outputs = program.newOutputs();
    program.run(inputs, outputs);
    expect(outputs, target).toEqual(meant);
  }
  return { meant, artifact };
}
