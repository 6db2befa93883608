// The analysis is held to schedules that are simulated, nanosecond by nanosecond, over a hyperperiod.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IsochronError } from "../kernels/index.ts";
import { analyse } from "./analysis.ts";
import { type ScheduleTable, scheduleTable } from "./schedule-table.ts";

/** A task of one core; one with a tolerance is released on arrival. */
interface Drawn {
  readonly budget: number;
  readonly interval: number;
  readonly tolerance: number;
  readonly deadline: number;
  readonly priority: number;
}

const tableOf = (tasks: readonly Drawn[]): ScheduleTable =>
  scheduleTable.parse({
    version: 1,
    name: "drawn",
    channels: [
      { name: "/in", source: { kind: "external" }, depth: 1, slotBytes: 0, fields: [] },
      ...tasks.map((_, task) => ({
        name: `out${task}`,
        source: { kind: "task", task },
        depth: 1,
        slotBytes: 0,
        fields: [],
      })),
    ],
    tasks: tasks.map(({ budget, interval, tolerance, deadline, priority }, task) => ({
      name: `task${task}`,
      program: 0,
      trigger:
        tolerance === 0
          ? { kind: "periodic", periodNs: interval, phaseNs: 0 }
          : { kind: "arrival", channel: 0, minIntervalNs: interval, toleranceNs: tolerance, early: "drop" },
      budgetNs: budget,
      deadlineNs: deadline,
      letNs: deadline,
      priority,
      core: 0,
      onOverrun: "hold",
      inputs: [],
      output: task + 1,
    })),
  });

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
const hyperperiod = (tasks: readonly Drawn[]): number =>
  tasks.reduce((all, { interval }) => (all * interval) / gcd(all, interval), 1);

/** All releases before `end`, as early as may be after a first one at 0: n·T, brought forward by the tolerance. */
const releasesOf = ({ interval, tolerance }: Drawn, end: number): number[] =>
  Array.from({ length: Math.ceil((end + tolerance) / interval) }, (_, n) => Math.max(0, n * interval - tolerance));

/**
 * The longest that a task takes from a release to its end, where all tasks are released at 0 and every job takes its
 * budget. Each nanosecond goes to the highest priority; of one priority jobs run in the order of their release, and of jobs
 * of one instant that of `victim` comes last.
 */
function simulated(tasks: readonly Drawn[], victim: number, end: number): number {
  const jobs = tasks.flatMap((task, id) =>
    releasesOf(task, end).map((release) => ({ id, release, left: task.budget, priority: task.priority })),
  );
  jobs.sort(
    (a, b) => b.priority - a.priority || a.release - b.release || Number(a.id === victim) - Number(b.id === victim),
  );
  let [worst, now] = [0, 0];
  while (jobs.some(({ id }) => id === victim)) {
    const at = jobs.findIndex(({ release }) => release <= now);
    now++;
    const job = jobs[at];
    if (!job || --job.left > 0) continue;
    jobs.splice(at, 1);
    if (job.id === victim) worst = Math.max(worst, now - job.release);
  }
  return worst;
}

const refusalOf = (body: () => unknown): string => {
  try {
    body();
  } catch (error) {
    if (error instanceof IsochronError) return error.code;
    throw error;
  }
  return "none";
};

/** Up to four tasks whose intervals have a hyperperiod of 120 at most, asking for little to too much. */
const drawn = (tolerant: boolean, equal: boolean): fc.Arbitrary<Drawn[]> =>
  fc
    .array(
      fc.record({
        budget: fc.integer({ min: 1, max: 7 }),
        interval: fc.constantFrom(4, 5, 6, 8, 10, 12, 15, 20, 24, 30, 40, 60),
        tolerance: tolerant ? fc.nat({ max: 3 }) : fc.constant(0),
        deadline: fc.integer({ min: 1, max: 60 }),
        priority: fc.integer({ min: 1, max: equal ? 2 : 98 }),
      }),
      { minLength: 1, maxLength: 4 },
    )
    .map((tasks) =>
      tasks.map((task, at) => ({
        ...task,
        // Distinct unless equal ones are asked for; a deadline ends before what the tolerance leaves of the interval.
        priority: equal ? task.priority : 4 * Math.ceil(task.priority / 5) + at + 1,
        deadline: Math.min(task.deadline, task.interval - task.tolerance),
      })),
    );

describe("the analysis of drawn task sets", () => {
  it.each([
    ["of distinct priorities", false, false],
    ["that share priorities and so threads", false, true],
    ["with tolerances of early arrivals", true, false],
  ] as const)(
    "%s finds the very response times of the simulated schedule, and refuses what misses in it",
    (_, tolerant, equal) => {
      fc.assert(
        fc.property(drawn(tolerant, equal), (tasks) => {
          const end = hyperperiod(tasks);
          const asked = tasks.reduce((sum, { budget, interval }) => sum + (budget * end) / interval, 0);
          const worst = () => tasks.map((_, task) => simulated(tasks, task, end));
          const refusal = refusalOf(() => analyse(tableOf(tasks), []));
          if (asked > end) expect(refusal).toBe("schedule/utilisation");
          else if (worst().some((response, task) => response > tasks[task]!.deadline))
            expect(refusal).toBe("schedule/response-time");
          else expect(analyse(tableOf(tasks), []).tasks.map(({ responseNs }) => responseNs)).toEqual(worst());
        }),
        { numRuns: 500 },
      );
    },
  );

  it("that ask for exactly all of a core's time are not refused for it, in whatever parts", () => {
    const parts = fc.array(fc.integer({ min: 1, max: 97 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(parts, (budgets) => {
        const interval = budgets.reduce((a, b) => a + b);
        const tasks = budgets.map((budget) => ({ budget, interval, tolerance: 0, deadline: interval, priority: 1 }));
        expect(analyse(tableOf(tasks), []).tasks.map(({ responseNs }) => responseNs)).toEqual(
          budgets.map(() => interval),
        );
        const more = [{ ...tasks[0]!, budget: tasks[0]!.budget + 1 }, ...tasks.slice(1)];
        expect(refusalOf(() => analyse(tableOf(more), []))).toBe("schedule/utilisation");
      }),
    );
  });
});
