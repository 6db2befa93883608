// The runtime's door: tensor types, capture, the graph, compilation, artifacts and programs.
export { readArchive, writeArchive } from "./archive.ts";
export {
  type Artifact,
  hashOf,
  type Manifest,
  manifestSchema,
  openArtifact,
  readArtifact,
  save,
  writeWhole,
} from "./artifact.ts";
export { type CompileOptions, compile, explain } from "./compile.ts";
export { Graph, type Signature } from "./graph.ts";
export { type ArraysOf, Interpreter } from "./interpreter.ts";
export { load, Program } from "./program.ts";
export {
  type ConvolutionOptions,
  concat,
  constant,
  conv2d,
  gridSample,
  iota,
  type Operand,
  stack,
  Tensor,
  where,
} from "./tensor.ts";
export {
  type ArrayOf,
  bounded,
  byteLength,
  type Dimension,
  newArray,
  showTensorType,
  staticShape,
  sym,
  type TensorType,
  type TypedArray,
  tensor,
} from "./tensor-type.ts";
export { type StateTensor, state, trace } from "./trace.ts";
