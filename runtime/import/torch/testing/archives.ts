// Small archives of TorchScript for tests: source, and the attributes of the object that was saved.
import { type Zippable, zipSync } from "fflate";
import type { TypedArray } from "../../../graph/tensor-type.ts";

/** A tensor of an attribute; several of one `storage` share its elements. */
export interface TestTensor {
  readonly shape: readonly number[];
  readonly data: TypedArray;
  readonly strides?: readonly number[];
  readonly offset?: number;
  readonly storage?: string;
}

/** Packed weights of a convolution over planes: bytes with a scale for each output, as version 2 of their serialisation has them. */
export interface TestConvolution {
  readonly numbers: readonly number[];
  readonly weight: TestTensor;
  readonly scales: readonly number[];
  readonly bias: TestTensor;
}

type Attribute = TestTensor | TestConvolution | number | boolean | string | null | readonly number[];

const storageNames: { readonly [array: string]: string } = {
  Float32Array: "FloatStorage",
  Float64Array: "DoubleStorage",
  BigInt64Array: "LongStorage",
  Int32Array: "IntStorage",
  Int16Array: "ShortStorage",
  Int8Array: "QInt8Storage",
  Uint8Array: "BoolStorage",
};

const text = (value: string): string =>
  `X${Buffer.from(Uint32Array.of(value.length).buffer).toString("latin1")}${value}`;
const integers = (...values: readonly number[]): string => `(${values.map((value) => `I${value}\n`).join("")}t`;

/** Strides of elements in row-major order. */
const rowMajor = (shape: readonly number[]): number[] =>
  shape.map((_, at) => shape.slice(at + 1).reduce((product, size) => product * size, 1));

/** The file of an object of class `__torch__.M`, whose source is `code/__torch__.py`, of a version of the format. */
export function torchFile(
  source: string,
  attributes: { readonly [name: string]: Attribute } = {},
  version = 10,
): Uint8Array {
  const files: Zippable = {};
  const add = (name: string, data: Uint8Array | string): void => {
    files[`m/${name}`] = [typeof data === "string" ? Buffer.from(data, "latin1") : data, { level: 0 }];
  };
  const storages = new Map<string, TypedArray>();
  const stored = ({
    shape,
    data,
    strides = rowMajor(shape),
    offset = 0,
    storage = `s${storages.size}`,
  }: TestTensor): string => {
    storages.set(storage, data);
    const kind = storageNames[data.constructor.name]!;
    const id = `(${text("storage")}ctorch\n${kind}\n${text(storage)}${text("cpu")}I${data.length}\ntQ`;
    return `${id}I${offset}\n${integers(...shape)}${integers(...strides)}`;
  };
  const tensor = (given: TestTensor): string => `ctorch._utils\n_rebuild_tensor_v2\n(${stored(given)}I00\nNtR`;
  const vector = (data: TypedArray): string => tensor({ shape: [data.length], data });
  const convolution = ({ numbers, weight, scales, bias }: TestConvolution): string => {
    const zeros = new BigInt64Array(scales.length);
    const scheme = `(ctorch\nper_channel_affine\n${vector(Float64Array.from(scales))}${vector(zeros)}I0\nt`;
    const bytes = `ctorch._utils\n_rebuild_qtensor\n(${stored(weight)}${scheme}I00\nNtR`;
    const state = `(${text("2")}](${vector(Int16Array.from(numbers))}${bytes}e](${tensor(bias)}et`;
    return `c__torch__.torch.classes.quantized\nConv2dPackedParamsBase\n)\x81${state}b`;
  };
  const value = (given: Attribute): string => {
    if (given === null) return "N";
    if (typeof given === "boolean") return given ? "\x88" : "\x89";
    if (typeof given === "string") return text(given);
    if (typeof given === "number") return Number.isInteger(given) ? `I${given}\n` : `F${given}\n`;
    if ("scales" in given) return convolution(given);
    return "data" in given ? tensor(given) : `](${given.map((each) => `I${each}\n`).join("")}e`;
  };
  const items = Object.entries(attributes).map(([name, given]) => `${text(name)}${value(given)}`);
  add("data.pkl", `\x80\x02c__torch__\nM\n)\x81}(${items.join("")}ub.`);
  add("constants.pkl", "\x80\x02).");
  add("code/__torch__.py", source);
  add("version", `${version}\n`);
  for (const [key, data] of storages) add(`data/${key}`, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return zipSync(files);
}
