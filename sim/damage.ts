// What a recording shows to be wrong with itself, before anything is computed again.

import { crc32 } from "node:zlib";
import { hashOf } from "../kernels/index.ts";
import type { FieldRow } from "../scheduler/index.ts";
import { locateChangedByte } from "./locate-byte.ts";
import { encodeRecord, type OutputRecord, portAt } from "./record-message.ts";
import type { LoggedAdmission } from "./records/index.ts";

/** Something that was changed, added or taken away after the run. */
export type Damage =
  | {
      readonly kind: "input";
      readonly channel: number;
      readonly sequence: number;
      readonly time: number;
      /** Where the message differs from what was admitted; null where that is more than one byte, or all of it. */
      readonly byte: number | null;
      readonly recorded: string | null;
      readonly admitted: string | null;
    }
  | {
      /** An output's message is not as the recorder writes it: its encapsulation, its job number or its padding. */
      readonly kind: "record";
      readonly task: number;
      readonly job: number;
      readonly port: string;
      readonly byte: number;
      readonly recorded: string | null;
      readonly written: string | null;
    }
  | {
      /** A record of the log is missing, or there though it was never written; task and job are its own, or those of the record next to it. */
      readonly kind: "log";
      readonly what: "missing" | "added";
      readonly index: number;
      readonly task: string;
      readonly job: number;
    }
  | { readonly kind: "program"; readonly program: number }
  /** A checksum of the file does not hold. */
  | { readonly kind: "file"; readonly why: string };

/** An input message as the recording has it. */
export interface RecordedInput {
  readonly channel: number;
  readonly sequence: number;
  readonly time: number;
  readonly bytes: Uint8Array;
}

export const hexByte = (byte: number | undefined): string | null =>
  byte === undefined ? null : byte.toString(16).padStart(2, "0");

/** What the log has of a message besides its hash. */
const factsOf = (time: number, bytes: number, checksum: number): string =>
  `at ${time} ns, ${bytes} bytes, CRC-32 ${checksum}`;

/** A message by its channel and its number there. */
export const messageKey = ({ channel, sequence }: Pick<RecordedInput, "channel" | "sequence">): string =>
  `${channel} ${sequence}`;

/** Compares the recorded input messages with the log of their admission. */
export function inputDamage(recorded: readonly RecordedInput[], logged: readonly LoggedAdmission[]): Damage[] {
  const log = new Map(logged.map((each) => [messageKey(each), each]));
  const found: Damage[] = [];
  for (const input of recorded) {
    const { channel, sequence, time, bytes } = input;
    const at = { kind: "input", channel, sequence, time } as const;
    const admission = log.get(messageKey(input));
    log.delete(messageKey(input));
    if (!admission) {
      found.push({ ...at, byte: null, recorded: `sample ${sequence}`, admitted: null });
    } else if (hashOf(bytes) !== admission.blake3) {
      const changed = locateChangedByte(bytes, admission.crc32, (each) => hashOf(each) === admission.blake3);
      found.push(
        changed === undefined
          ? { ...at, byte: null, recorded: `BLAKE3 ${hashOf(bytes)}`, admitted: `BLAKE3 ${admission.blake3}` }
          : { ...at, byte: changed.at, recorded: hexByte(bytes[changed.at]), admitted: hexByte(changed.was) },
      );
    } else {
      const [recorded, admitted] = [
        factsOf(time, bytes.length, crc32(bytes)),
        factsOf(admission.time, admission.bytes ?? bytes.length, admission.crc32),
      ];
      if (recorded !== admitted) found.push({ ...at, byte: null, recorded, admitted });
    }
  }
  for (const { channel, sequence, time } of log.values())
    found.push({ kind: "input", channel, sequence, time, byte: null, recorded: null, admitted: `sample ${sequence}` });
  return found;
}

/** Compares an output's message with what the recorder would have written for it; `crc32` finds the first difference fast. */
export function recordDamage(
  task: number,
  fields: readonly FieldRow[],
  record: OutputRecord,
  message: Uint8Array,
): Damage[] {
  const written = encodeRecord(fields, record);
  if (crc32(written) === crc32(message)) return [];
  const byte = written.findIndex((value, at) => value !== message[at]);
  if (byte < 0) return [];
  return [
    {
      kind: "record",
      task,
      job: record.job,
      ...portAt(fields, byte),
      recorded: hexByte(message[byte]),
      written: hexByte(written[byte]),
    },
  ];
}

/** A record's place in the log. */
export interface LogEntry {
  readonly index: number;
  readonly task: string;
  readonly job: number;
}

/**
 * The first record that is missing between, before and after those that are there, or is there twice; those from the number
 * `first` to the number before `end` were written.
 */
export function logDamage(entries: readonly LogEntry[], first: number, end: number): Damage[] {
  const sorted = [...entries].sort((a, b) => a.index - b.index);
  const odd = sorted.findIndex(({ index }, at) => index !== first + at || index >= end);
  if (odd < 0 && first + sorted.length >= end) return [];
  const at = odd < 0 ? sorted.length : odd;
  const wanted = first + at;
  const found = sorted[at];
  const isAdded = found !== undefined && (found.index < wanted || wanted >= end);
  const { task, job } = found ?? sorted.at(-1) ?? { task: "(none)", job: 0 };
  return [{ kind: "log", what: isAdded ? "added" : "missing", index: isAdded ? found.index : wanted, task, job }];
}
