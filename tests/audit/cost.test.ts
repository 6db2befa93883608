// The auditor goes over a run once: twice the records are twice the work.
import { expect, it } from "vitest";
import { type AuditedRun, type AuditRecord, auditRun } from "../../sim/audit/index.ts";
import type { ApplicationDescription } from "../../sim/index.ts";
import type { RunEvent } from "../../sim/records/index.ts";

const period = 1000;

/** A live run of one task that reads its own input, with `count` releases: each fourth skipped as gone, a keyframe now and then. */
function runOf(count: number): AuditedRun {
  const channel = {
    depth: 2,
    slotBytes: 64,
    fields: [{ name: "x", dtype: "f32" as const, shape: [], offset: 0, bytes: 4 }],
  };
  const task = {
    program: 0,
    budgetNs: 10,
    deadlineNs: 100,
    letNs: 100,
    priority: 50,
    core: 0,
    onOverrun: "hold",
    trigger: { kind: "periodic", periodNs: period, phaseNs: 0 },
  } as const;
  const application: ApplicationDescription = {
    format: "isochron-application",
    version: 1,
    name: "counted",
    table: {
      version: 1,
      name: "counted",
      channels: [
        { name: "/in", source: { kind: "external" }, ...channel },
        { name: "one", source: { kind: "task", task: 0 }, ...channel },
      ],
      tasks: [{ name: "one", ...task, inputs: [{ channel: 0, field: 0 }], output: 1 }],
    },
    inputs: [],
    outputs: [],
    chains: [],
    publications: [],
    calls: [],
    parameters: [],
    transforms: [],
    messages: [],
    programs: [],
  };
  const events: RunEvent[] = [];
  for (let job = 0; job < count; job++) {
    const time = job * period;
    events.push({ kind: "admit", channel: 0, sequence: job + 1, time, bytes: new Uint8Array() });
    if (job % 4 === 3) {
      events.push({ kind: "skipped", task: 0, job, time, reason: "gone", decided: time + 50 });
      continue;
    }
    const chain = "00".repeat(32);
    events.push(
      { kind: "release", task: 0, job, time, pins: [{ channel: 0, sequence: job + 1, held: false }] },
      { kind: "trace", task: 0, job, release: time, start: time + 1, end: time + 20 },
      { kind: "verdict", task: 0, job, time: time + 100, overrun: false, ended: time + 20 },
      {
        kind: "output",
        task: 0,
        job,
        channel: 1,
        sequence: job + 1,
        time: time + 100,
        bytes: new Uint8Array(64),
        chain,
      },
    );
    if (job % 8 === 0) events.push({ kind: "keyframe", task: 0, job, time, states: new Uint8Array() });
  }
  const records = events.map((event, index): AuditRecord => ({ index, event }));
  return { application, mode: "live", durationNs: count * period, records };
}

/** The elements that arrays hand out while a function runs: to loops, to spreads, to callbacks. */
function handedOut(work: () => void): number {
  let count = 0;
  const iterator: { next: () => IteratorResult<unknown> } = Object.getPrototypeOf([][Symbol.iterator]());
  const { next } = iterator;
  const names = ["filter", "map", "flatMap", "forEach", "find", "findIndex", "some", "every", "reduce"] as const;
  const methods = names.map((name) => [name, Array.prototype[name]] as const);
  const counted = (method: (...all: never[]) => unknown) =>
    function (this: unknown[], callback: (...all: unknown[]) => unknown, ...rest: unknown[]): unknown {
      const counting = (...all: unknown[]) => {
        count++;
        return callback(...all);
      };
      return Reflect.apply(method, this, [counting, ...rest]);
    };
  iterator.next = function (this: unknown) {
    count++;
    return Reflect.apply(next, this, []);
  };
  for (const [name, method] of methods)
    Object.defineProperty(Array.prototype, name, { value: counted(method), configurable: true, writable: true });
  try {
    work();
  } finally {
    iterator.next = next;
    for (const [name, value] of methods)
      Object.defineProperty(Array.prototype, name, { value, configurable: true, writable: true });
  }
  return count;
}

it("an audit of twice the records is twice the work", () => {
  const work = (count: number): number => {
    const run = runOf(count);
    return handedOut(() => void auditRun(run));
  };
  const [once, twice] = [work(1000), work(2000)];
  expect(once).toBeGreaterThan(1000);
  expect(twice / once).toBeLessThan(2.05);
});
