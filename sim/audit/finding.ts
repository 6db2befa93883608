// What an audit finds: the record that broke a rule, and why.
import { formatDuration } from "../../scheduler/index.ts";

/** The rules that an audit holds a recording to; `docs/architecture.md` §4 states each. */
export const auditRules = {
  "record/form": "every record is of a known kind and whole, and its recording's version is known",
  "record/order": "records of one task or channel stand in the order in which they can have happened",
  "record/doubled": "nothing is recorded twice",
  "record/missing": "no record is missing, and none was lost while recording",
  "intake/number": "messages of a channel are numbered from 1 as they arrive, at times that never run backwards",
  "intake/message":
    "each message that arrived is recorded, with the time, the length and the hash that the log has of it",
  "intake/visible":
    "a decoded message is a sample at its arrival, or its channel's latency later; live, when it has been decoded",
  "intake/rejected": "a message is either a sample or rejected",
  "release/time": "a periodic task is released at phase + j · period, a task on arrival by the samples of its trigger",
  "release/pins": "a release sees the newest sample of each input that stands at its time",
  "release/held":
    "a sample is flagged as held where a later publication of its task was due; live, a release on arrival may be too new for the reader to have seen it",
  "skip/early": "an arrival is early exactly where the minimum interval has not passed",
  "skip/busy": "a release has no job exactly where an earlier job of its task still runs",
  "skip/late": "a release is late only live, and only where its publication instant came before its job started",
  "skip/gone": "an input is gone only live, and only where its channel has published more than it keeps",
  "skip/decided": "a skip is decided when its release has come, in virtual time at once",
  "verdict/time": "a verdict is of a job, at its release's time plus its LET",
  "verdict/done": "a job that ended after its publication instant is an overrun",
  "verdict/overrun":
    "an overrun ended after its publication instant, or was settled there by somebody who needed its value",
  "verdict/ended": "a job's end agrees with its trace, in virtual time with its stall",
  "output/published": "a done job's output is published once, under its job's number, at its publication instant",
  "output/discarded": "an overrun's output is discarded, and never published",
  "output/message": "each publication sends one message on each topic that shows it, and nothing else does",
  "trace/thread": "a job starts after its release, ends after its start, and never while another runs on its thread",
  "hash/chain": "a task's hash chain covers every job's release, pins, verdict and output",
  "hash/run": "the run's hash covers the tasks' final chains",
  keyframe: "keyframes hold all tasks at one tag, with the number of each task's next release",
} as const;

export type AuditRule = keyof typeof auditRules;

/** A record that breaks a rule. */
export interface AuditFinding {
  readonly rule: AuditRule;
  /** The record's place in the file, or in the list that was audited, from 0; null where no record is at fault. */
  readonly record: number | null;
  /** The byte of the file at which it begins; null where it is compressed, or was not read from a file. */
  readonly byte: number | null;
  /** Logical time, nanoseconds. */
  readonly timeNs: number;
  /** The task or channel. */
  readonly subject: string;
  /** What the record says and what the rules ask for. */
  readonly why: string;
}

/** A finding in one line. */
export const describeFinding = ({ rule, subject, timeNs, record, byte, why }: AuditFinding): string => {
  const place = [...(record === null ? [] : [`record ${record}`]), ...(byte === null ? [] : [`byte ${byte}`])];
  const where = place.length === 0 ? "" : ` (${place.join(", ")})`;
  return `${formatDuration(Math.max(0, timeNs))}  ${rule}  ${subject}: ${why}${where}`;
};

/** Findings that are told in words. */
const told = 10;

/** The first findings, a line each, and how many more there are. */
export const describeFindings = (findings: readonly AuditFinding[], count: number): string[] => [
  ...findings.slice(0, told).map(describeFinding),
  ...(count > told ? [`and ${count - told} more`] : []),
];

/** Findings that are kept in full. */
const kept = 1000;

/** Findings of an audit: all are counted, the first are kept. */
export class Findings {
  readonly #byteOf: (record: number) => number | undefined;
  readonly #all: AuditFinding[] = [];
  count = 0;

  /** `byteOf` tells where in the file a record begins. */
  constructor(byteOf: (record: number) => number | undefined = () => undefined) {
    this.#byteOf = byteOf;
  }

  add(rule: AuditRule, subject: string, timeNs: number, why: string, record: number | null = null): void {
    const byte = record === null ? undefined : this.#byteOf(record);
    this.#add({ rule, record, byte: byte ?? null, timeNs, subject, why });
  }

  /** A part of the file in which no record can be told from another. */
  addBytes(byte: number, why: string): void {
    this.#add({ rule: "record/form", record: null, byte, timeNs: 0, subject: "(the file)", why });
  }

  #add(finding: AuditFinding): void {
    this.count++;
    this.#all.push(finding);
    if (this.#all.length >= 2 * kept) this.#all.splice(0, Number.POSITIVE_INFINITY, ...this.inOrder());
  }

  /** By time; at one time, by the place in the file. */
  inOrder(): AuditFinding[] {
    const place = ({ record }: AuditFinding) => record ?? Number.POSITIVE_INFINITY;
    return [...this.#all].sort((a, b) => a.timeNs - b.timeNs || compare(place(a), place(b))).slice(0, kept);
  }
}

const compare = (a: number, b: number): number => (a === b ? 0 : a < b ? -1 : 1);
