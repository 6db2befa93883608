// The kernels' door: the loop language, generators of kernels, targets, and the loader of native modules.
export {
  arithmeticDtypes,
  arithmeticOf,
  bytesOf,
  type Dtype,
  dtypes,
  type FloatDtype,
  isFloatDtype,
  isHalf,
  typedArrays,
} from "./dtype.ts";
export { type ErrorParts, errorAt, IsochronError } from "./error.ts";
export { fileError } from "./file-error.ts";
export * as functions from "./functions/index.ts";
export * as generators from "./generators/index.ts";
export { canonicalHalf, halfOfNumber, numberOfHalf } from "./half.ts";
export { convertOf, type Lane, rangeOf, toFloat32, toHalf } from "./loop/arithmetic.ts";
export * as loop from "./loop/build.ts";
export { countKernel, type Work } from "./loop/count.ts";
export { declareKernel, emitModule, targetAttributes } from "./loop/emit.ts";
export { interpretKernel, prepareKernel } from "./loop/interpret.ts";
export type { Arithmetic, Buffer as LoopBuffer, Expression, Half, Kernel, Scalar } from "./loop/ir.ts";
export { printKernel } from "./loop/print.ts";
export { type Grain, type Split, type SplitStep, splitKernel } from "./loop/split.ts";
export { verifyKernel } from "./loop/verify.ts";
export { depthOf } from "./loop/walk.ts";
export {
  awaitNative,
  type CompilerBinding,
  callNative,
  fromNative,
  loadCompiler,
  loadRuntime,
  type NativeHost,
  runnableTargets,
} from "./native.ts";
export { didYouMean, nearest, withMeant } from "./nearest.ts";
export { compilerSchemas, functionSchema, hasKind, signalSchema, targetSchema } from "./option-schemas.ts";
export { checkArgument, declaredOptions, type OptionCheck, optionsOf, refusal } from "./options.ts";
export { beginsWith, type FileKind, place, placeNew, replaces, writeWhole } from "./output-file.ts";
export { type Choice, drawnSchedules, printSchedule, type Schedules } from "./schedules/index.ts";
export { addsDotOnly, type Target, type TargetName, target, targetNames } from "./targets.ts";
export { shown, withArticle } from "./words.ts";
