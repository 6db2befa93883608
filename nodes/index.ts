// The nodes' door: messages, the codec plans between them and tensors, and transports.

export { type BayerPattern, bayerPlanes } from "./bayer.ts";
export * from "./messages/index.ts";
export * from "./middleware/index.ts";
export { decodePicture, type Picture } from "./pictures.ts";
export * from "./streams/index.ts";
