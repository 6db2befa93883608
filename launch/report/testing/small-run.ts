// A small application and runs of it made by hand, for the tests of reports.
import type { ApplicationDescription, RunEvent, SkipReason } from "../../../sim/index.ts";
import type { RunFacts } from "../facts.ts";
import { Ledger } from "../ledger.ts";

export const ms = 1e6;
const none = new Uint8Array(0);

/** A camera (channel 0) releases `find` (output: channel 1), which `steer` reads every 20 ms (output: channel 2, a topic). */
export const smallApplication = (name = "small"): ApplicationDescription =>
  ({
    format: "isochron-application",
    version: 1,
    name,
    table: {
      version: 1,
      name,
      channels: [
        { name: "/camera", source: { kind: "external" }, depth: 4, slotBytes: 64, fields: [] },
        { name: "find", source: { kind: "task", task: 0 }, depth: 2, slotBytes: 64, fields: [] },
        { name: "steer", source: { kind: "task", task: 1 }, depth: 2, slotBytes: 64, fields: [] },
      ],
      tasks: [
        {
          name: "find",
          program: 0,
          trigger: { kind: "arrival", channel: 0, minIntervalNs: 30 * ms, early: "drop" },
          budgetNs: 4 * ms,
          deadlineNs: 15 * ms,
          letNs: 15 * ms,
          priority: 50,
          core: 0,
          onOverrun: "skip",
          inputs: [{ channel: 0, field: 0 }],
          output: 1,
        },
        {
          name: "steer",
          program: 1,
          trigger: { kind: "periodic", periodNs: 20 * ms, phaseNs: 0 },
          budgetNs: 1 * ms,
          deadlineNs: 5 * ms,
          letNs: 5 * ms,
          priority: 60,
          core: 0,
          onOverrun: "hold",
          inputs: [{ channel: 1, field: 0 }],
          output: 2,
        },
      ],
    },
    // What a message looks like on the wire does not matter to a report.
    inputs: [{ topic: "/camera", type: "sensor_msgs/msg/Image", channel: 0, plan: undefined as never }],
    outputs: [
      { topic: "/steering", type: "ackermann_msgs/msg/AckermannDriveStamped", channel: 2, plan: undefined as never },
    ],
    chains: [{ name: "camera to steering", from: 0, tasks: [0, 1], budgetNs: 60 * ms }],
    programs: [],
    publications: [],
    calls: [],
    parameters: [],
    transforms: [],
    messages: [],
  }) satisfies ApplicationDescription;

/** A message of the camera; numbers count from 1. */
export const admit = (sequence: number, atMs: number): RunEvent => ({
  kind: "admit",
  channel: 0,
  sequence,
  time: atMs * ms,
  bytes: new Uint8Array(100),
});

/** A job of a live run: released, started `lateMs` later, ran for `ranMs`; what it saw is a number of its one input. */
export function job(
  task: 0 | 1,
  number: number,
  atMs: number,
  sees: number,
  lateMs: number,
  ranMs: number,
): RunEvent[] {
  const dueMs = atMs + (task === 0 ? 15 : 5);
  const overrun = atMs + lateMs + ranMs > dueMs;
  const due = dueMs * ms;
  const [release, start] = [atMs * ms, (atMs + lateMs) * ms];
  return [
    {
      kind: "release",
      task,
      job: number,
      time: release,
      pins: [{ channel: task, sequence: sees, held: false }],
    },
    { kind: "verdict", task, job: number, time: due, overrun },
    ...(overrun
      ? [{ kind: "discarded", task, job: number, bytes: none, chain: "" } as const]
      : published(task, number, due)),
    { kind: "trace", task, job: number, release, start, end: start + ranMs * ms },
  ];
}

const published = (task: 0 | 1, number: number, time: number): RunEvent[] => [
  {
    kind: "output",
    task,
    job: number,
    channel: task + 1,
    sequence: number + 1,
    time,
    bytes: new Uint8Array(64),
    chain: "",
  },
  ...(task === 1 ? [{ kind: "message", output: 0, task, job: number, time, bytes: new Uint8Array(44) } as const] : []),
];

export const skip = (task: 0 | 1, number: number, atMs: number, reason: SkipReason): RunEvent => ({
  kind: "skipped",
  task,
  job: number,
  time: atMs * ms,
  reason,
});

/** 200 ms live: a stalled job, a slow one, an early arrival, a skipped release, one in flight at the end. */
export const smallRun = (): RunEvent[] => [
  ...[0, 40, 50, 80, 120, 160].map((at, index) => admit(index + 1, at)),
  ...job(0, 0, 0, 1, 0.1, 2),
  ...job(0, 1, 40, 2, 0.1, 3),
  skip(0, 2, 50, "early"),
  { kind: "fault", task: 0, job: 2, duration: 25 * ms },
  ...job(0, 2, 80, 4, 0.1, 25),
  ...job(0, 3, 120, 5, 0.2, 14.9),
  { kind: "release", task: 0, job: 4, time: 160 * ms, pins: [{ channel: 0, sequence: 6, held: false }] },
  ...job(1, 0, 0, 0, 0.05, 0.2),
  ...job(1, 1, 20, 1, 0.05, 0.2),
  ...job(1, 2, 40, 1, 0.05, 0.2),
  ...job(1, 3, 60, 2, 0.05, 0.4),
  ...job(1, 4, 80, 2, 4.5, 0.6),
  ...job(1, 5, 100, 2, 0.05, 22),
  skip(1, 6, 120, "busy"),
  skip(1, 7, 140, "late"),
  ...job(1, 8, 160, 2, 0.05, 0.2),
  ...job(1, 9, 180, 2, 0.05, 0.2),
];

export const facts: RunFacts = {
  mode: "live",
  durationNs: 200 * ms,
  scheduling: "SCHED_FIFO",
  hash: "00ff".repeat(16),
  threads: [
    { name: "iso:0:60", core: 0, bound: true, priority: 60, policy: "SCHED_FIFO" },
    { name: "iso:0:50", core: 0, bound: true, priority: 50, policy: "SCHED_FIFO" },
  ],
  machine: { cpu: "Test CPU", cores: 2, architecture: "x64", kernel: "6.1.0", node: "20.20.0" },
  world: { distance: 12.34567, leftRoad: false },
  streamDrops: {},
  outOfTurn: 0,
  epochNs: "0",
  clockSteps: null,
  transport: null,
  departures: [],
  datagrams: [],
  lateness: null,
  damage: 0,
  replayed: "not checked",
  failure: null,
  cut: null,
};

/** The facts of a run in virtual time. */
export const virtualFacts: RunFacts = { ...facts, mode: "virtual", scheduling: "virtual time", threads: [] };

/** A run in virtual time: no traces. */
export const virtualRun = (): RunEvent[] =>
  [
    ...[0, 40, 80].map((at, index) => admit(index + 1, at)),
    ...[0, 1, 2].flatMap((number) => job(0, number, 40 * number, number + 1, 0, 0)),
    ...[0, 1, 2, 3, 4].flatMap((number) => job(1, number, 20 * number, [0, 1, 1, 2, 2][number]!, 0, 0)),
  ].filter(({ kind }) => kind !== "trace");

export function ledgerOf(events: readonly RunEvent[], application = smallApplication()): Ledger {
  const ledger = new Ledger(application);
  ledger.add(events);
  return ledger;
}
