// What this machine's cores can do at most: arithmetic in registers, and reading of memory, both by small kernels.
import { z } from "zod";
import { callNative, emitModule, loadRuntime, loop, type TargetName, target as targetOf } from "../../kernels/index.ts";
import { trace } from "../capture/trace.ts";
import { compile } from "../compiler/compile.ts";
import { tensorType } from "../graph/tensor-type.ts";
import { load } from "./program.ts";

const runtime = z.object({
  runKernel: z.custom<(object: Buffer, symbol: string, buffers: readonly Uint8Array[]) => number>(
    (value) => typeof value === "function",
  ),
});

/** One core's limits under a target. */
export interface Peak {
  /** 10⁹ float32 operations a second, fused multiply-adds counted as two. */
  readonly gflops: number;
  /** 10⁹ bytes a second, read from memory beyond all caches. */
  readonly gigabytes: number;
}

const chains = 12;
const rounds = 400_000;
const repeats = 12;
/** Floats that no cache of a core's machine holds. */
const farFloats = 2 ** 24;
/** GFLOP/s of independent fused multiply-adds in registers. Throws `compile/missing-compiler`. */
async function measurePeak(target: TargetName): Promise<number> {
  const chosen = targetOf(target);
  const lanes = chosen.machine.vectorBytes / 4;
  const kernel = loop.kernel("peak", (k) => {
    const x = k.buffer("x", "f32", lanes * chains, "read");
    const y = k.buffer("y", "f32", lanes * chains, "write");
    const factor = k.let(k.load(x, 0, lanes));
    const sums = Array.from({ length: chains }, (_, at) => k.variable(k.load(x, at * lanes, lanes)));
    k.for(0, rounds, 1, () => {
      for (const sum of sums) sum.set(loop.fma(factor, factor, sum.get()));
    });
    sums.forEach((sum, at) => {
      k.store(y, at * lanes, sum.get());
    });
  });
  const modules = [{ name: "peak", text: emitModule([kernel], chosen) }];
  const object = await chosen.backend.compile({ modules, exports: [kernel.name] });
  const { runKernel } = runtime.parse(loadRuntime());
  const x = Float32Array.from({ length: lanes * chains }, (_, at) => at / 1024);
  const bytes = [new Uint8Array(x.buffer), new Uint8Array(x.byteLength)];
  let best = Number.POSITIVE_INFINITY;
  for (let at = 0; at < repeats; at++) {
    const started = performance.now();
    callNative(() => runKernel(object, kernel.name, bytes));
    best = Math.min(best, performance.now() - started);
  }
  return (2 * lanes * chains * rounds) / best / 1e6;
}

/** GB/s of reading memory in order: a sum of four long rows at once. Throws `compile/missing-compiler`. */
async function measureBandwidth(target: TargetName): Promise<number> {
  const graph = trace(({ x }) => ({ y: x.sum([1]) }), { x: tensorType("f32", [4, farFloats / 4]) }, { name: "read" });
  const program = load(await compile(graph, { targets: [target] }), { target });
  let best = Number.POSITIVE_INFINITY;
  for (let at = 0; at < repeats; at++) best = Math.min(best, program.kernelTimes()[0]!);
  return (farFloats * 4) / best;
}

/** Measures this machine under a target, in a fraction of a second. Throws `compile/missing-compiler`. */
export const measureMachine = async (target: TargetName): Promise<Peak> => ({
  gflops: await measurePeak(target),
  gigabytes: await measureBandwidth(target),
});
