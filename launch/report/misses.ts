// Releases whose output did not stand at its instant, each with its cause and with what stood there instead.
import { formatDuration, type TaskRow } from "../../scheduler/index.ts";
import type { Ledger, TaskLedger } from "./ledger.ts";

/** Where several apply, what was done on purpose is named before what was measured, and the job's own time before its late start. */
export type MissCause =
  | "injected stall"
  | "execution over budget"
  | "late start"
  | "slow in sum"
  | "earlier job still running"
  | "not started in time"
  | "input gone"
  | "run stopped"
  | "not measured"
  | "longer ago";

/** One missed publication. */
export interface Miss {
  readonly task: string;
  readonly job: number;
  /** When it was released. */
  readonly timeNs: number;
  readonly kind: "overrun" | "skipped";
  readonly cause: MissCause;
  /** The cause with its numbers. */
  readonly why: string;
  readonly instead: "previous value held" | "nothing published";
}

/** Misses of one task for one reason. */
export interface MissGroup {
  readonly task: string;
  readonly kind: Miss["kind"];
  readonly cause: MissCause;
  readonly count: number;
  readonly instead: string;
}

export interface Misses {
  readonly total: number;
  readonly groups: readonly MissGroup[];
  /** The first ones, one by one. */
  readonly listed: readonly Miss[];
}

/** Misses that a report lists one by one; all are counted. */
const listedAtMost = 500;

/** A run's misses in the order of their releases. */
function missesOf(ledger: Ledger): Miss[] {
  const all = ledger.application.table.tasks.flatMap((row, id) => missesOfTask(row, ledger.tasks[id]!));
  return all.sort((a, b) => a.timeNs - b.timeNs);
}

/** Misses, counted by cause and listed; those that the ledger has forgotten are counted. */
export function summariseMisses(ledger: Ledger): Misses {
  const all = missesOf(ledger);
  const groups = new Map<string, MissGroup>();
  for (const { task, kind, cause, instead } of all) {
    const key = [task, kind, cause, instead].join("\n");
    groups.set(key, { task, kind, cause, count: (groups.get(key)?.count ?? 0) + 1, instead });
  }
  const before = forgotten(ledger, all);
  return {
    total: before.reduce((sum, { count }) => sum + count, all.length),
    groups: [...groups.values(), ...before],
    listed: all.slice(0, listedAtMost),
  };
}

/** Misses of which no more is known than that they were. */
function forgotten(ledger: Ledger, known: readonly Miss[]): MissGroup[] {
  if (ledger.keptFromNs === 0) return [];
  return ledger.application.table.tasks.flatMap(({ name: task, onOverrun }, id) =>
    (["overrun", "skipped"] as const).flatMap((kind): MissGroup[] => {
      const listed = known.filter((each) => each.task === task && each.kind === kind).length;
      const count = ledger.tasks[id]!.records[kind] - listed;
      const instead = onOverrun === "hold" ? "previous value held" : "nothing published";
      return count === 0 ? [] : [{ task, kind, cause: "longer ago", count, instead }];
    }),
  );
}

function missesOfTask(row: TaskRow, task: TaskLedger): Miss[] {
  const misses: Miss[] = [];
  let stands = false;
  for (const job of task.jobs) {
    const outcome = task.outcome(job);
    const instead = row.onOverrun === "hold" && stands ? "previous value held" : "nothing published";
    const miss = { task: row.name, job, timeNs: task.release.at(job), instead } as const;
    switch (outcome) {
      case "done":
        stands = true;
        break;
      case "open":
      case "early":
        break;
      case "overrun":
        misses.push({ ...miss, kind: "overrun", ...causeOfOverrun(row, task, job) });
        break;
      case "busy":
        misses.push({ ...miss, kind: "skipped", cause: "earlier job still running", why: whatRan(task, job) });
        break;
      case "late":
        misses.push({
          ...miss,
          kind: "skipped",
          cause: "not started in time",
          why: `not started within ${formatDuration(row.letNs)} of its release`,
        });
        break;
      case "gone":
        misses.push({
          ...miss,
          kind: "skipped",
          cause: "input gone",
          why: "an input had published more than it keeps before the job could read it",
        });
        break;
      case "stopped":
        misses.push({ ...miss, kind: "skipped", cause: "run stopped", why: "the run stopped before it started" });
        break;
    }
  }
  return misses;
}

/** Which job was running when another was due. */
function whatRan(task: TaskLedger, job: number): string {
  let running = job - 1;
  while (running >= 0 && task.outcome(running) === "busy") running--;
  const ran = task.end.at(running) - task.start.at(running);
  return `job ${running} was still running${Number.isNaN(ran) ? "" : `: it took ${formatDuration(ran)}`}`;
}

function causeOfOverrun(row: TaskRow, task: TaskLedger, job: number): Pick<Miss, "cause" | "why"> {
  const stall = task.stalls.get(job);
  const [release, start, end] = [task.release.at(job), task.start.at(job), task.end.at(job)];
  if (stall !== undefined) {
    return {
      cause: "injected stall",
      why: `stalled for ${formatDuration(stall)} on purpose; its output was due ${formatDuration(row.letNs)} after its release`,
    };
  }
  if (Number.isNaN(start) || Number.isNaN(end)) return { cause: "not measured", why: "no trace of this job was kept" };
  const [late, ran] = [start - release, end - start];
  const budget = formatDuration(row.budgetNs);
  if (ran > row.budgetNs) {
    return { cause: "execution over budget", why: `ran ${formatDuration(ran)}, its budget is ${budget}` };
  }
  if (late > row.letNs - row.budgetNs) {
    return {
      cause: "late start",
      why: `started ${formatDuration(late)} after its release, which leaves less than its budget of ${budget}`,
    };
  }
  return {
    cause: "slow in sum",
    why: `started ${formatDuration(late)} after its release and ran ${formatDuration(ran)}`,
  };
}
