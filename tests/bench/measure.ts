// Measures one row: outputs compared first, then calls of both sides in turns.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TargetName } from "../../kernels/index.ts";
import { type Artifact, compile, type Graph, type Layers, load, type Peak, type Program } from "../../runtime/index.ts";
import { compareSteps, Disagreement, type Outputs } from "./agreement.ts";
import { type BenchCase, inputSets, type OwnCase } from "./case.ts";
import { loadPeer } from "./peer.ts";
import { evict, type Race, race, timesOf } from "./race.ts";

/** What a row's time is compared with. */
export type Against =
  | { readonly kind: "peer"; readonly model: BenchCase; readonly threads: number }
  /** The peer, both called once in so many milliseconds. */
  | { readonly kind: "paced"; readonly model: BenchCase; readonly everyMs: number }
  /** The peer, both with nothing in the caches. */
  | { readonly kind: "cold"; readonly model: BenchCase }
  /** The same computation in other words: without control flow, or written by hand. */
  | { readonly kind: "straight"; readonly graph: Graph }
  /** So many threads with one. */
  | { readonly kind: "one thread"; readonly threads: number; readonly atLeast: number }
  /** So many calls from JavaScript with calls that native code makes. */
  | { readonly kind: "native call"; readonly calls: number };

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
  /** The same ratio of the 5th percentiles. */
  readonly quietRatio: number;
  readonly oursP99Us: number;
  readonly peerP99Us: number;
  readonly oursQuietUs: number;
  readonly peerQuietUs: number;
  readonly runs: number;
  /** Calls timed together; percentiles are of such batches. */
  readonly batch: number;
  /** Stretches of the measurement, and those of them that were void: another process took over 5 % of a core. */
  readonly blocks?: number;
  readonly voidBlocks?: number;
  /** Milliseconds from one call to the next, where they are paced. */
  readonly everyMs?: number;
  /** Whether nothing of a call's weights and inputs was in a cache. */
  readonly cold?: boolean;
  /** Of the 5th percentile. */
  readonly gflops: number;
  /** Of the float32 peak of as many cores. */
  readonly peakShare: number;
  /** What the project asks of the row, where it asks, and whether it asks it of this instruction set. */
  readonly atLeast?: number | undefined;
  readonly aim?: number | undefined;
  readonly judged: boolean;
  /** Largest difference of the outputs, as a share of their range. */
  readonly difference: number;
  /** The median call without JavaScript, of short calls. */
  readonly nativeUs?: number;
  /** A call of a row against native calls: two looks at the clock, which its times include. */
  readonly clockUs?: number;
  /** The kernels one by one, where they were asked for. */
  readonly layers?: Layers["layers"];
}

/** A row to measure. */
export interface Job {
  readonly suite: string;
  readonly case: OwnCase;
  readonly target: TargetName;
  readonly artifact: Artifact;
  readonly against: Against;
  readonly judged: boolean;
}

/** How to measure. */
export interface Circumstances {
  readonly limits: Peak;
  readonly budgetMs: number;
  readonly signal: AbortSignal;
}

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");
const sets = 4;

/** The code of a case for one target. */
export const artifactOf = (
  { graph }: Pick<OwnCase, "graph">,
  target: TargetName,
  signal: AbortSignal,
): Promise<Artifact> => compile(graph, { targets: [target], cacheDir, signal });

/** A program whose steps copy nothing: what preallocated tensors are to the peer, its own arrays are to it. */
function prepared(artifact: Artifact, { graph }: Pick<OwnCase, "graph">, threads: number) {
  const program: Program = load(artifact, { threads, target: Object.keys(artifact.manifest.targets)[0]! });
  const inputs = inputSets(graph, sets).map((arrays) => {
    const set = program.newInputs() as { readonly [name: string]: Float32Array };
    for (const [name, array] of Object.entries(arrays)) set[name]!.set(array);
    return set;
  });
  const outputs = program.outputs as Outputs;
  const run = (at: number): void => {
    program.run(inputs[at % sets]!, program.outputs);
  };
  return { program, outputs, run };
}

type Prepared = ReturnType<typeof prepared>;

/** Measures a job. Throws {@link Disagreement}. */
export async function measure(job: Job, circumstances: Circumstances): Promise<Row> {
  switch (job.against.kind) {
    case "peer":
      return await againstPeer(job, job.against, circumstances);
    case "paced":
    case "cold":
      return await againstPeer(job, { ...job.against, threads: 1 }, circumstances);
    case "straight":
      return await againstStraight(job, job.against.graph, circumstances);
    case "one thread":
      return await againstOneThread(job, job.against, circumstances);
    case "native call":
      return await againstNative(job, job.against, circumstances);
  }
}

/** The median step without JavaScript, of short calls. */
const nativeTime = ({ program }: Prepared, { batch }: Race): { readonly nativeUs?: number } =>
  batch > 1 ? { nativeUs: timesOf(program.stepTimes(2000)).median / 1e3 } : {};

async function againstPeer(
  job: Job,
  against: { readonly kind: string; readonly model: BenchCase; readonly threads: number; readonly everyMs?: number },
  { budgetMs, signal, ...rest }: Circumstances,
): Promise<Row> {
  const { kind, model: each, threads, everyMs } = against;
  const ours = prepared(job.artifact, job.case, threads);
  const { outputs, run } = ours;
  const peer = await loadPeer(each, inputSets(job.case.graph, sets), threads);
  const own = (at: number): Outputs => {
    run(at);
    return outputs;
  };
  const difference = await compareSteps(each, 2 * sets, own, peer);
  const pace = everyMs === undefined ? {} : { everyMs };
  const before = kind === "cold" ? { before: evict } : {};
  const measured = await race(run, (at) => peer.run(at), { budgetMs, signal, ...pace, ...before });
  // What is asked of a case is asked of one thread, back to back.
  const { atLeast, aim } = kind === "peer" && threads === 1 ? each : {};
  const cold = kind === "cold" ? { cold: true } : {};
  const facts = { peer: "onnxruntime-node", threads, difference, atLeast, aim, ...pace, ...cold };
  return rowOf(job, measured, rest, { ...facts, ...nativeTime(ours, measured) });
}

/** Compares steps of two programs of ours on each set of inputs in turn, bit for bit. Throws {@link Disagreement}. */
function requireSameBits(a: Prepared, b: Prepared, otherwise: string): void {
  const bytes = ({ buffer, byteOffset, byteLength }: Float32Array) => Buffer.from(buffer, byteOffset, byteLength);
  for (let at = 0; at < 2 * sets; at++) {
    a.run(at);
    b.run(at);
    for (const [name, array] of Object.entries(b.outputs))
      if (!bytes(array).equals(bytes(a.outputs[name]!)))
        throw new Disagreement(`output "${name}" ${otherwise}, bit for bit`);
  }
}

async function againstStraight(job: Job, graph: Graph, { budgetMs, signal, ...rest }: Circumstances): Promise<Row> {
  const straight = prepared(await artifactOf({ graph }, job.target, signal), { graph }, 1);
  const ours = prepared(job.artifact, job.case, 1);
  const { straightIs = "without control flow" } = job.case;
  requireSameBits(ours, straight, `is not that ${straightIs}`);
  const measured = await race(ours.run, straight.run, { budgetMs, signal });
  const { atLeast, aim } = job.case;
  return rowOf(job, measured, rest, {
    peer: `isochron, ${straightIs}`,
    threads: 1,
    difference: 0,
    atLeast,
    aim,
    ...nativeTime(ours, measured),
  });
}

async function againstOneThread(
  job: Job,
  { threads, atLeast }: Extract<Against, { kind: "one thread" }>,
  { budgetMs, signal, ...rest }: Circumstances,
): Promise<Row> {
  const [several, one] = [prepared(job.artifact, job.case, threads), prepared(job.artifact, job.case, 1)];
  requireSameBits(several, one, `of ${threads} threads is not that of one`);
  const measured = await race(several.run, one.run, { budgetMs, signal });
  return rowOf(job, measured, rest, { peer: "isochron, 1 thread", threads, difference: 0, atLeast, aim: atLeast });
}

async function againstNative(
  job: Job,
  { calls }: Extract<Against, { kind: "native call" }>,
  { signal, ...rest }: Circumstances,
): Promise<Row> {
  const { program, run } = prepared(job.artifact, job.case, 1);
  const [ours, native, clock] = [new Float64Array(calls), new Float64Array(calls), new Float64Array(calls)];
  const block = Math.min(1000, calls);
  const call = (list: Float64Array, from: number, each: (at: number) => void) => {
    for (let at = from; at < Math.min(from + block, calls); at++) {
      const started = performance.now();
      each(at);
      list[at] = (performance.now() - started) * 1e3;
    }
  };
  for (let from = 0; from < calls; from += block) {
    call(clock, from, () => {});
    call(ours, from, run);
    const times = program.stepTimes(Math.min(block, calls - from));
    for (let at = 0; at < times.length; at++) native[from + at] = times[at]! / 1e3;
    signal.throwIfAborted();
  }
  const race = { ours: timesOf(ours), theirs: timesOf(native), runs: calls, batch: 1 };
  const clockUs = timesOf(clock).median;
  return rowOf(job, race, rest, { peer: "isochron, native call", threads: 1, difference: 0, clockUs });
}

type Facts = Pick<
  Row,
  "peer" | "threads" | "difference" | "atLeast" | "aim" | "everyMs" | "cold" | "nativeUs" | "clockUs"
>;
type Measured = Omit<Race, "blocks" | "voidBlocks"> & Partial<Race>;

function rowOf(job: Job, measured: Measured, { limits }: { limits: Peak }, facts: Facts): Row {
  const { ours, theirs, ...counts } = measured;
  const { peer, threads, ...more } = facts;
  const gflops = job.case.flops / ours.quiet / 1e3;
  return {
    suite: job.suite,
    case: job.case.name,
    isa: job.target,
    threads,
    peer,
    oursUs: ours.median,
    peerUs: theirs.median,
    ratio: theirs.median / ours.median,
    quietRatio: theirs.quiet / ours.quiet,
    oursP99Us: ours.p99,
    peerP99Us: theirs.p99,
    oursQuietUs: ours.quiet,
    peerQuietUs: theirs.quiet,
    ...counts,
    gflops,
    peakShare: gflops / (limits.gflops * threads),
    judged: job.judged,
    ...more,
  };
}
