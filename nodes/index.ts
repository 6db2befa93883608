// The nodes' door: messages, the codec plans between them and tensors, and transports.
export { InProcessTransport, type Transport } from "./in-process.ts";
export * from "./messages/index.ts";
export { decodePicture, type Picture, type PictureEncoding } from "./pictures.ts";
export * from "./streams/index.ts";
