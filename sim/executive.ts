// The executive as simulation uses it: declared here, made by the runtime module.
import { z } from "zod";
import { callNative, loadRuntime, optionsOf, targetSchema } from "../kernels/index.ts";
import { type ApplicationDescription, codecsOf } from "./application.ts";

/** A stall to inject: every `every`-th job of a task takes `durationNs` longer. */
export interface Fault {
  readonly task: number;
  readonly every: number;
  readonly durationNs: number;
}

/** A message that stands on an output. */
export interface ObservedMessage {
  readonly sequence: number;
  readonly timeNs: number;
  readonly held: boolean;
  readonly bytes: Buffer;
}

/** A real-time thread; the policy is read back, not assumed. */
export interface ThreadInfo {
  readonly name: string;
  readonly core: number;
  /** Whether it is bound to its core. */
  readonly bound: boolean;
  readonly priority: number;
  readonly policy: string;
}

/** A schedule at run time; all times are nanoseconds of logical time. */
export interface Executive {
  /**
   * Admits a message as received, in live runs with their own time; returns its number.
   *
   * A message that cannot be decoded is recorded as rejected; that is no error.
   */
  admit(channel: number, timeNs: number, bytes: Buffer): number;
  /** Whether a received message is a sample, or will be (waits for its decoding); live: null while it is being decoded. */
  isSample(channel: number, number: number): boolean | null;
  /**
   * Virtual time: processes every event up to and including `untilNs`; returns the time up to which all are processed.
   *
   * That is earlier where a message that will stand by `untilNs` on an observed output has become known.
   */
  advance(untilNs: number): number;
  /** Begins or ends an observation of an output's messages; observations are counted. */
  observe(output: number, on: boolean): void;
  /** Live: starts the threads; logical time 0 is a little later. */
  start(): void;
  /** Live: logical time now, negative until the run has begun. */
  now(): number;
  /** Says which ROS time logical 0 has, nanoseconds since 1970, before anything is drained: stamps are counted from it. */
  setEpoch(epochNs: bigint): void;
  /** Live: the system's time of logical 0, nanoseconds since 1970, as its clock has it now. */
  clockAtZero(): bigint;
  /** Live: ends the run after running jobs; returns the logical time at which it ended. */
  stop(): number;
  /** Live: throws `schedule/job` where a job has ended with a fault. */
  checkJobs(): void;
  /** Live: when the first job that ended with a fault was released; null where none did. */
  faultedNs(): number | null;
  /** Live: the threads that were started. */
  threads(): readonly ThreadInfo[];
  /** Live: whether the memory that the threads use was locked, as the system answered. */
  memoryLocked(): boolean;
  latestMessage(output: number, timeNs: number): ObservedMessage | null;
  drain(): Buffer;
  kernelCalls(): number;
  hash(): string;
}

interface NativeOptions {
  readonly table: string;
  readonly artifacts: readonly Buffer[];
  readonly codecs: string;
  readonly faults: readonly Fault[];
  readonly replay?: Buffer;
  readonly keyframeEveryNs?: number;
  readonly target?: string;
  readonly live?: boolean;
  readonly realtime?: boolean;
}

const binding = z.object({
  Executive: z.custom<new (options: NativeOptions) => Executive>((value) => typeof value === "function"),
});

/** Options of an executive. */
export interface ExecutiveOptions {
  readonly faults?: readonly Fault[];
  /** Decisions of a log, as records, that this run obeys. */
  readonly replay?: Buffer;
  readonly keyframeEveryNs?: number;
  readonly target?: string;
  /** Real clock and threads instead of virtual time. */
  readonly live?: boolean;
  /** Live: ask for SCHED_FIFO. */
  readonly realtime?: boolean;
}

const checkExecutive = optionsOf<ExecutiveOptions>("run", "createExecutive", () => ({
  faults: z
    .array(z.strictObject({ task: z.int().min(0), every: z.int().min(1), durationNs: z.int().min(0) }))
    .describe("a list of { task, every, durationNs }, whole numbers")
    .optional(),
  replay: z.instanceof(Uint8Array).describe("records, as bytes").optional(),
  keyframeEveryNs: z.int().min(1).optional(),
  target: targetSchema.optional(),
  live: z.boolean().optional(),
  realtime: z.boolean().optional(),
}));

/** Loads the programs and lays out the schedule. */
export function createExecutive(
  application: ApplicationDescription,
  artifacts: readonly Uint8Array[],
  options: ExecutiveOptions = {},
): Executive {
  checkExecutive(options);
  const { Executive: Native } = binding.parse(loadRuntime());
  const { faults = [], ...rest } = options;
  return callNative(
    () =>
      new Native({
        table: JSON.stringify(application.table),
        artifacts: artifacts.map((bytes) => Buffer.from(bytes)),
        codecs: codecsOf(application),
        faults,
        ...rest,
      }),
  );
}
