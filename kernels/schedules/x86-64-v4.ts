// Written by `npm run tune -- --target x86-64-v4 --write`: schedules that were measured to be faster than the usual ones.
import type { ScheduleTable } from "./schedule.ts";

export const table: ScheduleTable = {
  "attention q64 k64 d32 e32": { rows: 8 },
  "depthwiseConv2d c192 y14x14 k3x3 s2x2": { columns: 7, resident: 0 },
  "depthwiseConv2d c192 y28x28 k3x3 s1x1": { columns: 7, resident: 0 },
  "depthwiseConv2d c64 y14x14 k3x3 s1x1": { columns: 14, resident: 1 },
  "depthwiseConv2d c64 y28x28 k3x3 s2x2": { columns: 16, resident: 0 },
  "depthwiseConv2d c64 y28x28 k5x5 s1x1": { columns: 14, resident: 0 },
  "reduce f32 from 0 256x1024 over 1": { rows: 8 },
};
