// Schedulability before the run: utilisation per core, response times under fixed priorities, latency bounds of chains.
import { IsochronError } from "../kernels/index.ts";
import { type AgeBound, ageBound } from "./age.ts";
import { formatApart, formatDuration } from "./duration.ts";
import { longestWaitOf } from "./pace.ts";
import {
  highestPriority,
  intervalName,
  intervalOf,
  type ScheduleTable,
  shortestIntervalOf,
  type TaskRow,
  toleranceOf,
} from "./schedule-table.ts";

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
        help: utilisationHelp(heaviest),
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

/** What helps a core that is asked for too much: a task that fills it alone is no better off on another. */
function utilisationHelp({ name, trigger, budgetNs }: TaskRow): string {
  const interval = intervalOf(trigger);
  if (budgetNs <= interval) return `move a task to another core, lengthen a period, or give "${name}" a smaller budget`;
  const [least, most] = formatApart(budgetNs, interval);
  return `give "${name}" a budget of at most ${most}, or a ${intervalName(trigger)} of at least ${least}`;
}

/** Whose jobs can go before a task's on its core: each of the same priority once, those of higher priorities at every release. */
function before(tasks: readonly TaskRow[], task: TaskRow) {
  const others = tasks.filter((other) => other !== task && other.core === task.core);
  return {
    higher: others.filter((other) => other.priority > task.priority),
    equal: others.filter((other) => other.priority === task.priority),
  };
}

/** The fixed point of a task's response time, or the first value beyond `mostNs` on the way to it. */
function responseWithin(tasks: readonly TaskRow[], task: TaskRow, mostNs: number): number {
  const { higher, equal } = before(tasks, task);
  const own = [task, ...equal].reduce((sum, each) => sum + each.budgetNs, 0);
  let response = own;
  while (response <= mostNs) {
    const current = response;
    const next = higher.reduce(
      (sum, other) =>
        sum + Math.ceil((current + toleranceOf(other.trigger)) / intervalOf(other.trigger)) * other.budgetNs,
      own,
    );
    if (next === current) return current;
    response = next;
  }
  return response;
}

function responseTime(table: ScheduleTable, task: TaskRow, place: string | undefined): number {
  const response = responseWithin(table.tasks, task, task.deadlineNs);
  if (response <= task.deadlineNs) return response;
  const { higher, equal } = before(table.tasks, task);
  const [takes, deadline] = formatApart(response, task.deadlineNs);
  throw new IsochronError(
    "schedule/response-time",
    `task "${task.name}" can take ${takes} or more, its deadline is ${deadline}`,
    {
      details: [describeLoad(task), ...[...higher, ...equal].map((other) => `${describeLoad(other)}, runs first`)],
      help: responseHelp(table.tasks, task),
      ...(place === undefined ? {} : { place }),
    },
  );
}

/** What helps a task that cannot end by its deadline: only what would. */
function responseHelp(tasks: readonly TaskRow[], task: TaskRow): string {
  const { budgetNs, deadlineNs, trigger } = task;
  const shortest = shortestIntervalOf(trigger);
  if (budgetNs > deadlineNs) {
    const longer = budgetNs > shortest ? `, with a ${intervalName(trigger)} as long` : "";
    const [least, most] = formatApart(budgetNs, deadlineNs);
    return `its budget alone is longer than its deadline: give it a budget of at most ${most}, or a deadline of at least ${least}${longer}`;
  }
  const raised = priorityThatHelps(tasks, task);
  const needed = responseWithin(tasks, task, shortest);
  const ways = [
    ...(raised === undefined ? [] : [`raise its priority to ${raised} (now ${task.priority})`]),
    "move it to another core",
    ...(needed <= shortest ? [`allow it a deadline of ${formatApart(needed, deadlineNs)[0]}`] : []),
    "give what runs first smaller budgets",
  ];
  return `${ways.slice(0, -1).join(", ")}, or ${ways.at(-1)}`;
}

/** The least priority with which a task, and all others on its core, would end by their deadlines. */
function priorityThatHelps(tasks: readonly TaskRow[], task: TaskRow): number | undefined {
  const priorities = new Set(
    before(tasks, task)
      .higher.flatMap(({ priority }) => [priority, priority + 1])
      .concat(task.priority + 1),
  );
  return [...priorities]
    .filter((priority) => priority > task.priority && priority <= highestPriority)
    .sort((a, b) => a - b)
    .find((priority) => {
      const raised = tasks.map((each) => (each === task ? { ...task, priority } : each));
      const onCore = raised.filter(({ core }) => core === task.core);
      return onCore.every((each) => responseWithin(raised, each, each.deadlineNs) <= each.deadlineNs);
    });
}

/** One hop of a chain. */
interface Hop {
  /** How long a sample can wait for the task, and how long until the task's output is visible; null where that is not known. */
  readonly ns: number | null;
  readonly text: string;
  /** What of that could be saved: how long it waits for what does not release it. */
  readonly waitNs: number;
}

function hop(table: ScheduleTable, chain: Chain, position: number): Hop {
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
    if (trigger.early === "drop") return { ns: task.letNs, text: `${name} ${deadline}`, waitNs: 0 };
    return {
      waitNs: 0,
      ns: trigger.minIntervalNs + task.letNs,
      text: `${name} deferral ${formatDuration(trigger.minIntervalNs)} + ${deadline}`,
    };
  }
  const sampling = longestWaitOf(table, task);
  if (sampling === undefined)
    return { ns: null, text: `${name} as long as until it is released + ${deadline}`, waitNs: 0 };
  const text = `${name} sampling ${formatDuration(sampling)} + ${deadline}`;
  return { ns: sampling + task.letNs, text, waitNs: sampling };
}

/** The longest time from a sample's tag to the visibility of the output that used it, while no job overruns; null where nothing bounds it. */
function chainBound(table: ScheduleTable, chain: Chain): number | null {
  const { name = "?", latencyNs = 0 } = table.channels[chain.from] ?? {};
  const decoding = latencyNs > 0 ? [`${name.padEnd(8)} decoding ${formatDuration(latencyNs)}`] : [];
  const hops = chain.tasks.map((_, position) => hop(table, chain, position));
  const bound = hops.reduce((sum, each) => sum + (each.ns ?? 0), latencyNs);
  if (bound <= chain.budgetNs) return hops.some(({ ns }) => ns === null) ? null : bound;
  const [takes, budget] = formatApart(bound, chain.budgetNs);
  throw new IsochronError("schedule/chain-budget", `chain "${chain.name}" can take ${takes}, its budget is ${budget}`, {
    details: [...decoding, ...hops.map((each) => each.text)],
    help: chainHelp(table, chain, hops, bound),
    ...(chain.place === undefined ? {} : { place: chain.place }),
  });
}

/** What helps a chain that is too slow: fewer waits where that is enough, else shorter deadlines too. */
function chainHelp(table: ScheduleTable, chain: Chain, hops: readonly Hop[], bound: number): string {
  const allow = `allow ${formatApart(bound, chain.budgetNs)[0]}`;
  const waits = hops.reduce((sum, { waitNs }) => sum + waitNs, 0);
  const least = bound - waits;
  if (least > chain.budgetNs)
    return waits === 0
      ? `give its tasks shorter deadlines, or ${allow}`
      : `its deadlines alone are ${formatApart(least, chain.budgetNs)[0]}: shorten them, or ${allow}`;
  const released: string[] = [];
  let left = bound;
  for (let position = hops.length - 1; left > chain.budgetNs; position--) {
    if (hops[position]!.waitNs === 0) continue;
    left -= hops[position]!.waitNs;
    const from = position === 0 ? chain.from : table.tasks[chain.tasks[position - 1]!]!.output;
    released.unshift(`"${table.tasks[chain.tasks[position]!]!.name}" on arrival of ${table.channels[from]?.name}`);
  }
  return `release ${released.join(" and ")}, or ${allow}`;
}
