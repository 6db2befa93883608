// How long graphs of different kinds take to compile: the examples, a ResNet-18, many operands, deep graphs, large strides.
import { laneKeeper as highwayControl } from "../../examples/highway/control.ts";
import { laneFinder as highwayPerception } from "../../examples/highway/perception.ts";
import { laneKeeper as roadControl } from "../../examples/road/control.ts";
import { laneFinder as roadPerception } from "../../examples/road/perception.ts";
import {
  compile,
  constant,
  convTranspose2d,
  type Graph,
  type Signature,
  stack,
  tensorType,
  trace,
} from "../../runtime/index.ts";
import { resNet } from "../../runtime/testing/networks.ts";

type AnyGraph = Graph<Signature, Signature>;
const plain = (graph: unknown): AnyGraph => graph as AnyGraph;

const squarings = (count: number): AnyGraph =>
  plain(
    trace(
      ({ x }) => {
        let y = x;
        for (let at = 0; at < count; at++) y = y.mul(y);
        return { y };
      },
      { x: tensorType("f32", [64]) },
      { name: "squarings" },
    ),
  );

const stacked = (count: number): AnyGraph =>
  plain(
    trace(
      (all) => ({ y: stack(Object.values(all)) }),
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`x${at}`, tensorType("f32", [28, 28])])),
      { name: "stacked" },
    ),
  );

const chain = (count: number): AnyGraph =>
  plain(
    trace(
      ({ x }) => {
        let y = x;
        for (let at = 0; at < count; at++) y = at % 2 ? y.mul(1.0001) : y.add(0.1);
        return { y };
      },
      { x: tensorType("f32", [64]) },
      { name: "chain" },
    ),
  );

const transposed = (kernel: number, stride: number): AnyGraph =>
  plain(
    trace(
      ({ x }) => {
        const w = Float32Array.from({ length: 441 * kernel * kernel }, (_, at) => Math.sin(at));
        return {
          y: convTranspose2d(x, constant(w, "f32", [21, 21, kernel, kernel]), { stride, padding: stride / 2 }),
        };
      },
      { x: tensorType("f32", [1, 21, 8, 8]) },
      { name: "transposed" },
    ),
  );

/** What is compiled, by name. */
const graphs: { readonly [name: string]: () => readonly AnyGraph[] } = {
  road: () => [plain(roadPerception), plain(roadControl)],
  highway: () => [plain(highwayPerception), plain(highwayControl)],
  "ResNet-18": () => [plain(resNet(224, 64))],
  "stack of 100": () => [stacked(100)],
  "stack of 400": () => [stacked(400)],
  "20 squarings": () => [squarings(20)],
  "28 squarings": () => [squarings(28)],
  "chain of 1000": () => [chain(1000)],
  "chain of 3000": () => [chain(3000)],
  "transposed 8×8 by 4": () => [transposed(8, 4)],
  "transposed 16×16 by 8": () => [transposed(16, 8)],
  "transposed 64×64 by 32": () => [transposed(64, 32)],
};

/** Prints the CPU seconds, all threads together, and the size of the artifact, of those whose names hold one of the texts. */
export async function compileTimes(only: readonly string[]): Promise<void> {
  for (const [name, make] of Object.entries(graphs)) {
    if (only.length > 0 && !only.some((text) => name.includes(text))) continue;
    const made = make();
    const before = process.cpuUsage();
    let [bytes, kernels] = [0, 0];
    try {
      for (const graph of made) {
        const artifact = await compile(graph, { targets: ["x86-64-v3"] });
        bytes += artifact.bytes.length;
        kernels += artifact.manifest.targets["x86-64-v3"]!.methods.forward!.kernels.length;
      }
    } catch (error) {
      console.log(`${name.padEnd(24)} ${error instanceof Error ? `${error.name}: ${error.message}` : error}`);
      continue;
    }
    const { user, system } = process.cpuUsage(before);
    const seconds = ((user + system) / 1e6).toFixed(2).padStart(8);
    console.log(`${name.padEnd(24)} ${seconds} s of CPU, ${kernels} kernels, ${bytes} bytes`);
  }
}
