// What a run came to, in sentences: the first thing that a reader of a report sees.
import { formatDuration } from "../../scheduler/index.ts";
import type { ChainReport } from "./chains.ts";
import type { Misses } from "./misses.ts";
import type { Report, TaskReport } from "./report.ts";

/** One sentence; `unknown` where nothing was measured or checked. */
export interface Verdict {
  readonly about:
    | "determinism"
    | "deadlines"
    | "chain"
    | "budget"
    | "scheduling"
    | "conservation"
    | "records"
    | "messages"
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
    ...deadlines(report),
    ...report.chains.map((chain) => chainVerdict(chain, report.clock)),
    scheduling(report),
    conservation(report),
    ...records(report),
    ...report.topics.flatMap(({ topic, rejected }): Verdict[] =>
      rejected === null || rejected === 0
        ? []
        : [{ about: "messages", status: "bad", text: `${counted(rejected, "message")} of ${topic} rejected` }],
    ),
    ...Object.entries(report.streamDrops).flatMap(([name, count]): Verdict[] =>
      count === 0
        ? []
        : [{ about: "messages", status: "bad", text: `${counted(count, "value")} dropped by the stream ${name}` }],
    ),
    ...(report.outOfTurn === 0 ? [] : [outOfTurn(report.outOfTurn)]),
    replayed(report),
  ];
  return order.flatMap((status) => all.filter((each) => each.status === status));
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

function replayed({ replayed: result }: Body): Verdict {
  if (result === "not checked") return { about: "replay", status: "unknown", text: "bit-exact: not checked" };
  return result.bitExact
    ? {
        about: "replay",
        status: "good",
        text: `bit-exact: recomputed with ${counted(result.kernelCalls, "kernel call")}`,
      }
    : {
        about: "replay",
        status: "bad",
        text: `not bit-exact${result.difference === null ? "" : `: ${result.difference}`}`,
      };
}
