// Measures one row: outputs compared first, then calls of both sides in turns.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TargetName } from "../../kernels/index.ts";
import { compile, load } from "../../runtime/index.ts";
import { type BenchCase, numbers } from "./case.ts";
import { loadPeer } from "./peer.ts";

/** One measured row, as the JSON file holds it. */
export interface Row {
  readonly suite: string;
  readonly case: string;
  readonly isa: string;
  readonly threads: number;
  readonly peer: string;
  readonly oursUs: number;
  readonly peerUs: number;
  /** Peer time / our time. */
  readonly ratio: number;
  /** The same ratio of the 5th percentiles: what a busy machine disturbs least. */
  readonly quietRatio: number;
  readonly oursP99Us: number;
  readonly peerP99Us: number;
  readonly runs: number;
  /** Calls timed together; 99th percentiles are of such batches. */
  readonly batch: number;
  /** Of the 5th percentile. */
  readonly gflops: number;
  readonly peakShare: number;
  readonly atLeast: number;
  /** Largest difference of the outputs, as a share of their range. */
  readonly difference: number;
}

/** The row's outputs differ by more than is allowed. */
export class Disagreement extends Error {}

export const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");
const inputSets = 4;
const tolerance = 1e-4;
const leastRuns = 30;
const mostRuns = 5000;

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;

function differenceOf(ours: Float32Array, theirs: Float32Array): number {
  let [low, high, largest] = [Infinity, -Infinity, 0];
  for (let i = 0; i < theirs.length; i++) {
    low = Math.min(low, theirs[i]!);
    high = Math.max(high, theirs[i]!);
    largest = Math.max(largest, Math.abs(ours[i]! - theirs[i]!));
    if (Number.isNaN(ours[i]!)) return Number.NaN;
  }
  return largest / Math.max(high - low, Number.MIN_VALUE);
}

/** Measures a case for about `budgetMs`. Throws {@link Disagreement}. */
export async function measure(
  suite: string,
  each: BenchCase,
  target: TargetName,
  peak: number,
  budgetMs: number,
): Promise<Row> {
  const inputs = Array.from({ length: inputSets }, (_, set) =>
    Object.fromEntries(
      each.graph.inputs.map(({ name, value }, at) => {
        const count = (value.type.shape as readonly number[]).reduce((a, b) => a * b, 1);
        return [name, numbers(count, 100 + set * 8 + at)];
      }),
    ),
  );
  const program = load(await compile(each.graph, { targets: [target], cacheDir }), { target });
  // The program's own arrays are to it what preallocated tensors are to the peer.
  const outputs = program.outputs as Record<string, Float32Array>;
  const sets = inputs.map((arrays) => {
    const set = program.newInputs() as Record<string, Float32Array>;
    for (const [name, array] of Object.entries(arrays)) set[name]!.set(array);
    return set;
  });
  const peer = await loadPeer(each, inputs);

  let difference = 0;
  for (let at = 0; at < 2 * inputSets; at++) {
    const set = at % inputSets;
    await peer.run(set);
    program.run(sets[set]!, outputs);
    for (const [name, array] of Object.entries(outputs))
      difference = Math.max(difference, differenceOf(array, peer.output(name)));
  }
  if (!(difference <= tolerance))
    throw new Disagreement(`${each.name}: outputs differ by ${difference} of their range`);

  /** Calls of both sides in turns, `batch` of each; microseconds a call. */
  const turn = async (first: number, batch: number): Promise<[number, number]> => {
    const started = performance.now();
    for (let at = 0; at < batch; at++) program.run(sets[(first + at) % inputSets]!, outputs);
    const between = performance.now();
    for (let at = 0; at < batch; at++) await peer.run((first + at) % inputSets);
    const ended = performance.now();
    return [((between - started) * 1e3) / batch, ((ended - between) * 1e3) / batch];
  };
  // Short calls are timed by the batch, or the clock would be part of them.
  const [ofOne] = await turn(0, 8);
  const batch = ofOne < 20 ? 16 : 1;
  const [ours, theirs]: [number[], number[]] = [[], []];
  const end = performance.now() + budgetMs;
  for (let at = 0; ours.length < leastRuns || (performance.now() < end && ours.length < mostRuns); at++) {
    const [us, peerUs] = await turn(at, batch);
    ours.push(us);
    theirs.push(peerUs);
  }
  for (const list of [ours, theirs]) list.sort((a, b) => a - b);
  const [oursUs, peerUs] = [quantile(ours, 0.5), quantile(theirs, 0.5)];
  const gflops = each.flops / quantile(ours, 0.05) / 1e3;
  return {
    suite,
    case: each.name,
    isa: target,
    threads: 1,
    peer: "onnxruntime-node",
    oursUs,
    peerUs,
    ratio: peerUs / oursUs,
    quietRatio: quantile(theirs, 0.05) / quantile(ours, 0.05),
    oursP99Us: quantile(ours, 0.99),
    peerP99Us: quantile(theirs, 0.99),
    runs: ours.length,
    batch,
    gflops,
    peakShare: gflops / peak,
    atLeast: each.atLeast,
    difference,
  };
}
