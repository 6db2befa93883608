// The nodes' door: messages, the codec plans between them and tensors, and transports.

export { type BayerPattern, bayerPlanes } from "./bayer.ts";
export { InProcessTransport, type Transport } from "./in-process.ts";
export * from "./messages/index.ts";
export { decodePicture, type Picture } from "./pictures.ts";
export * from "./streams/index.ts";
