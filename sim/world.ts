// Worlds: what an application drives instead of a robot, stepped in logical time as one federate.
import { IsochronError, nearest, shown } from "../kernels/index.ts";

/** What a world may do at one instant. */
export interface WorldIo {
  /** Admits a message to an input topic, at this instant. */
  publish(topic: string, message: object): void;
  /** The newest message of an output topic with a tag not after this instant. */
  latest(topic: string): unknown;
}

const takes = "a world is an object with name, periodNs, step(timeNs, io) and summary()";
const parts = { name: "string", step: "function", summary: "function" } as const;

const said = (whose: string, part: string, found: unknown): string =>
  found === undefined ? `${whose} has no ${part}` : `${whose}: ${part} cannot be ${shown(found)}`;

/** What a world has under a name that is nearly the right one. */
function instead(world: object, part: string, help: string): string {
  const own = nearest(
    part,
    Object.keys(world).filter((name) => name !== part),
  );
  return own === undefined ? help : `is its ${own} meant? ${help}`;
}

/** Refuses a world that no run can step. Throws `world/period`, `world/shape`. */
export function checkWorld(world: World): World {
  // What is not TypeScript may give anything.
  const given: unknown = world;
  if (typeof given !== "object" || given === null)
    throw new IsochronError("world/shape", `what app.world() makes is no world, but ${shown(given)}`, { help: takes });
  const { name, periodNs } = world;
  const whose = typeof name === "string" ? `the world "${name}"` : "the world";
  for (const [part, type] of Object.entries(parts)) {
    const found: unknown = world[part as keyof World];
    if (typeof found === type) continue;
    throw new IsochronError("world/shape", said(whose, part, found), { help: instead(given, part, takes) });
  }
  if (!(typeof periodNs === "number" && periodNs >= 1 && Number.isFinite(periodNs))) {
    const help = "give the nanoseconds from one step to the next, 1 at least: periodNs: 10e6 for 10 ms";
    throw new IsochronError("world/period", said(whose, "periodNs", periodNs), {
      help: periodNs === undefined ? instead(given, "periodNs", help) : help,
    });
  }
  return world;
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

/** Steps a world; what it throws is said to be the world's. */
export function stepWorld(world: World, time: number, io: WorldIo): void {
  try {
    world.step(time, io);
  } catch (cause) {
    if (cause instanceof IsochronError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new IsochronError("world/failed", `the world "${world.name}" failed at ${time / 1e9} s: ${why}`, { cause });
  }
}
