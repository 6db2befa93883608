// Streams of sensor messages: logical time for RxJS, and the operators that robots need first.
export { approximateTime } from "./approximate-time.ts";
export { bufferBounded, type FullPolicy } from "./buffer-bounded.ts";
export { LogicalClock } from "./clock.ts";
export { DropCounter } from "./counter.ts";
export { exactTime } from "./exact-time.ts";
export { StreamHub, type StreamRun } from "./hub.ts";
export { latest } from "./latest.ts";
export { sampleEvery } from "./sample-every.ts";
export type { Joined, Sources } from "./sources.ts";
export { headerStamp } from "./stamp.ts";
export { timeWindow } from "./time-window.ts";
export type { MatchOptions } from "./waiting.ts";
export { type Watched, watchdog } from "./watchdog.ts";
