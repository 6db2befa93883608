// Audits the file of a recording as it was written, record by record: what cannot be read is a finding, and the rest is gone on with.
import { z } from "zod";
import { IsochronError } from "../../kernels/index.ts";
import type { ApplicationDescription } from "../application.ts";
import { type RecordingCut, reachOf } from "../cut-recording.ts";
import { type Damage, inputDamage, messageKey } from "../damage.ts";
import { type Cut, openIndexed } from "../logs/index.ts";
import { recordedMessages } from "../recorded-messages.ts";
import {
  applicationOf,
  type Contents,
  contentsByIndex,
  contentsByScan,
  type Facts,
  type RecordedMessage,
  runFacts,
} from "../recording-contents.ts";
import { formatVersion, formatVersions, isEventTopic } from "../recording-layout.ts";
import {
  type FileContents,
  filesOf,
  joined,
  nameOf,
  type RecordingPath,
  requireBeginning,
  withFiles,
} from "../recording-parts.ts";
import type { EventOf, LoggedAdmission, LoggedEvent } from "../records/index.ts";
import { type Audit, auditRun } from "./audit.ts";
import { describeFindings, Findings } from "./finding.ts";
import { auditLosses } from "./read.ts";
import type { AuditRecord } from "./run.ts";

/** What the audit of a file came to. */
export interface FileAudit extends Audit {
  /** Logical time up to which the run was audited. */
  readonly durationNs: number;
  /** Where and why the file ends before its run; what stands before may be legal all the same. */
  readonly cut?: RecordingCut;
  /** The error that ended the run, in one line. */
  readonly failure?: string;
}

const theRun = "(the run)";

/**
 * Audits a file, or parts of a run that follow each other.
 *
 * Records of unknown kinds or of a newer version, damaged, doubled, missing or out of order are findings, by their place in the
 * file. Throws `file/read`, `recording/foreign`, and `recording/damaged` or `recording/truncated` where not even the schedule
 * can be read.
 */
export async function auditFile(given: RecordingPath): Promise<FileAudit> {
  const paths = await filesOf(given);
  const path = nameOf(given);
  return await withFiles(paths, async (files) => {
    const places: (number | undefined)[] = [];
    const findings = new Findings((record) => places[record]);
    const all: FileContents[] = [];
    let isInOrder = true;
    for (const [at, file] of files.entries()) {
      const most = await mostOf(await contentsByScan(file), () => openIndexed(file), findings);
      isInOrder &&= most.isInOrder;
      all.push({ path: paths[at]!, contents: most.contents });
    }
    const contents = joined(all);
    requireBeginning(contents.part?.fromNs);
    const application = applicationOf(path, contents);
    const facts = factsIn(contents, findings);
    // Without the order in which it was written, a record has no place.
    const place = (number: number, { at }: RecordedMessage) => {
      if (!isInOrder) return null;
      places[number] = at;
      return number;
    };
    const read = await readMessages(path, application, contents, place, findings);
    const events = read.records.map(({ event }) => event);
    const { durationNs, hash, mode, cut, lost, isComplete, isWhole, ...reach } = reachOf(
      application,
      events,
      contents,
      facts,
    );
    const counted = new Set(reach.events);
    const records = isWhole ? read.records : read.records.filter(({ event }) => counted.has(event));
    auditLog(read.log, contents.part?.firstEvent ?? 0, isComplete ? facts?.events : undefined, findings);
    auditInputs(application, read, isWhole ? Number.POSITIVE_INFINITY : durationNs, findings);
    if (isWhole && facts) auditLosses(facts.lost, lost, findings);
    return {
      ...auditRun({ application, mode, durationNs, hash, records }, findings),
      durationNs,
      ...(cut === undefined ? {} : { cut }),
      ...(facts?.failure === undefined ? {} : { failure: facts.failure }),
    };
  });
}

/** Throws `recording/illegal`, with the first findings, where a recording that was just made is not legal. */
export async function checkLegal(path: string): Promise<void> {
  const { legal, count, findings } = await auditFile(path);
  if (legal) return;
  throw new IsochronError("recording/illegal", `${path} breaks the rules of the schedule`, {
    details: describeFindings(findings, count),
    help: "the recording stands; where no records were lost, this is a defect of Isochron: report it with the recording",
  });
}

/** Where scanning had to stop in a file that has an index, what that leads to: more, but not in the order of writing. */
async function mostOf(
  scanned: Contents & { readonly cut?: Cut },
  index: () => ReturnType<typeof openIndexed>,
  findings: Findings,
): Promise<{ readonly contents: Contents; readonly isInOrder: boolean }> {
  const { cut } = scanned;
  if (!cut || cut.allData) return { contents: scanned, isInOrder: true };
  try {
    const contents = await contentsByIndex(await index(), false);
    const messages: RecordedMessage[] = [];
    for await (const message of contents.messages) messages.push(message);
    findings.addBytes(cut.at, cut.why);
    return { contents: { ...contents, messages }, isInOrder: false };
  } catch {
    // There is no index, or it is damaged too.
    if (cut.damaged) findings.addBytes(cut.at, cut.why);
    return { contents: scanned, isInOrder: true };
  }
}

/** What the run says of itself, as far as it can be read. */
function factsIn({ metadata, cut }: Contents, findings: Findings): Facts | undefined {
  if (metadata === undefined) {
    if (!cut) findings.add("record/missing", theRun, 0, "nothing says how the run ended");
    return undefined;
  }
  const known = runFacts.safeParse(metadata);
  if (known.success) return known.data;
  const asKnown = runFacts.safeParse({ ...metadata, version: formatVersion });
  findings.add(
    "record/form",
    theRun,
    0,
    asKnown.success
      ? `the recording is of version ${metadata.version}; this version of Isochron knows ${formatVersions.join(" and ")}`
      : `what the run says at its end cannot be read: ${inOneLine(asKnown.error)}`,
  );
  return asKnown.data;
}

/** A record of the log of decisions: its number there, and its place in the file. */
interface LogPlace {
  readonly index: number;
  readonly record: number | null;
  readonly timeNs: number;
}

interface ReadMessages {
  readonly records: AuditRecord[];
  readonly log: LogPlace[];
  readonly received: EventOf<"admit">[];
  readonly admissions: LoggedAdmission[];
  /** Places of messages that arrived, by channel and number. */
  readonly arrivals: Map<string, number | null>;
}

async function readMessages(
  path: string,
  application: ApplicationDescription,
  contents: Contents,
  place: (number: number, message: RecordedMessage) => number | null,
  findings: Findings,
): Promise<ReadMessages> {
  const read = recordedMessages(path, application);
  const all: ReadMessages = { records: [], log: [], received: [], admissions: [], arrivals: new Map() };
  const logged = new Map<LoggedAdmission, number | null>();
  let number = 0;
  for await (const message of contents.messages) {
    const { topic, timeNs } = message;
    const record = place(number++, message);
    const tell = (why: string) => findings.add("record/form", topic, timeNs, why, record);
    let found: ReturnType<typeof read>;
    try {
      found = read(message);
    } catch (error) {
      if (!(error instanceof IsochronError || error instanceof z.ZodError || error instanceof SyntaxError)) throw error;
      tell(inOneLine(error));
      if (isEventTopic(topic)) all.log.push({ index: message.sequence, record, timeNs });
      continue;
    }
    switch (found?.kind) {
      case undefined:
        tell("the application has no such topic");
        break;
      case "received":
        all.received.push(found.event);
        all.records.push({ index: record, event: found.event });
        if (!all.arrivals.has(messageKey(found.event))) all.arrivals.set(messageKey(found.event), record);
        break;
      case "given":
        for (const each of found.damage)
          if (each.kind === "record")
            tell(`byte ${each.byte} of "${each.port}" is ${each.recorded}, where the recorder writes ${each.written}`);
        all.records.push({ index: record, event: found.event });
        break;
      // What pipelines publish is no matter of the schedule.
      case "sent":
        break;
      case "logged": {
        const { event, index } = found;
        all.log.push({ index, record, timeNs });
        const own = timeOf(event);
        if (own !== undefined && Math.max(0, own) !== timeNs)
          tell(`a record (${event.kind}) of ${own} ns stands at ${timeNs} ns`);
        if (event.kind === "admit") {
          all.admissions.push(event);
          logged.set(event, record);
        } else all.records.push({ index: record, event });
      }
    }
  }
  // A message that is only in the log did arrive; what followed from it is held to that.
  for (const [{ channel, sequence, time }, record] of logged) {
    const key = messageKey({ channel, sequence });
    if (all.arrivals.has(key)) continue;
    all.arrivals.set(key, record);
    const event = { kind: "admit", channel, sequence, time, bytes: new Uint8Array() } as const;
    all.records.push({ index: null, event });
  }
  return all;
}

/** The time under which the recorder writes a record; undefined where that is of what was written before. */
const timeOf = (event: LoggedEvent): number | undefined =>
  event.kind === "trace" ? event.release : "time" in event ? event.time : undefined;

/** The log has its records from the number `first` on, each once and in order; `count` were written, if that is known. */
function auditLog(log: readonly LogPlace[], first: number, count: number | undefined, findings: Findings): void {
  const seen = new Set<number>();
  let newest = first - 1;
  for (const { index, record, timeNs } of log) {
    const add = (rule: "record/doubled" | "record/order" | "record/form", why: string) =>
      findings.add(rule, theRun, timeNs, `record ${index} of the log of decisions ${why}`, record);
    if (seen.has(index)) add("record/doubled", "is there twice");
    else if (count !== undefined && index >= count) add("record/form", `is there, though only ${count} were written`);
    else if (record !== null && index < newest) add("record/order", `stands behind record ${newest}`);
    seen.add(index);
    newest = Math.max(newest, index);
  }
  const wanted = count ?? newest + 1;
  let missing = first;
  while (missing < wanted && seen.has(missing)) missing++;
  if (missing >= wanted) return;
  const next = log.find(({ index }) => index > missing);
  findings.add(
    "record/missing",
    theRun,
    next?.timeNs ?? log.at(-1)?.timeNs ?? 0,
    `record ${missing} of the log of decisions is not there`,
    next?.record ?? null,
  );
}

/** Messages are as the log has them. */
function auditInputs(
  { table }: ApplicationDescription,
  { received, admissions, arrivals }: ReadMessages,
  untilNs: number,
  findings: Findings,
): void {
  const isBefore = ({ time }: { readonly time: number }) => time < untilNs;
  for (const each of inputDamage(received.filter(isBefore), admissions.filter(isBefore))) {
    if (each.kind !== "input") continue;
    const { name } = table.channels[each.channel]!;
    findings.add("intake/message", name, each.time, describeInput(each), arrivals.get(messageKey(each)) ?? null);
  }
}

function describeInput({ sequence, byte, recorded, admitted }: Extract<Damage, { readonly kind: "input" }>): string {
  if (recorded === null) return `message ${sequence} is in the log, but not recorded`;
  if (admitted === null) return `message ${sequence} is recorded, but not in the log, or recorded twice`;
  if (byte === null) return `message ${sequence} is ${recorded}; the log has ${admitted}`;
  return `byte ${byte} of message ${sequence} is ${recorded}, and was ${admitted} when it arrived`;
}

const inOneLine = (error: Error): string =>
  error instanceof z.ZodError
    ? error.issues.map(({ path, message }) => `${path.join(".") || "it"}: ${message}`).join("; ")
    : error.message.split("\n")[0]!;
