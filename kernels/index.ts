// The kernels' door: the loop language, generators of kernels, targets, and the loader of native modules.

export type { Backend, BackendRequest, LlvmBackend } from "./backend.ts";
export {
  type ArchiveEntry,
  archiveFile,
  archiveOf,
  beginsAsArchive,
  changedEntries,
  mostArchiveBytes,
  putArchive,
  readArchive,
  storedEntries,
  writeArchive,
} from "./base/archive.ts";
export { type ErrorParts, errorAt, IsochronError } from "./base/error.ts";
export { fileError } from "./base/file-error.ts";
export { Hasher, hashOf } from "./base/hash.ts";
export {
  awaitNative,
  type CompilerBinding,
  callNative,
  fromNative,
  loadCompiler,
  loadRuntime,
  type NativeHost,
  runnableTargets,
} from "./base/native.ts";
export { didYouMean, nearest, withMeant } from "./base/nearest.ts";
export { compilerSchemas, functionSchema, hasKind, signalSchema, targetSchema } from "./base/option-schemas.ts";
export { checkArgument, declaredOptions, type OptionCheck, optionsOf, refusal } from "./base/options.ts";
export { beginsWith, type FileKind, makeWhole, place, placeNew, replaces, writeWhole } from "./base/output-file.ts";
export { chunkFolder, isInChunk } from "./base/own-code.ts";
export { Random } from "./base/random.ts";
export { readWhole } from "./base/read-file.ts";
export { shown, withArticle } from "./base/words.ts";
export {
  arithmeticDtypes,
  arithmeticOf,
  bytesOf,
  type Dtype,
  dtypes,
  type FloatDtype,
  isFloatDtype,
  isHalf,
  isSmallFloat,
  isSmallInteger,
  isStored,
  typedArrays,
} from "./dtype.ts";
export * as functions from "./functions/index.ts";
export * as generators from "./generators/index.ts";
export { halfOfNumber, numberOfHalf } from "./half.ts";
export { convertOf, type Lane, rangeOf, toFloat32, toStored } from "./loop/arithmetic.ts";
export * as loop from "./loop/build.ts";
export { countKernel, type Work } from "./loop/count.ts";
export { declareKernel, emitModule, targetAttributes } from "./loop/emit.ts";
export { interpretKernel, prepareKernel } from "./loop/interpret.ts";
export type {
  Arithmetic,
  Buffer as LoopBuffer,
  Expression,
  Half,
  Kernel,
  Narrowing,
  Scalar,
  SmallFloat,
  SmallInteger,
  Stored,
} from "./loop/ir.ts";
export { clamped, type Front, limitKernel } from "./loop/limit.ts";
export { printKernel } from "./loop/print.ts";
export { type Grain, type Split, type SplitStep, splitKernel } from "./loop/split.ts";
export { verifyKernel } from "./loop/verify.ts";
export { depthOf } from "./loop/walk.ts";
export { type Choice, drawnSchedules, printSchedule, type Schedules } from "./schedules/index.ts";
export { isSmallNumber, rangeOfSmall } from "./small.ts";
export { canonicalStored, numberOfStored, storedConstant, storedOfNumber } from "./stored.ts";
export { addsDotOnly, type Machine, type Target, type TargetName, target, targetNames } from "./targets.ts";
