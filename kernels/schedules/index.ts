// Schedules: what they are, who chooses them, and the measured tables of each target.
import type { TargetName } from "../targets.ts";
import { type Schedules, type ScheduleTable, tabledSchedules } from "./schedule.ts";
import { table as avx2 } from "./x86-64-v3.ts";
import { table as avx512 } from "./x86-64-v4.ts";
import { table as vnni } from "./x86-64-v4+vnni.ts";

export { balanced, extentsOf } from "./extents.ts";
export {
  type Choice,
  drawnSchedules,
  type Problem,
  printSchedule,
  problemOf,
  type Schedule,
  type Schedules,
  type ScheduleTable,
  sameSchedule,
  tabledSchedules,
  usualSchedules,
} from "./schedule.ts";

/** The measured schedules of each target; those of arm64 are the usual ones, since none has been measured. */
export const scheduleTables: { readonly [name in TargetName]: ScheduleTable } = {
  "x86-64-v3": avx2,
  "x86-64-v4": avx512,
  // Problems with products of bytes have names of their own where there is an instruction for them.
  "x86-64-v4+vnni": { ...avx512, ...vnni },
  aarch64: {},
  "aarch64+dotprod": {},
};

/** What a target chooses unless told otherwise. */
export const schedulesOf = (name: TargetName): Schedules => tabledSchedules(scheduleTables[name]);
