// What a run lost, and what was wrong with it otherwise: counted, each with its first occurrence and its reason.
import { formatDuration } from "../../scheduler/index.ts";
import type { TransportFinding } from "../../sim/index.ts";
import type { RunFacts } from "./facts.ts";
import type { Ledger } from "./ledger.ts";

/** One thing that happened to some of many, or once. */
export interface Finding<Kind extends string> {
  readonly kind: Kind;
  /** The topic, task, output or thread that it happened to. */
  readonly where: string;
  readonly count: number;
  /** Of how many; null where there is no such number. */
  readonly of: number | null;
  /** The first: when (null where that is not known), and why. */
  readonly first: { readonly timeNs: number | null; readonly reason: string };
}

/**
 * What came in and was not used: `rejected` messages, those that came while the decoder was `behind`, those that came
 * `early` for a task's minimum interval, values that a `stream` dropped, `steps` of the world that were never made, messages
 * that the `transport` lost or did not send.
 */
export type Drop = Finding<"rejected" | "behind" | "early" | "stream" | "steps" | "transport">;

/**
 * What was wrong otherwise: `unfed` inputs on which nothing came, `non-finite` outputs, `unbound` threads, messages of the
 * world or the log that came `late` for their own time, jobs under an injected `stall`, records that were `lost`, other ends
 * of a topic that are `incompatible`, deadlines and leases of publications that were `missed`, steps of the system's `clock`.
 */
export type Fault = Finding<
  "unfed" | "non-finite" | "unbound" | "late" | "stall" | "lost" | "incompatible" | "missed" | "clock"
>;

/** Begins the reason of a message that found its channel's decoder too far behind. */
const behind = "error[input/backlog]";

/** All that was dropped. */
export function dropsOf(ledger: Ledger, facts: RunFacts): Drop[] {
  return [
    ...rejections(ledger),
    ...earlyArrivals(ledger),
    ...streamDrops(facts),
    ...missedSteps(facts),
    ...onTransport(facts, { lost: "transport", unsent: "transport" }),
    ...notDeparted(facts),
  ];
}

function rejections(ledger: Ledger): Drop[] {
  return ledger.application.inputs.flatMap(({ topic, channel }) => {
    const { arrivals, rejections: all } = ledger.channels[channel]!;
    const of = arrivals.count;
    const kinds = {
      rejected: all.filter(({ reason }) => !reason.startsWith(behind)),
      behind: all.filter(({ reason }) => reason.startsWith(behind)),
    };
    return Object.entries(kinds).flatMap(([kind, found]): Drop[] => {
      const [first] = [...found].sort((a, b) => a.firstSequence - b.firstSequence);
      if (!first) return [];
      const count = found.reduce((sum, each) => sum + each.count, 0);
      const { firstNs: timeNs, reason } = first;
      return [{ kind: kind as keyof typeof kinds, where: topic, count, of, first: { timeNs, reason } }];
    });
  });
}

/** Arrivals that released nothing, since they came before the minimum interval had passed. */
function earlyArrivals(ledger: Ledger): Drop[] {
  const { tasks, channels } = ledger.application.table;
  return tasks.flatMap(({ name, trigger, letNs }, id): Drop[] => {
    if (trigger.kind !== "arrival" || trigger.early !== "drop") return [];
    const { early, release } = ledger.tasks[id]!;
    const dropped = early.values().sort();
    const [first] = dropped;
    if (first === undefined) return [];
    const released = release.values().sort();
    const all = Float64Array.from([...dropped, ...released]).sort();
    const before = released.findLast((time) => time <= first);
    const needed = neededTolerance(all, trigger.minIntervalNs);
    const gap = before === undefined ? "" : `${formatDuration(first - before)} after the one before, `;
    const asked = `minInterval is ${formatDuration(trigger.minIntervalNs)}${trigger.toleranceNs ? ` with ${formatDuration(trigger.toleranceNs)} tolerated` : ""}`;
    const most = trigger.minIntervalNs - letNs;
    const remedy =
      needed <= most
        ? `tolerance: "${Math.ceil(needed / 1e3)}us" would take all`
        : `to take all it needs a tolerance of ${formatDuration(needed)}, and the deadline leaves ${formatDuration(most)}`;
    return [
      {
        kind: "early",
        where: `${channels[trigger.channel]!.name} → ${name}`,
        count: early.count,
        of: early.count + release.count,
        first: { timeNs: first, reason: `${gap}${asked}; ${remedy}` },
      },
    ];
  });
}

/** The least tolerance with which the minimum-interval rule releases a task at each of these times (in order, nanoseconds). */
export function neededTolerance(times: Iterable<number>, minIntervalNs: number): number {
  let [nominal, needed] = [Number.NEGATIVE_INFINITY, 0];
  for (const time of times) {
    needed = Math.max(needed, nominal - time);
    nominal = Math.max(nominal, time) + minIntervalNs;
  }
  return needed;
}

const streamDrops = ({ streamDrops: counters }: RunFacts): Drop[] =>
  Object.entries(counters).flatMap(([name, count]): Drop[] =>
    count === 0
      ? []
      : [
          {
            kind: "stream",
            where: name,
            count,
            of: null,
            first: { timeNs: null, reason: "its bounds, as its name says" },
          },
        ],
  );

const missedSteps = ({ lateness, durationNs }: RunFacts): Drop[] =>
  lateness === null || lateness.missedSteps === 0
    ? []
    : [
        {
          kind: "steps",
          where: "the world",
          count: lateness.missedSteps,
          of: null,
          first: {
            timeNs: null,
            reason: `a step takes longer than its period: the run ended at ${formatDuration(durationNs)} before they were made`,
          },
        },
      ];

/** What a transport told, by what it counts as here. */
const onTransport = <Kind extends string>(
  { transport }: RunFacts,
  kinds: Readonly<Partial<Record<TransportFinding["kind"], Kind>>>,
): Finding<Kind>[] =>
  (transport?.findings ?? []).flatMap(({ kind, topic, count, first }) => {
    const counted = kinds[kind];
    return counted === undefined ? [] : [{ kind: counted, where: topic, count, of: null, first }];
  });

/** Messages of outputs that did not leave, and datagrams that were too long to come in. */
const notDeparted = ({ departures, datagrams }: RunFacts): Drop[] => {
  const drop = (where: string, count: number, of: number, reason: string): Drop[] =>
    count === 0 ? [] : [{ kind: "transport", where, count, of, first: { timeNs: null, reason } }];
  return [
    ...departures.flatMap(({ topic, left, unsent, missed }) => [
      ...drop(topic, unsent, left + unsent, "the system did not take them: is somebody there, and keeps up?"),
      ...drop(topic, missed, left + unsent + missed, "who sends or takes messages was too far behind"),
    ]),
    ...datagrams.flatMap(({ topic, received, tooLong }) =>
      drop(topic, tooLong, received + tooLong, "a datagram has at most 65,536 bytes"),
    ),
  ];
};

const clockSteps = ({ clockSteps: steps }: RunFacts): Fault[] =>
  steps === null
    ? []
    : [
        {
          kind: "clock",
          where: "the system's clock",
          count: steps.count,
          of: null,
          first: {
            timeNs: steps.firstNs,
            reason: `by up to ${formatDuration(steps.worstNs)}: stamps go on from where the run began`,
          },
        },
      ];

/** All that was wrong besides. */
export function faultsOf(ledger: Ledger, facts: RunFacts): Fault[] {
  return [
    ...unfed(ledger),
    ...nonFinite(ledger),
    ...unbound(facts),
    ...late(facts),
    ...stalls(ledger),
    ...lost(ledger),
    ...onTransport(facts, { incompatible: "incompatible", missed: "missed" }),
    ...clockSteps(facts),
  ];
}

function unfed(ledger: Ledger): Fault[] {
  const { inputs, table, calls } = ledger.application;
  // Nobody need call what is served.
  const called = new Set(calls.flatMap(({ enters }) => enters.map(({ topic }) => topic)));
  return inputs.flatMap(({ topic, channel }): Fault[] => {
    if (called.has(topic) || ledger.channels[channel]!.arrivals.count > 0) return [];
    const readers = table.tasks.filter(({ inputs: ports }) => ports.some((port) => port.channel === channel));
    const waiting = (name: string, released: boolean) =>
      released ? `"${name}" was never released` : `"${name}" read zeros`;
    const reason = readers.map(({ name, trigger }) =>
      waiting(name, trigger.kind === "arrival" && trigger.channel === channel),
    );
    return [
      {
        kind: "unfed",
        where: topic,
        count: 1,
        of: null,
        first: { timeNs: null, reason: reason.join(", ") || "no task reads it" },
      },
    ];
  });
}

function nonFinite(ledger: Ledger): Fault[] {
  const { tasks } = ledger.application.table;
  return tasks.flatMap(({ name, output }, id): Fault[] => {
    const { nonFinite: found } = ledger.tasks[id]!;
    return [...found].map(([field, { count, job, time, element, value }]): Fault => {
      const { name: port, shape } = ledger.application.table.channels[output]!.fields[field]!;
      const which = shape.length === 0 ? "" : `, element ${element}`;
      return {
        kind: "non-finite",
        where: `${port} of ${name}`,
        count,
        of: ledger.channels[output]!.arrivals.count,
        first: { timeNs: time, reason: `job ${job}${which} is ${value}` },
      };
    });
  });
}

const unbound = ({ threads, machine }: RunFacts): Fault[] =>
  threads
    .filter(({ bound }) => !bound)
    .map(({ name, core }): Fault => {
      const there = machine === "not recorded" || core < machine.cores;
      const reason = there
        ? `core ${core} is not free to this process: it ran on any other`
        : `core ${core} is not there, the machine has ${machine.cores}: it ran on any`;
      return { kind: "unbound", where: name, count: 1, of: null, first: { timeNs: null, reason } };
    });

const late = ({ lateness }: RunFacts): Fault[] =>
  lateness === null || lateness.late === 0
    ? []
    : [
        {
          kind: "late",
          where: "world, log and pipelines",
          count: lateness.late,
          of: lateness.messages,
          first: {
            timeNs: lateness.firstNs,
            reason: `they came up to ${formatDuration(lateness.worstNs)} after their own time, and got a later one`,
          },
        },
      ];

function stalls(ledger: Ledger): Fault[] {
  return ledger.application.table.tasks.flatMap(({ name }, id): Fault[] => {
    const task = ledger.tasks[id]!;
    const [first] = [...task.stalls].sort(([a], [b]) => a - b);
    if (!first) return [];
    const [job, durationNs] = first;
    const at = task.release.at(job);
    const reason = `job ${job} took ${formatDuration(durationNs)} longer on purpose`;
    return [
      {
        kind: "stall",
        where: name,
        count: task.stalls.size,
        of: task.released,
        first: { timeNs: Number.isNaN(at) ? null : at, reason },
      },
    ];
  });
}

const lost = ({ lost: counts }: Ledger): Fault[] =>
  Object.entries(counts).flatMap(([what, count]: [string, number]): Fault[] =>
    count === 0
      ? []
      : [
          {
            kind: "lost",
            where: what,
            count,
            of: null,
            first: { timeNs: null, reason: "the recorder could not keep up" },
          },
        ],
  );
