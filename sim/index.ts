// The simulation's door: worlds, runs in virtual time, recordings, replay and comparison.

export { definitionsOf } from "../nodes/index.ts";
export { type ApplicationDescription, applicationDescription } from "./application.ts";
export {
  type Audit,
  type AuditFinding,
  auditFile,
  auditRecording,
  describeFinding,
  describeFindings,
  type FileAudit,
} from "./audit/index.ts";
export type { ClockSteps } from "./clock-watch.ts";
export { type Comparison, compareRuns, type Difference, type Extent, type TimedDifference } from "./compare.ts";
export type { Damage } from "./damage.ts";
export {
  createLiveExecutive,
  createVirtualExecutive,
  type Departed,
  type Executive,
  type Fault,
  type LiveExecutive,
  type LiveExecutiveOptions,
  type ReceivedDatagrams,
  type ThreadInfo,
  type VirtualExecutive,
  type VirtualExecutiveOptions,
} from "./executive.ts";
export { type Federates, Federation, type FeedMessage, type RunHooks, type Watch } from "./federation.ts";
export { type FrameTopic, Transforms } from "./frames.ts";
export { feedFrom, type LogFeed } from "./log-feed.ts";
export {
  expectType,
  type Log,
  type LogMessage,
  type LogTopic,
  type MessageQuery,
  messageDecoder,
  openLog,
  type Recovery,
} from "./logs/index.ts";
export type { NumberDifference } from "./number-difference.ts";
export { Parameters, type ParameterValue } from "./parameters.ts";
export type { Lateness } from "./punctuality.ts";
export { type Recording, readRecording } from "./read-recording.ts";
export { checkRecordingName, type RecordingOptions, RecordingWriter, type RunSummary } from "./recording.ts";
export { type RecordingForm, recordingForm } from "./recording-form.ts";
export type { RecordingPath } from "./recording-parts.ts";
export { type Pin, parseEvents, type RunEvent, type SkipReason } from "./records/index.ts";
export { type ReplayOptions, type ReplayResult, replay } from "./replay.ts";
export { type RunEnd, runByClock, runLive, runVirtual } from "./run.ts";
export { type PublishedMessage, publishedMessages, type SentMessage } from "./topic-codecs.ts";
export { requireTransport, type TransportFacts, type TransportFinding, TransportLink } from "./transport-link.ts";
export { checkWorld, type World, type WorldIo } from "./world.ts";
