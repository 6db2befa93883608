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

/** How the messages of an output left a live run, nanoseconds after their publication instant, or after their job's end. */
export interface Departed {
  /** Messages that left. */
  readonly left: number;
  readonly medianNs: number;
  readonly p99Ns: number;
  readonly latestNs: number;
  /** The publication instant of the latest. */
  readonly latestAtNs: number;
  /** Messages that the system did not take. */
  readonly unsent: number;
  /** Messages that nobody could be handed, since the sender, or who takes them, was too far behind. */
  readonly missed: number;
}

/** What came to a channel as datagrams. */
export interface ReceivedDatagrams {
  readonly channel: number;
  readonly received: number;
  readonly tooLong: number;
}

/** What a schedule at run time can do in either kind of time; all times are nanoseconds of logical time. */
interface AnyExecutive {
  /** Admits a message as received; returns its number. One that cannot be decoded is recorded as rejected, which is no error. */
  admit(channel: number, timeNs: number, bytes: Buffer): number;
  latestMessage(output: number, timeNs: number): ObservedMessage | null;
  /** The records since the last call, with the messages of outputs among them. */
  drain(): Buffer;
  kernelCalls(): number;
  hash(): string;
}

/** A schedule in virtual time. */
export interface VirtualExecutive extends AnyExecutive {
  readonly mode: "virtual";
  /** Says which ROS time logical 0 has, nanoseconds since 1970, before the first event: stamps are counted from it; 0 otherwise. */
  setEpoch(epochNs: bigint): void;
  /** Whether a received message is a sample, or will be; waits for its decoding. */
  isSample(channel: number, number: number): boolean;
  /**
   * Processes every event up to and including `untilNs`; returns the time up to which all are processed.
   *
   * That is earlier where a message that will stand by `untilNs` on an observed output has become known.
   */
  advance(untilNs: number): number;
  /** Begins or ends an observation of an output's messages; observations are counted. */
  observe(output: number, on: boolean): void;
  /** Is told the records of a keyframe, before anything else; `remember` is told what was before it, and `resume` goes on from it. */
  recall(keyframe: Buffer): void;
  /** Takes records of what was before the keyframe, those of each task and of each channel in their order. */
  remember(records: Buffer): void;
  /** Goes on from the keyframe instead of beginning at 0. Throws `schedule/keyframe` where releases before it are not told of. */
  resume(): void;
}

/** A schedule on real threads and the real clock; messages are admitted with their own time, or now where that is earlier. */
export interface LiveExecutive extends AnyExecutive {
  readonly mode: "live";
  /**
   * Starts the threads; logical time 0 is a little later. Stamps are counted from the ROS time of logical 0, nanoseconds since
   * 1970, which is the system's unless given, and is returned.
   */
  start(epochNs?: bigint): bigint;
  /** Logical time now, negative until the run has begun. */
  now(): number;
  /** The system's time of logical 0, nanoseconds since 1970, as its clock has it now. */
  clockAtZero(): bigint;
  /** Whether a received message is a sample; null while it is being decoded. */
  isSample(channel: number, number: number): boolean | null;
  /** Hands a recorder every record from here on; `RecordingWriter.follow` calls it. */
  recordTo(recorder: object): void;
  /** Has an output's messages sent as datagrams, too, without JavaScript on the way; before the start. Throws `datagram/address`, `datagram/send`. */
  sendTo(output: number, address: string): void;
  /** Admits to a channel what comes as datagrams, without JavaScript on the way; returns the port. Throws `datagram/address`, `datagram/receive`. */
  receiveAt(channel: number, address: string): number;
  /** What came as datagrams so far. */
  received(): readonly ReceivedDatagrams[];
  /**
   * Has the messages of all outputs kept for `messages`, before the start. Returns the end of a pipe, the caller's own, in which
   * there is a byte where an awaited one came since `messages` was called last.
   */
  handOn(): number;
  /** Begins or ends the wait for an output's messages. */
  awaitMessages(output: number, on: boolean): void;
  /** The messages that have left since the last call, as records. */
  messages(): Buffer;
  /** How messages left, per output, once the run has ended. */
  departures(): readonly Departed[];
  /** Ends the run after running jobs; returns the logical time at which it ended. */
  stop(): number;
  /** Throws `schedule/job` where a job has ended with a fault. */
  checkJobs(): void;
  /** When the first job that ended with a fault was released; null where none did. */
  faultedNs(): number | null;
  /** The threads that were started. */
  threads(): readonly ThreadInfo[];
  /** Whether the memory that the threads use was locked, as the system answered. */
  memoryLocked(): boolean;
}

/** What runs an application: in virtual time, or live on threads of its own. */
export type Executive = VirtualExecutive | LiveExecutive;

interface NativeApplication {
  readonly table: string;
  readonly artifacts: readonly Buffer[];
  readonly codecs: string;
  readonly faults: readonly Fault[];
  readonly target?: string;
}

const isClass = (value: unknown): boolean => typeof value === "function";
const binding = z.object({
  VirtualExecutive:
    z.custom<new (application: NativeApplication, replay?: Buffer, keyframeEveryNs?: number) => VirtualExecutive>(
      isClass,
    ),
  LiveExecutive: z.custom<new (application: NativeApplication, realtime: boolean) => LiveExecutive>(isClass),
});

interface ProgramOptions {
  readonly faults?: readonly Fault[];
  readonly target?: string;
}

/** Options of an executive in virtual time. */
export interface VirtualExecutiveOptions extends ProgramOptions {
  /** Decisions of a log, as records, that this run obeys. */
  readonly replay?: Buffer;
  readonly keyframeEveryNs?: number;
}

/** Options of a live executive. */
export interface LiveExecutiveOptions extends ProgramOptions {
  /** Ask for SCHED_FIFO. */
  readonly realtime?: boolean;
}

const programOptions = () => ({
  faults: z
    .array(z.strictObject({ task: z.int().min(0), every: z.int().min(1), durationNs: z.int().min(0) }))
    .describe("a list of { task, every, durationNs }, whole numbers")
    .optional(),
  target: targetSchema.optional(),
});
const checkVirtual = optionsOf<VirtualExecutiveOptions>("run", "createVirtualExecutive", () => ({
  ...programOptions(),
  replay: z.instanceof(Uint8Array).describe("records, as bytes").optional(),
  keyframeEveryNs: z.int().min(1).optional(),
}));
const checkLive = optionsOf<LiveExecutiveOptions>("run", "createLiveExecutive", () => ({
  ...programOptions(),
  realtime: z.boolean().optional(),
}));

const nativeApplication = (
  application: ApplicationDescription,
  artifacts: readonly Uint8Array[],
  { faults = [], target }: ProgramOptions,
): NativeApplication => ({
  table: JSON.stringify(application.table),
  artifacts: artifacts.map((bytes) => Buffer.from(bytes)),
  codecs: codecsOf(application),
  faults,
  ...(target === undefined ? {} : { target }),
});

/** Loads the programs and lays out the schedule in virtual time. */
export function createVirtualExecutive(
  application: ApplicationDescription,
  artifacts: readonly Uint8Array[],
  options: VirtualExecutiveOptions = {},
): VirtualExecutive {
  checkVirtual(options);
  const { VirtualExecutive: Native } = binding.parse(loadRuntime());
  return callNative(
    () => new Native(nativeApplication(application, artifacts, options), options.replay, options.keyframeEveryNs),
  );
}

/** Loads the programs and lays out the schedule for real threads, which `start` starts. */
export function createLiveExecutive(
  application: ApplicationDescription,
  artifacts: readonly Uint8Array[],
  options: LiveExecutiveOptions = {},
): LiveExecutive {
  checkLive(options);
  const { LiveExecutive: Native } = binding.parse(loadRuntime());
  return callNative(() => new Native(nativeApplication(application, artifacts, options), options.realtime === true));
}
