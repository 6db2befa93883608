// The time of each kernel of a case: programs whose step calls that kernel alone, many times.
import type { TargetName } from "../../kernels/index.ts";
import { compile, load } from "../../runtime/index.ts";
import { type BenchCase, numbers } from "./case.ts";
import { cacheDir } from "./measure.ts";

const repeats = 20;
const runs = 15;

/** One line per kernel: microseconds a call, and its name. */
export async function profile({ graph }: BenchCase, target: TargetName): Promise<string[]> {
  const whole = await compile(graph, { targets: [target], cacheDir });
  const inputs = Object.fromEntries(
    graph.inputs.map(({ name, value }, at) => [
      name,
      numbers(
        (value.type.shape as readonly number[]).reduce((a, b) => a * b, 1),
        100 + at,
      ),
    ]),
  );
  /** The fastest run of a step that makes these calls. */
  const timeOf = async (only: readonly number[]): Promise<number> => {
    const program = load(await compile(graph, { targets: [target], cacheDir, only }), { target });
    const outputs = program.newOutputs();
    let best = Number.POSITIVE_INFINITY;
    for (let run = 0; run < runs; run++) {
      const started = performance.now();
      program.run(inputs, outputs);
      best = Math.min(best, performance.now() - started);
    }
    return best * 1e3;
  };
  const empty = await timeOf([]);
  const lines: string[] = [];
  const { kernels } = whole.manifest.targets[target]!;
  for (const [at, { name }] of kernels.entries()) {
    const us = ((await timeOf(new Array<number>(repeats).fill(at))) - empty) / repeats;
    lines.push(`${us.toFixed(2).padStart(10)} µs  ${name}`);
  }
  lines.push(`${empty.toFixed(2).padStart(10)} µs  a call without kernels`);
  return lines;
}
