// The scheduler's door: durations, the schedule table and its analysis.
export { type Analysis, analyse, type Chain, type Places } from "./analysis.ts";
export { type Duration, formatDuration, parseDuration } from "./duration.ts";
export {
  type ChannelRow,
  type FieldRow,
  intervalOf,
  layoutSlot,
  type OverrunPolicy,
  printScheduleTable,
  type ScheduleTable,
  scheduleTable,
  type TaskRow,
  type Trigger,
} from "./schedule-table.ts";
