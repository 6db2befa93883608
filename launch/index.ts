// Isochron's public door: tensors and capture, applications, messages.
export { IsochronError } from "../kernels/index.ts";
// `constant` of a graph and `constant` of a message share their name: the message's is had from "isochron/messages".
export {
  compressedImage,
  count,
  Definitions,
  decodePicture,
  field,
  fields,
  type InputMessage,
  image,
  message,
  numbers,
  type OutputMapping,
  type Picture,
  type PictureEncoding,
  stamp,
} from "../nodes/index.ts";
export * from "../runtime/index.ts";
export type { Duration } from "../scheduler/index.ts";
export {
  type Application,
  ApplicationBuilder,
  application,
  type Input,
  layOut,
  type Port,
  type Ports,
  type Task,
  type TaskOptions,
} from "./application.ts";
export { type BuildOptions, type BuiltApplication, buildApplication } from "./build.ts";
