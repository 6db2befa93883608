// The nodes' door: messages, the codec plans between them and tensors, and transports.

export { type BayerPattern, bayerPlanes } from "./bayer.ts";
export * from "./calls/index.ts";
export { readInterfaceFiles } from "./messages/files.ts";
export * from "./messages/index.ts";
export { interfacePackage, knownInterfaces, packageTitle } from "./messages/interface-package.ts";
export * from "./middleware/index.ts";
export { decodePicture, type Picture } from "./pictures.ts";
export * from "./streams/index.ts";
