// The report of a run: counts, conservation, latencies, machine; as JSON and as a table in the terminal.
import { build, type Histogram } from "hdr-histogram-js";
import { formatDuration } from "../scheduler/index.ts";
import type { ApplicationDescription, RunEvent, ThreadInfo } from "../sim/index.ts";
import { describeMachine, type Machine } from "./machine.ts";

/** Percentiles in nanoseconds. */
export interface Percentiles {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** "not measured" stands where virtual time has no latency to measure. */
export type Measured = Percentiles | "not measured";

export interface TaskReport {
  readonly name: string;
  readonly released: number;
  readonly onTime: number;
  readonly overrun: number;
  readonly skipped: number;
  readonly inFlight: number;
  /** released = on time + overrun + skipped + in flight. */
  readonly conserved: boolean;
  readonly executionTime: Measured;
  /** From release to the start of the job. */
  readonly lateness: Measured;
}

export interface ConsumerReport {
  readonly channel: string;
  readonly consumer: string;
  readonly published: number;
  readonly read: number;
  readonly overwritten: number;
  readonly dropped: number;
  readonly pending: number;
  /** published = read + overwritten unread + dropped + pending. */
  readonly conserved: boolean;
}

export interface ChainReport {
  readonly name: string;
  readonly budgetNs: number;
  /** From the tag of a sample to the publication of the first output that used it, in logical time. */
  readonly latency: Percentiles | null;
  readonly overBudget: number;
}

export interface Report {
  readonly application: string;
  readonly mode: "virtual" | "live";
  readonly durationNs: number;
  readonly scheduling: string;
  /** The real-time threads, as they were set up. */
  readonly threads: readonly ThreadInfo[];
  readonly machine: Machine;
  readonly hash: string;
  readonly tasks: readonly TaskReport[];
  readonly channels: readonly ConsumerReport[];
  readonly chains: readonly ChainReport[];
  readonly world: Readonly<Record<string, unknown>> | null;
}

const emptyHistogram = (): Histogram =>
  build({ numberOfSignificantValueDigits: 3, bitBucketSize: 64, autoResize: true });

const percentiles = (values: readonly number[]): Percentiles => {
  const histogram = emptyHistogram();
  for (const value of values) histogram.recordValue(Math.max(0, Math.round(value)));
  const at = (share: number) => histogram.getValueAtPercentile(share);
  return {
    count: values.length,
    p50: at(50),
    p90: at(90),
    p99: at(99),
    p999: at(99.9),
    max: values.length ? Math.max(...values) : 0,
  };
};

/** Follows a run event by event and sums it up. */
export class RunStatistics {
  readonly #application: ApplicationDescription;
  readonly #tasks: {
    released: number;
    onTime: number;
    overrun: number;
    skipped: number;
    execution: number[];
    lateness: number[];
  }[];
  /** Per channel: publication tags by sequence. */
  readonly #published: Map<number, number>[];
  readonly #dropped: number[];
  /** Per channel and reading task: the sequences pinned. */
  readonly #read = new Map<string, Set<number>>();
  /** Per task: what each recent job pinned, by sequence of its output. */
  readonly #pins: Map<number, ReadonlyMap<number, number>>[];
  readonly #latencies: number[][];
  readonly #stale: number[];
  readonly #newestUsed: number[];

  constructor(application: ApplicationDescription) {
    const { tasks, channels } = application.table;
    this.#application = application;
    this.#tasks = tasks.map(() => ({ released: 0, onTime: 0, overrun: 0, skipped: 0, execution: [], lateness: [] }));
    this.#published = channels.map(() => new Map());
    this.#dropped = channels.map(() => 0);
    this.#pins = tasks.map(() => new Map());
    this.#latencies = application.chains.map(() => []);
    this.#stale = application.chains.map(() => 0);
    this.#newestUsed = application.chains.map(() => 0);
  }

  /** Jobs that were late, so far. */
  get overruns(): number {
    return this.#tasks.reduce((sum, each) => sum + each.overrun, 0);
  }
  /** Releases whose output did not stand in time, so far: late jobs and skipped releases. */
  get misses(): number {
    return this.#tasks.reduce((sum, each) => sum + each.overrun + each.skipped, 0);
  }
  /** Jobs that ran, so far. */
  get cycles(): number {
    return this.#tasks.reduce((sum, each) => sum + each.onTime + each.overrun, 0);
  }

  add(events: readonly RunEvent[]): void {
    for (const event of events) this.#add(event);
  }

  #add(event: RunEvent): void {
    switch (event.kind) {
      case "admit":
        this.#published[event.channel]!.set(event.sequence, event.time);
        return;
      case "release": {
        this.#tasks[event.task]!.released++;
        this.#pins[event.task]!.set(event.job, new Map(event.pins.map((pin) => [pin.channel, pin.sequence])));
        for (const { channel, sequence } of event.pins) this.#reads(channel, event.task).add(sequence);
        return;
      }
      case "verdict":
        this.#tasks[event.task]![event.overrun ? "overrun" : "onTime"]++;
        return;
      case "skipped":
        if (event.reason === "early") return;
        this.#tasks[event.task]!.released++;
        this.#tasks[event.task]!.skipped++;
        return;
      case "output":
        this.#published[event.channel]!.set(event.sequence, event.time);
        this.#followChains(event.task, event.job, event.time);
        return;
      case "trace": {
        const task = this.#tasks[event.task]!;
        task.execution.push(event.end - event.start);
        task.lateness.push(event.start - event.release);
        return;
      }
      case "fault":
      case "message":
      case "keyframe":
      case "lost":
      case "discarded":
        return;
    }
  }

  #reads(channel: number, task: number): Set<number> {
    const key = `${channel} ${task}`;
    const known = this.#read.get(key);
    if (known) return known;
    const made = new Set<number>();
    this.#read.set(key, made);
    return made;
  }

  /** Traces an output of a chain's last task back through what each job read, to the tag of the first sample. */
  #followChains(task: number, job: number, publishedAt: number): void {
    this.#application.chains.forEach((chain, id) => {
      if (chain.tasks.at(-1) !== task) return;
      let at = job;
      for (let position = chain.tasks.length - 1; position >= 0; position--) {
        const current = chain.tasks[position]!;
        const channel = position === 0 ? chain.from : this.#application.table.tasks[chain.tasks[position - 1]!]!.output;
        const sequence = this.#pins[current]!.get(at)?.get(channel) ?? 0;
        if (sequence === 0) return;
        if (position === 0) {
          const admitted = this.#published[channel]!.get(sequence);
          // A sample that several outputs use counts once, for the first: how fast the chain reacts, not how old its data gets.
          if (admitted === undefined || sequence <= this.#newestUsed[id]!) return;
          this.#newestUsed[id] = sequence;
          this.#latencies[id]!.push(publishedAt - admitted);
          if (publishedAt - admitted > chain.budgetNs) this.#stale[id]!++;
          return;
        }
        at = sequence - 1;
      }
    });
  }

  /** The report of a run that ended at `durationNs`. */
  report(run: {
    readonly mode: Report["mode"];
    readonly durationNs: number;
    readonly scheduling: string;
    readonly threads: Report["threads"];
    readonly hash: string;
    readonly world: Report["world"];
  }): Report {
    const { table, chains, name } = this.#application;
    const measured = (values: readonly number[]): Measured =>
      run.mode === "live" ? percentiles(values) : "not measured";
    return {
      application: name,
      ...run,
      machine: describeMachine(),
      tasks: table.tasks.map((row, id) => {
        const { released, onTime, overrun, skipped, execution, lateness } = this.#tasks[id]!;
        const inFlight = Math.max(0, released - onTime - overrun - skipped);
        const conserved = released === onTime + overrun + skipped + inFlight;
        return {
          name: row.name,
          released,
          onTime,
          overrun,
          skipped,
          inFlight,
          conserved,
          executionTime: measured(execution),
          lateness: measured(lateness),
        };
      }),
      channels: table.channels.flatMap((channel, id) =>
        table.tasks.flatMap((row, task): ConsumerReport[] => {
          if (!row.inputs.some((port) => port.channel === id)) return [];
          return [this.#consumer(id, channel.name, task, row.name, run.durationNs)];
        }),
      ),
      chains: chains.map((chain, id) => ({
        name: chain.name,
        budgetNs: chain.budgetNs,
        latency: this.#latencies[id]!.length > 0 ? percentiles(this.#latencies[id]!) : null,
        overBudget: this.#stale[id]!,
      })),
    };
  }

  #consumer(id: number, channel: string, task: number, consumer: string, end: number): ConsumerReport {
    const published = this.#published[id]!;
    const seen = this.#read.get(`${id} ${task}`) ?? new Set<number>();
    const newestRead = Math.max(0, ...seen);
    let [read, overwritten, pending] = [0, 0, 0];
    for (const [sequence, time] of published) {
      if (seen.has(sequence)) read++;
      else if (time >= end || sequence > newestRead) pending++;
      else overwritten++;
    }
    const dropped = this.#dropped[id]!;
    return {
      channel,
      consumer,
      published: published.size,
      read,
      overwritten,
      dropped,
      pending,
      conserved: published.size === read + overwritten + dropped + pending,
    };
  }
}

const cell = (measured: Measured, pick: keyof Percentiles): string =>
  measured === "not measured" ? "not measured" : formatDuration(measured[pick]);

const tabulate = (head: readonly string[], rows: readonly (readonly string[])[]): string[] => {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) =>
    `  ${cells.map((text, column) => (column === 0 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!))).join("  ")}`;
  return [line(head), ...rows.map(line)];
};

/** The report as text. */
export function printReport(report: Report): string {
  const lines = [
    `${report.application}: ${formatDuration(report.durationNs)} of ${report.mode === "live" ? "real" : "virtual"} time, ${report.scheduling}`,
  ];
  lines.push(
    ...tabulate(
      ["task", "released", "on time", "overrun", "skipped", "exec p50", "exec max", "late p99", "late max"],
      report.tasks.map((task) => [
        task.name,
        ...[task.released, task.onTime, task.overrun, task.skipped].map(String),
        cell(task.executionTime, "p50"),
        cell(task.executionTime, "max"),
        cell(task.lateness, "p99"),
        cell(task.lateness, "max"),
      ]),
    ),
    ...tabulate(
      ["chain", "budget", "p50", "max", "over budget"],
      report.chains.map(({ name, budgetNs, latency, overBudget }) => [
        name,
        formatDuration(budgetNs),
        latency ? formatDuration(latency.p50) : "no sample",
        latency ? formatDuration(latency.max) : "no sample",
        String(overBudget),
      ]),
    ),
  );
  const unbalanced = [
    ...report.tasks.filter((each) => !each.conserved).map((each) => each.name),
    ...report.channels.filter((each) => !each.conserved).map((each) => each.channel),
  ];
  lines.push(
    unbalanced.length === 0
      ? "  conservation holds for every task and channel"
      : `  conservation is broken for ${unbalanced.join(", ")}`,
  );
  for (const [key, value] of Object.entries(report.world ?? {})) {
    lines.push(`  ${key.padEnd(18)} ${typeof value === "number" ? Number(value.toFixed(4)) : String(value)}`);
  }
  return lines.join("\n");
}
