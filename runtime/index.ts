// The runtime's door: tensor types, capture, the graph, compilation, artifacts and programs.
export { beginsAsArchive, changedEntries, readArchive, writeArchive } from "./archive.ts";
export {
  type Artifact,
  acceptWeights,
  graphOf,
  openArtifact,
  readArtifact,
  save,
} from "./artifact.ts";
export { nonMaxSuppression, type SuppressionOptions } from "./boxes.ts";
export { type CompileOptions, compile, simplified, targetsOf } from "./compile.ts";
export { cond, forLoop, type LoopOptions, scan, type Tensors, whileLoop } from "./control-flow.ts";
export {
  type ConvolutionOptions,
  conv1d,
  conv2d,
  conv3d,
  convTranspose2d,
  type TransposedConvolutionOptions,
} from "./convolutions.ts";
export { explain } from "./explain.ts";
export { Graph, type Signature } from "./graph.ts";
export { fromHalves, toHalves } from "./halves.ts";
export { hashOf } from "./hash.ts";
export { type GridSampleOptions, gridSample, type ResizeOptions, resize } from "./images.ts";
export { type ArraysOf, Interpreter } from "./interpreter.ts";
export { disagreement } from "./interpreters/disagreement.ts";
export { LoopInterpreter } from "./interpreters/loop-interpreter.ts";
export {
  type GraphText,
  graphText,
  graphTexts,
  type KernelText,
  kernelsOf,
  kernelText,
  kernelTexts,
  type ShownKernel,
  type StageText,
} from "./kernels.ts";
export { type Layer, type LayerOptions, type Layers, measureLayers, printLayers } from "./layers.ts";
export { type Manifest, manifestSchema } from "./manifest.ts";
export {
  type Forward,
  type MethodGraphs,
  type Methods,
  methodsOf,
  programName,
  type SignaturesOf,
} from "./method-graphs.ts";
export type { GatherOptions, PadOptions, Range } from "./methods/arrangement.ts";
export type { BoundOptions, Chosen } from "./methods/bounded.ts";
export type { MaxPoolOptions, NormOptions, PoolOptions } from "./methods/channels.ts";
export type { EluOptions, GeluOptions, SoftplusOptions } from "./methods/elementwise.ts";
export type { RunningOptions, VarianceOptions } from "./methods/reduction.ts";
export type { WithIndices } from "./methods/symbolic.ts";
export {
  type Builder,
  type Nd,
  type Operator,
  type OperatorDefinition,
  operator,
  operators,
} from "./operators/index.ts";
export { measureMachine, type Peak } from "./peak.ts";
export { type LoadOptions, load, Program } from "./program.ts";
export type { Method } from "./program-method.ts";
export { convInteger, dequantize, matmulInteger, type Parameter, quantize } from "./quantization.ts";
export {
  type GruWeights,
  gruCell,
  type LstmState,
  type LstmWeights,
  lstmCell,
} from "./recurrent.ts";
export { Compilation, type StagedMethod, type StageOptions } from "./stages.ts";
export {
  type AttentionOptions,
  apply,
  concat,
  constant,
  full,
  iota,
  type Operand,
  ones,
  scaledDotProductAttention,
  stack,
  Tensor,
  where,
  zeros,
} from "./tensor.ts";
export {
  type ArrayOf,
  byteLength,
  type Dimension,
  newArray,
  showTensorType,
  staticShape,
  sym,
  type TensorType,
  type TypedArray,
  tensorType,
} from "./tensor-type.ts";
export { type StateTensor, state, trace } from "./trace.ts";
