// The door to the records of a run: their schema, and their forms.

export { decisionRecords, parseEvents, writeEvents } from "./binary.ts";
export { loggedEvents, type RecordIds } from "./json.ts";
export {
  type LoggedAdmission,
  type LoggedEvent,
  loggedKinds,
  loggedReader,
  loggedSchema,
  type RecordNames,
} from "./logged.ts";
export {
  type EventKind,
  type EventOf,
  eventKinds,
  type FieldType,
  fieldsOf,
  type Pin,
  printSchema,
  type RunEvent,
  recordSchema,
  type SkipReason,
} from "./schema.ts";
