// Worlds: what an application drives instead of a robot, stepped in logical time as one federate.
import { IsochronError } from "../kernels/index.ts";

/** What a world may do at one instant. */
export interface WorldIo {
  /** Admits a message to an input topic, at this instant. */
  publish(topic: string, message: object): void;
  /** The newest message of an output topic with a tag not after this instant. */
  latest(topic: string): unknown;
}

/** Refuses a world that no run can step. Throws `world/period`, `world/shape`. */
export function checkWorld(world: World): World {
  // What is not TypeScript may give anything.
  const given: unknown = world;
  if (typeof given !== "object" || given === null || typeof world.step !== "function") {
    throw new IsochronError("world/shape", "what app.world() makes is no world", {
      help: "give an object with name, periodNs, step(timeNs, io) and summary()",
    });
  }
  const { name, periodNs } = world;
  if (!(periodNs >= 1) || !Number.isFinite(periodNs)) {
    throw new IsochronError("world/period", `the world "${name}" has a period of ${String(periodNs)} ns`, {
      help: "give the nanoseconds from one step to the next, 1 at least: periodNs: 10e6 for 10 ms",
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
