// Messages: their definitions, what applications say about them, and the plans that this becomes.
export { Definitions, definitionsOf, schemaText } from "./definitions.ts";
export type { PlacedField } from "./encode.ts";
export type { ImageEncoding, PictureEncoding } from "./encodings.ts";
export { type MessageFileOptions, readMessageFiles } from "./files.ts";
export { type Layout, layoutOf } from "./layout.ts";
export {
  compressedImage,
  type InputMessage,
  image,
  type MessageOptions,
  message,
  numbers,
  type OutputMapping,
  type OutputTarget,
  outputPlan,
  type ResolvedMessage,
} from "./message.ts";
export { fullTypeName, sameTypeName, shortTypeName } from "./names.ts";
export type { MessageText } from "./parse.ts";
export { type DecodePlan, decodePlan, type EncodePlan, encodePlan, printPlan } from "./plan.ts";
export { type MessageReader, messageReader } from "./read.ts";
export { type SchemaEncoding, schemaDefinitions, schemaEncodings } from "./schema-text.ts";
export {
  type CountSelection,
  count,
  type FieldOptions,
  type FieldSelection,
  type FixedSelection,
  type FixedValue,
  field,
  fields,
  fixed,
  type InputSelection,
  type StampSelection,
  stamp,
  type TextSelection,
  texts,
} from "./select.ts";
export { messageTypes, messageTypesTitle } from "./typescript.ts";
export { type MessageWriter, messageWriter } from "./write.ts";
