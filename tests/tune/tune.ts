// The tuner's command: measures legal schedules against the usual ones, kernel by kernel, and writes the tables for review.
import { parseArgs } from "node:util";
import { runnableTargets } from "../../kernels/base/native.ts";
import { printSchedule, type Schedule, sameSchedule } from "../../kernels/schedules/index.ts";
import { type TargetName, target as targetOf } from "../../kernels/targets.ts";
import { machineName } from "../bench/machine.ts";
import { graphs } from "./graphs.ts";
import { microseconds, prepareRace } from "./race.ts";
import { ownTable, writeTable } from "./table.ts";
import { prepared, type Task, tasksOf } from "./tasks.ts";

/** A schedule must be this much faster than the usual one, twice, to get into the table. */
const margin = 1.03;
/** Schedules that are measured again after the first round. */
const finalists = 4;

/** What measuring a problem came to. */
interface Result {
  readonly usualUs: number;
  readonly best: Schedule;
  /** Time of the usual schedule / time of the best, the lesser of two measurements. */
  readonly gain: number;
}

/** The time that other work on the machine disturbs least. */
const quiet = (times: readonly number[]): number => [...times].sort((a, b) => a - b)[Math.floor(times.length / 5)]!;

/** Measures a problem's schedules for about `ms` beside compiling them. */
async function measure({ problem, kernel }: Task, name: TargetName, ms: number): Promise<Result> {
  const { legal, usual } = problem;
  const ordered = [usual, ...legal.filter((each) => !sameSchedule(each, usual))];
  const race = await prepareRace(ordered.map(kernel), targetOf(name));
  const gains = (places: readonly number[], share: number) => {
    const times = race.run([0, ...places], share * ms).map(quiet);
    return { usual: times[0]!, rows: places.map((place, at) => ({ place, gain: times[0]! / times[at + 1]! })) };
  };
  const best = (rows: readonly { place: number; gain: number }[]) => [...rows].sort((a, b) => b.gain - a.gain);
  const first = best(gains(ordered.map((_, at) => at).slice(1), 0.5).rows).slice(0, finalists);
  const [winner] = best(
    gains(
      first.map(({ place }) => place),
      0.3,
    ).rows,
  );
  const again = gains([winner!.place], 0.2);
  return {
    usualUs: microseconds(again.usual),
    best: ordered[winner!.place]!,
    gain: Math.min(winner!.gain, again.rows[0]!.gain),
  };
}

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** Tunes one target; false when it was stopped. */
async function tune(
  name: TargetName,
  { only, ms, write, stopped }: { only: string | undefined; ms: number; write: boolean; stopped: () => boolean },
): Promise<boolean> {
  const started = performance.now();
  const [measured, won] = [new Set<string>(), new Map<string, Schedule>()];
  say(`${name} on ${machineName()}`);
  say(`${"usual µs".padStart(10)}${"gain".padStart(7)}  problem: usual → best of how many`);
  for (const task of tasksOf(prepared(graphs), name)) {
    const { problem } = task;
    // A turn of the event loop, in which Ctrl-C is seen.
    await new Promise(setImmediate);
    if (stopped()) return false;
    if (only !== undefined && !problem.name.includes(only)) continue;
    const { usualUs, best, gain } = await measure(task, name, ms);
    measured.add(problem.name);
    if (gain >= margin) won.set(problem.name, best);
    const found = gain >= margin ? `→ ${printSchedule(best)}` : "stays";
    say(
      `${usualUs.toFixed(2).padStart(10)}${gain.toFixed(2).padStart(7)}  ${problem.name}: ${printSchedule(problem.usual)} ${found} of ${problem.legal.length}`,
    );
  }
  await new Promise(setImmediate);
  if (stopped()) return false;
  if (measured.size === 0) {
    say(`no problem of ${name} has "${only}" in its name`);
    return true;
  }
  const seconds = ((performance.now() - started) / 1e3).toFixed(0);
  say(`${won.size} of ${measured.size} problems have a schedule at least ${margin} times as fast (${seconds} s)`);
  if (write) {
    const kept = only === undefined ? [] : Object.entries(ownTable(name)).filter(([each]) => !measured.has(each));
    writeTable(name, Object.fromEntries([...kept, ...won]));
    say(`kernels/schedules/${name}.ts is written; review it with git diff`);
  }
  return true;
}

const usage = `npm run tune -- [options]

Measures the legal schedules of kernels against the usual ones, on a machine with nothing else to do, and prints the comparison.

  --target NAME    this instruction set instead of all that this machine has
  --only TEXT      problems whose name holds this text
  --seconds N      how long to measure a problem; 1 unless given
  --write          write what was measured to be faster to kernels/schedules, for review
  --help`;

function parsed(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: {
      target: { type: "string" },
      only: { type: "string" },
      seconds: { type: "string", default: "1" },
      write: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  }).values;
}

/** Runs the command; returns its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  let values: ReturnType<typeof parsed>;
  try {
    values = parsed(args);
  } catch (error) {
    const [sentence] = error instanceof Error ? error.message.split(". ") : [String(error)];
    say(`tune: ${sentence}; npm run tune -- --help tells the options`);
    return 1;
  }
  if (values.help) {
    say(usage);
    return 0;
  }
  if (process.arch !== "x64") {
    say("tune: kernels are timed by x86-64's counter of ticks, which this machine does not have");
    return 1;
  }
  const runnable = runnableTargets();
  const targets = runnable.filter((name) => values.target === undefined || name === values.target);
  const ms = Number(values.seconds) * 1e3;
  if (targets.length === 0 || !(ms > 0)) {
    say(
      targets.length === 0
        ? `tune: this machine does not run ${values.target}; it runs ${runnable.join(", ")}`
        : `tune: --seconds takes a positive number, not ${values.seconds}`,
    );
    return 1;
  }
  let interrupted = false;
  process.once("SIGINT", () => {
    interrupted = true;
  });
  for (const name of targets) {
    const whole = await tune(name, { only: values.only, ms, write: values.write, stopped: () => interrupted });
    if (!whole) {
      say(`stopped; the table of ${name} is as it was`);
      return 130;
    }
  }
  return 0;
}
