// The auditor finds whatever the rules of the schedule do not allow, and nothing in what they do.
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { type AuditedRun, type AuditRule, auditRules, auditRun } from "../../sim/audit/index.ts";
import {
  type EventKind,
  type EventOf,
  eventKinds,
  type FieldType,
  fieldsOf,
  type RunEvent,
} from "../../sim/records/index.ts";
import { liveRun, type Times, usual, virtualRun } from "./schedule.ts";

let inVirtualTime: AuditedRun;
let live: AuditedRun;
beforeAll(async () => {
  inVirtualTime = await virtualRun();
  live = await liveRun();
}, 600_000);

const rulesOf = (run: AuditedRun): AuditRule[] => auditRun(run).findings.map(({ rule }) => rule);
const told = (run: AuditedRun): string[] =>
  auditRun(run).findings.map(({ rule, subject, why }) => `${rule} ${subject}: ${why}`);

/** A run with each event put through `change`; what gives nothing is taken out. */
const changed = (run: AuditedRun, change: (event: RunEvent) => RunEvent | undefined): AuditedRun => ({
  ...run,
  records: run.records.flatMap(({ index, event }) => {
    const kept = change(event);
    return kept ? [{ index, event: kept }] : [];
  }),
});

/** A run with the first event that `wanted` takes put through `change`. */
const changedOnce = (
  run: AuditedRun,
  wanted: (event: RunEvent) => boolean,
  change: (event: RunEvent) => RunEvent | undefined,
): AuditedRun => {
  let done = false;
  const result = changed(run, (event) => {
    if (done || !wanted(event)) return event;
    done = true;
    return change(event);
  });
  expect(done, "the run has such a record").toBe(true);
  return result;
};

describe("a run that the executive made is legal", () => {
  it("in virtual time, with overruns, skips, early arrivals, rejected messages and keyframes", () => {
    expect(told(inVirtualTime)).toEqual([]);
    const kinds = new Set(inVirtualTime.records.map(({ event }) => event.kind));
    expect([...kinds].sort()).toEqual(
      [
        "admit",
        "discarded",
        "fault",
        "keyframe",
        "message",
        "output",
        "rejected",
        "release",
        "skipped",
        "verdict",
        "visible",
      ].sort(),
    );
  });

  it("live, with overruns and skips", () => {
    expect(told(live)).toEqual([]);
    expect(live.records.some(({ event }) => event.kind === "skipped" && event.reason === "busy")).toBe(true);
    expect(live.records.some(({ event }) => event.kind === "verdict" && event.overrun)).toBe(true);
  });

  it("on any schedule, with any stalls and arrivals", async () => {
    const times: fc.Arbitrary<Times> = fc.record({
      period: fc.integer({ min: 5, max: 20 }),
      phase: fc.integer({ min: 0, max: 4 }),
      interval: fc.integer({ min: 2, max: 12 }),
      early: fc.constantFrom("drop", "defer"),
      policy: fc.constantFrom("hold", "skip"),
      stall: fc.record({ every: fc.integer({ min: 1, max: 5 }), ms: fc.integer({ min: 0, max: 40 }) }),
      arrivals: fc.array(fc.integer({ min: 0, max: 120 }), { maxLength: 60 }).map((all) => all.sort((a, b) => a - b)),
    });
    await fc.assert(
      fc.asyncProperty(times, async (drawn) => {
        expect(told(await virtualRun(drawn, 120))).toEqual([]);
      }),
      { numRuns: 30 },
    );
  }, 600_000);
});

const next: { readonly [reason: string]: string } = {
  busy: "late",
  early: "busy",
  late: "gone",
  gone: "stopped",
  stopped: "early",
};

/** Another value of a field, which no rule allows in its place. */
function otherValue(type: FieldType, value: unknown): unknown {
  if (typeof type !== "string") return next[value as string] ?? type.find((name) => name !== value);
  switch (type) {
    case "task":
    case "channel":
    case "output":
      return (value as number) === 0 ? 1 : 0;
    case "count":
      return (value as number) + 1;
    case "time":
    case "clock":
    case "clock?":
      return (value as number) + 1e9;
    case "flag":
      return !(value as boolean);
    case "hash":
      return `${(value as string)[0] === "0" ? "1" : "0"}${(value as string).slice(1)}`;
    case "bytes":
    case "raw":
      return (value as Uint8Array).map((byte, at) => (at === 0 ? byte ^ 1 : byte));
    case "text":
      return `${value as string}!`;
    case "pins":
      return (value as readonly object[]).slice(1);
  }
}

/** What only a second computation can find: bytes of messages and states, texts, and how long a stall or a job was. */
const beyondAudit: { readonly [kind in EventKind]?: readonly string[] } = {
  admit: ["bytes"],
  message: ["bytes", "task"],
  keyframe: ["states"],
  visible: ["blake3"],
  rejected: ["reason"],
  lost: ["what", "count"],
};

describe("every field of every kind of record is held to a rule", () => {
  for (const kind of eventKinds) {
    for (const [field, type] of fieldsOf(kind)) {
      if (beyondAudit[kind]?.includes(field)) continue;
      it(`${kind}: ${field}`, () => {
        const run = [inVirtualTime, live].find(({ records }) =>
          records.some(({ event }) => event.kind === kind && field in event),
        );
        if (!run) throw new Error(`no run has a record of kind ${kind}`);
        const records = run.records.filter(({ event }) => event.kind === kind);
        const middle = records[Math.floor(records.length / 2)]!;
        const tampered = changed(run, (event) => {
          if (event !== middle.event) return event;
          const values = event as unknown as Readonly<Record<string, unknown>>;
          return { ...values, [field]: otherValue(type, values[field]) } as unknown as RunEvent;
        });
        expect(auditRun(tampered).legal).toBe(false);
      });
    }

    // Losses are in no run that was made with care.
    if (kind === "lost") continue;
    it(`${kind}: a record taken out, and one put in twice`, () => {
      const run = [inVirtualTime, live].find(({ records }) => records.some(({ event }) => event.kind === kind));
      if (!run) throw new Error(`no run has a record of kind ${kind}`);
      // A stall only explains what else is recorded, and a trace may be lost.
      const needed = kind !== "trace" && !(kind === "fault" && run === live);
      const victim = run.records.filter(({ event }) => event.kind === kind).at(-1)!.event;
      if (needed) expect(auditRun(changed(run, (event) => (event === victim ? undefined : event))).legal).toBe(false);
      const doubled = {
        ...run,
        records: run.records.flatMap((each) => (each.event === victim ? [each, each] : [each])),
      };
      expect(rulesOf(doubled)).not.toEqual([]);
    });
  }
});

describe("an executive that broke a rule is found out:", () => {
  it("periodic jobs settled one release early, so that half of them are skipped as late", () => {
    const jobs = live.records.flatMap(({ event }) => (event.kind === "release" && event.task === 0 ? [event.job] : []));
    const taken = new Set(jobs.filter((_, at) => at % 2 === 1));
    const run = changed(live, (event) => {
      if (!("task" in event) || event.task !== 0 || !("job" in event) || !taken.has(event.job)) return event;
      if (event.kind !== "release") return undefined;
      const { task, job, time } = event;
      return { kind: "skipped", task, job, time, reason: "late", decided: time + 1000 };
    });
    const found = auditRun(run).findings.find(({ rule }) => rule === "skip/late");
    expect(found).toMatchObject({ subject: "polled", record: expect.any(Number) });
  });

  it("a reader that saw the sample before the newest", () => {
    const run = changedOnce(
      inVirtualTime,
      (event) => event.kind === "release" && event.pins.some(({ sequence }) => sequence > 1),
      (event) =>
        event.kind === "release"
          ? { ...event, pins: event.pins.map((pin) => ({ ...pin, sequence: pin.sequence - 1 })) }
          : event,
    );
    expect(rulesOf(run)[0]).toBe("release/pins");
  });

  it("a held sample told as new", () => {
    const run = changedOnce(
      inVirtualTime,
      (event) => event.kind === "release" && event.pins.some(({ held }) => held),
      (event) =>
        event.kind === "release" ? { ...event, pins: event.pins.map((pin) => ({ ...pin, held: false })) } : event,
    );
    expect(rulesOf(run)[0]).toBe("release/held");
  });

  it("a job that ended in time called an overrun, and one that did not called done", () => {
    const flip = (overrun: boolean) =>
      changedOnce(
        inVirtualTime,
        (event) => event.kind === "verdict" && event.overrun === overrun,
        (event) => (event.kind === "verdict" ? { ...event, overrun: !overrun } : event),
      );
    expect(rulesOf(flip(false))).toContain("verdict/overrun");
    expect(rulesOf(flip(true))).toContain("verdict/done");
  });

  it("a release made while a job was running, and one skipped as busy while none was", () => {
    const made = changedOnce(
      inVirtualTime,
      (event) => event.kind === "skipped" && event.reason === "busy",
      (event) =>
        event.kind === "skipped"
          ? { kind: "release", task: event.task, job: event.job, time: event.time, pins: [] }
          : event,
    );
    expect(rulesOf(made)).toContain("skip/busy");
    const skipped = changedOnce(
      inVirtualTime,
      (event) => event.kind === "release" && event.task === 3,
      (event) =>
        event.kind === "release"
          ? { kind: "skipped", task: 3, job: event.job, time: event.time, reason: "busy" }
          : event,
    );
    expect(rulesOf(skipped)).toContain("skip/busy");
  });

  it("a release made at the very instant at which the job before ends", async () => {
    // Every third job of `polled` ends with the next release.
    const run = await virtualRun({ ...usual, stall: { every: 3, ms: usual.period } }, 60);
    expect(told(run)).toEqual([]);
    const made = changedOnce(
      run,
      (event) => event.kind === "skipped" && event.reason === "busy",
      (event) =>
        event.kind === "skipped"
          ? { kind: "release", task: event.task, job: event.job, time: event.time, pins: [] }
          : event,
    );
    expect(rulesOf(made)).toContain("skip/busy");
  });

  it("a message that is a sample called rejected too", () => {
    const sample = inVirtualTime.records.find(({ event }) => event.kind === "visible")!.event as EventOf<"visible">;
    const { channel, sequence, time } = sample;
    const event = { kind: "rejected", channel, sequence, time, reason: "error[codec/picture]: it is none" } as const;
    const records = [...inVirtualTime.records, { index: inVirtualTime.records.length, event }];
    expect(rulesOf({ ...inVirtualTime, records })).toEqual(["intake/rejected"]);
  });

  it("an input called gone that was kept", () => {
    const run = changedOnce(
      live,
      (event) => event.kind === "release" && event.task === 3,
      (event) =>
        event.kind === "release"
          ? { kind: "skipped", task: 3, job: event.job, time: event.time, reason: "gone", decided: event.time + 1000 }
          : event,
    );
    expect(rulesOf(run)).toContain("skip/gone");
  });

  it("two jobs at once on one thread", () => {
    const traces = live.records.flatMap(({ event }) => (event.kind === "trace" && event.task === 0 ? [event] : []));
    const second = traces[1]!;
    const run = changed(live, (event) => (event === traces[0] ? { ...traces[0]!, end: second.start + 1 } : event));
    expect(rulesOf(run)).toContain("trace/thread");
  });

  it("records that were lost leave a run unproved", () => {
    const records = [
      ...inVirtualTime.records,
      { index: 9999, event: { kind: "lost", what: "decisions", count: 1 } as const },
    ];
    expect(rulesOf({ ...inVirtualTime, records })).toEqual(["record/missing"]);
  });
});

describe("the auditor", () => {
  it("takes any records whatever, names the first illegal one, and never throws", () => {
    const index = fc.nat(inVirtualTime.records.length - 1);
    const edit = fc.record({
      at: index,
      to: index,
      kind: fc.constantFrom("move", "drop", "double", "retime", "renumber"),
    });
    fc.assert(
      fc.property(
        fc.array(edit, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: -1e12, max: 1e12 }),
        (edits, by) => {
          const records = [...inVirtualTime.records];
          for (const { at, to, kind } of edits) {
            const each = records[at % records.length]!;
            const event = each.event as RunEvent & { time?: number; job?: number };
            if (kind === "move") records.splice(to % records.length, 0, ...records.splice(at % records.length, 1));
            else if (kind === "drop") records.splice(at % records.length, 1);
            else if (kind === "double") records.splice(to % records.length, 0, each);
            else if (kind === "retime" && event.time !== undefined)
              records[at % records.length] = { ...each, event: { ...event, time: event.time + by } as RunEvent };
            else if (kind === "renumber" && event.job !== undefined)
              records[at % records.length] = { ...each, event: { ...event, job: Math.abs(by) } as RunEvent };
          }
          const { findings, count, legal } = auditRun({ ...inVirtualTime, records });
          expect(legal).toBe(count === 0);
          for (const { rule, why } of findings) {
            expect(Object.keys(auditRules)).toContain(rule);
            expect(why).not.toBe("");
          }
          expect(findings.every(({ timeNs }, at) => at === 0 || findings[at - 1]!.timeNs <= timeNs)).toBe(true);
        },
      ),
    );
  });

  it("states its rules as the architecture page does", async () => {
    const { readFileSync } = await import("node:fs");
    const page = readFileSync(new URL("../../docs/architecture.md", import.meta.url), "utf8");
    for (const [rule, text] of Object.entries(auditRules)) expect(page).toContain(`| \`${rule}\` | ${text} |`);
  });
});
