// Runs an application with its world, a log or a transport: what the command calls, and anybody's own program or test.
import { z } from "zod";
import {
  compilerSchemas,
  functionSchema,
  IsochronError,
  optionsOf,
  type TargetName,
  targetSchema,
} from "../kernels/index.ts";
import type { Transport } from "../nodes/index.ts";
import { type Duration, durationAboveZero, formatDuration, intervalOf, parseDuration } from "../scheduler/index.ts";
import {
  type ApplicationDescription,
  checkRecordingName,
  createLiveExecutive,
  createVirtualExecutive,
  type Executive,
  type Fault,
  Federation,
  type FeedMessage,
  feedFrom,
  openLog,
  Parameters,
  type ParameterValue,
  type PublishedMessage,
  publishedMessages,
  type RecordingForm,
  RecordingWriter,
  type RunEnd,
  type RunEvent,
  type RunHooks,
  recordingForm,
  requireTransport,
  runByClock,
  runLive,
  runVirtual,
  type SentMessage,
  Transforms,
  TransportLink,
  type Watch,
} from "../sim/index.ts";
import type { Application } from "./application.ts";
import { checkDatagrams, connectDatagrams, type Datagrams } from "./datagrams.ts";
import { requireApplication } from "./declarations.ts";
import { type LoadedApplication, readyToRun, targetsHere } from "./load-application.ts";
import { checkDistinct, prepareFolder, prepareOutput } from "./output-file.ts";
import { renderError } from "./render-error.ts";
import { aboutText, Ledger, type Report, reportFile, reportFormat, summarise } from "./report/index.ts";
import { factsOf, saidOfRun } from "./run-facts.ts";

/** A run that goes on. */
export interface Running {
  /** The ROS time of logical 0, nanoseconds since 1970. */
  readonly epochNs: bigint;
  /** Sets a parameter from now on. Throws `parameter/unknown`, `parameter/value`, `parameter/range`. */
  setParameter(name: string, value: ParameterValue): void;
  /**
   * Writes the last of the run, which `last` keeps in memory, to a file of its own; its name. Throws `recording/last` where
   * nothing is kept so, `file/write` where the disk does not take it.
   */
  save(): Promise<string>;
  /** Ends the run at its present logical time, as if it had been asked to last only so long. */
  stop(): void;
}

/** Options of `runApplication`. */
export interface RunApplicationOptions {
  /** A log (`.mcap`, `.db3`, a bag's folder) that feeds the inputs. */
  readonly log?: string;
  /** Which time of the log's messages counts; that of logging unless given. */
  readonly stamp?: "log" | "header";
  /** Live: how many times faster than it was recorded the log is played. */
  readonly rate?: number;
  /** What carries the application's topics; it is open, and stays so. The run is live then, unless it goes by `simTime`. */
  readonly transport?: Transport;
  /** With a transport: virtual time, granted up to each message on `/clock`, whose first time is logical 0. */
  readonly simTime?: boolean;
  /** The name of a topic, or of a service or an action, on the transport; its own unless given. */
  readonly topicName?: (name: string, what: "topic" | "service") => string;
  /** First values of the application's parameters, by name; those declared unless given. */
  readonly parameters?: Readonly<Record<string, ParameterValue>>;
  /**
   * Whether the application's own world takes part: unless said where there is neither log nor transport. Beside a
   * transport it feeds the inputs, which are published too, and gives its time on `/clock`.
   */
  readonly world?: boolean;
  /** Real clock and threads, with real-time scheduling where it is granted. */
  readonly realtime?: boolean;
  /** How long: as long as the log is; with a transport or datagrams until it is stopped; else 30 s. */
  readonly duration?: Duration;
  /** The ROS time of logical 0, nanoseconds since 1970. Unless given, that of the log's first message; live, the system's; else 0. */
  readonly epochNs?: bigint;
  /** Where the run is recorded, as MCAP; under a name that nothing has. */
  readonly record?: string;
  /** Replace a recording that has the name. */
  readonly replace?: boolean;
  /** How the recording is compressed; not at all unless said. */
  readonly compress?: "lz4" | "zstd";
  /** Records in parts, in a folder: a new one behind so many bytes ("1GB") or so much of the run ("5min"). */
  readonly split?: string;
  /** The oldest parts are removed where all would be larger than this: "20GB". */
  readonly keep?: string;
  /** Keeps so much of the run in memory instead; it is saved when that is asked for, and where the run fails. `record` is a folder. */
  readonly last?: Duration;
  /** With `last`: it is also saved after so many missed releases. */
  readonly missLimit?: number;
  /** Where the report is written: a page (`.html`) or its numbers (`.json`). */
  readonly report?: string;
  /**
   * Topics that go as datagrams, one message each, by their addresses (`udp://127.0.0.1:7400`, `unix:///PATH`): inputs are
   * received there, outputs are sent there, by threads of the run's own. The run is live then.
   */
  readonly datagrams?: Datagrams;
  /** Jobs to make longer: TASK:EVERY:DURATION. */
  readonly stall?: readonly string[];
  readonly target?: TargetName;
  /** Where compiled modules are kept between runs; `.cache/isochron` in the working directory unless given. */
  readonly cacheDir?: string;
  /** Stops the run. */
  readonly signal?: AbortSignal;
  /** Called when the run has begun. */
  readonly onStart?: (running: Running) => void;
  /** Given every message that the application publishes, in the order of their times. */
  readonly onMessage?: (message: PublishedMessage) => void;
  /** Told of what observers throw, and the run goes on; unless given, that ends it. */
  readonly onObserverError?: (error: IsochronError) => void;
  /** Told what a user should know and no report says; a warning of the process unless given. */
  readonly onWarning?: (text: string) => void;
}

const checkRun = optionsOf<RunApplicationOptions>("run", "runApplication", () => {
  const { cacheDir, signal } = compilerSchemas();
  const text = z.string().min(1).describe("the path of a file").optional();
  return {
    log: text,
    stamp: z.enum(["log", "header"]).optional(),
    rate: z.number().positive().optional(),
    transport: z.looseObject({}).describe("a transport, which is open").optional(),
    simTime: z.boolean().optional(),
    topicName: functionSchema.optional(),
    parameters: z
      .record(z.string(), z.union([z.number(), z.boolean()]))
      .describe("numbers, true or false by the parameters' names")
      .optional(),
    world: z.boolean().optional(),
    realtime: z.boolean().optional(),
    duration: durationAboveZero.optional(),
    epochNs: epochSchema.optional(),
    record: text,
    replace: z.boolean().optional(),
    compress: z.enum(["lz4", "zstd"]).optional(),
    split: z.string().describe("a size or a duration, such as 1GB or 5min").optional(),
    keep: z.string().describe("a size, such as 20GB").optional(),
    last: durationAboveZero.optional(),
    missLimit: z.int().min(1).optional(),
    report: text,
    datagrams: z.record(z.string(), z.string()).describe("addresses by topic").optional(),
    stall: z.array(z.string()).describe("a list of TASK:EVERY:DURATION").optional(),
    target: targetSchema.optional(),
    cacheDir,
    signal,
    onStart: functionSchema.optional(),
    onMessage: functionSchema.optional(),
    onObserverError: functionSchema.optional(),
    onWarning: functionSchema.optional(),
  };
});

/** Times of ROS are whole nanoseconds in 64 bits; a run adds 104 days at most. */
const latestEpochNs = 2n ** 63n - 1n - 2n ** 53n;
const epochSchema = z
  .bigint()
  .min(0n)
  .max(latestEpochNs)
  .describe("nanoseconds since 1970, a bigint such as 1_700_000_000_000_000_000n");

/** What a run came to. */
export interface RunResult {
  /** Whether the run was ended early. */
  readonly interrupted: boolean;
  readonly cycles: number;
  readonly deadlineMisses: number | null;
  /** The hash of all that was computed: of slots, not of messages, whose stamps are counted from the epoch. */
  readonly hash: string;
  readonly report: Report;
  /** Errors that observers threw; the first was told when it happened. */
  readonly observerErrors: number;
  /** Files to which the last of the run was saved. */
  readonly saved: readonly string[];
}

/** What the command adds to a run. */
export interface RunSurroundings {
  /** Shows how far the run is; no share where it has no end. */
  readonly progress?: (text: string | undefined, share?: number) => void;
  readonly watch?: Watch;
  /** Hands over what can end the run with an error, and gives the first such error that there was. */
  readonly strays?: {
    readonly first: { readonly error: unknown } | undefined;
    handOver(take: (error: unknown) => void): void;
  };
}

/**
 * Runs an application with its world, a log or a transport; recording and report are written whole.
 *
 * An error of the application, of a job or of the disk ends the run: it is thrown once recording and report stand, up to
 * there. What the application opened stays open: `application.close()`.
 *
 * @example
 * ```ts
 * import { application, field, message, runApplication, tensorType, trace } from "isochron";
 *
 * const twice = trace(({ x }) => ({ y: x.mul(2) }), { x: tensorType("f32", []) }, { name: "twice" });
 * const app = application("twice", (app) => {
 *   const input = app.input("/in", message("std_msgs/msg/Float32", { x: field("data") }));
 *   const task = app.task("twice", twice, { inputs: { x: input }, period: "10ms", budget: "100us", deadline: "1ms" });
 *   app.output("/out", "std_msgs/msg/Float32", task.outputs, { y: "data" });
 * });
 * const { report } = await runApplication(app, { duration: "1s" });
 * console.log(report.tasks[0]?.released); // 100
 * ```
 */
export async function runApplication(
  application: Application,
  options: RunApplicationOptions = {},
): Promise<RunResult> {
  requireApplication(application);
  checkRun(options);
  checkCombination(options);
  prepareFiles(options);
  const { cacheDir, signal } = options;
  const loaded = await readyToRun(application, {
    ...targetsFor(options),
    ...(cacheDir === undefined ? {} : { cacheDir }),
    ...(signal === undefined ? {} : { signal }),
  });
  return await runLoaded(loaded, options, {});
}

/** What a run from sources is compiled for: what runs here, and everything where its recording takes the programs along. */
export function targetsFor({ target, record }: Pick<RunApplicationOptions, "target" | "record">): {
  readonly targets?: readonly TargetName[];
} {
  if (record !== undefined || process.env.ISOCHRON_TARGET) return {};
  return target === undefined ? targetsHere() : { targets: [target] };
}

/** Refuses options that do not go together. */
export function checkCombination(
  { log, rate, realtime, transport, report }: RunApplicationOptions,
  isLinked = transport !== undefined,
): void {
  if (report !== undefined) reportFormat(report);
  if (transport) requireTransport(transport);
  if (isLinked && realtime === false) {
    throw new IsochronError("run/transport", "a run with a transport is live", { help: "leave realtime: false out" });
  }
  if (rate !== undefined && (log === undefined || (realtime !== true && !isLinked))) {
    throw new IsochronError("command/rate", "--rate says how fast a log is played to a live run", {
      help: "give --log F --realtime with it; in virtual time a log is run as fast as the machine can",
    });
  }
}

const recordingOptions = (options: RunApplicationOptions) => ({
  replace: options.replace === true,
  ...(options.compress === undefined ? {} : { compression: options.compress }),
  ...formOf(options),
});

const formOf = ({ split, keep, last }: RunApplicationOptions) => ({
  ...(split === undefined ? {} : { split }),
  ...(keep === undefined ? {} : { keep }),
  ...(last === undefined ? {} : { last }),
});

/** Refuses options on a recording that there is none of, and a limit without what it is for. */
function checkRecorded({ record, split, keep, last, missLimit }: RunApplicationOptions): void {
  const given = Object.entries({ split, keep, last, missLimit }).find(([, value]) => value !== undefined)?.[0];
  const option = given === "missLimit" ? "--miss-limit" : `--${given}`;
  if (given !== undefined && record === undefined)
    throw new IsochronError("recording/none", `${option} says how a run is recorded, and this one is not`, {
      help: "give --record NAME with it",
    });
  if (missLimit !== undefined && last === undefined)
    throw new IsochronError(
      "recording/last",
      "--miss-limit says when the last of a run is saved, and nothing is kept of it",
      {
        help: "give --last 60s with it",
      },
    );
}

/** At which times states are kept for parts to begin with: once a second, or as often as parts begin. */
const keyframeEveryNs = (form: RecordingForm): number =>
  form.kind === "file" || form.timeNs === undefined ? 1e9 : Math.min(1e9, form.timeNs);

/** Refuses names of files to write that are taken, and makes their folders. */
export function prepareFiles(options: RunApplicationOptions): void {
  const { log, record, report } = options;
  checkRecorded(options);
  checkDistinct({ "--log": log, "--record": record, "--report": report });
  if (record !== undefined) {
    checkRecordingName(record, recordingOptions(options));
    prepareFolder(record);
  }
  if (report !== undefined) prepareOutput(report, reportFile(reportFormat(report)));
}

/** Runs what was loaded. */
export async function runLoaded(
  loaded: LoadedApplication,
  options: RunApplicationOptions,
  { progress = () => undefined, watch, strays }: RunSurroundings,
): Promise<RunResult> {
  const { description, artifacts, streams } = loaded;
  const { log, transport, duration, onMessage } = options;
  const simTime = options.simTime === true;
  if (simTime) checkSimTime(options);
  const { datagrams = {} } = options;
  checkDatagrams(datagrams, description);
  const hasDatagrams = Object.keys(datagrams).length > 0;
  const live = !simTime && (options.realtime === true || transport !== undefined || hasDatagrams);
  const warn = options.onWarning ?? ((text: string) => process.emitWarning(text, "IsochronWarning"));
  const feed = log === undefined ? undefined : await openFeed(log, options, loaded, warn);
  const durationNs = lengthOf(options, feed?.endNs);
  const program = {
    faults: (options.stall ?? []).map((text) => parseStall(text, description)),
    ...(options.target === undefined ? {} : { target: options.target }),
  };
  // A run without end needs constant memory; who asks for its report has all of it.
  const endless = !Number.isFinite(durationNs) && options.report === undefined;
  const ledger = new Ledger(description, endless ? keptWithoutEnd : undefined);
  const parameters = new Parameters(description);
  const transforms = new Transforms(description);
  // Refused before anything is written.
  parameters.initial(options.parameters ?? {});
  const world = (options.world ?? (!feed && !transport && !hasDatagrams)) ? loaded.createWorld?.() : undefined;
  const link =
    transport &&
    new TransportLink(description, transport, {
      isFed: (topic) =>
        parameters.carries(topic) ||
        transforms.carries(topic) ||
        feed !== undefined ||
        streams.feeds(topic) ||
        datagrams[topic] !== undefined,
      byClock: simTime,
      world: world !== undefined,
      ...(options.topicName === undefined ? {} : { nameOf: options.topicName }),
    });
  const stopping = new AbortController();
  const signal = AbortSignal.any([stopping.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  const joined = <Time extends Executive>(
    executive: Time,
    run: (federation: Federation<Time>, atMostNs: number, hooks: RunHooks) => Promise<RunEnd>,
  ) => {
    const federation = new Federation<Time>(description, executive, {
      world,
      streams,
      feed: feed?.messages,
      link,
      parameters: options.parameters,
      followUpNs: duration === undefined ? feed?.followUpNs : undefined,
      onObserverError: options.onObserverError ?? ((error): void => federation.fail(error)),
      ...(watch === undefined ? {} : { watch }),
    });
    return { executive, federation, run: (atMostNs: number, hooks: RunHooks) => run(federation, atMostNs, hooks) };
  };
  const { executive, federation, run } = live
    ? joined(createLiveExecutive(description, artifacts, { ...program, realtime: true }), runLive)
    : joined(
        createVirtualExecutive(description, artifacts, {
          ...program,
          ...(options.record === undefined ? {} : { keyframeEveryNs: keyframeEveryNs(recordingForm(formOf(options))) }),
        }),
        simTime ? runByClock : runVirtual,
      );
  if (executive.mode === "live") connectDatagrams(executive, datagrams, description);
  const recording =
    options.record === undefined
      ? undefined
      : await RecordingWriter.open(options.record, description, artifacts, recordingOptions(options));
  if (executive.mode === "live") recording?.follow(executive);
  const published = onMessage && publishedMessages(description);
  const saving = new Saving(recording, options.missLimit, warn);
  let begun = false;
  let epochNs = 0n;
  try {
    // A world makes stamps of its own, from 0 on: beside nothing else its run does too.
    const epoch = options.epochNs ?? feed?.epochNs ?? (world && !transport ? 0n : undefined);
    const hooks = {
      onBegin: async (found: bigint) => {
        epochNs = found;
        recording?.begin(found, live ? "live" : "virtual");
        const setParameter = (name: string, value: ParameterValue) => federation.setParameter(name, value);
        options.onStart?.({ epochNs, setParameter, save: () => saving.save("request"), stop: () => stopping.abort() });
      },
      onEvents: async (events: readonly RunEvent[], time: number, sent: readonly SentMessage[]) => {
        ledger.add(events);
        ledger.addSent(sent);
        for (const message of published?.(events, sent) ?? []) onMessage!(message);
        if (executive.mode === "virtual") await recording?.add(events);
        await recording?.addSent(sent);
        saving.look(ledger.misses);
        progress(...progressAt(time, durationNs));
      },
      signal,
      ...(epoch === undefined ? {} : { epochNs: epoch }),
      ...(watch === undefined ? {} : { watch }),
    };
    strays?.handOver((error) => federation.fail(error));
    // A log ends a live run itself, however late its last messages come.
    const atMostNs = live && feed && duration === undefined ? Number.POSITIVE_INFINITY : durationNs;
    const end = await run(atMostNs, hooks);
    // What was rejected at the very end is told a moment later.
    await new Promise((resolve) => setImmediate(resolve));
    const { endNs, failure = strays?.first } = end;
    begun = failure === undefined || endNs > 0;
    if (!begun) throw failure?.error;
    const [said] = await Promise.allSettled([saidOfRun(world, loaded)]);
    const facts = factsOf({
      executive,
      federation,
      streams,
      endNs,
      epochNs,
      failure,
      clockSteps: end.clockSteps ?? null,
      transport: link?.facts ?? null,
      application: description,
      world: said.status === "fulfilled" ? said.value : null,
    });
    const summary = summarise(ledger, facts);
    const { failure: because, hash, mode, scheduling } = facts;
    // Each is written whatever became of the other, and whatever the application failed to say of the run.
    await saving.settled();
    const written = await Promise.allSettled([
      recording?.finish({
        ...{ hash, mode, scheduling, durationNs: endNs, about: aboutText(facts) },
        ...(because === null ? {} : { failure: because }),
      }),
      (async () => options.report !== undefined && summary.write(options.report))(),
    ]);
    progress(undefined);
    const errors = [
      ...(failure ? [failure.error] : []),
      ...[...written, said].flatMap((each) => (each.status === "rejected" ? [each.reason] : [])),
    ];
    if (failure) warn(whatStands(endNs, options, written));
    for (const error of errors.slice(1)) if (error !== errors[0]) warn(renderError(error));
    if (errors.length > 0) throw errors[0];
    return {
      interrupted: endNs < durationNs && signal.aborted,
      cycles: ledger.cycles,
      deadlineMisses: live ? ledger.misses : null,
      hash,
      report: summary.report,
      observerErrors: federation.observerErrors,
      saved: saving.files,
    };
  } catch (error) {
    if (!begun) await recording?.discard();
    throw error;
  }
}

/** When the last of a run is saved, and to which files it was. */
class Saving {
  readonly #recording: RecordingWriter | undefined;
  readonly #missLimit: number | undefined;
  readonly #warn: (text: string) => void;
  readonly #goingOn = new Set<Promise<unknown>>();
  readonly files: string[] = [];
  /** Misses up to which it has been saved. */
  #savedMisses = 0;

  constructor(recording: RecordingWriter | undefined, missLimit: number | undefined, warn: (text: string) => void) {
    this.#recording = recording;
    this.#missLimit = missLimit;
    this.#warn = warn;
  }

  async save(reason: "request" | "misses"): Promise<string> {
    if (!this.#recording)
      throw new IsochronError("recording/last", "nothing of the run is kept in memory to be saved", {
        help: "record with --last 60s, or `last` in the options",
      });
    const saving = this.#recording.save(reason).then((path) => {
      this.files.push(path);
      return path;
    });
    this.#goingOn.add(saving);
    try {
      return await saving;
    } finally {
      this.#goingOn.delete(saving);
    }
  }

  /** Saves where so many releases were missed since it was saved for that last; the run goes on meanwhile. */
  look(misses: number): void {
    if (this.#missLimit === undefined || misses < this.#savedMisses + this.#missLimit) return;
    this.#savedMisses = misses;
    this.save("misses").then(
      (path) => this.#warn(`${misses} releases were missed: the last of the run stands in ${path}`),
      (error: unknown) => this.#warn(renderError(error)),
    );
  }

  /** Waits for what is being saved. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#goingOn);
  }
}

/** Refuses a simulation's time where something else gives the time. Throws `run/clock`. */
function checkSimTime({ transport, log, realtime, epochNs, world, datagrams }: RunApplicationOptions): void {
  const refuse = (message: string, help: string): never => {
    throw new IsochronError("run/clock", message, { help });
  };
  if (datagrams !== undefined) refuse("datagrams belong to live runs", "leave datagrams out, or use_sim_time");
  if (!transport) refuse("a simulation's time comes over a transport, and there is none", "give a transport: --ros");
  if (log !== undefined || realtime === true || epochNs !== undefined || world === true)
    refuse(
      "a run by a simulation's time takes time from /clock alone",
      "leave out log, realtime, epoch and world, or use_sim_time",
    );
}

/** Jobs of each task, and messages of each topic, that are kept one by one of a run without end. */
const keptWithoutEnd = 2 ** 17;

/** How long a run is asked to last, nanoseconds. */
function lengthOf({ duration, transport, datagrams }: RunApplicationOptions, feedEndNs: number | undefined): number {
  if (duration !== undefined) return parseDuration(duration);
  if (feedEndNs !== undefined) return feedEndNs;
  return transport || datagrams ? Number.POSITIVE_INFINITY : parseDuration("30s");
}

/** What is left of a run that an error has ended. */
function whatStands(
  endNs: number,
  { record, report }: RunApplicationOptions,
  written: readonly PromiseSettledResult<unknown>[],
): string {
  const files = [record, report].filter((file, at) => file !== undefined && written[at]?.status === "fulfilled");
  const what = files.length === 0 ? "" : `; ${files.join(" and ")} hold${files.length === 1 ? "s" : ""} it up to there`;
  return `the run has ended at ${formatDuration(endNs)}, by an error${what}`;
}

function progressAt(timeNs: number, durationNs: number): [text: string, share?: number] {
  const so = `${(Math.max(0, timeNs) / 1e9).toFixed(1)} s`;
  return Number.isFinite(durationNs) ? [`${so} of ${(durationNs / 1e9).toFixed(1)} s`, timeNs / durationNs] : [so];
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

/** What time a run goes on after the last message of a log: long enough for all that follows from it. */
function settlingNs({ table, inputs }: ApplicationDescription): number {
  const latencies = inputs.map(({ channel }) => table.channels[channel]!.latencyNs ?? 0);
  return Math.max(0, ...latencies) + table.tasks.reduce((sum, task) => sum + intervalOf(task.trigger) + task.letNs, 1);
}

/** Opens a log as the run's feed. */
async function openFeed(
  path: string,
  options: RunApplicationOptions,
  loaded: LoadedApplication,
  warn: (text: string) => void,
) {
  const log = await openLog(path);
  if (log.recovered) {
    const { why, at, messages } = log.recovered;
    warn(`${path} is not whole (${why}, byte ${at}): the ${messages} messages before are used`);
  }
  const { description, streams } = loaded;
  const parameters = new Parameters(description);
  const isFed = (topic: string) => streams.feeds(topic) || parameters.carries(topic);
  const feed = await feedFrom(log, description, options.stamp ?? "log", isFed);
  const rate = options.rate ?? 1;
  const followUpNs = settlingNs(description);
  const endNs = Math.ceil(feed.durationNs / rate) + followUpNs;
  return {
    endNs,
    followUpNs,
    // A log may say any time, where nobody set its clock.
    epochNs: feed.epochNs >= 0n && feed.epochNs <= latestEpochNs ? feed.epochNs : 0n,
    messages: rate === 1 ? feed.messages : atRate(feed.messages, rate),
  };
}

async function* atRate(messages: AsyncIterator<FeedMessage>, rate: number): AsyncGenerator<FeedMessage> {
  for (let next = await messages.next(); next.done !== true; next = await messages.next())
    yield { ...next.value, timeNs: Math.round(next.value.timeNs / rate) };
}
