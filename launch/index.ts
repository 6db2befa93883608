// Isochron's public door: tensors and capture, applications, messages.
export { IsochronError } from "../kernels/index.ts";
export { decodePicture, image, numbers, type Picture, type PictureEncoding } from "../nodes/index.ts";
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
