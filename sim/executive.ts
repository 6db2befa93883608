// The executive as simulation uses it: declared here, made by the runtime module.
import { z } from "zod";
import { callNative, loadRuntime } from "../kernels/index.ts";
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

/** A schedule at run time; all times are nanoseconds of logical time. */
export interface Executive {
  /** Admits a message as received; returns its sequence number. */
  admit(channel: number, timeNs: number, bytes: Buffer): number;
  /** Virtual time: processes every event up to and including `untilNs`. */
  advance(untilNs: number): void;
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
}

const binding = z.object({
  Executive: z.custom<new (options: NativeOptions) => Executive>((value) => typeof value === "function"),
});

/** Options of an executive in virtual time. */
export interface ExecutiveOptions {
  readonly faults?: readonly Fault[];
  /** Decisions of a log, as records, that this run obeys. */
  readonly replay?: Buffer;
  readonly keyframeEveryNs?: number;
  readonly target?: string;
}

/** Loads the programs and lays out the schedule. */
export function createExecutive(
  application: ApplicationDescription,
  artifacts: readonly Uint8Array[],
  options: ExecutiveOptions = {},
): Executive {
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
