// The report of a run: counts, conservation, latencies, misses, topics, machine; the terminal and the page show these same numbers.
import { describeTrigger, type TaskRow } from "../../scheduler/index.ts";
import { type ChainReport, chainReports, type Reaction, reactions } from "./chains.ts";
import { type ConsumerReport, consumerBalances, type ReleaseBalance, releaseBalance } from "./conservation.ts";
import type { RunFacts } from "./facts.ts";
import { type Drop, dropsOf, type Fault, faultsOf } from "./findings.ts";
import type { Ledger, Lost, TaskLedger } from "./ledger.ts";
import { type Misses, summariseMisses } from "./misses.ts";
import { type Measured, percentiles } from "./percentiles.ts";
import { type TopicReport, topicReports } from "./topics.ts";
import { type Verdict, verdictsOf } from "./verdicts.ts";

/** A task: what was declared, and what came of it. */
export interface TaskReport extends ReleaseBalance {
  readonly name: string;
  /** When it is released, in words. */
  readonly trigger: string;
  readonly budgetNs: number;
  readonly deadlineNs: number;
  readonly priority: number;
  readonly core: number;
  readonly onOverrun: "hold" | "skip";
  /** From the start of a job to its end, preemption included. */
  readonly executionTime: Measured;
  /** From release to the start of the job. */
  readonly lateness: Measured;
  /** From release to the end of the job. */
  readonly responseTime: Measured;
  /** Jobs that ran longer than their budget. */
  readonly overBudget: number | "not measured";
}

/** The report. */
export interface Report extends RunFacts {
  readonly format: "isochron-report";
  readonly version: 1;
  readonly application: string;
  /** From when on times, chains and balances are told of: 0, but where a run without end has been forgotten in part. */
  readonly keptFromNs: number;
  /** Verdicts, the worst first. */
  readonly verdicts: readonly Verdict[];
  /** What the times are: of the real clock, or logical ones of a run in virtual time. */
  readonly clock: "real" | "logical";
  readonly tasks: readonly TaskReport[];
  readonly channels: readonly ConsumerReport[];
  readonly chains: readonly ChainReport[];
  readonly topics: readonly TopicReport[];
  readonly misses: Misses;
  /** What came in and was not used. */
  readonly drops: readonly Drop[];
  /** What was wrong otherwise. */
  readonly faults: readonly Fault[];
  /** Records that the recorder had to give up. */
  readonly lost: Lost;
}

/** Sums a run up. */
export function reportOf(ledger: Ledger, facts: RunFacts, found: readonly Reaction[][] = reactions(ledger)): Report {
  const { name, table } = ledger.application;
  const { mode, durationNs, scheduling, hash, threads, machine, world, streamDrops, lateness, outOfTurn } = facts;
  const { damage, replayed, failure, cut, epochNs, clockSteps, transport, departures, datagrams } = facts;
  const body = {
    ...{
      mode,
      durationNs,
      scheduling,
      hash,
      threads,
      machine,
      world,
      streamDrops,
      lateness,
      outOfTurn,
      epochNs,
      clockSteps,
      transport,
      departures,
      datagrams,
      damage,
      replayed,
      failure,
      cut,
    },
    keptFromNs: ledger.keptFromNs,
    clock: facts.mode === "live" ? ("real" as const) : ("logical" as const),
    tasks: table.tasks.map((row, id) => taskReport(row, ledger.tasks[id]!, channelName(ledger, row))),
    channels: consumerBalances(ledger),
    chains: chainReports(ledger, found, durationNs),
    topics: topicReports(ledger, facts.mode === "live" ? "real" : "logical"),
    misses: summariseMisses(ledger),
    drops: dropsOf(ledger, facts),
    faults: faultsOf(ledger, facts),
    lost: ledger.lost,
  };
  return { format: "isochron-report", version: 1, application: name, verdicts: verdictsOf(body), ...body };
}

const channelName = (ledger: Ledger, { trigger }: TaskRow): string =>
  trigger.kind === "periodic" ? "" : ledger.application.table.channels[trigger.channel]!.name;

function taskReport(row: TaskRow, task: TaskLedger, triggeredBy: string): TaskReport {
  const { name, budgetNs, deadlineNs, priority, core, onOverrun, trigger } = row;
  const differences = (from: "release" | "start", to: "start" | "end"): Float64Array =>
    Float64Array.from(task.jobs, (job) => task[to].at(job) - task[from].at(job)).filter((each) => !Number.isNaN(each));
  const execution = differences("start", "end");
  return {
    name,
    trigger: describeTrigger(trigger, triggeredBy),
    budgetNs,
    deadlineNs,
    priority,
    core,
    onOverrun,
    ...releaseBalance(task),
    executionTime: percentiles(execution),
    lateness: percentiles(differences("release", "start")),
    responseTime: percentiles(differences("release", "end")),
    overBudget: execution.length === 0 ? "not measured" : execution.filter((each) => each > budgetNs).length,
  };
}
