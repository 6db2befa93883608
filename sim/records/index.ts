// The door to the records of a run: their schema, and their two forms.

export { decisionRecords, parseEvents, writeEvents } from "./binary.ts";
export {
  eventJsonSchema,
  type LoggedAdmission,
  type LoggedEvent,
  loggedEvents,
  loggedKinds,
  type RecordIds,
} from "./json.ts";
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
