// The nodes' door: messages, the codec plans between them and tensors, and transports.
export { type DecodePlan, decodePlan, type EncodePlan, encodePlan, leavesOf, printPlan } from "./codec-plan.ts";
export { definitionsOf, fullTypeName, schemaText } from "./definitions.ts";
export { InProcessTransport, type Transport } from "./in-process.ts";
export { decodePicture, type Picture, type PictureEncoding } from "./pictures.ts";
export { type InputMessage, image, numbers, outputPlan, type PlacedField } from "./messages.ts";
