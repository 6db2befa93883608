// Records as the executive writes them: `u32 length of payload | u8 kind | payload`, little-endian.
import { IsochronError } from "../../kernels/index.ts";
import {
  type EventKind,
  eventKinds,
  type FieldType,
  fieldsOf,
  type Pin,
  type RunEvent,
  recordSchema,
} from "./schema.ts";

const headBytes = 5;
const pinBytes = 13;

const damaged = (at: number): IsochronError =>
  new IsochronError("recording/damaged", `a record at byte ${at} is cut off or damaged`, {
    help: "record the run again",
  });

type Value = number | boolean | string | Uint8Array | readonly Pin[];

/** Reads fields one after the other. */
class Reader {
  readonly #view: DataView;
  readonly #start: number;
  #at: number;
  readonly #end: number;

  constructor(view: DataView, from: number, to: number) {
    this.#view = view;
    this.#start = from;
    this.#at = from;
    this.#end = to;
  }

  #next(size: number): number {
    const at = this.#at;
    if (at + size > this.#end) throw damaged(this.#start);
    this.#at += size;
    return at;
  }
  #u8(): number {
    return this.#view.getUint8(this.#next(1));
  }
  #u32(): number {
    return this.#view.getUint32(this.#next(4), true);
  }
  #u64(): number {
    return Number(this.#view.getBigUint64(this.#next(8), true));
  }
  /** A view of bytes as they lie. */
  #bytes(length: number): Uint8Array {
    const at = this.#next(length);
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + at, length);
  }

  read(type: FieldType): Value {
    if (typeof type !== "string") {
      const name = type[this.#u8()];
      if (name === undefined) throw damaged(this.#start);
      return name;
    }
    switch (type) {
      case "task":
      case "channel":
      case "output":
        return this.#u32();
      case "count":
        return this.#u64();
      case "time":
      case "clock":
      case "clock?":
        return Number(this.#view.getBigInt64(this.#next(8), true));
      case "flag":
        return this.#u8() === 1;
      case "raw":
        return this.#bytes(this.#u32());
      case "bytes":
        // Copied, so that it lies as its elements must.
        return this.#bytes(this.#u32()).slice();
      case "text":
        return new TextDecoder().decode(this.#bytes(this.#u32()));
      case "hash":
        return Buffer.from(this.#bytes(32)).toString("hex");
      case "pins": {
        const count = this.#u32();
        if (count * pinBytes > this.#end - this.#at) throw damaged(this.#start);
        return Array.from({ length: count }, () => ({
          channel: this.#u32(),
          sequence: this.#u64(),
          held: (this.#u8() & 1) === 1,
        }));
      }
    }
  }
}

const rows = new Map(
  eventKinds.map((name) => [recordSchema[name].kind as number, { name, fields: fieldsOf(name) }] as const),
);

/** Parses what `drain` gave; messages as received are views of it. Throws `recording/damaged`, `recording/unknown-record`. */
export function parseEvents(bytes: Uint8Array): RunEvent[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const events: RunEvent[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + headBytes > bytes.length) throw damaged(at);
    const from = at + headBytes;
    const to = from + view.getUint32(at, true);
    if (to > bytes.length) throw damaged(at);
    const kind = view.getUint8(at + 4);
    const row = rows.get(kind);
    if (!row)
      throw new IsochronError("recording/unknown-record", `there is no record of kind ${kind}`, {
        help: "use the version of Isochron that recorded the run",
      });
    const reader = new Reader(view, from, to);
    const event: Record<string, Value> = { kind: row.name };
    for (const [field, type] of row.fields) event[field] = reader.read(type);
    events.push(event as unknown as RunEvent);
    at = to;
  }
  return events;
}

const u32 = (value: number): Buffer => {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value);
  return out;
};
const u64 = (value: number): Buffer => {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(value));
  return out;
};
const i64 = (value: number): Buffer => {
  const out = Buffer.alloc(8);
  out.writeBigInt64LE(BigInt(value));
  return out;
};
const sized = (bytes: Uint8Array): Buffer => Buffer.concat([u32(bytes.length), bytes]);

/** A value as its field's bytes; an absent clock is 0. */
function bytesOf(type: FieldType, value: unknown): Buffer {
  if (typeof type !== "string") return Buffer.from([type.indexOf(value as string)]);
  switch (type) {
    case "task":
    case "channel":
    case "output":
      return u32(value as number);
    case "count":
      return u64(value as number);
    case "time":
    case "clock":
    case "clock?":
      return i64((value as number | undefined) ?? 0);
    case "flag":
      return Buffer.from([Number(value as boolean)]);
    case "bytes":
    case "raw":
      return sized(value as Uint8Array);
    case "text":
      return sized(Buffer.from(value as string));
    case "hash":
      return Buffer.from(value as string, "hex");
    case "pins": {
      const pins = value as readonly Pin[];
      const each = pins.flatMap((pin) => [u32(pin.channel), u64(pin.sequence), Buffer.from([Number(pin.held)])]);
      return Buffer.concat([u32(pins.length), ...each]);
    }
  }
}

/** Writes records as `parseEvents` reads them. */
export const writeEvents = (events: readonly RunEvent[]): Buffer =>
  Buffer.concat(
    events.flatMap((event) => {
      const values = event as unknown as Readonly<Record<string, unknown>>;
      const payload = Buffer.concat(fieldsOf(event.kind).map(([field, type]) => bytesOf(type, values[field])));
      return [u32(payload.length), Buffer.from([recordSchema[event.kind].kind]), payload];
    }),
  );

/** What replay takes from a log: pins' flags, verdicts, skips, stalls, and when messages were decoded. */
const authorities: ReadonlySet<EventKind> = new Set(["release", "verdict", "skipped", "fault", "visible", "rejected"]);

/** The decisions of a log, as records. */
export const decisionRecords = (events: readonly RunEvent[]): Buffer =>
  writeEvents(events.filter((event) => authorities.has(event.kind)));
