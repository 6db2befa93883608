// What a run came to, in sentences: the first thing that a reader of a report sees.
import { formatDuration } from "../../scheduler/index.ts";
import type { ChainReport } from "./chains.ts";
import type { Drop, Fault } from "./findings.ts";
import type { Misses } from "./misses.ts";
import type { Report, TaskReport } from "./report.ts";

/** One sentence; `unknown` where nothing was measured or checked. */
export interface Verdict {
  readonly about:
    | "run"
    | "determinism"
    | "deadlines"
    | "chain"
    | "budget"
    | "scheduling"
    | "conservation"
    | "records"
    | "messages"
    | "values"
    | "replay";
  readonly status: "good" | "bad" | "unknown";
  readonly text: string;
}

type Body = Omit<Report, "format" | "version" | "application" | "verdicts">;
const order: readonly Verdict["status"][] = ["bad", "unknown", "good"];

/** `1 overrun`, `12 overruns`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** All verdicts, the bad ones first. */
export function verdictsOf(report: Body): Verdict[] {
  const all = [
    ...endings(report),
    ...deadlines(report),
    ...report.chains.flatMap((chain) => [chainVerdict(chain, report.clock), ...ageVerdict(chain, report.clock)]),
    scheduling(report),
    conservation(report),
    ...records(report),
    ...report.drops.map((drop): Verdict => ({ about: "messages", status: "bad", text: describeDrop(drop) })),
    ...report.faults.flatMap(faultVerdict),
    ...(report.outOfTurn === 0 ? [] : [outOfTurn(report.outOfTurn)]),
    ...replayed(report),
  ];
  return order.flatMap((status) => all.filter((each) => each.status === status));
}

/** `3 of 8 messages`, `all 8 messages`, `1 message`. */
const share = (count: number, of: number | null, noun: string): string => {
  if (of === null) return counted(count, noun);
  return count === of ? `all ${counted(of, noun)}` : `${count} of ${counted(of, noun)}`;
};

/** When and why it was so first; a reason's first line. */
const firstOf = ({ first: { timeNs, reason } }: Drop | Fault): string =>
  `${timeNs === null ? "" : `, first at ${formatDuration(timeNs)}`}: ${reason.split("\n")[0]}`;

function describeDrop(drop: Drop): string {
  const { kind, where, count, of } = drop;
  switch (kind) {
    case "rejected":
      return `${share(count, of, "message")} of ${where} rejected${firstOf(drop)}`;
    case "behind":
      return `${share(count, of, "message")} of ${where} dropped before decoding${firstOf(drop)}`;
    case "early":
      return `${share(count, of, "message")} ${where} dropped by minInterval${firstOf(drop)}`;
    case "stream":
      return `${counted(count, "value")} dropped by the stream ${where}`;
    case "steps":
      return `${counted(count, "step")} of ${where} not made${firstOf(drop)}`;
    case "transport":
      return `${counted(count, "message")} of ${where} lost on the transport${firstOf(drop)}`;
  }
}

function faultVerdict(fault: Fault): Verdict[] {
  const { kind, where, count, of } = fault;
  const bad = (about: Verdict["about"], text: string): Verdict[] => [{ about, status: "bad", text }];
  switch (kind) {
    case "unfed":
      return bad("messages", `nothing came on ${where}${firstOf(fault)}`);
    case "non-finite":
      return bad("values", `${where} NaN or infinite in ${share(count, of, "output")}${firstOf(fault)}`);
    case "unbound":
      return bad("scheduling", `thread ${where} not on its core${firstOf(fault)}`);
    case "late":
      return bad("messages", `${share(count, of, "message")} of ${where} late${firstOf(fault)}`);
    case "incompatible":
      return bad("messages", `no message passes on ${where} to or from ${counted(count, "end")}${firstOf(fault)}`);
    case "missed":
      return bad("messages", `${where} late ${counted(count, "time")}${firstOf(fault)}`);
    case "clock":
      return bad("run", `${where} stepped ${counted(count, "time")}${firstOf(fault)}`);
    // Misses name the stalls among their causes; lost records have verdicts of their own.
    case "stall":
    case "lost":
      return [];
  }
}

/** That the run, or what is recorded of it, ended before its end. */
function endings({ failure, cut, durationNs }: Body): Verdict[] {
  const at = formatDuration(durationNs);
  return [
    ...(failure === null ? [] : [`the run ended at ${at} by an error: ${failure}`]),
    ...(cut === null ? [] : [`the recording ends at ${at}, before its run: ${cut}`]),
  ].map((text) => ({ about: "run", status: "bad", text }));
}

const outOfTurn = (count: number): Verdict => ({
  about: "determinism",
  status: "bad",
  text: `${counted(count, "message")} of pipelines admitted outside of a grant: another run may differ, replay does not`,
});

function deadlines({ tasks, mode, misses }: Body): Verdict[] {
  const bad = tasks.flatMap((task) => missVerdicts(task, misses));
  const long = tasks.flatMap(({ name, overBudget, budgetNs }): Verdict[] =>
    overBudget === "not measured" || overBudget === 0
      ? []
      : [
          {
            about: "budget",
            status: "bad",
            text: `${counted(overBudget, "job")} of ${name} over the budget of ${formatDuration(budgetNs)}`,
          },
        ],
  );
  if (mode === "virtual") {
    return [...bad, { about: "deadlines", status: "unknown", text: "deadlines not measured: times are logical" }];
  }
  if (tasks.every(({ onTime }) => onTime === 0) && bad.length === 0) {
    return [{ about: "deadlines", status: "unknown", text: "deadlines not measured: no job ran" }];
  }
  if (bad.length === 0) return [{ about: "deadlines", status: "good", text: "every deadline met" }, ...long];
  return [...bad, ...long];
}

/** A task's misses of each kind, with their causes. */
const missVerdicts = ({ name, overrun, skipped }: TaskReport, { groups }: Misses): Verdict[] =>
  (
    [
      ["overrun", overrun, "overrun"],
      ["skipped", skipped, "skipped release"],
    ] as const
  ).flatMap(([kind, count, noun]): Verdict[] => {
    const causes = [
      ...new Set(groups.filter((each) => each.task === name && each.kind === kind).map(({ cause }) => cause)),
    ];
    const why = causes.length === 0 ? "" : ` (${causes.join(", ")})`;
    return count === 0 ? [] : [{ about: "deadlines", status: "bad", text: `${counted(count, noun)} of ${name}${why}` }];
  });

function chainVerdict({ name, budgetNs, latency, overBudget }: ChainReport, clock: Report["clock"]): Verdict {
  const budget = `its budget of ${formatDuration(budgetNs)}${clock === "logical" ? " in logical time" : ""}`;
  if (latency === "not measured" || overBudget === "not measured") {
    return { about: "chain", status: "unknown", text: `${name}: not measured, no command came of a sample` };
  }
  const worst = `worst ${formatDuration(latency.max)}`;
  return overBudget > 0
    ? {
        about: "chain",
        status: "bad",
        text: `${name}: ${overBudget} of ${latency.count} over ${budget}, ${worst}`,
      }
    : { about: "chain", status: "good", text: `${name}: within ${budget}, ${worst}` };
}

/** Whether what a chain acted on was ever older than allowed. */
function ageVerdict({ name, maxAgeNs, age, oldest, overAge }: ChainReport, clock: Report["clock"]): Verdict[] {
  if (maxAgeNs === null || overAge === null) return [];
  if (overAge === "not measured" || oldest === null) {
    return [{ about: "chain", status: "unknown", text: `${name}: age not measured, nothing came of a sample` }];
  }
  const allowed = `its maxAge of ${formatDuration(maxAgeNs)}${clock === "logical" ? " in logical time" : ""}`;
  const most = age === "not measured" ? "" : `, oldest ${formatDuration(age.max)} when published`;
  const stood = `, ${formatDuration(oldest.ageNs)} before it was replaced at ${formatDuration(oldest.timeNs)}`;
  return overAge > 0
    ? [{ about: "chain", status: "bad", text: `${name}: ${counted(overAge, "time")} over ${allowed}${most}${stood}` }]
    : [{ about: "chain", status: "good", text: `${name}: within ${allowed}${most}` }];
}

function scheduling({ mode, scheduling: policy }: Body): Verdict {
  if (mode === "virtual") {
    return { about: "scheduling", status: "unknown", text: "virtual time: execution time and lateness not measured" };
  }
  return policy.startsWith("not real-time")
    ? { about: "scheduling", status: "bad", text: policy }
    : { about: "scheduling", status: "good", text: `real-time: ${policy} granted` };
}

function conservation({ tasks, channels }: Body): Verdict {
  const broken = [
    ...tasks.filter((each) => !each.conserved).map((each) => each.name),
    ...channels.filter((each) => !each.conserved).map((each) => `${each.channel} → ${each.consumer}`),
  ];
  return broken.length === 0
    ? { about: "conservation", status: "good", text: "conservation holds for every task and channel" }
    : { about: "conservation", status: "bad", text: `conservation is broken for ${broken.join(", ")}` };
}

function records({ lost, damage }: Body): Verdict[] {
  const kinds = [
    [lost.decisions, "decision", "; the run cannot be replayed in full"],
    [lost.traces, "trace record", "; the latencies are incomplete"],
    [lost.outputs, "output record", "; the run cannot be verified"],
  ] as const;
  const found = kinds.flatMap(([count, noun, so]): Verdict[] =>
    count === 0 ? [] : [{ about: "records", status: "bad", text: `${counted(count, noun)} lost${so}` }],
  );
  if (damage === 0) return found;
  return [
    ...found,
    { about: "records", status: "bad", text: `the recording was changed in ${counted(damage, "place")}` },
  ];
}

function replayed({ replayed: result }: Body): Verdict[] {
  if (result === "not checked") return [{ about: "replay", status: "unknown", text: "bit-exact: not checked" }];
  const { bitExact, kernelCalls, difference, illegal } = result;
  const bits: Verdict = bitExact
    ? { about: "replay", status: "good", text: `bit-exact: recomputed with ${counted(kernelCalls, "kernel call")}` }
    : { about: "replay", status: "bad", text: `not bit-exact${difference === null ? "" : `: ${difference}`}` };
  return illegal === null
    ? [bits]
    : [bits, { about: "replay", status: "bad", text: `the rules of the schedule are broken: ${illegal}` }];
}
