// Written by `npm run tune -- --target x86-64-v4 --write`: schedules that were measured to be faster than the usual ones.
import type { ScheduleTable } from "./schedule.ts";

export const table: ScheduleTable = {
  "reduce f32 from 0 256x1024 over 1": { rows: 8 },
};
