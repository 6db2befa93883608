// The recorder's records (docs/architecture.md §4) as typed events: parsed with every bound checked, and written back as bytes.
import { IsochronError } from "../kernels/index.ts";

/** What a release read from one channel. */
export interface Pin {
  readonly channel: number;
  readonly sequence: number;
  readonly held: boolean;
}

/** Why a release had no job: the one before ran on, it came too early, the run ended, or it was not started in time. */
export type SkipReason = "busy" | "early" | "stopped" | "late";
const skipReasons: readonly SkipReason[] = ["busy", "early", "stopped", "late"];

/** One record; times are nanoseconds of logical time since the run's start (traces: real time). */
export type RunEvent =
  | {
      readonly kind: "admit";
      readonly channel: number;
      readonly sequence: number;
      readonly time: number;
      readonly bytes: Uint8Array;
    }
  | {
      readonly kind: "release";
      readonly task: number;
      readonly job: number;
      readonly time: number;
      readonly pins: readonly Pin[];
    }
  | {
      readonly kind: "verdict";
      readonly task: number;
      readonly job: number;
      readonly time: number;
      readonly overrun: boolean;
    }
  | {
      readonly kind: "skipped";
      readonly task: number;
      readonly job: number;
      readonly time: number;
      readonly reason: SkipReason;
    }
  | {
      readonly kind: "output";
      readonly task: number;
      readonly job: number;
      readonly channel: number;
      readonly sequence: number;
      readonly time: number;
      readonly bytes: Uint8Array;
      readonly chain: string;
    }
  | {
      readonly kind: "trace";
      readonly task: number;
      readonly job: number;
      readonly release: number;
      readonly start: number;
      readonly end: number;
    }
  | { readonly kind: "fault"; readonly task: number; readonly job: number; readonly duration: number }
  | {
      readonly kind: "message";
      readonly output: number;
      readonly task: number;
      readonly job: number;
      readonly time: number;
      readonly bytes: Uint8Array;
    }
  | {
      readonly kind: "keyframe";
      readonly task: number;
      readonly job: number;
      readonly time: number;
      readonly states: Uint8Array;
    }
  | {
      /** A message that was decoded on its own thread is a sample from `time` on. */
      readonly kind: "visible";
      readonly channel: number;
      readonly sequence: number;
      readonly time: number;
      /** BLAKE3 of the decoded slot. */
      readonly blake3: string;
    }
  | {
      /** A message became no sample. */
      readonly kind: "rejected";
      readonly channel: number;
      readonly sequence: number;
      readonly time: number;
      /** The error's text, beginning with `error[area/name]`. */
      readonly reason: string;
    }
  | { readonly kind: "lost"; readonly what: number; readonly count: number }
  | {
      readonly kind: "discarded";
      readonly task: number;
      readonly job: number;
      readonly bytes: Uint8Array;
      readonly chain: string;
    };

export type EventKind = RunEvent["kind"];

const damaged = (at: number): IsochronError =>
  new IsochronError("recording/damaged", `a record at byte ${at} is cut off or damaged`, {
    help: "record the run again",
  });

/** Reads little-endian fields one after the other. */
class Fields {
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  #next(size: number): number {
    const at = this.#at;
    if (at + size > this.#view.byteLength) throw damaged(at);
    this.#at += size;
    return at;
  }
  u8(): number {
    return this.#view.getUint8(this.#next(1));
  }
  u32(): number {
    return this.#view.getUint32(this.#next(4), true);
  }
  u64(): number {
    return Number(this.#view.getBigUint64(this.#next(8), true));
  }
  time(): number {
    return Number(this.#view.getBigInt64(this.#next(8), true));
  }
  /** A view of bytes as they lie, wherever that is: for those that are only hashed, counted and written. */
  view(length: number): Uint8Array {
    const at = this.#next(length);
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + at, length);
  }
  bytes(): Uint8Array {
    return this.view(this.u32()).slice();
  }
  hash(): string {
    return Buffer.from(this.view(32)).toString("hex");
  }
}

function parseOne(kind: number, f: Fields): RunEvent {
  switch (kind) {
    case 1:
      return { kind: "admit", channel: f.u32(), sequence: f.u64(), time: f.time(), bytes: f.view(f.u32()) };
    case 2: {
      const [task, job, time] = [f.u32(), f.u64(), f.time()];
      const pins = Array.from({ length: f.u32() }, () => ({
        channel: f.u32(),
        sequence: f.u64(),
        held: (f.u8() & 1) === 1,
      }));
      return { kind: "release", task, job, time, pins };
    }
    case 3:
      return { kind: "verdict", task: f.u32(), job: f.u64(), time: f.time(), overrun: f.u8() === 1 };
    case 4: {
      const [task, job, time, code] = [f.u32(), f.u64(), f.time(), f.u8()];
      const reason = skipReasons[code];
      if (!reason) throw damaged(0);
      return { kind: "skipped", task, job, time, reason };
    }
    case 5: {
      const [task, job, channel, sequence, time] = [f.u32(), f.u64(), f.u32(), f.u64(), f.time()];
      f.u8();
      return { kind: "output", task, job, channel, sequence, time, bytes: f.bytes(), chain: f.hash() };
    }
    case 6:
      return { kind: "trace", task: f.u32(), job: f.u64(), release: f.time(), start: f.time(), end: f.time() };
    case 7:
      return { kind: "fault", task: f.u32(), job: f.u64(), duration: f.time() };
    case 8:
      return { kind: "message", output: f.u32(), task: f.u32(), job: f.u64(), time: f.time(), bytes: f.bytes() };
    case 9:
      return { kind: "keyframe", task: f.u32(), job: f.u64(), time: f.time(), states: f.bytes() };
    case 10:
      return { kind: "lost", what: f.u8(), count: f.u64() };
    case 11:
      return { kind: "discarded", task: f.u32(), job: f.u64(), bytes: f.bytes(), chain: f.hash() };
    case 12:
      return { kind: "visible", channel: f.u32(), sequence: f.u64(), time: f.time(), blake3: f.hash() };
    case 13: {
      const [channel, sequence, time] = [f.u32(), f.u64(), f.time()];
      return { kind: "rejected", channel, sequence, time, reason: new TextDecoder().decode(f.bytes()) };
    }
    default:
      throw new IsochronError("recording/unknown-record", `there is no record of kind ${kind}`, {
        help: "use the version of Isochron that recorded the run",
      });
  }
}

/** Parses what `drain` gave. */
export function parseEvents(bytes: Uint8Array): RunEvent[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const events: RunEvent[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + 5 > bytes.length) throw damaged(at);
    const length = view.getUint32(at, true);
    if (at + 5 + length > bytes.length) throw damaged(at);
    events.push(parseOne(view.getUint8(at + 4), new Fields(bytes.subarray(at + 5, at + 5 + length))));
    at += 5 + length;
  }
  return events;
}

/** The decisions that replay takes from a log, as records: pins' flags, verdicts, skips, stalls, and when messages were decoded. */
export function decisionRecords(events: readonly RunEvent[]): Buffer {
  const record = (kind: number, body: Buffer): Buffer => {
    const head = Buffer.alloc(5);
    head.writeUInt32LE(body.length, 0);
    head.writeUInt8(kind, 4);
    return Buffer.concat([head, body]);
  };
  const job = (task: number, number: number, time: number, code?: number): Buffer => {
    const body = Buffer.alloc(code === undefined ? 20 : 21);
    body.writeUInt32LE(task, 0);
    body.writeBigUInt64LE(BigInt(number), 4);
    body.writeBigInt64LE(BigInt(time), 12);
    if (code !== undefined) body.writeUInt8(code, 20);
    return body;
  };
  return Buffer.concat(
    events.flatMap((event): Buffer[] => {
      if (event.kind === "release") {
        const pins = Buffer.alloc(4 + event.pins.length * 13);
        pins.writeUInt32LE(event.pins.length, 0);
        event.pins.forEach((pin, at) => {
          pins.writeUInt32LE(pin.channel, 4 + at * 13);
          pins.writeBigUInt64LE(BigInt(pin.sequence), 8 + at * 13);
          pins.writeUInt8(Number(pin.held), 16 + at * 13);
        });
        return [record(2, Buffer.concat([job(event.task, event.job, event.time), pins]))];
      }
      if (event.kind === "verdict") return [record(3, job(event.task, event.job, event.time, Number(event.overrun)))];
      if (event.kind === "skipped")
        return [record(4, job(event.task, event.job, event.time, skipReasons.indexOf(event.reason)))];
      if (event.kind === "visible")
        return [
          record(12, Buffer.concat([job(event.channel, event.sequence, event.time), Buffer.from(event.blake3, "hex")])),
        ];
      if (event.kind === "rejected") {
        const reason = Buffer.from(event.reason);
        const length = Buffer.alloc(4);
        length.writeUInt32LE(reason.length, 0);
        return [record(13, Buffer.concat([job(event.channel, event.sequence, event.time), length, reason]))];
      }
      if (event.kind === "fault") return [record(7, job(event.task, event.job, event.duration))];
      return [];
    }),
  );
}
