// Messages that wait for partners of other streams, in the order in which they came.
import { z } from "zod";
import { functionSchema } from "../../kernels/index.ts";
import { DropCounter, ownCounter } from "./counter.ts";

/** A message and its time. */
export interface Waiting {
  readonly time: number;
  readonly value: unknown;
}

/** How messages are matched by time. */
export interface MatchOptions {
  /** A message's time in nanoseconds; from its header unless given. */
  readonly stamp?: (message: unknown) => number;
  /**
   * Messages that may wait, per stream; 10 unless given. What came first is dropped beyond, and counted under the
   * operator's own name where no counter is given.
   */
  readonly depth?: number;
  /** Counts messages that found no match. */
  readonly drops?: DropCounter;
  /** Counts the times that a stream began anew: its times jumped back, behind its last `depth` messages. */
  readonly resets?: DropCounter;
}

/** What operators that match by time take. */
export function matchSchemas() {
  const counter = z.instanceof(DropCounter).describe("a counter: app.counter(NAME)").optional();
  return {
    stamp: functionSchema.describe("a function from a message to its time in nanoseconds").optional(),
    depth: z.int().min(1).optional(),
    drops: counter,
    resets: counter,
  };
}

/**
 * The messages of one stream that wait for partners.
 *
 * Messages may come out of order. But one that is older than each of the last `depth` begins the stream anew, as when a log
 * or a simulator starts again: what waits from before could only be joined with what does not belong to it, and is dropped.
 */
export class WaitingMessages {
  readonly #depth: number;
  readonly #drops: DropCounter | undefined;
  /** Counts what waited and was given up, unlike what was passed over for a better match. */
  readonly #bounds: Pick<DropCounter, "add">;
  readonly #resets: DropCounter | undefined;
  /** Times of the last messages that came, whether they wait or not. */
  #recent: number[] = [];
  #messages: Waiting[] = [];

  constructor(operator: string, { depth = 10, drops, resets }: MatchOptions) {
    this.#depth = depth;
    this.#drops = drops;
    this.#bounds = drops ?? ownCounter(`${operator}, ${depth} may wait`);
    this.#resets = resets;
  }

  /** Those that wait, as they came. */
  get messages(): readonly Waiting[] {
    return this.#messages;
  }

  /** Takes a message in; `settle` then keeps the depth, once it has had its chance of a match. */
  add(message: Waiting): void {
    const { time } = message;
    const full = this.#recent.length >= Math.max(1, this.#depth);
    if (full && this.#recent.every((each) => each > time)) {
      this.#resets?.add();
      this.#bounds.add(this.#messages.length);
      this.#messages = [];
      this.#recent = [];
    } else if (full) this.#recent.shift();
    this.#recent.push(time);
    this.#messages.push(message);
  }

  /** Drops what came first, where more wait than may. */
  settle(): void {
    if (this.#messages.length <= this.#depth) return;
    this.#messages.shift();
    this.#bounds.add();
  }

  /** Takes out a message that was matched, and drops those before its time, which can match nothing any more. */
  match(matched: Waiting): void {
    const left = this.#messages.filter((each) => each !== matched && each.time >= matched.time);
    this.#drops?.add(this.#messages.length - 1 - left.length);
    this.#messages = left;
  }

  /** Drops a message that another of the same time replaces. */
  #drop(message: Waiting): void {
    this.#messages = this.#messages.filter((each) => each !== message);
    this.#drops?.add();
  }

  /** Drops what waits with this time, but for the newest. */
  keepNewestOf(time: number): void {
    const same = this.#messages.filter((each) => each.time === time);
    for (const older of same.slice(0, -1)) this.#drop(older);
  }
}
