// Records as a recording's log of decisions holds them: JSON, tasks and channels by name.
import { crc32 } from "node:zlib";
import { z } from "zod";
import { hashOf } from "../../runtime/index.ts";
import {
  type EventKind,
  type EventOf,
  eventKinds,
  type FieldType,
  fieldsOf,
  type Pin,
  type RunEvent,
} from "./schema.ts";

/** The kinds that stand in the log of decisions; the others are messages of their own topics. */
export const loggedKinds: readonly EventKind[] = eventKinds.filter(
  (kind) => kind !== "output" && kind !== "discarded" && kind !== "message",
);

/** What tasks and channels are called. */
export interface RecordNames {
  readonly tasks: readonly string[];
  readonly channels: readonly string[];
}

function toJson(type: FieldType, value: unknown, names: RecordNames): unknown {
  switch (type) {
    case "task":
      return names.tasks[value as number];
    case "channel":
      return names.channels[value as number];
    case "pins":
      return (value as readonly Pin[]).map(({ channel, ...pin }) => ({ channel: names.channels[channel], ...pin }));
    case "bytes":
      return Buffer.from(value as Uint8Array).toString("base64");
    default:
      return value;
  }
}

/** A record as the log has it; of an admitted message, whose bytes are on its topic, the length, hash and CRC-32. */
export function eventToJson(event: RunEvent, names: RecordNames): Record<string, unknown> {
  const values = event as unknown as Readonly<Record<string, unknown>>;
  const json: Record<string, unknown> = { kind: event.kind };
  for (const [field, type] of fieldsOf(event.kind)) {
    if (type === "raw") {
      const bytes = values[field] as Uint8Array;
      Object.assign(json, { bytes: bytes.length, blake3: hashOf(bytes), crc32: crc32(bytes) });
    } else if (values[field] !== undefined) json[field] = toJson(type, values[field], names);
  }
  return json;
}

const whole = z.int();
const admitted = { bytes: whole.optional(), blake3: z.string(), crc32: whole };

/** How a field is checked and read; names become the places that they stand for. */
function fieldJson(type: FieldType, ids: RecordIds): z.ZodType {
  if (typeof type !== "string") {
    // Version 1 wrote some of them by their place.
    return z.union([
      z.enum(type),
      z
        .int()
        .min(0)
        .max(type.length - 1)
        .transform((place) => type[place]!),
    ]);
  }
  switch (type) {
    case "task":
      return z.string().transform((name) => ids.task(name));
    case "channel":
      return z.string().transform((name) => ids.channel(name));
    case "pins": {
      const pin = z.object({
        channel: z.string().transform((name) => ids.channel(name)),
        sequence: whole,
        held: z.boolean(),
      });
      return z.array(pin);
    }
    case "output":
    case "count":
    case "time":
    case "clock":
      return whole;
    case "clock?":
      return whole.optional();
    case "flag":
      return z.boolean();
    case "bytes":
      return z.string().transform((text): Uint8Array => Buffer.from(text, "base64"));
    case "text":
    case "hash":
      return z.string();
    case "raw":
      return z.never();
  }
}

/** Finds tasks and channels by name; may throw where there is none. */
export interface RecordIds {
  readonly task: (name: string) => number;
  readonly channel: (name: string) => number;
}

/** A message's admission as the log tells it, without the bytes. */
export type LoggedAdmission = Omit<EventOf<"admit">, "bytes"> & { readonly blake3: string; readonly crc32: number };

/** A record of the log. */
export type LoggedEvent =
  | Exclude<RunEvent, { readonly kind: "admit" | "output" | "discarded" | "message" }>
  | LoggedAdmission;

/** What reads a record of the log from its parsed JSON; throws a `ZodError` for anything else. */
export function loggedEvents(ids: RecordIds): (json: unknown) => LoggedEvent {
  const shapes = loggedKinds.map((kind) => {
    const fields = fieldsOf(kind).filter(([, type]) => type !== "raw");
    const shape = Object.fromEntries(fields.map(([field, type]) => [field, fieldJson(type, ids)]));
    return z.object({ kind: z.literal(kind), ...shape, ...(kind === "admit" ? admitted : {}) });
  });
  const [first, ...others] = shapes;
  const schema = z.discriminatedUnion("kind", [first!, ...others]);
  return (json) => schema.parse(json) as unknown as LoggedEvent;
}

/** The schema under which the log is recorded, for viewers. */
export const eventJsonSchema = (): string =>
  JSON.stringify({
    type: "object",
    title: "isochron.Event",
    properties: {
      kind: { type: "string" },
      task: { type: "string" },
      channel: { type: "string" },
      job: { type: "integer" },
      time: { type: "integer" },
    },
    required: ["kind"],
  });
