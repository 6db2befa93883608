// The recorder's records, stated once: their kinds, names and fields. What reads and writes them, in either form, follows from here.

/**
 * What a field holds. In bytes: `task`, `channel`, `output` are u32, `count` u64, `time` and `clock` i64 nanoseconds since the
 * run's start (`time` logical, `clock` as the executive's clock showed it), `bytes`, `raw` (as received) and `text` a u32 length
 * and so many bytes, `hash` 32 bytes, `pins` a u32 count and so many times channel, sequence (u64) and flags (u8: 1 held); a list of
 * names is a u8, the place of one of them. A clock may be absent in recordings of version 1.
 */
export type FieldType =
  | "task"
  | "channel"
  | "output"
  | "count"
  | "time"
  | "clock"
  | "clock?"
  | "flag"
  | "bytes"
  | "raw"
  | "text"
  | "hash"
  | "pins"
  | readonly string[];

interface RecordRow {
  /** The number by which the executive names the record. */
  readonly kind: number;
  readonly fields: Readonly<Record<string, FieldType>>;
}

export const recordSchema = {
  /** A message arrived: its bytes as received. */
  admit: { kind: 1, fields: { channel: "channel", sequence: "count", time: "time", bytes: "raw" } },
  /** A job begins, with what it reads. */
  release: { kind: 2, fields: { task: "task", job: "count", time: "time", pins: "pins" } },
  /** A job has ended; `time` is its publication instant, `ended` the clock (in virtual time its release and its stall). */
  verdict: { kind: 3, fields: { task: "task", job: "count", time: "time", overrun: "flag", ended: "clock?" } },
  /** A release has no job, or an arrival no release (`early`: then `job` is the number of releases so far). */
  skipped: {
    kind: 4,
    fields: {
      task: "task",
      job: "count",
      time: "time",
      reason: ["busy", "early", "stopped", "late", "gone"],
      decided: "clock?",
    },
  },
  /** A done job's output, with its task's hash chain after it; `time` is its publication instant. */
  output: {
    kind: 5,
    fields: {
      task: "task",
      job: "count",
      channel: "channel",
      sequence: "count",
      time: "time",
      bytes: "bytes",
      chain: "hash",
    },
  },
  /** When a job really ran; live runs only. */
  trace: { kind: 6, fields: { task: "task", job: "count", release: "time", start: "clock", end: "clock" } },
  /** An injected stall. */
  fault: { kind: 7, fields: { task: "task", job: "count", duration: "time" } },
  /** A message on an output, encoded by its codec plan. */
  message: { kind: 8, fields: { output: "output", task: "task", job: "count", time: "time", bytes: "bytes" } },
  /** A task's states at a tag; `job` is the number of its next release. */
  keyframe: { kind: 9, fields: { task: "task", job: "count", time: "time", states: "bytes" } },
  /** What did not fit on its way to the recorder since the last such record; traces only measure, the others are needed. */
  lost: { kind: 10, fields: { what: ["decisions", "traces", "outputs"], count: "count" } },
  /** The output of an overrun: computed and hashed, not published. */
  discarded: { kind: 11, fields: { task: "task", job: "count", bytes: "bytes", chain: "hash" } },
  /** A message that was decoded on its own thread is a sample from `time` on; the hash is its slot's. */
  visible: { kind: 12, fields: { channel: "channel", sequence: "count", time: "time", blake3: "hash" } },
  /** A message became no sample; the reason begins with `error[area/name]`. */
  rejected: { kind: 13, fields: { channel: "channel", sequence: "count", time: "time", reason: "text" } },
} as const satisfies Readonly<Record<string, RecordRow>>;

export type RecordSchema = typeof recordSchema;
export type EventKind = keyof RecordSchema;

/** What a release read from one channel. */
export interface Pin {
  readonly channel: number;
  readonly sequence: number;
  readonly held: boolean;
}

interface Values {
  readonly task: number;
  readonly channel: number;
  readonly output: number;
  readonly count: number;
  readonly time: number;
  readonly clock: number;
  readonly flag: boolean;
  readonly bytes: Uint8Array;
  readonly raw: Uint8Array;
  readonly text: string;
  readonly hash: string;
  readonly pins: readonly Pin[];
}

type ValueOf<T> = T extends keyof Values ? Values[T] : T extends readonly (infer Name)[] ? Name : never;
type Fields<K extends EventKind> = RecordSchema[K]["fields"];
type Sometimes<F> = { [N in keyof F]: F[N] extends "clock?" ? N : never }[keyof F];

/** One record of a kind. */
export type EventOf<K extends EventKind> = { readonly kind: K } & {
  readonly [N in Exclude<keyof Fields<K>, Sometimes<Fields<K>>>]: ValueOf<Fields<K>[N]>;
} & { readonly [N in Sometimes<Fields<K>>]?: number };

/** One record; times are nanoseconds since the run's start. */
export type RunEvent = { [K in EventKind]: EventOf<K> }[EventKind];

/**
 * Why a release had no job: the one before ran on, it came too early, the run ended, it was not started in time, or an input
 * was no longer kept.
 */
export type SkipReason = EventOf<"skipped">["reason"];

export const eventKinds = Object.keys(recordSchema) as readonly EventKind[];

/** The fields of a kind with their types, in the order of the record. */
export const fieldsOf = (kind: EventKind): readonly (readonly [string, FieldType])[] =>
  Object.entries<FieldType>(recordSchema[kind].fields);

const wireNames: { readonly [T in Exclude<FieldType, readonly string[]>]: string } = {
  task: "u32",
  channel: "u32",
  output: "u32",
  count: "u64",
  time: "i64",
  clock: "i64",
  "clock?": "i64",
  flag: "bool",
  bytes: "bytes",
  raw: "bytes",
  text: "text",
  hash: "hash",
  pins: "pins",
};

/** How a type is written in the schema's text. */
export const wireName = (type: FieldType): string => (typeof type === "string" ? wireNames[type] : type.join("|"));

/** The schema as the executive states it: a line a kind, `KIND NAME FIELD:TYPE …`. */
export const printSchema = (): string =>
  eventKinds
    .map((name) => {
      const fields = fieldsOf(name).map(([field, type]) => ` ${field}:${wireName(type)}`);
      return `${recordSchema[name].kind} ${name}${fields.join("")}`;
    })
    .join("\n");
