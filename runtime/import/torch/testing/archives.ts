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

type Attribute = TestTensor | number | boolean | string | null | readonly number[];

const storageNames: { readonly [array: string]: string } = {
  Float32Array: "FloatStorage",
  Float64Array: "DoubleStorage",
  BigInt64Array: "LongStorage",
  Int32Array: "IntStorage",
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
  const tensor = ({
    shape,
    data,
    strides = rowMajor(shape),
    offset = 0,
    storage = `s${storages.size}`,
  }: TestTensor): string => {
    storages.set(storage, data);
    const kind = storageNames[data.constructor.name]!;
    const id = `(${text("storage")}ctorch\n${kind}\n${text(storage)}${text("cpu")}I${data.length}\ntQ`;
    return `ctorch._utils\n_rebuild_tensor_v2\n(${id}I${offset}\n${integers(...shape)}${integers(...strides)}I00\nNtR`;
  };
  const value = (given: Attribute): string => {
    if (given === null) return "N";
    if (typeof given === "boolean") return given ? "\x88" : "\x89";
    if (typeof given === "string") return text(given);
    if (typeof given === "number") return Number.isInteger(given) ? `I${given}\n` : `F${given}\n`;
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
