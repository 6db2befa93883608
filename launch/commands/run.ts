// `isochron run`: drives an application through time, recording and reporting.
import { callNative, IsochronError, type TargetName } from "../../kernels/index.ts";
import { formatDuration, parseDuration } from "../../scheduler/index.ts";
import {
  type ApplicationDescription,
  createExecutive,
  type Executive,
  type Fault,
  parseEvents,
  RecordingWriter,
  type RunEvent,
  runLive,
  runVirtual,
  type ThreadInfo,
} from "../../sim/index.ts";
import { loadApplication } from "../load-application.ts";
import { describeMachine } from "../machine.ts";
import { prepareOutput } from "../output-file.ts";
import {
  aboutText,
  Ledger,
  printReport,
  type Report,
  type RunFacts,
  reportFormat,
  summarise,
} from "../report/index.ts";
import type { Terminal } from "../terminal.ts";

/** Options of `isochron run`. */
export interface RunOptions {
  readonly record?: string;
  readonly report?: string;
  readonly duration: string;
  /** Real clock and threads, with real-time scheduling where it is granted. */
  readonly realtime?: boolean;
  readonly stall: readonly string[];
  readonly target?: TargetName;
  readonly json?: boolean;
}

/** Parses TASK:EVERY:DURATION. */
export function parseStall(text: string, application: ApplicationDescription): Fault {
  const [name, every, duration, ...rest] = text.split(":");
  const task = application.table.tasks.findIndex((each) => each.name === name);
  const count = Number(every);
  if (rest.length > 0 || duration === undefined || !Number.isInteger(count) || count < 1) {
    throw new IsochronError("command/stall", `"${text}" is not TASK:EVERY:DURATION`, {
      help: "for example --stall lane:10:25ms, every tenth job 25 ms longer",
    });
  }
  if (task < 0) {
    throw new IsochronError("command/stall", `there is no task "${name}"`, {
      help: `the tasks are ${application.table.tasks.map((each) => each.name).join(", ")}`,
    });
  }
  return { task, every: count, durationNs: parseDuration(duration) };
}

/** What `--json` prints, and the report. */
export interface RunResult {
  /** Whether the run was ended early. */
  readonly interrupted: boolean;
  readonly cycles: number;
  readonly deadlineMisses: number | null;
  readonly hash: string;
  readonly report: Report;
}

const virtualDrainNs = 1e9;
const liveDrainNs = 100e6;

/**
 * Runs an application; the recording and report are written whole or not at all. Ctrl-C ends the run at its present
 * logical time, as if it had been asked to last only so long.
 */
export async function run(path: string, options: RunOptions, terminal: Terminal): Promise<RunResult> {
  const durationNs = parseDuration(options.duration);
  if (durationNs === 0) {
    throw new IsochronError("command/duration", "a run of no time at all does nothing", { help: "--duration 30s" });
  }
  if (options.report !== undefined) reportFormat(options.report);
  for (const file of [options.record, options.report]) if (file !== undefined) prepareOutput(file);
  const loaded = await loadApplication(path, {
    ...(options.target === undefined ? {} : { targets: [options.target] }),
    signal: terminal.signal,
    onProgram: (name, index, count) => terminal.progress(`compiling ${name} (${index + 1} of ${count})`),
  });
  const { description, artifacts } = loaded;
  const live = options.realtime === true;
  const executive = createExecutive(description, artifacts, {
    faults: options.stall.map((text) => parseStall(text, description)),
    ...(live ? { live, realtime: true } : { keyframeEveryNs: 1e9 }),
    ...(options.target === undefined ? {} : { target: options.target }),
  });
  const ledger = new Ledger(description);
  const recording =
    options.record === undefined ? undefined : await RecordingWriter.open(options.record, description, artifacts);
  const world = loaded.createWorld?.();
  try {
    const drain = drainer(executive, live ? liveDrainNs : virtualDrainNs, async (events, time) => {
      ledger.add(events);
      await recording?.add(events);
      terminal.progress(`${(time / 1e9).toFixed(0)} s of ${durationNs / 1e9} s`);
    });
    const hooks = { onStep: drain.step, signal: terminal.signal };
    const endNs = live
      ? await runLive(description, executive, world, durationNs, hooks)
      : await runVirtual(description, executive, world, durationNs, hooks);
    await drain.rest(endNs);
    const threads = executive.threads();
    const scheduling = live ? describeScheduling(threads) : "virtual time";
    const facts: RunFacts = {
      hash: executive.hash(),
      mode: live ? "live" : "virtual",
      durationNs: endNs,
      scheduling,
      threads,
      machine: describeMachine(),
      world: world?.summary() ?? null,
      damage: 0,
      replayed: "not checked",
    };
    await recording?.finish({ ...facts, about: aboutText(facts) });
    const summary = summarise(ledger, facts);
    if (options.report !== undefined) summary.write(options.report);
    terminal.progress(undefined);
    return {
      interrupted: endNs < durationNs && terminal.signal.aborted,
      cycles: ledger.cycles,
      deadlineMisses: live ? ledger.misses : null,
      hash: facts.hash,
      report: summary.report,
    };
  } catch (error) {
    await recording?.discard();
    throw error;
  }
}

/** Takes an executive's events every so often, and the rest at the end. */
function drainer(
  executive: Executive,
  everyNs: number,
  take: (events: readonly RunEvent[], time: number) => Promise<void>,
) {
  let drained = 0;
  const rest = async (time: number) => {
    drained = time;
    await take(parseEvents(callNative(() => executive.drain())), time);
  };
  return { rest, step: async (time: number) => (time >= drained + everyNs ? rest(time) : undefined) };
}

/** The policy in force, in words: real-time only where every thread was granted it. */
function describeScheduling(threads: readonly ThreadInfo[]): string {
  const policies = [...new Set(threads.map((thread) => thread.policy))].join(", ");
  const granted = threads.length > 0 && threads.every((thread) => thread.policy === "SCHED_FIFO");
  return granted ? policies : `not real-time (${policies})`;
}

/** The command: runs, and prints the result. */
export async function runCommand(path: string, options: RunOptions, terminal: Terminal): Promise<number> {
  const result = await run(path, options, terminal);
  if (options.json) {
    const { interrupted, cycles, deadlineMisses, hash, report } = result;
    terminal.out(
      JSON.stringify({
        cycles,
        ...report.world,
        deadlineMisses,
        hash,
        ...(interrupted ? { interrupted } : {}),
        ...(options.record === undefined ? {} : { recording: options.record }),
      }),
    );
    return 0;
  }
  if (result.interrupted)
    terminal.error(`interrupted at ${formatDuration(result.report.durationNs)}: the run ends there`);
  terminal.out(printReport(result.report));
  terminal.out(`  hash               ${result.hash}`);
  if (options.record !== undefined) terminal.out(`  recording          ${options.record}`);
  if (options.report !== undefined) terminal.out(`  report             ${options.report}`);
  return 0;
}
