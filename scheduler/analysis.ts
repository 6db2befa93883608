// Schedulability before the run: utilisation per core, response times under fixed priorities, latency bounds of chains.
import { IsochronError } from "../kernels/index.ts";
import { type AgeBound, ageBound } from "./age.ts";
import { formatApart, formatDuration } from "./duration.ts";
import { longestWaitOf } from "./pace.ts";
import { intervalOf, type ScheduleTable, type TaskRow, toleranceOf } from "./schedule-table.ts";

/** A path from a channel through tasks, with its end-to-end budget. */
export interface Chain {
  readonly name: string;
  /** Index of the channel where the chain begins. */
  readonly from: number;
  /** Indices of the tasks it passes, in order. */
  readonly tasks: readonly number[];
  readonly budgetNs: number;
  /** How old what the last task publishes may be; absent where that does not matter. */
  readonly maxAgeNs?: number | undefined;
  /** Where the user declared it. */
  readonly place?: string | undefined;
}

/** What the analysis found; all times in nanoseconds. */
export interface Analysis {
  readonly cores: readonly { readonly core: number; readonly utilisation: number }[];
  readonly tasks: readonly { readonly task: string; readonly responseNs: number; readonly deadlineNs: number }[];
  readonly chains: readonly {
    readonly chain: string;
    /** Null where a task is released by what comes at a pace that is not known: then the budget is only measured. */
    readonly boundNs: number | null;
    readonly budgetNs: number;
    readonly age: AgeBound;
  }[];
}

/** Where the user declared each task, for errors; by task index. */
export type Places = readonly (string | undefined)[];

/**
 * Analyses a schedule and refuses what cannot be met.
 *
 * Response times are the classic fixed point R = C + Σ C of the same priority + Σ ⌈(R + J)/T⌉·C of higher priorities on the
 * core (Joseph and Pandya 1986; J, the tolerance of an arrival, as release jitter by Audsley et al. 1993); jobs of the same
 * priority share a thread, first released first, so each goes before at most once: its deadline is no longer than T − J.
 * Throws `schedule/utilisation`, `schedule/response-time`, `schedule/chain`, `schedule/chain-budget` or `schedule/chain-age`.
 */
export function analyse(table: ScheduleTable, chains: readonly Chain[], places: Places = []): Analysis {
  return {
    cores: utilisation(table, places),
    tasks: table.tasks.map((task, id) => {
      const responseNs = responseTime(table, task, places[id]);
      return { task: task.name, responseNs, deadlineNs: task.deadlineNs };
    }),
    chains: chains.map((chain) => ({
      chain: chain.name,
      boundNs: chainBound(table, chain),
      budgetNs: chain.budgetNs,
      age: ageBound(table, chain),
    })),
  };
}

/** Each task's response time, by task index. Throws `schedule/response-time`. */
export const responseTimes = (table: ScheduleTable): number[] =>
  table.tasks.map((task) => responseTime(table, task, undefined));

const load = (task: TaskRow): number => task.budgetNs / intervalOf(task.trigger);

const describeLoad = (task: TaskRow): string =>
  `${task.name.padEnd(12)} budget ${formatDuration(task.budgetNs)} every ${formatDuration(intervalOf(task.trigger))}: ${percent(load(task))}`;

const percent = (share: number): string => `${Number((share * 100).toPrecision(3))} %`;

function utilisation(table: ScheduleTable, places: Places): Analysis["cores"] {
  const cores = [...new Set(table.tasks.map((task) => task.core))].sort((a, b) => a - b);
  return cores.map((core) => {
    const tasks = table.tasks.filter((task) => task.core === core);
    const total = tasks.reduce((sum, task) => sum + load(task), 0);
    if (asksTooMuch(tasks)) {
      const heaviest = tasks.reduce((a, b) => (load(b) > load(a) ? b : a));
      const place = places[table.tasks.indexOf(heaviest)];
      const share = percent(total) === "100 %" ? "more than 100 %" : percent(total);
      throw new IsochronError("schedule/utilisation", `core ${core} is asked for ${share} of its time`, {
        details: tasks.map(describeLoad),
        help: `move a task to another core, lengthen a period, or give "${heaviest.name}" a smaller budget`,
        ...(place === undefined ? {} : { place }),
      });
    }
    return { core, utilisation: Math.min(total, 1) };
  });
}

/** Whether tasks ask for more than all time: in whole numbers, since shares that make up 1 need not add up to it as floats. */
function asksTooMuch(tasks: readonly TaskRow[]): boolean {
  let [asked, all] = [0n, 1n];
  for (const { budgetNs, trigger } of tasks) {
    const interval = BigInt(intervalOf(trigger));
    [asked, all] = [asked * interval + BigInt(budgetNs) * all, all * interval];
  }
  return asked > all;
}

function responseTime(table: ScheduleTable, task: TaskRow, place: string | undefined): number {
  const others = table.tasks.filter((other) => other !== task && other.core === task.core);
  const higher = others.filter((other) => other.priority > task.priority);
  const equal = others.filter((other) => other.priority === task.priority);
  const own = [task, ...equal].reduce((sum, each) => sum + each.budgetNs, 0);
  let response = own;
  while (response <= task.deadlineNs) {
    const current = response;
    const next = higher.reduce(
      (sum, other) =>
        sum + Math.ceil((current + toleranceOf(other.trigger)) / intervalOf(other.trigger)) * other.budgetNs,
      own,
    );
    if (next === current) return current;
    response = next;
  }
  const [takes, deadline] = formatApart(response, task.deadlineNs);
  throw new IsochronError(
    "schedule/response-time",
    `task "${task.name}" can take ${takes} or more, its deadline is ${deadline}`,
    {
      details: [describeLoad(task), ...[...higher, ...equal].map((other) => `${describeLoad(other)}, runs first`)],
      help: `raise its priority (now ${task.priority}), move it to another core, or allow it a longer deadline`,
      ...(place === undefined ? {} : { place }),
    },
  );
}

/** One hop of a chain: how long a sample can wait for the task, and how long until the task's output is visible. */
function hop(table: ScheduleTable, chain: Chain, position: number): { ns: number | null; text: string } {
  const task = table.tasks[chain.tasks[position]!]!;
  const previous = position === 0 ? chain.from : table.tasks[chain.tasks[position - 1]!]!.output;
  if (!task.inputs.some((port) => port.channel === previous)) {
    throw new IsochronError(
      "schedule/chain",
      `chain "${chain.name}": task "${task.name}" does not read "${table.channels[previous]?.name}"`,
      {
        help: "name the channel and the tasks in the order in which the data passes them",
        ...(chain.place === undefined ? {} : { place: chain.place }),
      },
    );
  }
  const name = task.name.padEnd(8);
  const deadline = `deadline ${formatDuration(task.letNs)}`;
  const { trigger } = task;
  if (trigger.kind === "arrival" && trigger.channel === previous) {
    if (trigger.early === "drop") return { ns: task.letNs, text: `${name} ${deadline}` };
    return {
      ns: trigger.minIntervalNs + task.letNs,
      text: `${name} deferral ${formatDuration(trigger.minIntervalNs)} + ${deadline}`,
    };
  }
  const sampling = longestWaitOf(table, task);
  if (sampling === undefined) return { ns: null, text: `${name} as long as until it is released + ${deadline}` };
  return { ns: sampling + task.letNs, text: `${name} sampling ${formatDuration(sampling)} + ${deadline}` };
}

/** The longest time from a sample's tag to the visibility of the output that used it, while no job overruns; null where nothing bounds it. */
function chainBound(table: ScheduleTable, chain: Chain): number | null {
  const { name = "?", latencyNs = 0 } = table.channels[chain.from] ?? {};
  const decoding =
    latencyNs > 0 ? [{ ns: latencyNs, text: `${name.padEnd(8)} decoding ${formatDuration(latencyNs)}` }] : [];
  const hops = [...decoding, ...chain.tasks.map((_, position) => hop(table, chain, position))];
  const bound = hops.reduce((sum, each) => sum + (each.ns ?? 0), 0);
  if (bound <= chain.budgetNs) return hops.some(({ ns }) => ns === null) ? null : bound;
  const last = table.tasks[chain.tasks.at(-1)!]!;
  const byArrival =
    last.trigger.kind === "periodic" && chain.tasks.length > 1
      ? `release "${last.name}" on arrival of ${table.tasks[chain.tasks.at(-2)!]!.name}, or `
      : "";
  const [takes, budget] = formatApart(bound, chain.budgetNs);
  throw new IsochronError("schedule/chain-budget", `chain "${chain.name}" can take ${takes}, its budget is ${budget}`, {
    details: hops.map((each) => each.text),
    help: `${byArrival}allow ${takes}`,
    ...(chain.place === undefined ? {} : { place: chain.place }),
  });
}
