// Written by `npm run tune -- --target x86-64-v3 --write`: schedules that were measured to be faster than the usual ones.
import type { ScheduleTable } from "./schedule.ts";

export const table: ScheduleTable = {
  "blockedConv2d c160 o960 y7x7 k1x1 s1x1": { blocks: 2, rows: 2, columns: 1 },
  "depthwiseConv2d c144 y28x28 k3x3 s2x2": { columns: 10, resident: 0 },
  "depthwiseConv2d c192 y14x14 k3x3 s2x2": { columns: 12, resident: 0 },
  "depthwiseConv2d c64 y28x28 k3x3 s2x2": { columns: 10, resident: 0 },
  "depthwiseConv2d c64 y28x28 k5x5 s1x1": { columns: 10, resident: 0 },
  "gemm packed f32 m1 k48 n512": { height: 1, vectors: 8, steps: 2 },
  "matmul f32 m1 k111 n256": { height: 1, vectors: 12, steps: 8 },
  "matmul f32 m1 k256 n128": { height: 1, vectors: 8, steps: 2 },
  "matmul f32 m1 k256 n256": { height: 1, vectors: 12, steps: 8 },
  "reduce f32 from 0 256x1024 over 1": { rows: 1 },
};
