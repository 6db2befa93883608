// `isochron run`: drives an application through time, recording and reporting.
import { IsochronError, type TargetName } from "../../kernels/index.ts";
import { formatDuration, intervalOf, parseDuration } from "../../scheduler/index.ts";
import {
  type ApplicationDescription,
  checkRecordingName,
  createExecutive,
  type Fault,
  Federation,
  type FeedMessage,
  feedFrom,
  openLog,
  RecordingWriter,
  type RunEvent,
  runLive,
  runVirtual,
} from "../../sim/index.ts";
import { type LoadedApplication, loadApplication, targetsHere } from "../load-application.ts";
import { checkDistinct, prepareFolder, prepareOutput } from "../output-file.ts";
import { renderError } from "../render-error.ts";
import { aboutText, Ledger, printReport, type Report, reportFile, reportFormat, summarise } from "../report/index.ts";
import { factsOf, saidOfRun } from "../run-facts.ts";
import { StrayErrors } from "../stray-errors.ts";
import type { Terminal } from "../terminal.ts";
import { watch } from "../watchdog.ts";

/** Options of `isochron run`. */
export interface RunOptions {
  readonly record?: string;
  /** Replace a recording that has the name. */
  readonly force?: boolean;
  readonly report?: string;
  /** 30 s, or as long as the log is. */
  readonly duration?: string;
  /** A log that takes the world's place. */
  readonly log?: string;
  /** Which time of the log's messages counts. */
  readonly stamp?: "log" | "header";
  /** How many times faster than it was recorded a log is played to a live run. */
  readonly rate?: number;
  /** Real clock and threads, with real-time scheduling where it is granted. */
  readonly realtime?: boolean;
  readonly stall: readonly string[];
  readonly target?: TargetName;
  readonly json?: boolean;
  /** Exit with 1 where anything was missed, dropped or rejected. */
  readonly strict?: boolean;
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
  /** Errors that observers threw; the first was told when it happened. */
  readonly observerErrors: number;
}

/**
 * Runs an application; the recording and report are written whole. Ctrl-C ends the run at its present logical time, as if it
 * had been asked to last only so long. An error of the application, of a job or of the disk ends it there too: it is thrown
 * once recording and report stand, up to there.
 */
export async function run(path: string, options: RunOptions, terminal: Terminal): Promise<RunResult> {
  checkOptions(options);
  prepareFiles(options);
  const strays = new StrayErrors();
  try {
    const loading = loadApplication(path, {
      ...targetsFor(options),
      signal: terminal.signal,
      onProgram: (name, index, count) => terminal.progress(`compiling ${name} (${index + 1} of ${count})`),
    });
    const loaded = await strays.during(loading);
    let result: RunResult;
    try {
      result = await runLoaded(loaded, options, strays, terminal);
    } catch (error) {
      // What is wrong is the error; closing is only tried.
      await loaded.close(terminal.error).catch(() => undefined);
      throw error;
    }
    await loaded.close(terminal.error);
    return result;
  } finally {
    strays.close();
  }
}

/** Runs what was loaded. */
async function runLoaded(
  loaded: LoadedApplication,
  options: RunOptions,
  strays: StrayErrors,
  terminal: Terminal,
): Promise<RunResult> {
  const { description, artifacts, streams } = loaded;
  const live = options.realtime === true;
  const feed = options.log === undefined ? undefined : await openFeed(options.log, options, loaded, terminal);
  const durationNs = options.duration === undefined && feed ? feed.endNs : parseDuration(options.duration ?? "30s");
  const executive = createExecutive(description, artifacts, {
    faults: options.stall.map((text) => parseStall(text, description)),
    ...(live ? { live, realtime: true } : { keyframeEveryNs: 1e9 }),
    ...(options.target === undefined ? {} : { target: options.target }),
  });
  const ledger = new Ledger(description);
  const world = feed ? undefined : loaded.createWorld?.();
  const federation = new Federation(description, executive, {
    world,
    streams,
    feed: feed?.messages,
    followUpNs: options.duration === undefined ? feed?.followUpNs : undefined,
    onObserverError: (error) => terminal.error(renderError(error)),
    watch,
  });
  const recording =
    options.record === undefined
      ? undefined
      : await RecordingWriter.open(options.record, description, artifacts, replacing(options));
  let begun = false;
  try {
    const hooks = {
      onEvents: async (events: readonly RunEvent[], time: number) => {
        ledger.add(events);
        await recording?.add(events);
        terminal.progress(progressLine(time, durationNs), time / durationNs);
      },
      signal: terminal.signal,
      watch,
    };
    strays.handOver((error) => federation.fail(error));
    // A log ends a live run itself, however late its last messages come.
    const atMostNs = live && feed && options.duration === undefined ? Number.POSITIVE_INFINITY : durationNs;
    const end = await (live ? runLive : runVirtual)(federation, atMostNs, hooks);
    // What was rejected at the very end is told a moment later.
    await new Promise((resolve) => setImmediate(resolve));
    const { endNs, failure = strays.first } = end;
    begun = failure === undefined || endNs > 0;
    if (!begun) throw failure?.error;
    const [said] = await Promise.allSettled([saidOfRun(world, loaded)]);
    const facts = factsOf({
      executive,
      federation,
      streams,
      live,
      endNs,
      failure,
      world: said.status === "fulfilled" ? said.value : null,
    });
    const summary = summarise(ledger, facts);
    const { failure: because, ...ended } = facts;
    // Each is written whatever became of the other, and whatever the application failed to say of the run.
    const written = await Promise.allSettled([
      recording?.finish({ ...ended, about: aboutText(facts), ...(because === null ? {} : { failure: because }) }),
      (async () => options.report !== undefined && summary.write(options.report))(),
    ]);
    terminal.progress(undefined);
    const errors = [
      ...(failure ? [failure.error] : []),
      ...[...written, said].flatMap((each) => (each.status === "rejected" ? [each.reason] : [])),
    ];
    if (failure) terminal.error(whatStands(endNs, options, written));
    for (const error of errors.slice(1)) if (error !== errors[0]) terminal.error(renderError(error));
    if (errors.length > 0) throw errors[0];
    return {
      interrupted: endNs < durationNs && terminal.signal.aborted,
      cycles: ledger.cycles,
      deadlineMisses: live ? ledger.misses : null,
      hash: facts.hash,
      report: summary.report,
      observerErrors: federation.observerErrors,
    };
  } catch (error) {
    if (!begun) await recording?.discard();
    throw error;
  }
}

/** What is left of a run that an error has ended. */
function whatStands(endNs: number, { record, report }: RunOptions, written: readonly PromiseSettledResult<unknown>[]) {
  const files = [record, report].filter((file, at) => file !== undefined && written[at]?.status === "fulfilled");
  const what = files.length === 0 ? "" : `; ${files.join(" and ")} hold${files.length === 1 ? "s" : ""} it up to there`;
  return `the run has ended at ${formatDuration(endNs)}, by an error${what}`;
}

/** What a run from sources is compiled for: what runs here, and everything where its recording takes the programs along. */
function targetsFor({ target, record }: RunOptions): { readonly targets?: readonly TargetName[] } {
  if (record !== undefined || process.env.ISOCHRON_TARGET) return {};
  return target === undefined ? targetsHere() : { targets: [target] };
}

const replacing = ({ force }: RunOptions) => ({ replace: force === true });

/** Refuses names of files to write that are taken, and makes their folders. */
function prepareFiles(options: RunOptions): void {
  const { log, record, report } = options;
  checkDistinct({ "--log": log, "--record": record, "--report": report });
  if (record !== undefined) {
    checkRecordingName(record, replacing(options));
    prepareFolder(record);
  }
  if (report !== undefined) prepareOutput(report, reportFile(reportFormat(report)));
}

function checkOptions({ duration, report, log, rate, realtime }: RunOptions): void {
  if (duration !== undefined && parseDuration(duration) === 0) {
    throw new IsochronError("command/duration", "a run of no time at all does nothing", { help: "--duration 30s" });
  }
  if (report !== undefined) reportFormat(report);
  if (rate !== undefined && (log === undefined || realtime !== true)) {
    throw new IsochronError("command/rate", "--rate says how fast a log is played to a live run", {
      help: "give --log F --realtime with it; in virtual time a log is run as fast as the machine can",
    });
  }
}

const progressLine = (timeNs: number, durationNs: number): string =>
  `${(Math.max(0, timeNs) / 1e9).toFixed(1)} s of ${(durationNs / 1e9).toFixed(1)} s`;

/** What time a run goes on after the last message of a log: long enough for all that follows from it. */
function settlingNs({ table, inputs }: ApplicationDescription): number {
  const latencies = inputs.map(({ channel }) => table.channels[channel]!.latencyNs ?? 0);
  return Math.max(0, ...latencies) + table.tasks.reduce((sum, task) => sum + intervalOf(task.trigger) + task.letNs, 1);
}

/** Opens a log as the run's feed. */
async function openFeed(path: string, options: RunOptions, loaded: LoadedApplication, terminal: Terminal) {
  const log = await openLog(path);
  if (log.recovered) {
    const { why, at, messages } = log.recovered;
    terminal.error(`${path} is not whole (${why}, byte ${at}): the ${messages} messages before are used`);
  }
  const { description, streams } = loaded;
  const feed = await feedFrom(log, description, options.stamp ?? "log", (topic) => streams.feeds(topic));
  const rate = options.rate ?? 1;
  const followUpNs = settlingNs(description);
  const endNs = Math.ceil(feed.durationNs / rate) + followUpNs;
  return { endNs, followUpNs, messages: rate === 1 ? feed.messages : atRate(feed.messages, rate) };
}

async function* atRate(messages: AsyncIterator<FeedMessage>, rate: number): AsyncGenerator<FeedMessage> {
  for (let next = await messages.next(); next.done !== true; next = await messages.next())
    yield { ...next.value, timeNs: Math.round(next.value.timeNs / rate) };
}

/** What `run --json` prints. What world and application say of the run stands apart, so that it replaces nothing. */
export const resultJson = ({ interrupted, cycles, deadlineMisses, hash, report }: RunResult, options: RunOptions) => ({
  application: report.application,
  mode: report.mode,
  durationNs: report.durationNs,
  cycles,
  deadlineMisses,
  hash,
  ...(interrupted ? { interrupted } : {}),
  ...(options.record === undefined ? {} : { recording: options.record }),
  ...(options.report === undefined ? {} : { report: options.report }),
  tasks: report.tasks,
  chains: report.chains,
  drops: report.drops,
  faults: report.faults,
  verdicts: report.verdicts,
  world: report.world,
});

/** 1 where nothing came of all that was sent to an input; under --strict where anything was missed, dropped or rejected. */
export function exitCodeOf({ drops, misses }: Report, strict: boolean): number {
  if (drops.some(({ kind, count, of }) => kind === "rejected" && count === of)) return 1;
  return strict && (misses.total > 0 || drops.length > 0) ? 1 : 0;
}

/** The command: runs, and prints the result. */
export async function runCommand(path: string, options: RunOptions, terminal: Terminal): Promise<number> {
  const result = await run(path, options, terminal);
  const code = result.observerErrors > 0 ? 1 : exitCodeOf(result.report, options.strict === true);
  if (options.json) {
    terminal.out(JSON.stringify(resultJson(result, options)));
    return code;
  }
  if (result.interrupted)
    terminal.error(`interrupted at ${formatDuration(result.report.durationNs)}: the run ends there`);
  terminal.out(printReport(result.report));
  terminal.out(`  hash               ${result.hash}`);
  if (options.record !== undefined) terminal.out(`  recording          ${options.record}`);
  if (options.report !== undefined) terminal.out(`  report             ${options.report}`);
  if (result.observerErrors > 0)
    terminal.error(
      `${result.observerErrors} error${result.observerErrors === 1 ? "" : "s"} of observers; the first is above`,
    );
  return code;
}
