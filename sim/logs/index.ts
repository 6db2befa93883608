// Logs made by others: opened, checked against what an application declares, and read.

export type { Log, LogMessage, MessageQuery, Recovery } from "./log.ts";
export { messageDecoder } from "./message.ts";
export { openLog } from "./open.ts";
export { openIndexed } from "./open-indexed.ts";
export { mostSortedBytes } from "./order.ts";
export { type CarriedRecord, type Cut, type ScannedRecord, scanAll } from "./records.ts";
export { expectType, type SchemaDifference, schemaDifference, topicDefinitions } from "./schema.ts";
export type { LogTopic } from "./topics.ts";
