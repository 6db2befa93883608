// What is known of a run when it has ended: its clock and threads, the machine, what world and application say of it.
import { IsochronError } from "../kernels/index.ts";
import type { StreamHub } from "../nodes/index.ts";
import type {
  ApplicationDescription,
  ClockSteps,
  Executive,
  Federation,
  RunEnd,
  ThreadInfo,
  TransportFacts,
  World,
} from "../sim/index.ts";
import type { Facts } from "./declared.ts";
import { type LoadedApplication, ofApplication, requireFacts } from "./load-application.ts";
import { describeMachine } from "./machine.ts";
import type { Departures, ReceivedMessages, RunFacts } from "./report/index.ts";

/** A run that has ended. */
interface EndedRun {
  readonly executive: Executive;
  readonly federation: Pick<Federation, "lateness" | "outOfTurn">;
  readonly streams: StreamHub;
  readonly endNs: number;
  readonly epochNs: bigint;
  readonly clockSteps: ClockSteps | null;
  readonly transport: TransportFacts | null;
  readonly failure: RunEnd["failure"];
  readonly application: Pick<ApplicationDescription, "table" | "outputs">;
  /** What `saidOfRun` gave. */
  readonly world: Facts | null;
}

/** The facts of a run that has just ended, for its report and recording. */
export function factsOf(run: EndedRun): RunFacts {
  const { executive, federation, streams, endNs, failure, world, clockSteps, transport, application } = run;
  const threads = executive.mode === "live" ? executive.threads() : [];
  return {
    hash: executive.hash(),
    mode: executive.mode,
    durationNs: endNs,
    scheduling: executive.mode === "live" ? describeScheduling(threads, executive.memoryLocked()) : "virtual time",
    threads,
    machine: describeMachine(),
    world,
    streamDrops: streams.drops(),
    lateness: federation.lateness,
    epochNs: String(run.epochNs),
    clockSteps,
    transport,
    departures: departuresOf(executive, application),
    datagrams: datagramsOf(executive, application),
    outOfTurn: executive.mode === "live" ? 0 : federation.outOfTurn,
    damage: 0,
    failure: failure ? inOneLine(failure.error) : null,
    cut: null,
    replayed: "not checked",
  };
}

/** How messages left, of those outputs whose messages went anywhere. */
const departuresOf = (executive: Executive, { outputs }: EndedRun["application"]): Departures[] =>
  executive.mode === "virtual"
    ? []
    : executive.departures().flatMap((departed, output) => {
        const { left, medianNs, p99Ns, latestNs, latestAtNs, unsent, missed } = departed;
        const { topic, send = "publication" } = outputs[output]!;
        return left + unsent + missed === 0
          ? []
          : [{ topic, send, left, medianNs, p99Ns, latestNs, latestAtNs, unsent, missed }];
      });

/** What came as datagrams. */
const datagramsOf = (executive: Executive, { table }: EndedRun["application"]): ReceivedMessages[] =>
  executive.mode === "virtual"
    ? []
    : executive
        .received()
        .map(({ channel, received, tooLong }) => ({ topic: table.channels[channel]!.name, received, tooLong }));

const inOneLine = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split("\n")[0]!;

/** The policy in force, in words: real-time only where every thread was granted it. */
function describeScheduling(threads: readonly ThreadInfo[], memoryLocked: boolean): string {
  const policies = [...new Set(threads.map((thread) => thread.policy))].join(", ");
  const granted = threads.length > 0 && threads.every((thread) => thread.policy === "SCHED_FIFO");
  const memory = memoryLocked ? "memory locked" : "memory not locked";
  return granted ? `${policies}, ${memory}` : `not real-time (${policies}, ${memory})`;
}

/** What world and application say of a run; null where neither has anything to say. Throws `application/summary`. */
export async function saidOfRun(world: World | undefined, loaded: LoadedApplication): Promise<Facts | null> {
  const ofWorld = world && ofApplication(`the summary of "${world.name}"`, () => world.summary());
  if (world) requireFacts(ofWorld, `world "${world.name}"`);
  const all: Facts = { ...ofWorld, ...loaded.facts() };
  for (const [name, value] of Object.entries<unknown>(all)) {
    if (value === null || ["number", "string", "boolean", "undefined"].includes(typeof value)) continue;
    throw new IsochronError("application/summary", `a summary gives ${typeof value} for "${name}"`, {
      help: "give numbers, texts, true or false, or null",
    });
  }
  return Object.keys(all).length > 0 ? all : null;
}
