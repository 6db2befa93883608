// Worlds: what an application drives instead of a robot, stepped in logical time as one federate.
import { MessageReader, MessageWriter } from "@foxglove/rosmsg2-serialization";
import { callNative, IsochronError } from "../kernels/index.ts";
import { definitionsOf } from "../nodes/index.ts";
import type { ApplicationDescription } from "./application.ts";
import type { Executive } from "./executive.ts";

/** What a world may do at one instant. */
export interface WorldIo {
  /** Admits a message to an input topic, at this instant. */
  publish(topic: string, message: object): void;
  /** The newest message of an output topic with a tag not after this instant. */
  latest(topic: string): unknown;
}

/** A deterministic world. */
export interface World {
  readonly name: string;
  /** Nanoseconds of logical time between steps. */
  readonly periodNs: number;
  /** Called at every multiple of the period, from 0. */
  step(timeNs: number, io: WorldIo): void;
  /** What a run came to, by name: printed, and put into the report. */
  summary(): Readonly<Record<string, number | string | boolean | null>>;
}

/** Connects a world to an executive's topics, messages encoded as on the wire. */
export class WorldConnection {
  readonly #executive: Executive;
  readonly #inputs: ReadonlyMap<string, { readonly channel: number; readonly writer: MessageWriter }>;
  readonly #outputs: ReadonlyMap<string, { readonly id: number; readonly reader: MessageReader }>;

  constructor(application: ApplicationDescription, executive: Executive) {
    this.#executive = executive;
    this.#inputs = new Map(
      application.inputs.map(({ topic, type, channel }) => [
        topic,
        { channel, writer: new MessageWriter(definitionsOf(type)) },
      ]),
    );
    this.#outputs = new Map(
      application.outputs.map(({ topic, type }, id) => [topic, { id, reader: new MessageReader(definitionsOf(type)) }]),
    );
  }

  /** What the world may do at `timeNs`. */
  at(timeNs: number): WorldIo {
    return {
      publish: (topic, message) => {
        const input = this.#inputs.get(topic);
        if (!input) throw unknownTopic("input", topic, this.#inputs);
        const bytes = Buffer.from(input.writer.writeMessage(message));
        callNative(() => this.#executive.admit(input.channel, timeNs, bytes));
      },
      latest: (topic) => {
        const output = this.#outputs.get(topic);
        if (!output) throw unknownTopic("output", topic, this.#outputs);
        const found = callNative(() => this.#executive.latestMessage(output.id, timeNs));
        return found === null ? undefined : output.reader.readMessage(found.bytes);
      },
    };
  }
}

const unknownTopic = (what: string, topic: string, known: ReadonlyMap<string, unknown>): IsochronError =>
  new IsochronError("world/topic", `the application has no ${what} "${topic}"`, {
    help: known.size === 0 ? `declare it with app.${what}()` : `it has ${[...known.keys()].join(", ")}`,
  });

/** Hooks of a run. */
export interface RunHooks {
  /** Called after every step with the logical time; may drain the executive. */
  readonly onStep?: (timeNs: number) => void | Promise<void>;
  /** Ends the run early, at a step. */
  readonly signal?: AbortSignal;
}

/** Where nothing else steps, a run does so at least this often, to be followed and ended. */
const longestStepNs = 100_000_000;
/** Milliseconds after which a run lets signals and other events in. */
const turnMs = 10;

/** Lets the event loop turn, where it has not for a while. */
function turns(): () => Promise<void> | undefined {
  let last = performance.now();
  return () => {
    if (performance.now() - last < turnMs) return undefined;
    return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      last = performance.now();
    });
  };
}

/**
 * Runs in virtual time, as fast as the machine can; at each step the world sees all that was published up to then.
 * Returns the logical time at which the run ended.
 */
export async function runVirtual(
  application: ApplicationDescription,
  executive: Executive,
  world: World | undefined,
  durationNs: number,
  hooks: RunHooks = {},
): Promise<number> {
  const connection = new WorldConnection(application, executive);
  const periodNs = world?.periodNs ?? Math.max(1, Math.min(longestStepNs, Math.floor(durationNs / 100)));
  const turn = turns();
  let time = 0;
  for (; time < durationNs && !hooks.signal?.aborted; time += periodNs) {
    if (time > 0) callNative(() => executive.advance(time - 1));
    stepWorld(world, time, connection);
    await hooks.onStep?.(time);
    await turn();
  }
  const end = Math.min(time, durationNs);
  callNative(() => executive.advance(end - 1));
  await hooks.onStep?.(end);
  return end;
}

/** Steps a world; what it throws is said to be the world's. */
function stepWorld(world: World | undefined, time: number, connection: WorldConnection): void {
  try {
    world?.step(time, connection.at(time));
  } catch (cause) {
    if (cause instanceof IsochronError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new IsochronError("world/failed", `the world "${world?.name}" failed at ${time / 1e9} s: ${why}`, { cause });
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Runs on the executive's real threads; the world is stepped on this thread at the real time of each of its steps, or as
 * soon after as it can. Returns the logical time at which the run ended.
 */
export async function runLive(
  application: ApplicationDescription,
  executive: Executive,
  world: World | undefined,
  durationNs: number,
  hooks: RunHooks = {},
): Promise<number> {
  const connection = new WorldConnection(application, executive);
  const periodNs = world?.periodNs ?? 10_000_000;
  const turn = turns();
  callNative(() => executive.start());
  let end = 0;
  try {
    for (let time = 0; time < durationNs && !hooks.signal?.aborted; time += periodNs) {
      for (let ahead = time - executive.now(); ahead > 0; ahead = time - executive.now()) await pause(ahead / 1e6);
      stepWorld(world, time, connection);
      await hooks.onStep?.(time);
      await turn();
    }
  } finally {
    end = callNative(() => executive.stop());
  }
  await hooks.onStep?.(end);
  return end;
}
