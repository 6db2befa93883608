// What the page's timeline and charts draw: every job of a short run, chosen windows of a long one, so that a page stays small.
import type { Reaction } from "./chains.ts";
import type { Ledger, Outcome, TaskLedger } from "./ledger.ts";
import { consideredSamples, type Window, windowsOf } from "./windows.ts";

/** A task's jobs within the windows, by column; times are nanoseconds. */
export interface TimelineTask {
  readonly kind: "task";
  readonly name: string;
  readonly letNs: number;
  readonly deadlineNs: number;
  readonly holds: boolean;
  /** The first job that was on time: from there on, there is something to hold. */
  readonly firstDone: number | null;
  readonly job: readonly number[];
  /** One letter a job: done, overrun, busy, late, stopped, in flight (open). */
  readonly outcome: string;
  readonly release: readonly number[];
  /** From release to start, and from start to end; null where not measured. */
  readonly late: readonly (number | null)[];
  readonly ran: readonly (number | null)[];
}

/** An input's admissions within the windows. */
export interface TimelineInput {
  readonly kind: "input";
  readonly name: string;
  readonly time: readonly number[];
}

/** Largest values over the run, one a bucket. */
export interface Series {
  readonly name: string;
  readonly limitName: string;
  readonly limitNs: number;
  readonly timeNs: readonly number[];
  readonly valueNs: readonly number[];
}

/** What the page's script gets. */
export interface Timeline {
  readonly endNs: number;
  readonly clock: "real" | "logical";
  readonly windows: readonly Window[];
  readonly shownJobs: number;
  readonly allJobs: number;
  readonly rows: readonly (TimelineInput | TimelineTask)[];
  readonly responses: readonly Series[];
  readonly chains: readonly Series[];
}

/** Jobs and admissions that a page draws; about 25 bytes each. */
export const drawnAtMost = 30_000;
const bucketsAtMost = 1000;

/** Chooses what a page draws. */
export function timelineOf(
  ledger: Ledger,
  run: { readonly durationNs: number; readonly clock: Timeline["clock"] },
  reactions: readonly (readonly Reaction[])[],
  limit = drawnAtMost,
): Timeline {
  const { table, inputs, chains } = ledger.application;
  const windows = windowsOf(consideredSamples(ledger), run.durationNs, limit);
  const inside = (time: number) => windows.some(({ fromNs, toNs }) => time >= fromNs && time <= toNs);
  const tasks = table.tasks.map((row, id): TimelineTask => {
    const task = ledger.tasks[id]!;
    const jobs = jobsOf(task).filter((job) => inside(task.release.at(job)));
    const measured = (value: number): number | null => (Number.isNaN(value) ? null : value);
    const first = jobsOf(task).find((job) => task.outcome(job) === "done");
    return {
      kind: "task",
      name: row.name,
      letNs: row.letNs,
      deadlineNs: row.deadlineNs,
      holds: row.onOverrun === "hold",
      firstDone: first ?? null,
      job: jobs,
      outcome: jobs.map((job) => letterOf(task.outcome(job))).join(""),
      release: jobs.map((job) => task.release.at(job)),
      late: jobs.map((job) => measured(task.start.at(job) - task.release.at(job))),
      ran: jobs.map((job) => measured(task.end.at(job) - task.start.at(job))),
    };
  });
  return {
    endNs: run.durationNs,
    clock: run.clock,
    windows,
    shownJobs: tasks.reduce((sum, each) => sum + each.job.length, 0),
    allJobs: ledger.tasks.reduce((sum, each) => sum + each.released, 0),
    rows: [
      ...inputs.map(
        ({ topic, channel }): TimelineInput => ({
          kind: "input",
          name: topic,
          time: [...ledger.channels[channel]!.arrivals.values()].filter(inside),
        }),
      ),
      ...tasks,
    ],
    responses: table.tasks.flatMap((row, id): Series[] => {
      const task = ledger.tasks[id]!;
      const points = jobsOf(task)
        .map((job) => ({ time: task.release.at(job), value: task.end.at(job) - task.release.at(job) }))
        .filter(({ value }) => !Number.isNaN(value));
      if (points.length === 0) return [];
      return [{ name: row.name, limitName: "deadline", limitNs: row.deadlineNs, ...bucketed(points, run.durationNs) }];
    }),
    chains: chains.flatMap(({ name, budgetNs }, id): Series[] => {
      const points = reactions[id]!.map(({ timeNs, latencyNs }) => ({ time: timeNs, value: latencyNs }));
      if (points.length === 0) return [];
      return [{ name, limitName: "budget", limitNs: budgetNs, ...bucketed(points, run.durationNs) }];
    }),
  };
}

const jobsOf = (task: TaskLedger): number[] => task.jobs.filter((job) => !Number.isNaN(task.release.at(job)));

const letters: Readonly<Record<Outcome, string>> = {
  done: "d",
  overrun: "o",
  busy: "b",
  late: "l",
  gone: "l",
  stopped: "s",
  early: "f",
  open: "f",
};
const letterOf = (outcome: Outcome): string => letters[outcome];

/** The largest point of each bucket, at its own time; all points where there are few. */
function bucketed(
  points: readonly { readonly time: number; readonly value: number }[],
  endNs: number,
): Pick<Series, "timeNs" | "valueNs"> {
  const best = new Map<number, { readonly time: number; readonly value: number }>();
  for (const point of points) {
    const bucket = points.length <= bucketsAtMost ? point.time : Math.floor((point.time * bucketsAtMost) / endNs);
    const known = best.get(bucket);
    if (!known || point.value > known.value) best.set(bucket, point);
  }
  const kept = [...best.values()].sort((a, b) => a.time - b.time);
  return { timeNs: kept.map(({ time }) => time), valueNs: kept.map(({ value }) => value) };
}
