// The report is held to a model: a run is drawn as two lists of releases, and its figures are counted from those lists.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RunEvent, SkipReason } from "../../sim/index.ts";
import { percentiles } from "./percentiles.ts";
import { reportOf } from "./report.ts";
import { admit, facts, job, ledgerOf, ms, skip, smallApplication } from "./testing/small-run.ts";

/** What is drawn of a release; times in milliseconds. */
interface Drawn {
  readonly late: number;
  readonly ran: number;
  readonly stalled: boolean;
  readonly traced: boolean;
  /** Where it has no job. */
  readonly skipped: Exclude<SkipReason, "busy" | "early" | "stopped"> | undefined;
}

/** A release: when, what it saw, and what became of it. */
interface Release extends Omit<Drawn, "skipped"> {
  readonly number: number;
  readonly at: number;
  readonly sees: number;
  readonly outcome: "done" | "overrun" | SkipReason;
  /** The job that was running, of one that was busy. */
  readonly running: number;
}

const [find, steer] = [
  { period: 40, let: 15, budget: 4 },
  { period: 20, let: 5, budget: 1 },
];
type Task = typeof find;

/** Half milliseconds, so that sums are exact; most jobs are short, some run over several releases. */
const halves = (most: number) => fc.nat({ max: 2 * most }).map((each) => each / 2);
const drawn: fc.Arbitrary<Drawn> = fc.record({
  late: fc.oneof(fc.constant(0), halves(2), halves(16)),
  ran: fc.oneof({ weight: 4, arbitrary: halves(4) }, halves(20), halves(130)),
  stalled: fc.nat({ max: 9 }).map((each) => each === 0),
  traced: fc.nat({ max: 9 }).map((each) => each > 0),
  skipped: fc.nat({ max: 9 }).map((each) => (["late", "gone"] as const)[each]),
});
const runs = fc.record({
  finds: fc.array(drawn, { minLength: 1, maxLength: 12 }),
  steers: fc.array(drawn, { minLength: 1, maxLength: 24 }),
  maxAge: fc.integer({ min: 20, max: 150 }),
  /** Where the run ends: at an instant of that number, at which then nothing comes to stand, or after all. */
  last: fc.oneof(fc.constant(undefined), fc.integer({ min: 0, max: 23 })),
});

/** Releases a task every period; those that fall while a job runs are skipped. */
function releasesOf(task: Task, all: readonly Drawn[], sees: (at: number) => number): Release[] {
  let [until, running] = [0, -1];
  return all.map(({ skipped, ...each }, number) => {
    const at = number * task.period;
    const release = { ...each, number, at, sees: sees(at), running };
    if (at < until) return { ...release, outcome: "busy" };
    if (skipped) return { ...release, outcome: skipped };
    [until, running] = [at + each.late + each.ran, number];
    return { ...release, outcome: each.late + each.ran > task.let ? "overrun" : "done" };
  });
}

const ran = ({ outcome }: Release) => outcome === "done" || outcome === "overrun";

function eventsOf(id: 0 | 1, releases: readonly Release[]): RunEvent[] {
  return releases.flatMap((each): RunEvent[] => {
    if (!ran(each)) return [skip(id, each.number, each.at, each.outcome as SkipReason)];
    const events = job(id, each.number, each.at, each.sees, each.late, each.ran);
    return [
      ...events.filter(({ kind }) => each.traced || kind !== "trace"),
      ...(each.stalled ? [{ kind: "fault", task: id, job: each.number, duration: 7 * ms } as const] : []),
    ];
  });
}

/** The cause that is named: what was done on purpose before what was measured, the job's own doing before its late start. */
function causeOf(task: Task, { outcome, stalled, traced, ran, late }: Release): string {
  if (outcome === "busy") return "earlier job still running";
  if (outcome === "late") return "not started in time";
  if (outcome === "gone") return "input gone";
  if (stalled) return "injected stall";
  if (!traced) return "not measured";
  if (ran > task.budget) return "execution over budget";
  return late > task.let - task.budget ? "late start" : "slow in sum";
}

/** A drawn run with the report of it. */
function drawnRun({ finds, steers, maxAge, last }: typeof runs extends fc.Arbitrary<infer T> ? T : never) {
  const found = releasesOf(find, finds, (at) => at / find.period + 1);
  const published = found.filter(({ outcome }) => outcome === "done");
  const steered = releasesOf(
    steer,
    steers,
    (at) => (published.findLast((each) => each.at + find.let <= at)?.number ?? -1) + 1,
  );
  const events = [
    ...found.map(({ at }, message) => admit(message + 1, at)),
    ...eventsOf(0, found),
    ...eventsOf(1, steered),
  ];
  const end =
    last === undefined
      ? Math.max(found.length * find.period, steered.length * steer.period) + 40
      : steered[last % steered.length]!.at + steer.let;
  const application = smallApplication();
  application.chains = [{ ...application.chains[0]!, maxAgeNs: maxAge * ms }];
  const report = reportOf(ledgerOf(events, application), { ...facts, durationNs: end * ms });
  return { report, found, steered, end };
}

const count = (releases: readonly Release[], ...outcomes: Release["outcome"][]) =>
  releases.filter(({ outcome }) => outcomes.includes(outcome)).length;

describe("the report of a drawn run", () => {
  it("counts releases by what became of them, and measures the jobs of which there is a trace", () => {
    fc.assert(
      fc.property(runs, (run) => {
        const { report, found, steered } = drawnRun(run);
        const expected = (task: Task, releases: readonly Release[]) => {
          const traced = releases.filter((each) => ran(each) && each.traced);
          const over = traced.filter((each) => each.ran > task.budget).length;
          return {
            released: releases.length,
            onTime: count(releases, "done"),
            overrun: count(releases, "overrun"),
            skipped: count(releases, "busy", "late", "gone"),
            inFlight: 0,
            conserved: true,
            executionTime: percentiles(traced.map((each) => each.ran * ms)),
            lateness: percentiles(traced.map(({ late }) => late * ms)),
            responseTime: percentiles(traced.map(({ late, ran }) => (late + ran) * ms)),
            overBudget: traced.length === 0 ? "not measured" : over,
          };
        };
        expect(report.tasks).toMatchObject([expected(find, found), expected(steer, steered)]);
      }),
    );
  });

  it("names the cause of every miss, also where two apply and where several releases in a row are busy", () => {
    fc.assert(
      fc.property(runs, (run) => {
        const { report, found, steered } = drawnRun(run);
        const missed = (name: string, task: Task, releases: readonly Release[]) =>
          releases
            .filter(({ outcome }) => outcome !== "done")
            .map((release) => {
              const { number, at, outcome, running } = release;
              const stood = releases.some((each) => each.outcome === "done" && each.number < number);
              return {
                task: name,
                job: number,
                timeNs: at * ms,
                kind: outcome === "overrun" ? "overrun" : "skipped",
                cause: causeOf(task, release),
                instead: name === "steer" && stood ? "previous value held" : "nothing published",
                why:
                  outcome === "busy" ? expect.stringMatching(`^job ${running} was still running`) : expect.any(String),
              };
            });
        const all = [...missed("find", find, found), ...missed("steer", steer, steered)];
        all.sort((a, b) => a.timeNs - b.timeNs);
        expect(report.misses.total).toBe(all.length);
        expect(report.misses.listed).toEqual(all);
        for (const { task, kind, cause, instead, count } of report.misses.groups)
          expect(
            all.filter(
              (each) => each.task === task && each.kind === kind && each.cause === cause && each.instead === instead,
            ),
          ).toHaveLength(count);
        expect(report.misses.groups.reduce((sum, each) => sum + each.count, 0)).toBe(all.length);
      }),
    );
  });

  it("follows its chain: when each sample was first answered, and how old what stands is at each instant", () => {
    fc.assert(
      fc.property(runs, (run) => {
        const { report, found, steered, end } = drawnRun(run);
        /** When the picture was taken that a command answers. */
        const sampleOf = ({ sees }: Release) => (sees === 0 ? undefined : found[sees - 1]!.at);
        const commands = steered.filter(({ outcome }) => outcome === "done");
        const answered = [...new Set(commands.map(sampleOf))].filter((each) => each !== undefined);
        const latencies = answered.map(
          (sample) => commands.find((each) => sampleOf(each) === sample)!.at + steer.let - sample,
        );
        const standing = steered.filter(({ at }) => at + steer.let < end);
        const ages = standing.flatMap(({ number, at }) => {
          const stands = commands.findLast((each) => each.number <= number);
          const sample = stands && sampleOf(stands);
          return sample === undefined ? [] : [at + steer.let - sample];
        });
        const stood = commands.filter((each) => standing.includes(each));
        const oldest = stood.flatMap((each, place) => {
          const sample = sampleOf(each);
          const next = stood[place + 1];
          return sample === undefined ? [] : [(next ? next.at + steer.let : end) - sample];
        });
        const over = (times: readonly number[], most: number) =>
          times.length === 0 ? "not measured" : times.filter((each) => each > most).length;
        expect(report.chains).toMatchObject([
          {
            latency: percentiles(latencies.map((each) => each * ms)),
            overBudget: over(latencies, 60),
            age: percentiles(ages.map((each) => each * ms)),
            overAge: over(ages, run.maxAge),
            oldest: oldest.length === 0 ? null : { ageNs: Math.max(...oldest) * ms },
          },
        ]);
      }),
    );
  });

  it("balances what was published with what was read, passed over and left", () => {
    fc.assert(
      fc.property(runs, (run) => {
        const { report, found, steered } = drawnRun(run);
        const balance = (published: readonly number[], readers: readonly Release[]) => {
          const seen = new Set(readers.filter(ran).map(({ sees }) => sees));
          seen.delete(0);
          const newest = Math.max(0, ...seen);
          const unseen = published.filter((each) => !seen.has(each));
          return {
            published: published.length,
            read: seen.size,
            overwritten: unseen.filter((each) => each < newest).length,
            pending: unseen.filter((each) => each > newest).length,
            ...{ dropped: 0, rejected: 0, conserved: true },
          };
        };
        const outputs = found.filter(({ outcome }) => outcome === "done").map(({ number }) => number + 1);
        expect(report.channels).toMatchObject([
          balance(
            found.map(({ number }) => number + 1),
            found,
          ),
          balance(outputs, steered),
        ]);
      }),
    );
  });
});

it("an overrun that ended in time, since a reader settled it at its instant, is slow in sum", () => {
  const settled = job(1, 0, 0, 0, 4, 1).map(
    (event): RunEvent => (event.kind === "verdict" ? { ...event, overrun: true } : event),
  );
  const { misses } = reportOf(ledgerOf(settled.filter(({ kind }) => kind !== "output" && kind !== "message")), facts);
  expect(misses.listed).toMatchObject([
    { cause: "slow in sum", why: "started 4 ms after its release and ran 1 ms", instead: "nothing published" },
  ]);
});
