// Worlds: what an application drives instead of a robot, stepped in logical time as one federate.

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
