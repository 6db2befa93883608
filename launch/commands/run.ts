// `isochron run`: drives an application through time, recording and reporting.
import { IsochronError, type TargetName } from "../../kernels/index.ts";
import { openTransport, type Transport } from "../../nodes/index.ts";
import { formatDuration, parseDuration } from "../../scheduler/index.ts";
import { datagramsIn } from "../datagrams.ts";
import { loadApplication } from "../load-application.ts";
import { givenParameters } from "../parameter-values.ts";
import { renderError } from "../render-error.ts";
import { printReport, type Report } from "../report/index.ts";
import {
  fullNodeName,
  namesOn,
  nodeNamed,
  type ParameterSource,
  parseRosArguments,
  type RosArguments,
} from "../ros-arguments.ts";
import {
  checkCombination,
  prepareFiles,
  type RunApplicationOptions,
  type Running,
  type RunResult,
  runLoaded,
  targetsFor,
} from "../run-application.ts";
import { levelOf, RunLog } from "../run-log.ts";
import { ServiceManager } from "../service-manager.ts";
import { StrayErrors } from "../stray-errors.ts";
import type { Terminal } from "../terminal.ts";
import { watch } from "../watchdog.ts";

/** Options of `isochron run`. */
export interface RunOptions {
  readonly record?: string;
  /** Replace a recording that has the name. */
  readonly force?: boolean;
  readonly compress?: "lz4" | "zstd";
  /** In parts of so many bytes, or so much of the run. */
  readonly split?: string;
  /** Bytes of parts that are kept. */
  readonly keep?: string;
  /** How much of the run is kept in memory, to be saved on SIGUSR2, after misses or where it fails. */
  readonly last?: string;
  readonly missLimit?: number;
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
  /** What carries the topics: NAME or NAME:ARGUMENTS. The run is live, and lasts until a signal. */
  readonly transport?: string;
  /** The same as `--transport rclnodejs`. */
  readonly ros?: boolean;
  /** First values of parameters: NAME:=VALUE. */
  readonly parameter: readonly string[];
  /** Files of them. */
  readonly paramsFile: readonly string[];
  /** What stands behind `--ros-args`. */
  readonly rosArguments?: readonly string[];
  /** The ROS time of logical 0, nanoseconds since 1970. */
  readonly epoch?: bigint;
  /** The application's own world, beside a transport. */
  readonly world?: boolean;
  readonly stall: readonly string[];
  /** Topics that go as datagrams: TOPIC=ADDRESS. */
  readonly datagram?: readonly string[];
  readonly target?: TargetName;
  readonly json?: boolean;
  /** Exit with 1 where anything was missed, dropped or rejected. */
  readonly strict?: boolean;
}

/**
 * Runs an application; the recording and report are written whole. Ctrl-C ends the run at its present logical time, as if it
 * had been asked to last only so long. An error of the application, of a job or of the disk ends it there too: it is thrown
 * once recording and report stand, up to there.
 */
export async function run(path: string, options: RunOptions, terminal: Terminal): Promise<RunResult> {
  const asked = settingsOf(options, terminal);
  const ros = parseRosArguments(options.rosArguments ?? []);
  const sources = parametersIn(options, ros);
  const carrier = transportIn(options);
  checkCombination(asked, carrier !== undefined);
  prepareFiles(asked);
  const strays = new StrayErrors();
  let say: RunLog["say"] = (_, text) => terminal.error(text);
  const saves = new Saves((level, text) => say(level, text));
  if (options.last !== undefined) saves.listen();
  try {
    const loading = loadApplication(path, {
      ...targetsFor(asked),
      signal: terminal.signal,
      onProgram: (name, index, count) => terminal.progress(`compiling ${name} (${index + 1} of ${count})`),
    });
    const loaded = await strays.during(loading);
    let result: RunResult;
    let transport: Transport | undefined;
    const manager = new ServiceManager((error) => terminal.error(renderError(error)));
    try {
      const node = nodeNamed(nodeName(loaded.description.name), ros.remappings);
      const log = new RunLog(terminal, ros.isSilent ? undefined : levelOf(fullNodeName(node), ros.logLevels));
      say = (level, text) => log.say(level, text);
      const { values, simTime } = givenParameters(sources, fullNodeName(node), (each) =>
        loaded.description.parameters.some((declared) => declared.name === each),
      );
      // Where DDS looks for it.
      if (ros.enclave !== undefined) process.env.ROS_SECURITY_ENCLAVE_OVERRIDE = ros.enclave;
      transport = carrier === undefined ? undefined : await openTransport(carrier, { ...node, logging: ros.logging });
      transport?.onEvent((event) => log.event(event));
      const settings = {
        ...asked,
        parameters: values,
        ...(simTime ? { simTime } : {}),
        topicName: namesOn(node, ros.remappings),
        onObserverError: (error: IsochronError) => log.say("error", renderError(error)),
        onWarning: (text: string) => log.say("warn", text),
        onStart: (running: Running) => {
          manager.ready();
          saves.begin(running);
          if (transport) log.say("debug", `${fullNodeName(node)} goes on ${carrier}`);
        },
        ...(transport ? { transport } : {}),
      };
      result = await runLoaded(loaded, settings, {
        progress: (text, share) => log.progress(text, share),
        watch,
        strays,
      });
    } catch (error) {
      // What is wrong is the error; closing is only tried.
      await Promise.allSettled([transport?.close(), loaded.close(terminal.error)]);
      throw error;
    } finally {
      manager.ended();
    }
    await transport?.close();
    await loaded.close(terminal.error);
    return result;
  } finally {
    saves.end();
    strays.close();
  }
}

/** Saves the last of a run on SIGUSR2. */
class Saves {
  readonly #say: RunLog["say"];
  #running: Running | undefined;

  constructor(say: RunLog["say"]) {
    this.#say = say;
  }

  begin(running: Running): void {
    this.#running = running;
  }

  /** From here on the signal ends nothing. */
  listen(): void {
    process.on("SIGUSR2", this.#hear);
  }

  end(): void {
    process.removeListener("SIGUSR2", this.#hear);
  }

  readonly #hear = (): void => {
    if (!this.#running) {
      this.#say("warn", "the run has not begun: nothing of it can be saved");
      return;
    }
    this.#running.save().then(
      (path) => this.#say("info", `the last of the run stands in ${path}`),
      (error: unknown) => this.#say("error", renderError(error)),
    );
  };
}

/** Where the command line has parameters from: files before values, and what `--ros-args` says last. */
const parametersIn = ({ paramsFile = [], parameter = [] }: RunOptions, ros: RosArguments): ParameterSource[] => [
  ...paramsFile.map((path) => ({ kind: "file" as const, path })),
  ...parseRosArguments(parameter.flatMap((each) => ["-p", each])).parameters,
  ...ros.parameters,
];

/** The transport that the command line asks for. Throws `command/transport`. */
function transportIn({ transport, ros }: RunOptions): string | undefined {
  if (ros !== true) return transport;
  if (transport === undefined) return "rclnodejs";
  throw new IsochronError("command/transport", "--ros is the same as --transport rclnodejs", {
    help: "give one of them",
  });
}

/** An application's name as that of a node: letters, digits and underscores, a letter first. */
const nodeName = (application: string): string => {
  const name = application.replace(/[^A-Za-z0-9]+/g, "_").replace(/^_+|_+$/g, "");
  return /^[A-Za-z]/.test(name) ? name : `node_${name}`;
};

/** What the command line asks for, as `runApplication` takes it. */
function settingsOf(options: RunOptions, terminal: Terminal): RunApplicationOptions {
  const { force, duration, epoch, last, log, stamp, rate, realtime, world, record, compress, report, stall, target } =
    options;
  const { split, keep, missLimit } = options;
  if (duration !== undefined && parseDuration(duration) === 0) {
    throw new IsochronError("command/duration", "a run of no time at all does nothing", { help: "--duration 30s" });
  }
  const given = { log, stamp, rate, realtime, world, record, compress, split, keep, missLimit, report, stall, target };
  return {
    ...(last === undefined ? {} : { last: parseDuration(last) }),
    ...(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as RunApplicationOptions),
    ...(force === undefined ? {} : { replace: force }),
    ...(options.datagram?.length ? { datagrams: datagramsIn(options.datagram) } : {}),
    ...(epoch === undefined ? {} : { epochNs: epoch }),
    ...(duration === undefined ? {} : { duration: parseDuration(duration) }),
    signal: terminal.signal,
  };
}

/** What `run --json` prints. What world and application say of the run stands apart, so that it replaces nothing. */
export const resultJson = (
  { interrupted, cycles, deadlineMisses, hash, report, saved }: RunResult,
  options: RunOptions,
) => ({
  application: report.application,
  mode: report.mode,
  durationNs: report.durationNs,
  cycles,
  deadlineMisses,
  hash,
  ...(interrupted ? { interrupted } : {}),
  ...(options.record === undefined ? {} : { recording: options.record }),
  ...(options.last === undefined ? {} : { saved }),
  ...(options.report === undefined ? {} : { report: options.report }),
  tasks: report.tasks,
  chains: report.chains,
  drops: report.drops,
  faults: report.faults,
  verdicts: report.verdicts,
  world: report.world,
  ...(report.transport === null ? {} : { epochNs: report.epochNs, transport: report.transport }),
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
  if (options.last !== undefined)
    terminal.out(
      `  saved              ${result.saved.length === 0 ? "nothing: nobody asked" : result.saved.join(", ")}`,
    );
  else if (options.record !== undefined) terminal.out(`  recording          ${options.record}`);
  if (options.report !== undefined) terminal.out(`  report             ${options.report}`);
  if (result.observerErrors > 0)
    terminal.error(
      `${result.observerErrors} error${result.observerErrors === 1 ? "" : "s"} of observers; the first is above`,
    );
  return code;
}
