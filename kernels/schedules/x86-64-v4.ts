// Written by `npm run tune -- --target x86-64-v4 --write`: schedules that were measured to be faster than the usual ones.
import type { ScheduleTable } from "./schedule.ts";

export const table: ScheduleTable = {
  "matmul f32 m1024 k64 n1024": { height: 9, vectors: 3, steps: 2 },
  "reduce f32 from -Infinity 64x1000 over 1": { rows: 8 },
  "reduce f32 from 0 197x192 over 1": { rows: 1 },
  "reduce f32 from 0 256x1024 over 1": { rows: 8 },
  "reduce f32 from 0 64x1000 over 1": { rows: 1 },
};
