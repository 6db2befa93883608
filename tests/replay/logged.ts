// Records of the log of decisions as objects, to change them and write them back: tasks and channels by name, bytes in base64.
import { readFileSync } from "node:fs";
import { McapStreamReader } from "@mcap/core";
import { eventKinds, type FieldType } from "../../sim/records/index.ts";
import { loggedReader, membersOf, type RecordNames } from "../../sim/records/logged.ts";
import type { EventKind } from "../../sim/records/schema.ts";

/** A record as an object. */
export type LoggedJson = { readonly kind: string } & { readonly [member: string]: unknown };

const prefix = "/isochron/events/";
export const logTopic = (kind: string): string => `${prefix}${kind}`;
/** The kind of a topic of the log; undefined of any other topic. */
export const loggedKind = (topic: string): EventKind | undefined =>
  topic.startsWith(prefix) ? eventKinds.find((kind) => logTopic(kind) === topic) : undefined;

/** What a recording's tasks and channels are called. */
export function namesIn(path: string): RecordNames {
  const reader = new McapStreamReader();
  reader.append(readFileSync(path));
  for (let record = reader.nextRecord(); record; record = reader.nextRecord()) {
    if (record.type !== "Attachment" || record.name !== "application.json") continue;
    const { table } = JSON.parse(new TextDecoder().decode(record.data)) as {
      readonly table: { readonly tasks: { readonly name: string }[]; readonly channels: { readonly name: string }[] };
    };
    return { tasks: table.tasks.map(({ name }) => name), channels: table.channels.map(({ name }) => name) };
  }
  throw new Error(`${path} has no application`);
}

/** Reads and writes the log's messages of one application. */
export class LogForm {
  readonly #names: RecordNames;

  constructor(names: RecordNames) {
    this.#names = names;
  }

  /** The object of a message; undefined where its topic is not one of the log. */
  read(topic: string, data: Uint8Array): LoggedJson | undefined {
    const kind = loggedKind(topic);
    if (kind === undefined) return undefined;
    const event = loggedReader(kind, this.#names)(data) as unknown as Readonly<Record<string, unknown>>;
    const members = membersOf(kind).map(([name, type]) => [name, this.#shown(type, event[name])] as const);
    return { kind, ...Object.fromEntries(members) };
  }

  /** The message of an object; a name that is not known is a place that there is not. */
  write(event: LoggedJson): Buffer {
    const bytes: number[] = [0, 1, 0, 0];
    const put = (value: Uint8Array, alignment = value.length) => {
      while ((bytes.length - 4) % alignment !== 0) bytes.push(0);
      bytes.push(...value);
    };
    const u32 = (value: number) => put(new Uint8Array(Uint32Array.of(value).buffer));
    const i64 = (value: number) => put(new Uint8Array(BigInt64Array.of(BigInt(value)).buffer));
    const place = (names: readonly string[], name: unknown) =>
      u32(names.includes(name as string) ? names.indexOf(name as string) : 999);
    const sized = (value: Uint8Array) => {
      u32(value.length);
      put(value, 1);
    };
    for (const [name, type] of membersOf(event.kind as EventKind)) {
      const value = event[name];
      if (typeof type !== "string") put(Uint8Array.of(type.indexOf(value as string)));
      else if (type === "task") place(this.#names.tasks, value);
      else if (type === "channel") place(this.#names.channels, value);
      else if (type === "output" || type === "u32") u32(value as number);
      else if (type === "flag") put(Uint8Array.of(Number(value)));
      else if (type === "bytes" || type === "raw") sized(Buffer.from(value as string, "base64"));
      else if (type === "text") sized(Buffer.from(`${value as string}\0`));
      else if (type === "hash") put(Buffer.from(value as string, "hex"), 1);
      else if (type === "pins") {
        const pins = value as readonly {
          readonly channel: string;
          readonly sequence: number;
          readonly held: boolean;
        }[];
        u32(pins.length);
        for (const { channel, sequence, held } of pins) {
          place(this.#names.channels, channel);
          i64(sequence);
          put(Uint8Array.of(Number(held)));
        }
      } else i64(value as number);
    }
    return Buffer.from(bytes);
  }

  #shown(type: FieldType | "u32", value: unknown): unknown {
    if (type === "task") return this.#names.tasks[value as number];
    if (type === "channel") return this.#names.channels[value as number];
    if (type === "bytes" || type === "raw") return Buffer.from(value as Uint8Array).toString("base64");
    if (type === "pins")
      return (value as readonly { readonly channel: number }[]).map((pin) => ({
        ...pin,
        channel: this.#names.channels[pin.channel],
      }));
    return value;
  }
}
