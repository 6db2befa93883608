// The records of a run have one format, whoever states it.
import { readFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { hashOf, IsochronError, loadRuntime } from "../../kernels/index.ts";
import { parseEvents, writeEvents } from "./binary.ts";
import { loggedEvents } from "./json.ts";
import { type LoggedEvent, loggedKinds, loggedReader } from "./logged.ts";
import {
  type EventKind,
  eventKinds,
  type FieldType,
  fieldsOf,
  printSchema,
  type RunEvent,
  recordSchema,
  wireName,
} from "./schema.ts";

const { loggedRecords } = z
  .object({
    loggedRecords: z.custom<(records: Buffer) => readonly Buffer[]>((value) => typeof value === "function"),
  })
  .parse(loadRuntime());

const whole = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const instant = fc.integer({ min: -1e15, max: Number.MAX_SAFE_INTEGER });
const place = fc.integer({ min: 0, max: 2 });
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("hex"));
const pin = fc.record({ channel: place, sequence: whole, held: fc.boolean() });

/** Values of a type, as a parsed record holds them. */
const valuesOf = (type: FieldType): fc.Arbitrary<unknown> => {
  if (typeof type !== "string") return fc.constantFrom(...type);
  switch (type) {
    case "task":
    case "channel":
    case "output":
      return place;
    case "count":
      return whole;
    case "time":
    case "clock":
    case "clock?":
      return instant;
    case "flag":
      return fc.boolean();
    case "bytes":
    case "raw":
      return fc.uint8Array({ maxLength: 40 });
    case "text":
      return fc.string({ unit: "grapheme" });
    case "hash":
      return hash;
    case "pins":
      return fc.array(pin, { maxLength: 4 });
  }
};

const eventsOf = (kinds: readonly EventKind[]): fc.Arbitrary<RunEvent> =>
  fc.oneof(
    ...kinds.map((kind) => {
      const fields = Object.fromEntries(fieldsOf(kind).map(([field, type]) => [field, valuesOf(type)]));
      return fc.record(fields).map((values) => ({ kind, ...values }) as unknown as RunEvent);
    }),
  );

/** Bytes of any view as plain arrays, so that they compare by what they hold. */
const plain = (event: object): object =>
  Object.fromEntries(
    Object.entries(event).map(([key, value]) => [key, value instanceof Uint8Array ? [...value] : value]),
  );

describe("the schema of records", () => {
  it("is what the executive states", () => {
    const binding = z.object({ recordSchema: z.custom<() => string>((value) => typeof value === "function") });
    expect(printSchema()).toBe(binding.parse(loadRuntime()).recordSchema());
  });

  it("is the table of the architecture page", () => {
    const page = readFileSync(new URL("../../docs/architecture.md", import.meta.url), "utf8");
    const rows = [...page.matchAll(/^\| (\d+) \| (\w+) \| ((?:[^|\\]|\\.)*) \|/gm)].map(([, kind, name, payload]) => {
      const fields = payload!
        .replaceAll("\\|", "|")
        .split(", ")
        .map((field) => ` ${field.replace(" ", ":")}`);
      return `${kind} ${name}${fields.join("")}`;
    });
    expect(rows).toEqual(printSchema().split("\n"));
  });

  it("numbers every kind once", () => {
    expect(new Set(eventKinds.map((kind) => recordSchema[kind].kind)).size).toBe(eventKinds.length);
    for (const kind of eventKinds) for (const [, type] of fieldsOf(kind)) expect(wireName(type)).not.toBe("");
  });
});

describe("records as bytes", () => {
  it("are read as they were written, whatever they hold", () => {
    fc.assert(
      fc.property(fc.array(eventsOf(eventKinds), { maxLength: 8 }), (events) => {
        expect(parseEvents(writeEvents(events)).map(plain)).toEqual(events.map(plain));
      }),
    );
  });

  it("are refused by name where they are cut off, damaged, or of an unknown kind", () => {
    const damaged = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .record({
          events: fc.array(eventsOf(eventKinds), { minLength: 1, maxLength: 3 }),
          at: fc.nat(),
          to: fc.nat(255),
          cut: fc.nat(),
        })
        .map(({ events, at, to, cut }) => {
          const bytes = writeEvents(events);
          bytes[at % bytes.length] = to;
          return bytes.subarray(0, 1 + (cut % bytes.length));
        }),
    );
    fc.assert(
      fc.property(damaged, (bytes) => {
        try {
          for (const event of parseEvents(bytes)) expect(eventKinds).toContain(event.kind);
        } catch (error) {
          expect(error).toBeInstanceOf(IsochronError);
          expect((error as IsochronError).code).toMatch(/^recording\/(damaged|unknown-record)$/);
        }
      }),
    );
  });
});

const names = { tasks: ["lane", "steer", "brake"], channels: ["/image", "lane", "steer"] };

describe("records of the log", () => {
  const written = (event: RunEvent): Buffer => loggedRecords(writeEvents([event]))[0]!;
  const read = (kind: EventKind, data: Uint8Array): LoggedEvent => loggedReader(kind, names)(data);

  it("are read as the recorder writes them; of a message that arrived, its length, hash and checksum", () => {
    fc.assert(
      fc.property(eventsOf(loggedKinds), (event) => {
        const found = plain(read(event.kind, written(event)));
        if (event.kind === "admit") {
          const { bytes, ...rest } = event;
          expect(found).toEqual({ ...rest, bytes: bytes.length, blake3: hashOf(bytes), crc32: crc32(bytes) });
        } else expect(found).toEqual(plain(event));
      }),
    );
  });

  it("are refused by name where they are cut off or longer, or a byte between members is not zero", () => {
    fc.assert(
      fc.property(eventsOf(loggedKinds), fc.nat(), fc.integer({ min: 1, max: 255 }), (event, at, change) => {
        const whole = written(event);
        const refused = (data: Uint8Array) =>
          expect(() => read(event.kind, data)).toThrow(expect.objectContaining({ code: "recording/damaged" }));
        refused(whole.subarray(0, at % whole.length));
        refused(Buffer.concat([whole, Buffer.alloc(1)]));
        // Any other byte is another record, or none: the bytes that are read are all that there are.
        const changed = Buffer.from(whole);
        changed[at % whole.length]! ^= change;
        try {
          expect(plain(read(event.kind, changed))).not.toEqual(plain(read(event.kind, whole)));
        } catch (error) {
          expect(error).toBeInstanceOf(IsochronError);
        }
      }),
    );
  });
});

describe("records as JSON", () => {
  const parse = loggedEvents({
    task: (name) => names.tasks.indexOf(name),
    channel: (name) => names.channels.indexOf(name),
  });

  it("of version 1 are read: without clocks, and losses by their number", () => {
    expect(parse({ kind: "verdict", task: "steer", job: 3, time: 5, overrun: true })).toEqual({
      kind: "verdict",
      task: 1,
      job: 3,
      time: 5,
      overrun: true,
    });
    expect(parse({ kind: "lost", what: 2, count: 7 })).toEqual({ kind: "lost", what: "outputs", count: 7 });
  });

  it("of an unknown kind, or with a field of another type, are refused", () => {
    for (const json of [
      { kind: "verdikt" },
      { kind: "fault", task: "lane", job: 1.5, duration: 2 },
      { kind: "lost", what: 3, count: 1 },
      null,
    ])
      expect(() => parse(json)).toThrow();
  });
});
