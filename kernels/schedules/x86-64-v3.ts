// Written by `npm run tune -- --target x86-64-v3 --write`: schedules that were measured to be faster than the usual ones.
import type { ScheduleTable } from "./schedule.ts";

export const table: ScheduleTable = {};
