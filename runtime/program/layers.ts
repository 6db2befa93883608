// The time of every kernel of a program, beside what it computes and moves: the rows of a roofline.
import { z } from "zod";
import { countKernel, functionSchema, optionsOf, Random, type TargetName, targetSchema } from "../../kernels/index.ts";
import { kernelsOf, type ShownKernel } from "../compiler/kernels.ts";
import { Compilation } from "../compiler/stages.ts";
import { forward } from "../graph/method-graphs.ts";
import type { TypedArray } from "../graph/tensor-type.ts";
import { type Artifact, graphOf, requireArtifact } from "./artifact.ts";
import type { Peak } from "./peak.ts";
import { load } from "./program.ts";
import type { Method } from "./program-method.ts";

/** One kernel, measured. What the artifact's graph no longer tells is absent: it was built by another version. */
export interface Layer {
  readonly symbol: string;
  readonly name: string;
  /** Microseconds a call, the median. */
  readonly us: number;
  /** Of the step. */
  readonly share: number;
  readonly flops?: number;
  /** Bytes of its operands, each once: what has to be moved at least. */
  readonly bytes?: number;
  readonly gflops?: number;
  readonly gigabytes?: number;
  /** Of one core's arithmetic, where it was measured. */
  readonly peakShare?: number;
  /** Of one core's memory; above 1 where the operands stay in a cache. */
  readonly bandwidthShare?: number;
}

/** The kernels of a program's method, measured. */
export interface Layers {
  readonly program: string;
  readonly method: string;
  readonly target: TargetName;
  readonly runs: number;
  readonly us: number;
  readonly layers: readonly Layer[];
}

/** Options of `measureLayers`. */
export interface LayerOptions {
  /** `forward` unless given. */
  readonly method?: string;
  readonly target?: TargetName;
  /** How long to measure, in milliseconds. */
  readonly budgetMs?: number;
  /** The machine's limits, to compare with. */
  readonly peak?: (target: TargetName) => Promise<Peak | undefined>;
}

const checkLayers = optionsOf<LayerOptions>("program", "measureLayers", () => ({
  method: z.string().min(1).describe("a text: the name of a method").optional(),
  target: targetSchema.optional(),
  budgetMs: z.number().min(0).optional(),
  peak: functionSchema.optional(),
}));

const leastRuns = 31;
const mostRuns = 2000;

/** Measures each call site of a method's step in turn, on invented inputs, with the initial states. */
export async function measureLayers(artifact: Artifact, options: LayerOptions = {}): Promise<Layers> {
  requireArtifact("program", "measureLayers", artifact);
  checkLayers(options);
  const program = load(artifact, options.target === undefined ? {} : { target: options.target });
  const target = program.target as TargetName;
  const name = options.method ?? forward;
  const method = program.method(name);
  invent(method);
  method.kernelTimes(); // the first run finds nothing in the caches
  const runs: Float64Array[] = [];
  const end = performance.now() + (options.budgetMs ?? 500);
  while (runs.length < leastRuns || (performance.now() < end && runs.length < mostRuns)) {
    runs.push(method.kernelTimes());
  }
  const peak = await options.peak?.(target);
  const { kernels } = artifact.manifest.targets[target]!.methods[name]!;
  const times = kernels.map((_, at) => median(runs.map((run) => run[at]!)) / 1e3);
  const us = times.reduce((sum, each) => sum + each, 0);
  const known = matching(artifact, name, target);
  return {
    program: artifact.manifest.name,
    method: name,
    target,
    runs: runs.length,
    us,
    layers: kernels.map(({ symbol, name }, at) => ({
      symbol,
      name,
      us: times[at]!,
      share: us === 0 ? 0 : times[at]! / us,
      ...(known ? roofline(known[at]!, times[at]!, peak) : {}),
    })),
  };
}

function roofline({ call }: ShownKernel, us: number, peak: Peak | undefined): Partial<Layer> {
  const { flops } = countKernel(call.kernel);
  const moved = call.operands.filter(({ access }) => access !== "readwrite").reduce((sum, { bytes }) => sum + bytes, 0);
  if (us === 0) return { flops, bytes: moved };
  const [gflops, gigabytes] = [flops / us / 1e3, moved / us / 1e3];
  if (!peak) return { flops, bytes: moved, gflops, gigabytes };
  return {
    flops,
    bytes: moved,
    gflops,
    gigabytes,
    peakShare: gflops / peak.gflops,
    bandwidthShare: gigabytes / peak.gigabytes,
  };
}

/** The kernels that a method's graph gives today, where they are those that the artifact holds. */
function matching(artifact: Artifact, method: string, target: TargetName): ShownKernel[] | undefined {
  const { kernels } = artifact.manifest.targets[target]!.methods[method]!;
  const made = kernelsOf(new Compilation({ [method]: graphOf(artifact, method) }), target);
  const same = made.length === kernels.length && made.every(({ name }, at) => name === kernels[at]!.name);
  return same ? made : undefined;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Fills a method's inputs from a fixed sequence: fractions for floats, 0 and 1 for what may be an index. */
function invent({ inputs }: Method): void {
  const random = new Random(12345);
  for (const array of Object.values(inputs) as TypedArray[]) {
    const float = array instanceof Float32Array || array instanceof Float64Array;
    const big = array instanceof BigInt64Array || array instanceof BigUint64Array;
    for (let at = 0; at < array.length; at++) {
      if (big) (array as BigInt64Array)[at] = BigInt(random.whole(0, 1));
      else (array as Float64Array)[at] = float ? random.next() * 2 - 1 : random.whole(0, 1);
    }
  }
}

const columns = ["µs", "step", "GFLOP/s", "of peak", "kB", "GB/s", "of memory"] as const;
const widths = [10, 8, 10, 9, 10, 8, 11] as const;

/** A table of measured kernels. */
export function printLayers({ program, method, target, runs, us, layers }: Layers, peak: Peak | undefined): string {
  const row = (cells: readonly string[], name: string) =>
    `${cells.map((cell, at) => cell.padStart(widths[at]!)).join("")}  ${name}`;
  const percent = (share: number | undefined) => (share === undefined ? "" : `${(share * 100).toFixed(0)} %`);
  const number = (value: number | undefined) => (value === undefined ? "" : value.toFixed(1));
  const lines = layers.map((each) =>
    row(
      [
        each.us.toFixed(2),
        percent(each.share),
        number(each.gflops),
        percent(each.peakShare),
        number(each.bytes === undefined ? undefined : each.bytes / 1e3),
        number(each.gigabytes),
        percent(each.bandwidthShare),
      ],
      `${each.symbol}  ${each.name}`,
    ),
  );
  const limits = peak
    ? `one core: ${peak.gflops.toFixed(1)} GFLOP/s, reads ${peak.gigabytes.toFixed(1)} GB/s of memory`
    : "the machine's limits are not known here: measuring them needs the compiler (npm install isochron-compiler)";
  const foreign =
    layers.length > 0 && layers.every((each) => each.flops === undefined)
      ? ["built by another version: what its kernels compute is not known; build it again"]
      : [];
  return [
    `${program}${method === forward ? "" : `/${method}`} on ${target}: ${us.toFixed(2)} µs in ${layers.length} kernels, medians of ${runs} runs`,
    limits,
    ...foreign,
    row(columns, "kernel"),
    ...lines,
  ].join("\n");
}
