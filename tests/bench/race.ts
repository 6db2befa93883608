// Two ways to do one thing, timed in turns, so that whatever else the machine does disturbs both alike.
import { setImmediate } from "node:timers/promises";
import { Others } from "./others.ts";

/** Quantiles of one side's calls, in microseconds. */
export interface Times {
  readonly median: number;
  /** The 5th percentile: what other work on the machine disturbs least. */
  readonly quiet: number;
  readonly p99: number;
}

/** Both sides, measured. */
export interface Race {
  readonly ours: Times;
  readonly theirs: Times;
  readonly runs: number;
  /** Calls timed together; quantiles are of such batches. */
  readonly batch: number;
  /** Stretches of half a second or more; the quantiles leave out those that are void. */
  readonly blocks: number;
  /** Those in which another process took over 5 % of a core; where too few calls are left, none is left out. */
  readonly voidBlocks: number;
}

/** How calls of both sides follow each other. */
export interface Pace {
  readonly budgetMs: number;
  readonly signal: AbortSignal;
  /** Each side is called once in so many milliseconds, halfway between calls of the other; back to back unless given. */
  readonly everyMs?: number;
  /** Done before each call, or batch of calls, of either side, and not timed. */
  readonly before?: () => void;
}

const leastRuns = 30;
const mostRuns = 5000;
const blockMs = 500;

/** The quantiles of some times. */
export function timesOf(microseconds: ArrayLike<number>): Times {
  const sorted = Float64Array.from(microseconds).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
  return { median: at(0.5), quiet: at(0.05), p99: at(0.99) };
}

/** Lets the thread sleep, as one does that waits for its next period, rather than turn over the event loop. */
const sleeper = new Int32Array(new SharedArrayBuffer(4));
function sleepUntil(time: number): void {
  for (let left = time - performance.now(); left > 0; left = time - performance.now())
    Atomics.wait(sleeper, 0, 0, left);
}

/** More than any cache of today's machines. */
let elsewhere: Float64Array | undefined;

/** Reads so much that nothing of what was in the caches before is left. */
export function evict(): number {
  elsewhere ??= new Float64Array(2 ** 24).fill(1);
  let sum = 0;
  for (let at = 0; at < elsewhere.length; at += 8) sum += elsewhere[at]!;
  return sum;
}

/** A stretch of a race: the times of its turns, and whether another process disturbed it. */
interface Block {
  readonly turns: readonly (readonly [ours: number, theirs: number])[];
  readonly isVoid: boolean;
}

function summedUp(blocks: readonly Block[], batch: number): Race {
  const valid = blocks.filter(({ isVoid }) => !isVoid);
  const left = valid.flatMap(({ turns }) => turns);
  const turns = left.length >= leastRuns ? left : blocks.flatMap((block) => block.turns);
  return {
    ours: timesOf(turns.map(([us]) => us)),
    theirs: timesOf(turns.map(([, other]) => other)),
    runs: turns.length,
    batch,
    blocks: blocks.length,
    voidBlocks: blocks.length - valid.length,
  };
}

/**
 * Times calls of both sides in turns for about `budgetMs`, at least 30 times, after a quarter of that to warm up; the argument
 * counts up. Ends by the signal's reason.
 */
export async function race(
  ours: (at: number) => void,
  theirs: (at: number) => unknown,
  { budgetMs, signal, everyMs = 0, before }: Pace,
): Promise<Race> {
  const began = performance.now();
  let half = 0;
  const wait = () => {
    half++;
    before?.();
    if (everyMs > 0) sleepUntil(began + (half * everyMs) / 2);
  };
  const turn = async (first: number, batch: number): Promise<[number, number]> => {
    wait();
    const started = performance.now();
    for (let at = 0; at < batch; at++) ours(first + at);
    const between = performance.now();
    wait();
    const again = performance.now();
    for (let at = 0; at < batch; at++) await theirs(first + at);
    const ended = performance.now();
    return [((between - started) * 1e3) / batch, ((ended - again) * 1e3) / batch];
  };
  // Short calls are timed by the batch, or the clock would be part of them; those that find the caches cold stand alone.
  const alone = everyMs > 0 || before !== undefined;
  const [ofOne] = await turn(0, alone ? 1 : 8);
  const batch = !alone && ofOne < 20 ? 16 : 1;
  const blocks: Block[] = [];
  // Either side may become faster for some hundred calls.
  const warm = performance.now() + budgetMs / 4;
  const end = warm + budgetMs;
  let at = 0;
  for (; performance.now() < warm; at++) {
    await turn(at, batch);
    await setImmediate();
    signal.throwIfAborted();
  }
  let runs = 0;
  const goesOn = () => runs < leastRuns || (performance.now() < end && runs < mostRuns);
  while (goesOn()) {
    const others = new Others();
    const turns: [number, number][] = [];
    for (const until = performance.now() + blockMs; goesOn() && performance.now() < until; at++, runs++) {
      turns.push(await turn(at, batch));
      // Ctrl-C is heard between turns.
      await setImmediate();
      signal.throwIfAborted();
    }
    blocks.push({ turns, isVoid: others.share() > 0.05 });
  }
  return summedUp(blocks, batch);
}
