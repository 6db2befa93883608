// The runtime's door: tensor types, capture, the graph, compilation, artifacts and programs.

export {
  type BoxPoolOptions,
  type RoiAlignOptions,
  roiAlign,
  roiPool,
} from "./capture/box-pooling.ts";
export { nonMaxSuppression, type SuppressionOptions } from "./capture/boxes.ts";
export type { CallableGraph, CallOptions } from "./capture/called-graph.ts";
export { cond, forLoop, type LoopOptions, scan, type Tensors, whileLoop } from "./capture/control-flow.ts";
export {
  type ConvolutionOptions,
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  type DeformableConvolutionOptions,
  deformConv2d,
  type TransposedConvolutionOptions,
} from "./capture/convolutions.ts";
export { countsAmong } from "./capture/counts.ts";
export { einsum } from "./capture/einsum.ts";
export { fromHalves, fromSmallFloats, toHalves, toSmallFloats } from "./capture/halves.ts";
export {
  type AffineGridOptions,
  affineGrid,
  type GridSampleOptions,
  gridSample,
  type ResizeOptions,
  resize,
} from "./capture/images.ts";
export { type ConvIntegerOptions, convInteger, matmulInteger, type ZeroPoint } from "./capture/integer-products.ts";
export * as linalg from "./capture/linalg/index.ts";
export type { PadOptions, Range } from "./capture/methods/arrangement.ts";
export type { BoundOptions, Chosen } from "./capture/methods/bounded.ts";
export type { MaxPoolOptions, MaxUnpoolOptions, NormOptions, PoolOptions } from "./capture/methods/channels.ts";
export type { EluOptions, GeluOptions, SoftplusOptions } from "./capture/methods/elementwise.ts";
export type { GatherOptions } from "./capture/methods/indexing.ts";
export type { RunningOptions, VarianceOptions } from "./capture/methods/reduction.ts";
export type { WithIndices } from "./capture/methods/symbolic.ts";
export { dequantize, type Parameter, quantize } from "./capture/quantization.ts";
export {
  bernoulli,
  type DrawOptions,
  type GeneratorOptions,
  generator,
  multinomial,
  RandomGenerator,
  type RandomOptions,
  rand,
  randn,
} from "./capture/random.ts";
export {
  type GruWeights,
  gruCell,
  type LstmState,
  type LstmWeights,
  lstmCell,
} from "./capture/recurrent.ts";
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
} from "./capture/tensor.ts";
export { type StateTensor, state, trace } from "./capture/trace.ts";
export { type CompileOptions, compile, compileInto, simplified, targetsOf } from "./compiler/compile.ts";
export { explain, multiplyAddsOf } from "./compiler/explain.ts";
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
} from "./compiler/kernels.ts";
export { type MemoryMap, memoryMapOf, type Piece, printMemoryMap, type ScratchPiece } from "./compiler/memory-map.ts";
export { Compilation, type StagedMethod, type StageOptions } from "./compiler/stages.ts";
export { Graph, type Signature } from "./graph/graph.ts";
export {
  type Forward,
  type MethodGraphs,
  type Methods,
  methodsOf,
  programName,
  type SignaturesOf,
} from "./graph/method-graphs.ts";
export {
  type ArrayOf,
  bounded,
  byteLength,
  type Dimension,
  largestSize,
  newArray,
  showDimension,
  showTensorType,
  staticShape,
  sym,
  type TensorType,
  type TypedArray,
  tensorType,
} from "./graph/tensor-type.ts";
export { optionsText, type RecordedGraph, type RecordedModel, recordModels } from "./import/recorded.ts";
export { disagreement } from "./interpreters/disagreement.ts";
export { type ArraysOf, Interpreter } from "./interpreters/interpreter.ts";
export { LoopInterpreter } from "./interpreters/loop-interpreter.ts";
export {
  type Builder,
  type Nd,
  type Operator,
  type OperatorDefinition,
  operator,
  operators,
} from "./operators/index.ts";
export {
  type Artifact,
  acceptWeights,
  artifactFile,
  graphOf,
  openArtifact,
  readArtifact,
  requireArtifactSize,
  save,
} from "./program/artifact.ts";
export { checkArtifact } from "./program/check-artifact.ts";
export { type Layer, type LayerOptions, type Layers, measureLayers, printLayers } from "./program/layers.ts";
export { type Manifest, manifestSchema } from "./program/manifest.ts";
export { measureMachine, type Peak } from "./program/peak.ts";
export { type LoadOptions, load, Program } from "./program/program.ts";
export type { Method } from "./program/program-method.ts";
