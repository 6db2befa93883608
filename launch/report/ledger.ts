// What a run's events tell, kept by job and by sequence number, so that no figure depends on the order in which threads were drained.
import type { ApplicationDescription, RunEvent, SentMessage, SkipReason } from "../../sim/index.ts";
import { Column } from "./column.ts";
import { firstNonFinite } from "./non-finite.ts";

/** How a release ended; `open` while no verdict is known. */
export type Outcome = "open" | "done" | "overrun" | SkipReason;
const outcomes: readonly Outcome[] = ["open", "done", "overrun", "busy", "late", "gone", "stopped", "early"];

/** Outputs of one field that were NaN or infinite somewhere. */
export interface NonFinite {
  readonly count: number;
  /** The first of them, by job. */
  readonly job: number;
  readonly time: number;
  readonly element: number;
  readonly value: number;
}

/** Messages of one channel that became no sample for one reason. */
export interface Rejections {
  readonly reason: string;
  readonly count: number;
  /** The first of them. */
  readonly firstSequence: number;
  readonly firstNs: number;
}

/** Reasons that are kept apart; what is wrong otherwise is counted in sum. */
const reasonsAtMost = 1000;
const otherReasons = "other reasons";

/** A task's jobs, by their number. */
export class TaskLedger {
  readonly release = new Column();
  readonly start = new Column();
  readonly end = new Column();
  readonly #outcome = new Column();
  /** Per channel that the task reads: the sequence number that each job saw. */
  readonly pins: ReadonlyMap<number, Column>;
  /** Injected stalls, in nanoseconds. */
  readonly stalls = new Map<number, number>();
  /** Times of arrivals that came before the minimum interval had passed, and released nothing. */
  readonly early = new Column();
  /** Per field of the output: jobs whose published value was NaN or infinite somewhere, and the first of them. */
  readonly nonFinite = new Map<number, NonFinite>();
  /** Records counted as they came. */
  readonly records = { onTime: 0, overrun: 0, skipped: 0 };
  #released = 0;
  #forgottenOnTime = 0;

  constructor(channels: readonly number[]) {
    this.pins = new Map(channels.map((channel) => [channel, new Column()]));
  }

  /** Releases, by the executive's own numbering: every release has a number, whatever became of it. */
  get released(): number {
    return this.#released;
  }

  /** The numbers of releases that are kept. */
  get jobs(): number[] {
    const { first } = this.release;
    return Array.from({ length: Math.max(0, this.#released - first) }, (_, at) => first + at);
  }

  /** Jobs on time that are kept, counted by their verdicts. */
  get keptOnTime(): number {
    return this.records.onTime - this.#forgottenOnTime;
  }

  outcome(job: number): Outcome {
    return outcomes[this.#outcome.at(job)] ?? "open";
  }

  /** Releases whose job has begun and has no verdict. */
  get inFlight(): number {
    return this.jobs.filter((job) => !Number.isNaN(this.release.at(job)) && this.outcome(job) === "open").length;
  }

  /** Forgets releases before an instant; they stay counted. */
  forget(beforeNs: number): void {
    const first = this.release.from(beforeNs);
    for (let job = this.release.first; job < first; job++) if (this.outcome(job) === "done") this.#forgottenOnTime++;
    for (const column of [this.release, this.start, this.end, this.#outcome, ...this.pins.values()])
      column.forget(first);
    for (const job of this.stalls.keys()) if (job < first) this.stalls.delete(job);
    this.early.forget(this.early.from(beforeNs));
  }

  releasedAt(job: number, time: number): void {
    this.#released = Math.max(this.#released, job + 1);
    this.release.put(job, time);
  }

  /** Counts a published value that is not finite. */
  notFinite(field: number, first: Omit<NonFinite, "count">): void {
    const known = this.nonFinite.get(field);
    const earliest = known && known.job < first.job ? known : first;
    this.nonFinite.set(field, { ...earliest, count: (known?.count ?? 0) + 1 });
  }

  settled(job: number, outcome: Outcome): void {
    this.#released = Math.max(this.#released, job + 1);
    this.#outcome.put(job, outcomes.indexOf(outcome));
    if (outcome === "done" && job < this.release.first) this.#forgottenOnTime++;
  }
}

/** A channel's messages, by their sequence number. */
export class ChannelLedger {
  /** When each arrived, or was published by its task. */
  readonly arrivals = new Column();
  /** When each became a sample, where that is later: it was decoded on a thread of its own. */
  readonly decoded = new Column();
  /** When each that became no sample was given up. */
  readonly rejected = new Column();
  readonly #reasons = new Map<string, Rejections>();
  bytes = 0;
  readonly #decodes: boolean;

  constructor(decodes: boolean) {
    this.#decodes = decodes;
  }

  /** The tag that readers select by; NaN where the message is no sample. */
  tag(sequence: number): number {
    if (!Number.isNaN(this.rejected.at(sequence))) return Number.NaN;
    return this.#decodes ? this.decoded.at(sequence) : this.arrivals.at(sequence);
  }

  arrive(sequence: number, time: number, bytes: number): void {
    this.arrivals.put(sequence, time);
    this.bytes += bytes;
  }

  reject(sequence: number, time: number, why: string): void {
    this.rejected.put(sequence, time);
    const reason = this.#reasons.has(why) || this.#reasons.size < reasonsAtMost ? why : otherReasons;
    const known = this.#reasons.get(reason);
    const first =
      known && known.firstSequence < sequence
        ? { firstSequence: known.firstSequence, firstNs: known.firstNs }
        : { firstSequence: sequence, firstNs: time };
    this.#reasons.set(reason, { reason, count: (known?.count ?? 0) + 1, ...first });
  }

  /** Forgets messages below a number; they stay counted. */
  forget(below: number): void {
    for (const column of [this.arrivals, this.decoded, this.rejected]) column.forget(below);
  }

  /** Why messages became no sample, the most frequent reason first. */
  get rejections(): Rejections[] {
    return [...this.#reasons.values()].sort((a, b) => b.count - a.count || a.firstSequence - b.firstSequence);
  }
}

/** An output topic's messages. */
export class MessageLedger {
  readonly times = new Column();
  bytes = 0;
}

/** Records that the recorder had to give up. */
export interface Lost {
  readonly decisions: number;
  readonly traces: number;
  readonly outputs: number;
}

/**
 * Follows a run event by event; about 60 bytes a job.
 *
 * Where it is told how many to keep of each task and topic, it forgets what came before, so that a run without end needs
 * constant memory: all stays counted, and what is told of jobs and messages one by one is told of those since `keptFromNs`.
 */
export class Ledger {
  readonly application: ApplicationDescription;
  readonly #keep: number;
  #keptFromNs = 0;
  readonly tasks: readonly TaskLedger[];
  readonly channels: readonly ChannelLedger[];
  readonly messages: readonly MessageLedger[];
  /** By the topics on which pipelines publish. */
  readonly sent: readonly MessageLedger[];
  readonly #lost = { decisions: 0, traces: 0, outputs: 0 };

  constructor(application: ApplicationDescription, keep = Number.POSITIVE_INFINITY) {
    const { tasks, channels } = application.table;
    this.application = application;
    this.#keep = keep;
    this.tasks = tasks.map(({ inputs }) => new TaskLedger([...new Set(inputs.map(({ channel }) => channel))]));
    this.channels = channels.map(({ latencyNs }) => new ChannelLedger(latencyNs !== undefined));
    this.messages = application.outputs.map(() => new MessageLedger());
    this.sent = application.publications.map(() => new MessageLedger());
  }

  get lost(): Lost {
    return { ...this.#lost };
  }
  /** From when on releases and messages are kept one by one. */
  get keptFromNs(): number {
    return this.#keptFromNs;
  }
  /** Releases whose output did not stand in time, so far: late jobs and skipped releases. */
  get misses(): number {
    return this.tasks.reduce((sum, { records }) => sum + records.overrun + records.skipped, 0);
  }
  /** Jobs that ran, so far. */
  get cycles(): number {
    return this.tasks.reduce((sum, { records }) => sum + records.onTime + records.overrun, 0);
  }

  add(events: readonly RunEvent[]): void {
    for (const event of events) this.#add(event);
    this.#forget();
  }

  /** Counts what pipelines have published. */
  addSent(messages: readonly SentMessage[]): void {
    for (const { publication, timeNs, bytes } of messages) {
      const topic = this.sent[publication]!;
      topic.times.push(timeNs);
      topic.bytes += bytes.length;
    }
  }

  /** Forgets the older half where there is twice as much as is to be kept. */
  #forget(): void {
    const times = [
      ...this.tasks.flatMap(({ release, early }) => [release, early]),
      ...this.channels.map(({ arrivals }) => arrivals),
      ...[...this.messages, ...this.sent].map((topic) => topic.times),
    ];
    if (times.every((column) => column.length - column.first <= 2 * this.#keep)) return;
    // One instant for all: what a job read, and who read a message, is kept or forgotten together.
    const starts = times.map((column) =>
      column.length - column.first <= this.#keep ? Number.NEGATIVE_INFINITY : column.at(column.length - this.#keep),
    );
    this.#keptFromNs = Math.max(this.#keptFromNs, ...starts.filter((each) => !Number.isNaN(each)));
    const from = this.#keptFromNs;
    const { channels } = this.application.table;
    for (const task of this.tasks) task.forget(from);
    for (const [id, channel] of this.channels.entries()) {
      const { source } = channels[id]!;
      // Job n publishes number n + 1.
      channel.forget(source.kind === "task" ? this.tasks[source.task]!.release.first + 1 : channel.arrivals.from(from));
    }
    for (const { times: sent } of [...this.messages, ...this.sent]) sent.forget(sent.from(from));
  }

  #add(event: RunEvent): void {
    switch (event.kind) {
      case "admit":
        this.channels[event.channel]!.arrive(event.sequence, event.time, event.bytes.length);
        return;
      case "output":
        this.channels[event.channel]!.arrive(event.sequence, event.time, event.bytes.length);
        for (const [field, row] of this.application.table.channels[event.channel]!.fields.entries()) {
          const found = firstNonFinite(event.bytes, row);
          if (found) this.tasks[event.task]!.notFinite(field, { job: event.job, time: event.time, ...found });
        }
        return;
      case "release": {
        const task = this.tasks[event.task]!;
        task.releasedAt(event.job, event.time);
        for (const { channel, sequence } of event.pins) task.pins.get(channel)?.put(event.job, sequence);
        return;
      }
      case "verdict": {
        const task = this.tasks[event.task]!;
        task.records[event.overrun ? "overrun" : "onTime"]++;
        task.settled(event.job, event.overrun ? "overrun" : "done");
        return;
      }
      case "skipped": {
        const task = this.tasks[event.task]!;
        // An early arrival has no release of its own, so its number is the next release's.
        if (event.reason === "early") {
          task.early.push(event.time);
          return;
        }
        task.records.skipped++;
        task.releasedAt(event.job, event.time);
        task.settled(event.job, event.reason);
        return;
      }
      case "trace": {
        const task = this.tasks[event.task]!;
        task.start.put(event.job, event.start);
        task.end.put(event.job, event.end);
        return;
      }
      case "fault":
        this.tasks[event.task]!.stalls.set(event.job, event.duration);
        return;
      case "message": {
        const output = this.messages[event.output]!;
        output.times.push(event.time);
        output.bytes += event.bytes.length;
        return;
      }
      case "visible":
        this.channels[event.channel]!.decoded.put(event.sequence, event.time);
        return;
      case "rejected":
        this.channels[event.channel]!.reject(event.sequence, event.time, event.reason);
        return;
      case "lost":
        this.#lost[event.what] += event.count;
        return;
      case "keyframe":
      case "discarded":
        return;
      default:
        unknownKind(event);
    }
  }
}

const unknownKind = (event: never): never => {
  throw new TypeError(`the report does not know ${JSON.stringify(event)}`);
};
