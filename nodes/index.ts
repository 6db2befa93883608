// The nodes' door: messages, and the codec plans between them and tensors.
export { type DecodePlan, decodePlan, type EncodePlan, encodePlan, leavesOf, printPlan } from "./codec-plan.ts";
export { definitionsOf, fullTypeName, schemaText } from "./definitions.ts";
export { type InputMessage, image, numbers, outputPlan, type PlacedField } from "./messages.ts";
