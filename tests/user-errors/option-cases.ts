// Every function with options: how it is called, options that are right, and wrong values of each option by hand.
import { EMPTY, Observable } from "rxjs";
import { z } from "zod";
import {
  affineGrid,
  application,
  approximateTime,
  type BuildOptions,
  bernoulli,
  buildApplication,
  compile,
  constant,
  conv1d,
  conv2d,
  conv3d,
  convInteger,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  deformConv2d,
  dequantize,
  exactTime,
  field,
  fields,
  forLoop,
  generator,
  gridSample,
  gruCell,
  type LoopOptions,
  load,
  lstmCell,
  message,
  multinomial,
  nonMaxSuppression,
  numbers,
  ones,
  operator,
  quantize,
  rand,
  randn,
  resize,
  roiAlign,
  roiPool,
  runApplication,
  scaledDotProductAttention,
  type Tensor,
  tensorType,
  trace,
  whileLoop,
  zeros,
} from "../../launch/index.ts";
import { Compilation, measureLayers } from "../../launch/inspect.ts";
import { runApplication as runInTest } from "../../launch/testing.ts";
import { readMessageFiles } from "../../nodes/messages/index.ts";
import {
  checkRecordingName,
  createLiveExecutive,
  createVirtualExecutive,
  Federation,
  recordingForm,
  replay,
  runVirtual,
} from "../../sim/index.ts";
import { linalgCases } from "./linalg-option-cases.ts";
import { modelCases } from "./model-option-cases.ts";
import type { Given, OptionCase } from "./option-case.ts";

const calledGraph = trace(({ x }) => ({ y: x.neg() }), { x: tensorType("f32", []) }, { name: "called" });

const flag = ["yes", 1, null];
const whole = (least: number) => ["1", least - 1, least + 0.5, Number.NaN, null];
const plane = (least: number) => ["2", least - 1, Number.NaN, [1, 2, 3], null];
/** Of lines, planes and volumes. */
const extents = (least: number) => ["2", least - 1, Number.NaN, [], [1, 2, 3, 4], null];
const padding = [...plane(0).slice(1), "smae", ""];
const number = ["1", Number.NaN, null];
const choice = ["other", 5, null];
const dtype = ["float32", "f8", 5, null];
const tensorValue = [5, {}, new Float32Array(3)];
const callable = [5, "x", {}, null];
const text = ["", 5, null, {}];
const duration = ["soon", "-1ms", -1, 0.5, null];
const aboveZero = [...duration, 0, "0ms"];
const target = ["x86", "X86-64-V3", 5, null];
const signal = [5, {}, null];
const path = ["", 5, null, ["a"]];
const quality = ["fast", 5, { depth: 0 }, { reliability: "sure" }, null];

const one = trace(({ x }) => ({ y: x.mul(2) }), { x: tensorType("f32", []) }, { name: "one" });
const cacheDir = ".cache/kernels";
const artifact = await compile(one, { targets: ["x86-64-v3", "aarch64"], cacheDir });
const float = numbers("std_msgs/msg/Float32", { data: { field: "data", dtype: "f32" } });
const limits = { budget: "1ms", deadline: "5ms" };
type Builder = Parameters<Parameters<typeof application>[1]>[0];
const declared = (define: (app: Builder) => unknown) => application("test", (app) => void define(app));
const small = declared((app) => {
  const value = app.input("/value", float);
  app.task("double", one, { inputs: { x: value }, period: "10ms", budget: "1ms", deadline: "5ms" });
});
const built = await buildApplication(small, { targets: ["x86-64-v3", "aarch64"], cacheDir });
const executive = () => createVirtualExecutive(built.description, built.artifacts);

/** Calls something under trace, with the tensors of a network's layers. */
const traced = (body: (tensors: { readonly [name in keyof typeof shapes]: Tensor<"f32"> }) => unknown): void => {
  trace(
    (tensors) => {
      body(tensors);
      return { y: tensors.x.add(1) };
    },
    shapes,
    { name: "test" },
  );
};
const shapes = {
  x: tensorType("f32", [2, 3]),
  image: tensorType("f32", [1, 4, 8, 8]),
  kernel: tensorType("f32", [4, 4, 3, 3]),
  channels: tensorType("f32", [4]),
  grid: tensorType("f32", [5, 5, 2]),
  plane: tensorType("f32", [8, 8]),
  weights: tensorType("f32", [16, 3]),
  recurrent: tensorType("f32", [16, 4]),
  gates: tensorType("f32", [12, 3]),
  gated: tensorType("f32", [12, 4]),
  state: tensorType("f32", [2, 4]),
};

type Traced = Parameters<Parameters<typeof traced>[0]>[0];

/** An operator whose options stand last. */
const operatorCase = (
  call: (tensors: Traced, options: Given) => unknown,
  right: OptionCase["right"],
  wrong: OptionCase["wrong"],
): OptionCase => ({ area: "operator", call: (options) => traced((tensors) => call(tensors, options)), right, wrong });

const reduction = (name: "max" | "min"): OptionCase =>
  operatorCase(({ x }, options) => x[name]([0], options), { keepDims: true }, { keepDims: flag });
const inDtype = (name: "sum" | "mean" | "prod"): OptionCase =>
  operatorCase(
    ({ x }: { readonly x: Tensor }, options) => x[name]([0], options),
    { keepDims: true, dtype: "f64" },
    { keepDims: flag, dtype },
  );
const truth = (name: "any" | "all"): OptionCase =>
  operatorCase(({ x }, options) => x.greater(0)[name]([0], options), { keepDims: true }, { keepDims: flag });
const spread = (name: "variance" | "std"): OptionCase =>
  operatorCase(
    ({ x }, options) => x[name]([0], options),
    { keepDims: true, correction: 0 },
    { keepDims: flag, correction: number },
  );
const running = (name: "cumsum" | "cumprod"): OptionCase =>
  operatorCase(
    ({ x }, options) => x[name](0, options),
    { exclusive: true, reverse: true },
    { exclusive: flag, reverse: flag },
  );
const poolRight = { stride: 2, padding: [1, 0], paddingAfter: 1, dilation: 1, ceil: true };
const poolWrong = {
  stride: extents(1),
  padding: extents(0),
  paddingAfter: extents(0),
  dilation: extents(1),
  ceil: flag,
};
const normWrong = { scale: tensorValue, shift: tensorValue, epsilon: number };
const convolutionWrong = {
  stride: plane(1),
  paddingAfter: plane(0),
  dilation: plane(1),
  groups: whole(1),
  convolution: choice,
  bias: tensorValue,
};
const cell = { inputBias: tensorValue, hiddenBias: tensorValue, input: tensorValue, hidden: tensorValue };
const fieldWrong = { dtype, count: whole(0), most: whole(0), shape: [5, "x", [-1], [1.5], null] };
const stream = new Observable<{ header: unknown }>();
const match = { stamp: callable, depth: whole(1), drops: [5, {}, null], resets: [5, {}, null] };

/** By the names under which options are declared. */
export const optionCases: Readonly<Record<string, OptionCase>> = {
  trace: {
    area: "trace",
    call: (options) => trace(({ x }) => ({ y: x.add(1) }), { x: tensorType("f32", []) }, options),
    right: { name: "g" },
    wrong: { name: text },
  },
  "the call of a graph": {
    area: "trace",
    call: (options) =>
      trace(({ x }) => ({ y: calledGraph({ x }, options).y }), { x: tensorType("f32", []) }, { name: "g" }),
    right: { name: "net" },
    wrong: { name: text },
  },
  ...modelCases,
  compile: {
    area: "compile",
    call: (options) => compile(one, options),
    right: {
      targets: ["aarch64"],
      cacheDir,
      dimensions: {},
      convolution: "direct",
      signal: new AbortController().signal,
    },
    wrong: {
      targets: [[], ["x86"], "aarch64", 5, null],
      dimensions: [5, "n", null],
      cacheDir: path,
      signal,
      convolution: choice,
      grain: [5, "fine", null],
      schedules: [5, "x", null],
    },
  },
  load: {
    area: "program",
    call: (options) => load(artifact, options),
    right: { threads: 2 },
    wrong: { target, threads: whole(1) },
  },
  measureLayers: {
    area: "program",
    call: (options) => measureLayers(artifact, options),
    right: { method: "forward", budgetMs: 0, peak: async () => undefined },
    wrong: { method: text, target, budgetMs: [-1, "5ms", null, Number.NaN], peak: callable },
  },
  operator: {
    area: "operator",
    call: (options) => operator(options),
    right: {
      name: "cubeRoot",
      attributes: z.strictObject({}),
      infer: ([x]: readonly unknown[]) => x,
      evaluate: () => undefined,
      errorUlp: 1,
      lowering: { kind: "interpreted", why: "it is a test" },
    },
    wrong: {
      name: text,
      attributes: [5, {}, null],
      infer: callable,
      evaluate: callable,
      errorUlp: [-1, "1", null],
      moves: [false, "yes", 1, null],
      axes: [5, "all", {}, null],
      bounded: callable,
      known: callable,
      magnitude: callable,
      lowering: [5, "pointwise", {}, null],
    },
  },
  cast: operatorCase(
    ({ x }, options) => x.cast("f8e8m0", options),
    { saturate: false, rounding: "down" },
    { saturate: flag, rounding: choice },
  ),
  sum: inDtype("sum"),
  mean: inDtype("mean"),
  prod: inDtype("prod"),
  max: reduction("max"),
  min: reduction("min"),
  any: truth("any"),
  all: truth("all"),
  variance: spread("variance"),
  std: spread("std"),
  logSumExp: operatorCase(({ x }, options) => x.logSumExp([0], options), { keepDims: true }, { keepDims: flag }),
  cumsum: running("cumsum"),
  cumprod: running("cumprod"),
  ...linalgCases,
  sort: operatorCase(({ x }, options) => x.sort(0, options), { descending: true }, { descending: flag }),
  argsort: operatorCase(({ x }, options) => x.argsort(0, options), { descending: true }, { descending: flag }),
  topK: operatorCase(({ x }, options) => x.topK(1, 0, options), { largest: false }, { largest: flag }),
  nonzero: operatorCase(({ x }, options) => x.nonzero(options), { atMost: 1 }, { atMost: whole(1) }),
  unique: operatorCase(({ x }, options) => x.unique(options), { atMost: 1 }, { atMost: whole(1) }),
  compress: operatorCase(
    ({ x }, options) => x.compress(x.greater(0).any([1]), 0, options),
    { atMost: 1 },
    { atMost: whole(1) },
  ),
  maskedSelect: operatorCase(
    ({ x }, options) => x.maskedSelect(x.greater(0), options),
    { atMost: 1 },
    { atMost: whole(1) },
  ),
  nonMaxSuppression: operatorCase(
    (_, options) => nonMaxSuppression(ones("f32", [2, 4]), ones("f32", [2]), options as never),
    { iouThreshold: 0.5, scoreThreshold: 0.1, limit: 1, atMost: 1 },
    { iouThreshold: number, scoreThreshold: number, limit: whole(1), atMost: whole(1) },
  ),
  gatherND: operatorCase(
    ({ x }, options) => x.gatherND(constant([0], "i64"), options),
    { batchDims: 0 },
    { batchDims: whole(0) },
  ),
  elu: operatorCase(({ x }, options) => x.elu(options), { alpha: 2 }, { alpha: number }),
  gelu: operatorCase(({ x }, options) => x.gelu(options), { approximate: "tanh" }, { approximate: choice }),
  softplus: operatorCase(
    ({ x }, options) => x.softplus(options),
    { beta: 2, threshold: 10 },
    { beta: number, threshold: number },
  ),
  pad: operatorCase(
    ({ x }, options) => x.pad([1, 1], [1, 1], options),
    { mode: "constant", value: 1 },
    { mode: choice, value: ["0", null, {}] },
  ),
  oneHot: operatorCase(({ x }, options) => x.cast("i32").oneHot(3, options), { dtype: "f32" }, { dtype }),
  maxPool: operatorCase(
    ({ image }, options) => {
      const pooled = image.maxPool(3, options as { readonly returnIndices: true });
      return pooled.values;
    },
    { ...poolRight, returnIndices: true },
    { ...poolWrong, returnIndices: flag },
  ),
  avgPool: operatorCase(
    ({ image }, options) => image.avgPool(3, options),
    { ...poolRight, dilation: 1, countPadding: false },
    { ...poolWrong, countPadding: flag },
  ),
  lpPool: operatorCase(({ image }, options) => image.lpPool(2, 3, options), poolRight, poolWrong),
  maxUnpool: operatorCase(
    ({ image }, options) => image.maxUnpool(image.cast("i64"), 2, options),
    { stride: 2, padding: 0, outputSize: [16, 16] },
    { stride: extents(1), padding: extents(0), outputSize: [5, [], [0, 1], null] },
  ),
  batchNorm: operatorCase(
    ({ image, channels }, options) => image.batchNorm(channels, channels, options),
    { epsilon: 1e-3 },
    normWrong,
  ),
  groupNorm: operatorCase(({ image }, options) => image.groupNorm(2, options), { epsilon: 1e-3 }, normWrong),
  instanceNorm: operatorCase(({ image }, options) => image.instanceNorm(options), { epsilon: 1e-3 }, normWrong),
  conv1d: operatorCase(
    ({ image, kernel }, options) =>
      conv1d(image.flatten().reshape([1, image.shape[1]!, -1]), kernel.slice([], [], [0, 1]).squeeze(2), options),
    { stride: [2], padding: 1, paddingAfter: 0, dilation: 1, groups: 1, convolution: "direct" },
    { ...convolutionWrong, padding },
  ),
  conv3d: operatorCase(
    ({ image, kernel }, options) => conv3d(image.unsqueeze(2), kernel.unsqueeze(2), options),
    { stride: [1, 2, 2], padding: "valid", dilation: 1, groups: 1, convolution: "direct" },
    {
      ...convolutionWrong,
      padding: ["2", -1, "smae", [1, 2]],
      stride: ["2", 0, [1, 2], null],
      paddingAfter: ["2", -1, [1, 2], null],
      dilation: ["2", 0, [1, 2, 3, 4], null],
    },
  ),
  conv2d: operatorCase(
    ({ image, kernel }, options) => conv2d(image, kernel, options),
    { stride: 2, padding: 1, paddingAfter: [0, 1], dilation: 1, groups: 1, convolution: "direct" },
    { ...convolutionWrong, padding },
  ),
  deformConv2d: operatorCase(
    ({ image, kernel }, options) => deformConv2d(image, ones("f32", [1, 18, 4, 4]), kernel, options),
    { stride: 2, padding: 1, paddingAfter: 1, dilation: 1 },
    {
      stride: plane(1),
      padding: plane(0),
      paddingAfter: plane(0),
      dilation: plane(1),
      bias: tensorValue,
      mask: tensorValue,
    },
  ),
  convTranspose1d: operatorCase(
    ({ image, kernel }, options) =>
      convTranspose1d(
        image.flatten().reshape([1, image.shape[1]!, -1]),
        kernel.slice([], [], [0, 1]).squeeze(2),
        options,
      ),
    { stride: [2], padding: 1, paddingAfter: 0, outputPadding: 1, groups: 1 },
    { ...convolutionWrong, padding: plane(0), outputPadding: plane(0) },
  ),
  convTranspose3d: operatorCase(
    ({ image, kernel }, options) => convTranspose3d(image.unsqueeze(2), kernel.unsqueeze(2), options),
    { stride: [1, 2, 2], padding: [0, 1, 1], dilation: 1, groups: 1 },
    {
      ...convolutionWrong,
      padding: ["2", -1, "same", [1, 2]],
      outputPadding: ["2", -1, [1, 2]],
      stride: ["2", 0, [1, 2], null],
      paddingAfter: ["2", -1, [1, 2], null],
      dilation: ["2", 0, [1, 2, 3, 4], null],
    },
  ),
  convTranspose2d: operatorCase(
    ({ image, kernel }, options) => convTranspose2d(image, kernel, options),
    { stride: 2, padding: 1, outputPadding: 1, groups: 1 },
    { ...convolutionWrong, padding: plane(0), outputPadding: plane(0) },
  ),
  convInteger: operatorCase(
    ({ image, kernel }, options) => convInteger(image.cast("u8"), kernel.cast("i8"), options),
    { stride: 1, padding: "same", zeroPoint: 3, weightZeroPoint: -1 },
    {
      stride: extents(1),
      padding: [...extents(0).slice(1), "smae"],
      paddingAfter: extents(0),
      dilation: extents(1),
      groups: whole(1),
      zeroPoint: ["1", null, {}],
      weightZeroPoint: ["1", null, {}],
    },
  ),
  scaledDotProductAttention: operatorCase(
    ({ x }, options) => scaledDotProductAttention(x, x, x, options),
    { causal: true, scale: 0.5 },
    { mask: tensorValue, causal: flag, scale: number },
  ),
  whileLoop: operatorCase(
    ({ x }, options) =>
      whileLoop(
        (each) => each.sum().less(0),
        (each) => each,
        x,
        options as LoopOptions,
      ),
    { atMost: 3 },
    { atMost: whole(1) },
  ),
  forLoop: operatorCase(
    ({ x }, options) => forLoop(2, (_, each) => each, x, options as LoopOptions),
    { atMost: 3 },
    { atMost: whole(1) },
  ),
  resize: operatorCase(
    ({ image }, options) => resize(image, [4, 4], options),
    {
      mode: "cubic",
      coordinates: "cropAndResize",
      cubic: -0.5,
      antialias: false,
      axes: [2, 3],
      region: { starts: [0, 0], ends: [1, 1] },
    },
    {
      mode: choice,
      coordinates: choice,
      rounding: choice,
      cubic: number,
      antialias: flag,
      axes: [5, [0.5], null],
      scales: [2, [0], ["2"], null],
      excludeOutside: flag,
      region: [5, {}, { starts: [0] }, null],
      extrapolation: ["1", null],
    },
  ),
  affineGrid: operatorCase(
    ({ x }, options) => affineGrid(x.reshape([1, 2, 3]), [1, 1, 4, 4], options),
    { alignCorners: true },
    { alignCorners: flag },
  ),
  gridSample: operatorCase(
    ({ plane: picture, grid }, options) => gridSample(picture, grid, options),
    { mode: "nearest", outside: "border", coordinates: "normalized", alignCorners: true },
    { mode: choice, outside: choice, coordinates: choice, alignCorners: flag },
  ),
  generator: operatorCase(
    ({ x }, options) => x.add(randn([3], { generator: generator(options) })),
    { seed: 3, name: "noise" },
    { seed: whole(0), name: text, counter: tensorValue },
  ),
  rand: {
    ...operatorCase(
      (_, options) => rand([3], { generator: generator(), ...(options as object) }),
      { dtype: "f64" },
      { dtype, generator: [5, {}, null] },
    ),
    merges: true,
  },
  randn: {
    ...operatorCase(
      (_, options) => randn([3], { generator: generator(), ...(options as object) }),
      { dtype: "bf16" },
      { dtype, generator: [5, {}, null] },
    ),
    merges: true,
  },
  bernoulli: {
    ...operatorCase(
      ({ x }, options) => bernoulli(x, { generator: generator(), ...(options as object) }),
      { dtype: "bool" },
      { dtype, generator: [5, {}, null] },
    ),
    merges: true,
  },
  multinomial: {
    ...operatorCase(
      ({ x }, options) => multinomial(x, 2, { generator: generator(), ...(options as object) }),
      { replacement: true },
      { replacement: flag, generator: [5, {}, null] },
    ),
    merges: true,
  },
  roiAlign: operatorCase(
    ({ image }, options) => roiAlign(image, zeros("f32", [2, 4]), 2, options),
    { spatialScale: 0.5, samplingRatio: 2, aligned: true, mode: "max", atMost: 4 },
    {
      spatialScale: ["1", null],
      images: tensorValue,
      samplingRatio: whole(0),
      aligned: flag,
      mode: choice,
      atMost: plane(1),
    },
  ),
  roiPool: operatorCase(
    ({ image }, options) => roiPool(image, zeros("f32", [2, 4]), 2, options),
    { spatialScale: 0.5 },
    { spatialScale: ["1", null], images: tensorValue },
  ),
  quantize: operatorCase(
    ({ x }, options) => quantize(x, [1, 2, 3], [0, 0, 0], "f8e5m2", options),
    { axis: 1, precision: "f16", saturate: false },
    { axis: ["1", 0.5, null, []], precision: choice, saturate: flag },
  ),
  dequantize: operatorCase(
    ({ x }, options) => dequantize(x.cast("i8"), [1, 2, 3], 0, options),
    { axis: 1, dtype: "bf16" },
    { axis: ["1", 0.5, null, []], dtype: choice },
  ),
  lstmCell: {
    ...operatorCase(
      ({ x, state, weights, recurrent }, options) =>
        lstmCell(x, { h: state, c: state }, { input: weights, hidden: recurrent, ...(options as object) }),
      {},
      cell,
    ),
    merges: true,
  },
  "the state of lstmCell": {
    ...operatorCase(
      ({ x, state, weights, recurrent }, options) =>
        lstmCell(x, { h: state, c: state, ...(options as object) }, { input: weights, hidden: recurrent }),
      {},
      { h: tensorValue, c: tensorValue },
    ),
    merges: true,
  },
  gruCell: {
    ...operatorCase(
      ({ x, state, gates, gated }, options) =>
        gruCell(x, state, { input: gates, hidden: gated, ...(options as object) }),
      {},
      cell,
    ),
    merges: true,
  },
  readMessageFiles: {
    area: "message",
    call: (options) => readMessageFiles(".", options),
    right: {},
    onlyWrong: true,
    wrong: { package: text },
  },
  field: {
    area: "message",
    call: (options) => field("ranges[*]", options),
    right: { dtype: "f64", most: 5, shape: [5] },
    wrong: fieldWrong,
  },
  fields: {
    area: "message",
    call: (options) => fields(["a", "b"], options),
    right: { dtype: "f64", count: 5 },
    wrong: fieldWrong,
  },
  message: {
    area: "message",
    call: (options) => message("std_msgs/msg/Float32", { data: field("data") }, options),
    right: { expect: { data: 1 } },
    wrong: { expect: [5, "data", { data: {} }, { data: null }, null] },
  },
  numbers: {
    area: "message",
    call: (options) => numbers("std_msgs/msg/Float32", { data: options }),
    right: { field: "data", dtype: "f32" },
    wrong: { field: path.slice(1), dtype: [...dtype, undefined] },
  },
  exactTime: {
    area: "stream",
    call: (options) => exactTime({ a: stream, b: stream }, options),
    right: { stamp: () => 0, depth: 3 },
    wrong: match,
  },
  approximateTime: {
    area: "stream",
    call: (options) => approximateTime({ a: stream, b: stream }, options),
    right: { slop: "5ms", stamp: () => 0, depth: 3 },
    wrong: { ...match, slop: duration },
  },
  "app.messages": {
    area: "application",
    call: (options) => declared((app) => app.messages(".", options)),
    right: {},
    onlyWrong: true,
    wrong: { package: text },
  },
  "app.input": {
    area: "application",
    call: (options) => declared((app) => app.input("/value", float, options)),
    right: { latency: "5ms", quality: { depth: 3, deadline: "1s" } },
    wrong: { latency: duration, quality },
  },
  "app.parameter": {
    area: "application",
    call: (options) => declared((app) => app.parameter("gain", "f32", 0.5, options)),
    right: { min: 0, max: 1, description: "how much" },
    wrong: { min: [Number.NaN, "0", null], max: [Number.NaN, "1", null], description: text },
  },
  "app.transform": {
    area: "application",
    call: (options) => declared((app) => app.transform("map", "base", options)),
    right: { dtype: "f64" },
    wrong: { dtype: ["i32", 32, null] },
  },
  "app.publish": {
    area: "application",
    call: (options) => declared((app) => app.publish("/said", "std_msgs/msg/Float32", stream, options)),
    right: { quality: "default" },
    wrong: { quality },
  },
  "app.action": {
    area: "application",
    call: (options) =>
      declared((app) => app.action("/count", "example_interfaces/action/Fibonacci", () => EMPTY, options)),
    right: { accept: () => true },
    wrong: { accept: [true, null] },
  },
  "app.client": {
    area: "application",
    call: (options) => declared((app) => app.client("/reset", "std_srvs/srv/Trigger", options)),
    right: { timeout: "1s" },
    wrong: { timeout: duration },
  },
  "app.output": {
    area: "application",
    call: (options) =>
      declared((app) => {
        const value = app.input("/value", float);
        const task = app.task("double", one, { inputs: { x: value }, period: "10ms", budget: "1ms", deadline: "5ms" });
        app.output("/double", "std_msgs/msg/Float32", task.outputs, { y: "data" }, options);
      }),
    right: { quality: "latched", send: "completion" },
    wrong: { quality, send: choice },
  },
  "app.source": {
    area: "application",
    call: (options) => declared((app) => app.source(stream, float, options)),
    right: { latency: 0, topic: "/fed" },
    wrong: { latency: duration, topic: text },
  },
  "app.chain": {
    area: "application",
    call: (options) =>
      declared((app) => {
        const value = app.input("/value", float);
        const task = app.task("double", one, { inputs: { x: value }, period: "10ms", budget: "1ms", deadline: "5ms" });
        app.chain("through", [value, task], options);
      }),
    right: { budget: "20ms", maxAge: "30ms" },
    wrong: { budget: aboveZero, maxAge: aboveZero },
  },
  "app.task": {
    area: "application",
    call: (options) =>
      declared((app) => {
        const value = app.input("/value", float);
        const own = options as { readonly inputs?: unknown };
        const { inputs = { x: value } } = own;
        app.task("double", one, { ...own, inputs } as Given);
      }),
    merges: true,
    right: { ...limits, method: "forward", period: "10ms", phase: "1ms", priority: 98, core: 0, onOverrun: "skip" },
    wrong: {
      inputs: [5, "x", null],
      method: text,
      period: aboveZero,
      phase: duration,
      on: ["/value", 5, {}, null],
      minInterval: aboveZero,
      tolerance: duration,
      early: choice,
      budget: [...aboveZero, undefined],
      deadline: [...aboveZero, undefined],
      priority: [...whole(1), 99],
      core: [...whole(0), 1024],
      onOverrun: choice,
    },
  },
  buildApplication: {
    area: "application",
    call: (options) => buildApplication(small, options),
    right: { targets: ["aarch64"], cacheDir, onProgram: () => undefined } satisfies BuildOptions,
    wrong: { targets: [[], ["x86"], "aarch64", null], cacheDir: path, signal, onProgram: callable },
  },
  "Compilation.of": {
    area: "compile",
    call: (options) => Compilation.of(one, options),
    right: { dimensions: {}, convolution: "direct" },
    wrong: { dimensions: [5, "n", null], convolution: ["fft", null] },
  },
  "testing.runApplication": {
    area: "testing",
    call: (options) => runInTest(small, options),
    right: { duration: "20ms", cacheDir },
    wrong: { duration: ["soon", 0, null], cacheDir: path, signal },
  },
  runApplication: {
    area: "run",
    call: (options) => runApplication(small, options),
    right: { duration: "20ms", cacheDir, epochNs: 5n },
    wrong: {
      log: path,
      stamp: choice,
      rate: [0, -1, "2", null],
      transport: [5, "rclnodejs", null],
      simTime: flag,
      topicName: callable,
      parameters: [5, "gain", { gain: "high" }, null],
      world: flag,
      realtime: flag,
      duration: aboveZero,
      epochNs: [5, "5", -1n, 2n ** 63n, null],
      record: path,
      replace: flag,
      compress: ["gzip", "", null],
      split: [5, null],
      keep: [5, null],
      last: aboveZero,
      missLimit: whole(1),
      report: path,
      datagrams: [5, "udp://127.0.0.1:7400", { "/value": 5 }, null],
      stall: [5, "x", [5], null],
      target,
      cacheDir: path,
      signal,
      onStart: callable,
      onMessage: callable,
      onObserverError: callable,
      onWarning: callable,
    },
  },
  createVirtualExecutive: {
    area: "run",
    call: (options) => createVirtualExecutive(built.description, built.artifacts, options),
    right: { faults: [{ task: 0, every: 2, durationNs: 5 }], keyframeEveryNs: 1e9 },
    wrong: {
      faults: [5, [{ task: 0 }], [{ task: 0, every: 0, durationNs: 1 }], null],
      replay: [5, "x", null],
      keyframeEveryNs: whole(1),
      target,
    },
  },
  createLiveExecutive: {
    area: "run",
    call: (options) => createLiveExecutive(built.description, built.artifacts, options),
    right: { faults: [{ task: 0, every: 2, durationNs: 5 }], realtime: false },
    wrong: { faults: [5, [{ task: 0 }], [{ task: 0, every: 0, durationNs: 1 }], null], target, realtime: flag },
  },
  Federation: {
    area: "run",
    call: (options) => new Federation(built.description, executive(), options),
    right: { followUpNs: 5 },
    wrong: {
      world: [5, "hill", null],
      streams: [5, {}, null],
      feed: [5, {}, null],
      parameters: [5, "gain", { gain: "high" }, null],
      link: [5, {}, null],
      followUpNs: [-1, "1s", null],
      onObserverError: callable,
      watch: callable,
    },
  },
  "runVirtual, runLive": {
    area: "run",
    call: (options) => runVirtual(new Federation(built.description, executive(), {}), 1, options),
    right: { onEvents: () => undefined, epochNs: 5n },
    wrong: { onEvents: callable, onBegin: callable, epochNs: [5, "5", null], signal, watch: callable },
  },
  checkRecordingName: {
    area: "recording",
    call: (options) => checkRecordingName("not-there.mcap", options),
    right: { replace: true },
    wrong: { replace: flag, compression: ["gzip", "", null], split: [5, null], keep: [5, null], last: aboveZero },
  },
  recordingForm: {
    area: "recording",
    call: (options) => recordingForm(options),
    right: { split: "1GB", keep: "20GB" },
    wrong: { split: [5, null], keep: [5, null], last: aboveZero },
  },
  replay: {
    area: "replay",
    call: (options) => replay({} as Given, options),
    right: {},
    onlyWrong: true,
    wrong: { artifacts: [5, "x", [5], null], target, from: duration, to: duration, onProgress: callable, signal },
  },
};
