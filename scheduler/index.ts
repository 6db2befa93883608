// The scheduler's door: durations, the schedule table and its analysis.
export type { AgeBound } from "./age.ts";
export { type Analysis, analyse, type Chain, type Places, responseTimes } from "./analysis.ts";
export { type Duration, durationAboveZero, durationSchema, formatDuration, parseDuration } from "./duration.ts";
export {
  type ChannelRow,
  describeTrigger,
  type FieldRow,
  highestPriority,
  intervalName,
  intervalOf,
  layoutSlot,
  type OverrunPolicy,
  printScheduleTable,
  type ScheduleTable,
  scheduleTable,
  shortestIntervalOf,
  type TaskRow,
  type Trigger,
  toleranceOf,
} from "./schedule-table.ts";
