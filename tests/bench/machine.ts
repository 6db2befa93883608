// What the machine can do: its name, the targets it runs, and the arithmetic peak of one core under each.
import { cpus } from "node:os";
import { z } from "zod";
import { emitModule, loadCompiler, loadRuntime, loop, type TargetName, target } from "../../kernels/index.ts";

const runtime = z
  .object({
    targets: z.custom<() => TargetName[]>((value) => typeof value === "function"),
    runKernel: z.custom<(object: Buffer, symbol: string, buffers: readonly Uint8Array[]) => number>(
      (value) => typeof value === "function",
    ),
  })
  .parse(loadRuntime());

export const machineName = (): string => `${cpus()[0]?.model.trim() ?? "unknown"}, ${cpus().length} cores`;

/** The targets that this machine runs, best first. */
export const runnableTargets = (): TargetName[] => runtime.targets();

const chains = 12;
const rounds = 400_000;

/** GFLOP/s of independent fused multiply-adds in registers, the best of some runs. */
export async function measurePeak(name: TargetName): Promise<number> {
  const chosen = target(name);
  const lanes = chosen.vectorBytes / 4;
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
  const { triple, cpu, features } = chosen;
  const object = await loadCompiler().compile({
    triple,
    cpu,
    features,
    modules: [{ name: "peak", text: emitModule([kernel], chosen) }],
    exports: ["peak"],
  });
  const bytes = [0, 1].map(() => new Uint8Array(lanes * chains * 4));
  new Float32Array(bytes[0]!.buffer).forEach((_, at, all) => {
    all[at] = at / 1024;
  });
  let best = Number.POSITIVE_INFINITY;
  for (let at = 0; at < 12; at++) {
    const started = performance.now();
    runtime.runKernel(object, "peak", bytes);
    best = Math.min(best, performance.now() - started);
  }
  return (2 * lanes * chains * rounds) / best / 1e6;
}
