// Isochron's public door: tensors and capture, applications, messages.
export { IsochronError } from "../kernels/index.ts";
export {
  approximateTime,
  type BayerPattern,
  bayerPlanes,
  bufferBounded,
  compressedImage,
  count,
  Definitions,
  DropCounter,
  decodePicture,
  exactTime,
  type FullPolicy,
  field,
  fields,
  fixed,
  headerStamp,
  type InputMessage,
  image,
  type LogicalClock,
  latest,
  type MatchOptions,
  message,
  numbers,
  type OutputMapping,
  type Picture,
  type PictureEncoding,
  sampleEvery,
  stamp,
  timeWindow,
  type Watched,
  watchdog,
} from "../nodes/index.ts";
export * from "../runtime/index.ts";
export type { Duration } from "../scheduler/index.ts";
export {
  type Application,
  ApplicationBuilder,
  application,
  type ChainLimits,
  type Facts,
  type Input,
  type InputOptions,
  type Port,
  type Ports,
  type Task,
  type TaskOptions,
} from "./application.ts";
export { type BuildOptions, type BuiltApplication, buildApplication } from "./build.ts";
export { type LaidOut, layOut } from "./lay-out.ts";
