// Verification notices each part of a recording that is changed: the list of changes follows from the schema of records.
import { crc32 } from "node:zlib";
import type { TypedMcapRecords } from "@mcap/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { hashOf, IsochronError } from "../../kernels/index.ts";
import { auditFile } from "../../sim/index.ts";
import { type EventKind, eventKinds, type FieldType, fieldsOf, loggedKinds } from "../../sim/records/index.ts";
import type { RecordSchema } from "../../sim/records/schema.ts";
import { liveRun, record, usual, virtualRun } from "../audit/schedule.ts";
import { Workplace } from "../command-line/command.ts";
import { LogForm, type LoggedJson, loggedKind, logTopic, namesIn } from "./logged.ts";
import { type Changed, type Changes, rewrite } from "./rewrite.ts";
import { verify } from "./verify.ts";

type Message = TypedMcapRecords["Message"];

const place = new Workplace();
const inVirtualTime = place.path("virtual.mcap");
const live = place.path("live.mcap");
beforeAll(async () => {
  await record(inVirtualTime, await virtualRun(usual, 110));
  await record(live, await liveRun());
  log = new LogForm(namesIn(inVirtualTime));
});
afterAll(() => place.remove());

let log: LogForm;
const read = ({ topic, message }: Place): LoggedJson => log.read(topic, message.data)!;

/** A change of one message, and what is changed. */
interface Tampering {
  readonly what: string;
  readonly change: (message: Message) => Changed | readonly Changed[] | undefined;
  /** A second computation is needed to see it: no rule of the schedule is broken. */
  readonly computed?: true;
}

const flipped = (bytes: Uint8Array, at: number): Uint8Array => {
  const changed = bytes.slice();
  changed[at]! ^= 1;
  return changed;
};

/** Changes of a value in the log, each the least that there is of its kind. */
function otherValues(type: FieldType, value: unknown): readonly (readonly [string, unknown])[] {
  if (typeof type !== "string")
    return type.filter((name) => name !== value && name !== "stopped").map((name) => [`to ${name}`, name]);
  const text = value as string;
  switch (type) {
    case "task":
      return [["to another", text === "polled" ? "joined" : "polled"]];
    case "channel":
      return [["to another", text === "/in" ? "/camera" : "/in"]];
    case "output":
    case "count":
      return [
        ["one more", (value as number) + 1],
        ["one less", Math.max(0, (value as number) - 1)],
      ];
    case "time":
    case "clock?":
      return [
        ["one nanosecond later", (value as number) + 1],
        ["one nanosecond earlier", (value as number) - 1],
      ];
    case "clock":
      return [["a second later", (value as number) + 1e9]];
    case "flag":
      return [["the other", value !== true]];
    case "hash":
      return [
        ["its first digit", `${text[0] === "0" ? "1" : "0"}${text.slice(1)}`],
        ["its last digit", `${text.slice(0, -1)}${text.at(-1) === "0" ? "1" : "0"}`],
      ];
    case "text":
      return [
        ["its first letter", `?${text.slice(1)}`],
        ["its last letter", `${text.slice(0, -1)}?`],
      ];
    case "bytes": {
      const bytes = Buffer.from(text, "base64");
      return [0, bytes.length - 1].map((at) => [`byte ${at}`, Buffer.from(flipped(bytes, at)).toString("base64")]);
    }
    case "pins": {
      const pins = z.array(z.object({ channel: z.string(), sequence: z.int(), held: z.boolean() })).parse(value);
      const first = pins[0]!;
      const withFirst = (change: object) => [{ ...first, ...change }, ...pins.slice(1)];
      return [
        ["without the first", pins.slice(1)],
        ["the first twice", [first, ...pins]],
        ["of another channel", withFirst({ channel: first.channel === "polled" ? "joined" : "polled" })],
        ["of the sample before", withFirst({ sequence: first.sequence - 1 })],
        ["held or not", withFirst({ held: !first.held })],
      ];
    }
    case "raw":
      return [];
  }
}

/** What only replay can find, as it computes everything once more. */
const computed: { readonly [kind in EventKind]?: readonly string[] } = {
  keyframe: ["states"],
  visible: ["blake3"],
  rejected: ["reason"],
};

const inLog = (kind: EventKind, field: string, type: FieldType, value: unknown): Tampering[] =>
  otherValues(type, value).map(([what, other]) => ({
    what: `${field}: ${what}`,
    change: (message) => ({
      ...message,
      data: log.write({ ...log.read(logTopic(kind), message.data)!, [field]: other }),
    }),
    ...(computed[kind]?.includes(field) ? { computed: true } : {}),
  }));

const bytesFrom = (name: string, from: number, to = 0): Tampering[] => [
  { what: `the first byte of ${name}`, change: (message) => ({ ...message, data: flipped(message.data, from) }) },
  {
    what: `the last byte of ${name}`,
    change: (message) => ({ ...message, data: flipped(message.data, (to > 0 ? to : message.data.length) - 1) }),
  },
];
const numbered: Tampering = {
  what: "its number",
  change: (message) => ({ ...message, sequence: message.sequence + 1 }),
};
const timed: Tampering = {
  what: "its time",
  change: (message) => ({ ...message, logTime: message.logTime + 1n, publishTime: message.publishTime + 1n }),
};
const onTopic = (topic: string): Tampering => ({ what: `on ${topic}`, change: (message) => ({ ...message, topic }) });
const needsReplay = (all: readonly Tampering[]): Tampering[] => all.map((each) => ({ ...each, computed: true }));
/** It follows from the topic. */
const derived: readonly Tampering[] = [];

const chain = 4 + 8 + 8;
const slot = chain + 32;

/** How the fields of messages with topics of their own are changed; what is written elsewhere too is changed there by the log. */
const onTopics: {
  readonly [K in "admit" | "output" | "discarded" | "message"]: {
    readonly topic: string;
    readonly fields: { readonly [F in keyof RecordSchema[K]["fields"]]: readonly Tampering[] };
  };
} = {
  admit: {
    topic: "/in",
    fields: { channel: [onTopic("/camera")], sequence: [numbered], time: [timed], bytes: bytesFrom("the message", 0) },
  },
  output: {
    topic: "/isochron/outputs/polled",
    fields: {
      task: [onTopic("/isochron/outputs/arrived")],
      job: [numbered, ...bytesFrom("its job's number", 4, 12)],
      channel: derived,
      sequence: bytesFrom("its sample's number", 12, chain),
      time: [timed],
      chain: bytesFrom("the hash chain", chain, slot),
      bytes: bytesFrom("the slot", slot),
    },
  },
  discarded: {
    topic: "/isochron/outputs/polled",
    fields: {
      task: [onTopic("/isochron/outputs/arrived")],
      job: [numbered, ...bytesFrom("its job's number", 4, 12)],
      chain: bytesFrom("the hash chain", chain, slot),
      bytes: bytesFrom("the slot", slot),
    },
  },
  message: {
    topic: "/polled",
    fields: {
      output: [onTopic("/arrived")],
      task: derived,
      job: [numbered],
      time: [timed],
      bytes: needsReplay(bytesFrom("the message", 0)),
    },
  },
};

const isPublished = ({ data }: Message): boolean => Buffer.from(data).readBigUInt64LE(12) > 0n;

/** Which messages are records of a kind. */
const isOf = (kind: EventKind, { topic, message }: Place): boolean => {
  if (kind === "admit" || kind === "message") return topic === onTopics[kind].topic;
  if (kind === "output" || kind === "discarded")
    return topic === onTopics[kind].topic && isPublished(message) === (kind === "output");
  return isLogged(kind, { topic, message });
};

const isLogged = (kind: EventKind, { topic }: Place): boolean => loggedKind(topic) === kind;

interface Place {
  readonly topic: string;
  readonly message: Message;
}

const seen = new Map<string, readonly Place[]>();

/** All messages of a recording, in the order of the file. */
async function messagesOf(path: string): Promise<readonly Place[]> {
  const known = seen.get(path);
  if (known) return known;
  const all: Place[] = [];
  await rewrite(path, place.path("copy.mcap"), {
    message: (topic, message) => {
      all.push({ topic, message: { ...message, data: message.data.slice() } });
      return message;
    },
  });
  seen.set(path, all);
  return all;
}

/** The place of the middle one of some messages. */
async function middle(path: string, isWanted: (place: Place) => boolean): Promise<number> {
  const places = (await messagesOf(path)).flatMap((each, at) => (isWanted(each) ? [at] : []));
  expect(places, "the recording has such records").not.toEqual([]);
  return places[Math.floor(places.length / 2)]!;
}

/** Copies a recording with one message changed. */
async function tampered(from: string, victim: number, change: Tampering["change"]): Promise<string> {
  let at = 0;
  return await changedBy(from, { message: (_, message) => (at++ === victim ? change(message) : message) });
}

async function changedBy(from: string, changes: Changes): Promise<string> {
  const path = place.path("changed.mcap");
  await rewrite(from, path, changes);
  return path;
}

/** Verification fails and says where; where no second computation is needed, so does the audit. */
async function expectNoticed(what: string, path: string, needsReplay = false): Promise<void> {
  try {
    const { code, bitExact, legal, firstDifference, firstIllegal } = await verify(path);
    expect({ code, isVerified: bitExact && legal }, what).toEqual({ code: 1, isVerified: false });
    expect(firstDifference ?? firstIllegal, `${what}: where it is`).toBeDefined();
  } catch (error) {
    if (!(error instanceof IsochronError)) throw error;
    expect(error.code, what).toMatch(/^recording\//);
  }
  if (!needsReplay) expect(await auditFile(path), `${what}: by its rule`).toMatchObject({ legal: false });
}

const recordingOf = (kind: EventKind): string => (kind === "trace" ? live : inVirtualTime);

describe("the list of changes", () => {
  it("has an entry for every kind of record and each of its fields", () => {
    const apart = Object.keys(onTopics) as (keyof typeof onTopics)[];
    expect(new Set([...loggedKinds, ...apart])).toEqual(new Set(eventKinds));
    for (const kind of apart)
      expect(Object.keys(onTopics[kind].fields).sort()).toEqual(
        fieldsOf(kind)
          .map(([field]) => field)
          .sort(),
      );
    for (const kind of loggedKinds)
      for (const [field, type] of fieldsOf(kind))
        if (type !== "raw") expect(otherValues(type, sampleOf(type)), `${kind}: ${field}`).not.toEqual([]);
  });
});

/** Some value of a type, as the log has it. */
function sampleOf(type: FieldType): unknown {
  if (typeof type !== "string") return type[0];
  if (type === "pins") return [{ channel: "/in", sequence: 1, held: false }];
  if (type === "bytes") return "AAAA";
  return ["task", "channel", "text", "hash"].includes(type) ? "a" : type === "flag" ? true : 1;
}

describe("a recording as it was made", () => {
  it("is verified, and legal", async () => {
    for (const path of [inVirtualTime, live]) {
      expect(await verify(await changedBy(path, {}))).toMatchObject({ code: 0, bitExact: true, legal: true });
      expect(await auditFile(path)).toMatchObject({ legal: true });
    }
  });
});

/** Records of a kind differ by their fields of few values: a skip for each reason, a verdict of each sort. */
async function sortsOf(kind: EventKind): Promise<ReadonlyMap<string, (place: Place) => boolean>> {
  const names = fieldsOf(kind).flatMap(([field, type]) => (typeof type !== "string" || type === "flag" ? [field] : []));
  const sortOf = (place: Place) => {
    const event = read(place);
    return names.map((name) => ` ${name} ${String(event[name])}`).join("");
  };
  const all = (await messagesOf(recordingOf(kind))).filter((place) => isLogged(kind, place));
  return new Map(all.map((place) => [sortOf(place), (each) => isLogged(kind, each) && sortOf(each) === sortOf(place)]));
}

describe("verification notices a changed", () => {
  for (const kind of loggedKinds) {
    // Losses are put in below: a run that was made with care has none.
    if (kind === "lost") continue;
    it(`${kind} in the log, whichever of its fields`, async () => {
      const path = recordingOf(kind);
      const sorts = await sortsOf(kind);
      expect(sorts.size).toBeGreaterThan(0);
      for (const [sort, isOfSort] of sorts) {
        for (const [field, type] of fieldsOf(kind).flatMap((each) => (each[1] === "raw" ? logged : [each]))) {
          const holds = (place: Place) => read(place)[field];
          const victim = await middle(path, (each) => isOfSort(each) && holds(each) !== "");
          for (const { what, change, computed } of inLog(kind, field, type, holds((await messagesOf(path))[victim]!)))
            await expectNoticed(`${kind}${sort}, ${what}`, await tampered(path, victim, change), computed);
        }
      }
    });
  }

  for (const kind of ["admit", "output", "discarded", "message"] as const) {
    it(`${kind} on its topic, whichever of its fields`, async () => {
      const victim = await middle(inVirtualTime, (each) => isOf(kind, each));
      for (const { what, change, computed } of Object.values(onTopics[kind].fields).flat()) {
        const path = await tampered(inVirtualTime, victim, change);
        await expectNoticed(`${kind}, ${what}`, path, computed);
        // The rules of the schedule aside, what is computed again is not the same.
        expect((await verify(path).catch(() => undefined))?.bitExact ?? false, `${kind}, ${what}`).toBe(false);
      }
    });
  }

  it("byte of what any of its tasks computed, or sent on any topic", async () => {
    const all = await messagesOf(inVirtualTime);
    const topics = new Set(all.map(({ topic }) => topic).filter((topic) => loggedKind(topic) === undefined));
    expect(topics.size).toBe(2 + 2 + 5);
    for (const topic of topics) {
      const victim = await middle(inVirtualTime, (each) => each.topic === topic);
      const last = all[victim]!.message.data.length - 1;
      const path = await tampered(inVirtualTime, victim, (message) => ({
        ...message,
        data: flipped(message.data, last),
      }));
      expect(await verify(path), topic).toMatchObject({ code: 1, bitExact: false });
    }
  });
});

/** What the log has of an admitted message's bytes. */
const logged = [
  ["bytes", "count"],
  ["blake3", "hash"],
  ["crc32", "count"],
] as const;

describe("verification notices", () => {
  it("a record of any kind that was taken out, or put in twice", async () => {
    for (const kind of eventKinds) {
      if (kind === "lost") continue;
      const path = recordingOf(kind);
      const victim = await middle(path, (each) => isOf(kind, each));
      await expectNoticed(`${kind}, taken out`, await tampered(path, victim, () => undefined));
      await expectNoticed(`${kind}, put in twice`, await tampered(path, victim, (message) => [message, message]));
    }
  });

  it("an admission that was taken out of the log", async () => {
    const victim = await middle(inVirtualTime, (each) => isLogged("admit", each));
    await expectNoticed("the admission", await tampered(inVirtualTime, victim, () => undefined));
  });

  it("an input whose bytes, hash and checksum were changed to fit each other", async () => {
    let sequence: number | undefined;
    let data = new Uint8Array();
    const path = await changedBy(inVirtualTime, {
      message: (topic, message) => {
        if (topic === "/in" && message.sequence === 9) {
          data = flipped(message.data, message.data.length - 1).slice();
          return { ...message, data };
        }
        const event = log.read(topic, message.data);
        if (event?.kind !== "admit" || event.channel !== "/in" || event.sequence !== 9) return message;
        sequence = 9;
        return { ...message, data: log.write({ ...event, blake3: hashOf(data), crc32: crc32(data) }) };
      },
    });
    expect(sequence).toBe(9);
    await expectNoticed("the input", path, true);
  });

  const facts: Readonly<Record<string, (value: string) => string>> = {
    version: () => "5",
    hash: (value) => `${value.slice(0, -1)}${value.endsWith("0") ? "1" : "0"}`,
    mode: (value) => (value === "live" ? "virtual" : "live"),
    durationNs: (value) => String(Number(value) + 1),
    lost: () => "1",
    events: (value) => String(Number(value) + 1),
  };
  it.each(Object.keys(facts))("a changed %s in what the run says of itself", async (name) => {
    for (const path of name === "mode" ? [inVirtualTime, live] : [inVirtualTime])
      await expectNoticed(
        name,
        await changedBy(path, { metadata: (said) => ({ ...said, [name]: facts[name]!(said[name]!) }) }),
      );
  });

  it("another hash of the run, by computing it again", async () => {
    const path = await changedBy(inVirtualTime, { metadata: (said) => ({ ...said, hash: facts.hash!(said.hash!) }) });
    expect(await verify(path)).toMatchObject({ code: 1, bitExact: false });
  });

  it("an end that was put before the run's", async () => {
    const earlier = (value: string) => String(Number(value) - 10e6);
    await expectNoticed(
      "the end",
      await changedBy(inVirtualTime, { metadata: (said) => ({ ...said, durationNs: earlier(said.durationNs!) }) }),
    );
  });

  it("another schedule", async () => {
    const other = (data: Uint8Array) =>
      Buffer.from(Buffer.from(data).toString().replace('"periodNs":10000000', '"periodNs":10000001'));
    const path = await changedBy(inVirtualTime, {
      attachment: (name, data) => (name === "application.json" ? other(data) : data),
    });
    await expectNoticed("the schedule", path);
  });
});

describe("bit-exact is never said of a recording with losses,", () => {
  it.each([
    ["whose run knows of them", true],
    ["which only its log tells", false],
  ])("%s", async (_, isTold) => {
    for (const what of ["decisions", "outputs"]) {
      const records = (await messagesOf(inVirtualTime)).filter(({ topic }) => loggedKind(topic) !== undefined);
      const last = records.at(-1)!.message.sequence;
      const loss = { kind: "lost", what, count: 2 };
      const path = await changedBy(inVirtualTime, {
        message: (topic, message) =>
          loggedKind(topic) !== undefined && message.sequence === last
            ? [message, { ...message, sequence: last + 1, topic: logTopic("lost"), data: log.write(loss) }]
            : message,
        metadata: (said) => ({ ...said, events: String(Number(said.events) + 1), ...(isTold ? { lost: "2" } : {}) }),
      });
      expect(await verify(path)).toMatchObject({ code: 1, bitExact: false, legal: false });
      await expectNoticed(what, path);
    }
  });
});
