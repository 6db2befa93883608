// What a report says of a run beside its events, and how a recording carries it.
import { z } from "zod";
import { IsochronError } from "../../kernels/index.ts";
import type {
  ClockSteps,
  Departed,
  Lateness,
  ReceivedDatagrams,
  Recording,
  ThreadInfo,
  TransportFacts,
} from "../../sim/index.ts";
import type { Machine } from "../machine.ts";

/** What recomputing the recording came to. */
export type Replayed =
  | "not checked"
  | {
      readonly bitExact: boolean;
      readonly kernelCalls: number;
      readonly difference: string | null;
      /** The first decision that breaks a rule of the schedule. */
      readonly illegal: string | null;
    };

/** How the messages of an output left a live run. */
export interface Departures extends Departed {
  readonly topic: string;
  readonly send: "publication" | "completion";
}

/** What came as datagrams on a topic. */
export interface ReceivedMessages extends Omit<ReceivedDatagrams, "channel"> {
  readonly topic: string;
}

/** A run as a whole. */
export interface RunFacts {
  readonly mode: "virtual" | "live";
  readonly durationNs: number;
  /** "virtual time", or the scheduling policy in force, as read back from the threads. */
  readonly scheduling: string;
  readonly hash: string;
  /** The real-time threads, as they were set up. */
  readonly threads: readonly ThreadInfo[];
  readonly machine: Machine | "not recorded";
  readonly world: Readonly<Record<string, number | string | boolean | null>> | null;
  /** What the application's stream pipelines dropped, by the name of their counter. */
  readonly streamDrops: Readonly<Record<string, number>>;
  /** Live: how late the messages of world, log and pipelines came; null where that is not known. */
  readonly lateness: Lateness | null;
  /** The ROS time of logical 0, nanoseconds since 1970, in digits: published stamps are counted from it. */
  readonly epochNs: string;
  /** Live: steps of the system's clock, which moved nothing; null where there was none, or none was looked for. */
  readonly clockSteps: ClockSteps | null;
  /** What went over the transport; null where there was none. */
  readonly transport: TransportFacts | null;
  /** Live: how messages left, of the outputs whose messages went to a transport, to pipelines or as datagrams. */
  readonly departures: readonly Departures[];
  /** Live: what came as datagrams. */
  readonly datagrams: readonly ReceivedMessages[];
  /** Virtual time: messages that pipelines admitted outside of a grant, so that another run may differ. */
  readonly outOfTurn: number;
  /** Places where a recording does not agree with itself; 0 where none was read. */
  readonly damage: number;
  readonly replayed: Replayed;
  /** The error that ended the run, in one line. */
  readonly failure: string | null;
  /** Why the recording ends before the run did. */
  readonly cut: string | null;
}

const about = z.object({
  threads: z.array(
    z.object({ name: z.string(), core: z.int(), bound: z.boolean(), priority: z.int(), policy: z.string() }),
  ),
  machine: z.object({
    cpu: z.string(),
    cores: z.int(),
    architecture: z.string(),
    kernel: z.string(),
    node: z.string(),
    governor: z.string().exactOptional(),
  }),
  world: z.record(z.string(), z.union([z.number(), z.string(), z.boolean(), z.null()])).nullable(),
  streamDrops: z.record(z.string(), z.int()).default({}),
  outOfTurn: z.int().default(0),
  lateness: z
    .object({
      messages: z.int(),
      late: z.int(),
      worstNs: z.number(),
      firstNs: z.number().nullable(),
      missedSteps: z.int(),
    })
    .nullable()
    .default(null),
  clockSteps: z.object({ count: z.int(), worstNs: z.number(), firstNs: z.number() }).nullable().default(null),
  transport: z
    .object({
      name: z.string(),
      received: z.int(),
      published: z.int(),
      findings: z.array(
        z.object({
          kind: z.enum(["incompatible", "lost", "missed", "unsent"]),
          topic: z.string(),
          count: z.int(),
          first: z.object({ timeNs: z.number(), reason: z.string() }),
        }),
      ),
    })
    .nullable()
    .default(null),
  departures: z
    .array(
      z.object({
        topic: z.string(),
        send: z.enum(["publication", "completion"]),
        left: z.int(),
        medianNs: z.number(),
        p99Ns: z.number(),
        latestNs: z.number(),
        latestAtNs: z.number(),
        unsent: z.int(),
        missed: z.int(),
      }),
    )
    .default([]),
  datagrams: z.array(z.object({ topic: z.string(), received: z.int(), tooLong: z.int() })).default([]),
});

/** The text that a recording keeps of a run. */
export const aboutText = (facts: RunFacts): string => {
  const { threads, machine, world, streamDrops, outOfTurn, lateness, clockSteps, transport } = facts;
  const { departures, datagrams } = facts;
  const told = { threads, machine, world, streamDrops, outOfTurn, lateness, clockSteps, transport };
  return JSON.stringify({ ...told, departures, datagrams });
};

/** A recorded run's facts. Throws `recording/damaged` where the recording says something that no version wrote. */
export function factsOf(recording: Recording, replayed: Replayed = "not checked"): RunFacts {
  const { mode, durationNs, scheduling, hash } = recording;
  const common = {
    mode,
    durationNs,
    scheduling,
    hash,
    epochNs: String(recording.epochNs),
    damage: recording.damage.length,
    replayed,
    failure: recording.failure ?? null,
    cut: recording.cut?.why ?? null,
  };
  if (recording.about === undefined)
    return {
      ...common,
      threads: [],
      machine: "not recorded",
      world: null,
      streamDrops: {},
      outOfTurn: 0,
      lateness: null,
      clockSteps: null,
      transport: null,
      departures: [],
      datagrams: [],
    };
  try {
    return { ...common, ...about.parse(JSON.parse(recording.about)) };
  } catch (cause) {
    if (!(cause instanceof z.ZodError || cause instanceof SyntaxError)) throw cause;
    throw new IsochronError("recording/damaged", "what the recording says of its machine is damaged", {
      details: (cause instanceof z.ZodError ? z.prettifyError(cause) : cause.message).split("\n"),
      help: "record the run again",
      cause,
    });
  }
}
