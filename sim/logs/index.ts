// Logs made by others: opened, checked against what an application declares, and read.
export { openIndexed } from "./decompress.ts";
export {
  type Log,
  type LogMessage,
  type LogTopic,
  type MessageQuery,
  mostSortedBytes,
  openLog,
  type Recovery,
} from "./log.ts";
export { messageDecoder } from "./message.ts";
export { expectType, parseSchema, type SchemaDifference, schemaDifference } from "./schema.ts";
