// The audit of a file names the first bad record, by its place and byte, and goes on where it can.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { TypedMcapRecords } from "@mcap/core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { IsochronError } from "../../kernels/index.ts";
import { auditCommand } from "../../launch/commands/audit.ts";
import { replayCommand } from "../../launch/commands/replay.ts";
import type { Terminal } from "../../launch/terminal.ts";
import { type AuditFinding, auditRules } from "../../sim/audit/index.ts";
import { auditFile, readRecording } from "../../sim/index.ts";
import { contentsByScan, withRecording } from "../../sim/recording-contents.ts";
import { Workplace } from "../command-line/command.ts";
import { LogForm, loggedKind, logTopic, namesIn } from "../replay/logged.ts";
import { type Changed, type Changes, rewrite } from "../replay/rewrite.ts";
import { record, usual, virtualRun } from "./schedule.ts";

type Message = TypedMcapRecords["Message"];

const place = new Workplace();
const recording = place.path("run.mcap");
const changed = place.path("changed.mcap");
let bytes = Buffer.alloc(0);
beforeAll(async () => {
  await record(recording, await virtualRun(usual, 110));
  bytes = readFileSync(recording);
  log = new LogForm(namesIn(recording));
});
afterAll(() => place.remove());

let log: LogForm;
const hex = ({ data }: Pick<Message, "data">): string => Buffer.from(data).toString("hex");
/** The byte at which the n-th message of a kind begins in what was recorded; the last one's is at -1. */
const placeOf = async (kind: string, n: number): Promise<number> =>
  await withRecording(recording, async (file) => {
    const { messages } = await contentsByScan(file);
    const places: number[] = [];
    for await (const { topic, at } of messages) if (topic === logTopic(kind)) places.push(at!);
    return places.at(n)!;
  });

async function audited(changes: Changes) {
  await rewrite(recording, changed, changes);
  return await auditFile(changed);
}

/** Puts the n-th record of a kind (the third) through `change`. */
function onThird(kind: string, change: (message: Message) => Changed | readonly Changed[] | undefined): Changes {
  let count = 0;
  return {
    message: (topic, message) => (topic === logTopic(kind) && ++count === 3 ? change(message) : message),
  };
}

/** The message that stands at a byte of the changed file: a record of kind 5, whose data follow 31 bytes of its head. */
const standingAt = ({ byte }: AuditFinding): string => {
  const file = readFileSync(changed);
  expect(file[byte!]).toBe(5);
  return file.subarray(byte! + 31, byte! + 9 + Number(file.readBigUInt64LE(byte! + 1))).toString("hex");
};

describe("the audit of a file", () => {
  it("finds nothing in what was recorded", async () => {
    expect(await audited({})).toMatchObject({ legal: true, count: 0, findings: [], durationNs: 110e6 });
  });

  it("names a record of an unknown kind, and holds all others to their rules", async () => {
    const unknown = (message: Message) => ({ ...message, topic: logTopic("teleport"), data: Buffer.from("nowhere") });
    const { findings, count, records } = await audited(onThird("keyframe", unknown));
    expect(findings.map(({ rule, subject, why }) => `${rule} ${subject}: ${why}`)).toEqual([
      'record/form /isochron/events/teleport: there is no record of kind "teleport"',
      expect.stringMatching(/^keyframe \w+: the keyframe at \d+ ns lacks the task$/),
    ]);
    expect(standingAt(findings[0]!)).toBe(hex({ data: Buffer.from("nowhere") }));
    expect([count, records]).toEqual([2, (await audited({})).records - 1]);
  });

  it("names what is no CDR, lacks a member, has one too many, or is of a task that is not there", async () => {
    const whole = log.write({ kind: "keyframe", task: "polled", job: 1, time: 50e6, states: "" });
    const padded = Buffer.from(whole);
    padded[9] = 1;
    const cases = [
      Buffer.from("{"),
      whole.subarray(0, -1),
      Buffer.concat([whole, Buffer.alloc(1)]),
      padded,
      Buffer.concat([Buffer.from([0, 0]), whole.subarray(2)]),
      log.write({ kind: "keyframe", task: "nobody", job: 1, time: 50e6, states: "" }),
    ];
    for (const data of cases) {
      const { findings } = await audited(onThird("keyframe", (message) => ({ ...message, data })));
      expect(findings[0]).toMatchObject({ rule: "record/form", why: expect.stringMatching(/^a record \(keyframe\) /) });
      expect(standingAt(findings[0]!)).toBe(hex({ data }));
    }
  });

  it("names what is not JSON, lacks a field, or is of a task that is not there in a recording of version 3", async () => {
    const older = fileURLToPath(new URL("../replay/older/rows.mcap", import.meta.url));
    const cases = [
      ["{", /JSON/],
      [JSON.stringify({ kind: "teleport" }), /^there is no record of kind "teleport"$/],
      [JSON.stringify({ kind: "release", task: "rows", job: 1, time: 50e6 }), /^pins: /],
      [JSON.stringify({ kind: "release", task: "nobody", job: 1, time: 50e6, pins: [] }), /names "nobody"/],
      [JSON.stringify({ kind: "release", task: "rows", job: -1, time: 50e6, pins: [] }), /^job: /],
    ] as const;
    for (const [text, why] of cases) {
      let count = 0;
      const data = Buffer.from(text);
      const message: Changes["message"] = (topic, each) =>
        topic === "/isochron/events" && ++count === 3 ? { ...each, data } : each;
      await rewrite(older, changed, { message });
      const { findings } = await auditFile(changed);
      const form = findings.find(({ rule }) => rule === "record/form")!;
      expect(form).toMatchObject({ why: expect.stringMatching(why) });
      expect(standingAt(form)).toBe(hex({ data }));
    }
  });

  it("reads a recording of a newer version as far as it knows it, and says so", async () => {
    const { findings } = await audited({ metadata: (said) => ({ ...said, version: "5" }) });
    expect(findings).toMatchObject([
      { rule: "record/form", why: "the recording is of version 5; this version of Isochron knows 1 and 2 and 3 and 4" },
    ]);
  });

  it("names a record that stands twice, by its second place", async () => {
    const { findings } = await audited(onThird("release", (message) => [message, message]));
    const [first] = findings;
    expect(first).toMatchObject({ rule: "record/doubled", record: expect.any(Number) });
    const [once, again] = [first!.record! - 1, first!.record!];
    const all: Message[] = [];
    await rewrite(changed, place.path("copy.mcap"), {
      message: (_, message) => {
        all.push({ ...message, data: message.data.slice() });
        return message;
      },
    });
    expect(hex(all[again]!)).toBe(hex(all[once]!));
    expect(standingAt(first!)).toBe(hex(all[again]!));
  });

  it("names a record that stands behind one that was written after it", async () => {
    let held: Message | undefined;
    const { findings } = await audited({
      message: (topic, message) => {
        const event = topic === logTopic("release") ? log.read(topic, message.data) : undefined;
        if (event?.task !== "polled" || (event.job !== 6 && event.job !== 8)) return message;
        if (!held) {
          held = { ...message, data: message.data.slice() };
          return undefined;
        }
        return [message, held];
      },
    });
    const { why, byte } = findings.find(({ rule, subject }) => rule === "record/order" && subject === "polled")!;
    expect(why).toMatch(/ stands (behind|before) /);
    expect(byte).not.toBeNull();
  });

  it("names an arrival before the one that came before it", async () => {
    const earlier = (message: Message) => ({ ...message, logTime: message.logTime - 30_000_000n });
    const { findings } = await audited({
      message: (topic, message) => {
        if (topic === "/in" && message.sequence === 20) return earlier(message);
        const event = topic === logTopic("admit") ? log.read(topic, message.data) : undefined;
        if (event?.channel !== "/in" || event.sequence !== 20) return message;
        return { ...earlier(message), data: log.write({ ...event, time: (event.time as number) - 30e6 }) };
      },
    });
    expect(findings[0]).toMatchObject({ rule: "intake/number", subject: "/in", byte: expect.any(Number) });
    expect(findings[0]!.why).toMatch(/^message 20 arrives at \d+ ns, the one before at \d+ ns$/);
  });

  it("names a message on a topic that the application does not have", async () => {
    const { findings } = await audited({
      attachment: (name, data) =>
        name === "application.json"
          ? Buffer.from(Buffer.from(data).toString().replaceAll('"/camera"', '"/kamera"'))
          : data,
    });
    expect(findings.filter(({ subject }) => subject === "/camera")[0]).toMatchObject({
      rule: "record/form",
      why: "the application has no such topic",
    });
  });

  it("tells where a file that was cut ends, and audits what stands before", async () => {
    const [first, last] = [await placeOf("admit", 0), await placeOf("verdict", -1)];
    for (const share of [0.2, 0.5, 0.8]) {
      const length = Math.floor(first + (last - first) * share);
      writeFileSync(changed, bytes.subarray(0, length));
      const audit = await auditFile(changed);
      expect(audit).toMatchObject({ legal: true, findings: [] });
      expect(audit.cut!.at).toBeLessThanOrEqual(length);
      expect(audit.durationNs).toBeLessThan(110e6);
      expect(audit.durationNs).toBeGreaterThan(0);
    }
  });

  it("names the byte from which a finished file is damaged, and audits what its index leads to", async () => {
    const at = await placeOf("verdict", 10);
    const damaged = Buffer.from(bytes);
    // Its publication instant, behind encapsulation, task, padding and job.
    damaged[at + 31 + 4 + 16]! ^= 1;
    writeFileSync(changed, damaged);
    const { findings, legal, cut } = await auditFile(changed);
    expect([legal, cut]).toEqual([false, undefined]);
    expect(findings.map(({ rule }) => rule)).toContain("verdict/time");
    const { why, byte } = findings.find(({ byte }) => byte !== null)!;
    expect(why).toMatch(/crc/i);
    expect(damaged[byte!]).toBe(6);
    expect(byte).toBeLessThan(at);
  });

  it("refuses a description that names channels, tasks, programs or bytes that there are not", async () => {
    const from = bytes.indexOf('{"format":"isochron-application"');
    const text = bytes.subarray(from, bytes.indexOf('"messages":', from)).toString();
    const indices = [
      /"source":\{"kind":"task","task":(\d)/g,
      /"kind":"arrival","channel":(\d)/g,
      /\{"channel":\d,"field":(\d)/g,
      /\{"channel":(\d),"field":/g,
      /"output":(\d)/g,
      /"program":(\d)/g,
      /"slotBytes":(\d)\d*,"fields":\[\{/g,
      /"topic":"[^"]*","type":"[^"]*","channel":(\d)/g,
    ];
    const places = indices.flatMap((each) => {
      const found = [...text.matchAll(each)].map(({ 0: whole, 1: digit, index }) => ({
        name: whole,
        at: from + Buffer.byteLength(text.slice(0, index + whole.lastIndexOf(`:${digit!}`) + 1)),
      }));
      expect(found.length, String(each)).toBeGreaterThan(0);
      return found;
    });
    for (const { name, at } of places) {
      const digit = name.startsWith('"slotBytes"') ? "0" : "9";
      const file = Buffer.from(bytes);
      file[at] = digit.charCodeAt(0);
      writeFileSync(changed, file);
      const found = await auditFile(changed).catch((error: unknown) => error);
      expect(found, `${name} became ${digit}`).toMatchObject({ code: "recording/damaged" });
    }
  });

  it("of whatever bytes ends in a verdict, findings or an error with a code", async () => {
    const first = (await placeOf("admit", 0)) - 2000;
    const edit = fc.record({
      kind: fc.constantFrom("flip", "zero", "cut", "swap", "digit"),
      at: fc.oneof(
        { weight: 4, arbitrary: fc.integer({ min: first, max: bytes.length - 1 }) },
        {
          weight: 1,
          arbitrary: fc.nat(bytes.length - 1),
        },
      ),
      length: fc.integer({ min: 1, max: 300 }),
      value: fc.nat(255),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async (edits) => {
        let file = Buffer.from(bytes);
        for (const { kind, at, length, value } of edits) {
          const end = Math.min(file.length, at + length);
          if (at >= file.length) continue;
          if (kind === "flip") file[at] = file[at]! ^ value;
          else if (kind === "zero") file.fill(0, at, end);
          else if (kind === "cut") file = Buffer.concat([file.subarray(0, at), file.subarray(end)]);
          else if (kind === "swap") file.set(Buffer.from(file.subarray(at, end)).reverse(), at);
          else {
            // Digits of the log, so that what is read is whole and means something else.
            const digit = file.subarray(at).findIndex((byte) => byte >= 48 && byte < 58);
            if (digit >= 0) file[at + digit] = 48 + (value % 10);
          }
        }
        writeFileSync(changed, file);
        await expectAnswer();
      }),
      { numRuns: process.env.ISOCHRON_NIGHTLY === "1" ? 20_000 : 100 },
    );
  });

  it("of records in any order, doubled, dropped and with other digits ends in a verdict or findings", async () => {
    const edit = fc.record({
      kind: fc.constantFrom("move", "drop", "double", "digit"),
      at: fc.nat(),
      by: fc.nat(200),
    });
    const count = (await audited({})).records;
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 5 }), async (edits) => {
        let number = 0;
        const waiting: { readonly until: number; readonly message: Message }[] = [];
        await rewrite(recording, changed, {
          message: (topic, message) => {
            const own = number++;
            let kept: Message[] = [{ ...message, data: message.data.slice() }];
            for (const { kind, at, by } of edits.filter(({ at }) => at % count === own)) {
              if (kind === "drop") kept = [];
              else if (kind === "double") kept = [...kept, ...kept];
              else if (kind === "move") {
                waiting.push(...kept.map((each) => ({ until: own + by, message: { ...each, topic } })));
                kept = [];
              } else if (loggedKind(topic) !== undefined)
                kept = kept.map((each) => {
                  const data = Buffer.from(each.data);
                  data[(by * 8) % data.length] = at % 10;
                  return { ...each, data };
                });
            }
            const due = waiting.filter(({ until }) => until <= own).map((each) => each.message);
            for (const each of due)
              waiting.splice(
                waiting.findIndex((one) => one.message === each),
                1,
              );
            return [...kept, ...due];
          },
        });
        await expectAnswer();
      }),
      { numRuns: process.env.ISOCHRON_NIGHTLY === "1" ? 10_000 : 50 },
    );
  });
});

describe("a recording of a run that lost records", () => {
  it("counts them, and is told so once", async () => {
    const run = await virtualRun(usual, 110);
    const lost = (["decisions", "outputs", "traces"] as const).map((what, at) => ({
      index: null,
      event: { kind: "lost", what, count: at + 1 } as const,
    }));
    const path = place.path("lost.mcap");
    await expect(record(path, { ...run, records: [...run.records, ...lost] })).rejects.toMatchObject({
      details: [
        expect.stringMatching(/record\/missing {2}\(the run\): 1 decisions and 2 outputs were lost while recording$/),
      ],
    });
    expect(await readRecording(path)).toMatchObject({ lost: 3 });
  });
});

describe("a recording that breaks a rule", () => {
  it("is refused as it is finished, and stands", async () => {
    const run = await virtualRun(usual, 110);
    const late = run.records.map(({ index, event }) => ({
      index,
      event: event.kind === "verdict" && event.job === 2 ? { ...event, time: event.time + 1 } : event,
    }));
    const path = place.path("illegal.mcap");
    await expect(record(path, { ...run, records: late })).rejects.toMatchObject({
      code: "recording/illegal",
      details: expect.arrayContaining([expect.stringMatching(/verdict\/time {2}polled: the verdict of job 2 is at /)]),
    });
    expect(await auditFile(path)).toMatchObject({ legal: false });
  });
});

describe("the commands audit and replay --verify", () => {
  const told: string[] = [];
  const terminal: Terminal = {
    out: (text) => told.push(text),
    error: (text) => told.push(text),
    progress: () => undefined,
    signal: new AbortController().signal,
  };

  it("exit with 0 where all is legal", async () => {
    expect(await auditCommand(recording, {}, terminal)).toBe(0);
    expect(await replayCommand(recording, { verify: true }, terminal)).toBe(0);
  });

  it("exit with 1 where a rule is broken, though every bit is computed again", async () => {
    // A job that ran before it was released: the times of threads are no part of what is computed.
    const run = await virtualRun(usual, 110);
    const records = run.records.flatMap((each) => {
      const { event, index } = each;
      if (event.kind !== "verdict" || event.job !== 2) return [each];
      const { task, job, ended = 0 } = event;
      const early = { kind: "trace", task, job, release: ended, start: ended - 1, end: ended } as const;
      return [each, { index, event: early }];
    });
    const path = place.path("early.mcap");
    await expect(record(path, { ...run, records })).rejects.toMatchObject({ code: "recording/illegal" });
    told.length = 0;
    expect(await auditCommand(path, { json: true }, terminal)).toBe(1);
    expect(await replayCommand(path, { verify: true, json: true }, terminal)).toBe(1);
    expect(told.map((each) => JSON.parse(each))).toMatchObject([{ legal: false }, { bitExact: true, legal: false }]);
  });
});

async function expectAnswer(): Promise<void> {
  try {
    const { legal, count, findings } = await auditFile(changed);
    expect(legal).toBe(count === 0);
    for (const { rule, why } of findings) {
      expect(Object.keys(auditRules)).toContain(rule);
      expect(why).not.toBe("");
    }
  } catch (error) {
    if (!(error instanceof IsochronError)) throw error;
    expect(error.code).toMatch(/^recording\/(foreign|damaged|truncated)$/);
    // A defect of ours would be mapped to a code too, but it shows in what was the cause.
    expect(error.cause).not.toBeInstanceOf(TypeError);
    expect(error.cause).not.toBeInstanceOf(RangeError);
  }
}
