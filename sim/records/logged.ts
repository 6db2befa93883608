// Reads records as a recording's log of decisions holds them: CDR, a topic for each kind (`sim/recorder/src/log.rs` writes them).
import { IsochronError } from "../../kernels/index.ts";
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

/** A message's admission as the log tells it: of the bytes, how many there are (absent in version 1), their hash and CRC-32. */
export type LoggedAdmission = Omit<EventOf<"admit">, "bytes"> & {
  readonly bytes?: number;
  readonly blake3: string;
  readonly crc32: number;
};

/** A record of the log. */
export type LoggedEvent =
  | Exclude<RunEvent, { readonly kind: "admit" | "output" | "discarded" | "message" }>
  | LoggedAdmission;

/** Members of a message: the fields of its record, but for bytes as received, which are on a topic of their own. */
export const membersOf = (kind: EventKind): readonly (readonly [string, FieldType | "u32"])[] =>
  fieldsOf(kind).flatMap(([name, type]): (readonly [string, FieldType | "u32"])[] =>
    type === "raw"
      ? [
          ["bytes", "count"],
          ["blake3", "hash"],
          ["crc32", "u32"],
        ]
      : [[name, type]],
  );

/** What tasks and channels are called, in their order. */
export interface RecordNames {
  readonly tasks: readonly string[];
  readonly channels: readonly string[];
}

/** A name as ROS 2 allows it for constants: capitals, digits and single underscores, a letter first. */
const constantName = (name: string): string => {
  const capitals = name
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, "_")
    .replace(/^_+|_+$/g, "");
  return /^[A-Z]/.test(capitals) ? capitals : `N_${capitals}`;
};

const wireTypes: { readonly [T in Exclude<FieldType, readonly string[] | "raw"> | "u32"]: string } = {
  task: "uint32",
  channel: "uint32",
  output: "uint32",
  u32: "uint32",
  count: "uint64",
  time: "int64",
  clock: "int64",
  "clock?": "int64",
  flag: "bool",
  bytes: "uint8[]",
  text: "string",
  hash: "uint8[32]",
  pins: "isochron_msgs/Pin[]",
};

/** The definition of a message; viewers show the constants before a number in its place. */
function definition(members: readonly (readonly [string, FieldType | "u32"])[], names: RecordNames): string {
  const taken = new Set<string>();
  const constants = (wire: string, values: readonly string[]): string[] =>
    values.map((value, place) => {
      const name = constantName(value);
      const free = taken.has(name) ? `${name}_${place}` : name;
      taken.add(free);
      return `${wire} ${free}=${place}`;
    });
  return members
    .flatMap(([name, type]) => {
      if (typeof type !== "string") return [...constants("uint8", type), `uint8 ${name}`];
      const wire = type === "raw" ? "uint8[]" : wireTypes[type];
      const values = type === "task" ? names.tasks : type === "channel" ? names.channels : [];
      return [...constants(wire, values), `${wire} ${name}`];
    })
    .join("\n");
}

/** The schema of a kind's messages, as `ros2msg`. */
export function loggedSchema(kind: EventKind, names: RecordNames): string {
  const members = membersOf(kind);
  const own = definition(members, names);
  if (!members.some(([, type]) => type === "pins")) return own;
  const pin = [
    ["channel", "channel"],
    ["sequence", "count"],
    ["held", "flag"],
  ] as const;
  return `${own}\n${"=".repeat(80)}\nMSG: isochron_msgs/Pin\n${definition(pin, names)}`;
}

const headBytes = 4;
type Value = number | boolean | string | Uint8Array | readonly Pin[];

/** Reads members one after the other; what the recorder does not write is refused, padding that is not zero included. */
class Reader {
  readonly #names: RecordNames;
  readonly #kind: EventKind;
  readonly #bytes: Buffer;
  #at = headBytes;

  constructor(kind: EventKind, names: RecordNames, data: Uint8Array) {
    this.#kind = kind;
    this.#names = names;
    this.#bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    if (data.length < headBytes || this.#bytes.readUInt32BE(0) !== 0x00010000) throw this.#damaged();
  }

  #damaged(): IsochronError {
    return new IsochronError("recording/damaged", `a record (${this.#kind}) of the log of decisions is damaged`, {
      help: "the file was changed, or recorded by another version of Isochron; record the run again",
    });
  }

  #next(size: number, alignment: number): number {
    while ((this.#at - headBytes) % alignment !== 0) if (this.#bytes[this.#at++] !== 0) throw this.#damaged();
    const at = this.#at;
    if (at + size > this.#bytes.length) throw this.#damaged();
    this.#at += size;
    return at;
  }
  #u32(below = 2 ** 32): number {
    const found = this.#bytes.readUInt32LE(this.#next(4, 4));
    if (found >= below) throw this.#damaged();
    return found;
  }
  #u64(): number {
    const at = this.#next(8, 8);
    return this.#bytes.readUInt32LE(at) + 2 ** 32 * this.#bytes.readUInt32LE(at + 4);
  }
  #flag(): boolean {
    const found = this.#bytes[this.#next(1, 1)]!;
    if (found > 1) throw this.#damaged();
    return found === 1;
  }

  read(type: FieldType | "u32"): Value {
    if (typeof type !== "string") {
      const name = type[this.#bytes[this.#next(1, 1)]!];
      if (name === undefined) throw this.#damaged();
      return name;
    }
    switch (type) {
      case "task":
        return this.#u32(this.#names.tasks.length);
      case "channel":
        return this.#u32(this.#names.channels.length);
      case "output":
      case "u32":
        return this.#u32();
      case "count":
        return this.#u64();
      case "time":
      case "clock":
      case "clock?": {
        const at = this.#next(8, 8);
        return this.#bytes.readUInt32LE(at) + 2 ** 32 * this.#bytes.readInt32LE(at + 4);
      }
      case "flag":
        return this.#flag();
      case "bytes":
      case "raw": {
        const length = this.#u32();
        const at = this.#next(length, 1);
        return new Uint8Array(this.#bytes.subarray(at, at + length));
      }
      case "text": {
        const length = this.#u32();
        const at = this.#next(length, 1);
        if (length === 0 || this.#bytes[at + length - 1] !== 0) throw this.#damaged();
        return this.#bytes.toString("utf8", at, at + length - 1);
      }
      case "hash": {
        const at = this.#next(32, 1);
        return this.#bytes.toString("hex", at, at + 32);
      }
      case "pins": {
        const count = this.#u32();
        // A channel and a sequence number at least.
        if (count * 12 > this.#bytes.length) throw this.#damaged();
        return Array.from({ length: count }, () => ({
          channel: this.#u32(this.#names.channels.length),
          sequence: this.#u64(),
          held: this.#flag(),
        }));
      }
    }
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw this.#damaged();
  }
}

/** What reads the messages of a kind; throws `recording/damaged` where one is none that the recorder writes. */
export function loggedReader(kind: EventKind, names: RecordNames): (data: Uint8Array) => LoggedEvent {
  const members = membersOf(kind);
  return (data) => {
    const reader = new Reader(kind, names, data);
    const event: Record<string, Value> = { kind };
    for (const [name, type] of members) event[name] = reader.read(type);
    reader.end();
    return event as unknown as LoggedEvent;
  };
}
