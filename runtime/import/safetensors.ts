// Tensors in safetensors files: read with every claim of the header checked, and written.
import { z } from "zod";
import { checkArgument, type Dtype, type FileKind, IsochronError, writeWhole } from "../../kernels/index.ts";
import { bytesIn, countOf, newArray, type TypedArray } from "../graph/tensor-type.ts";
import type { StoredTensors } from "./stored-tensors.ts";

/** The format's names of element types (safetensors 0.7). */
const dtypeNames: { readonly [name: string]: Dtype } = {
  BOOL: "bool",
  U8: "u8",
  I8: "i8",
  U16: "u16",
  I16: "i16",
  U32: "u32",
  I32: "i32",
  U64: "u64",
  I64: "i64",
  F16: "f16",
  BF16: "bf16",
  F32: "f32",
  F64: "f64",
  F8_E4M3: "f8e4m3fn",
  F8_E5M2: "f8e5m2",
  F8_E8M0: "f8e8m0",
};
const nameOf = (dtype: Dtype): string | undefined => Object.keys(dtypeNames).find((name) => dtypeNames[name] === dtype);

/** Headers are no longer, by the format. */
const mostHeader = 100_000_000;

const entry = z.strictObject({
  dtype: z.string(),
  shape: z.array(z.int().min(0)),
  data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
});

const invalid = (path: string, message: string): IsochronError =>
  new IsochronError("tensors/file", message, { place: path, help: "write it again, with safetensors or saveTensors" });

/** The header of a file, and where the elements begin. */
function headerOf(path: string, bytes: Uint8Array): { readonly header: Map<string, unknown>; readonly start: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length >= 8 ? Number(view.getBigUint64(0, true)) : -1;
  if (length < 2 || length > Math.min(mostHeader, bytes.length - 8)) throw invalid(path, "it is no safetensors file");
  const text = new TextDecoder().decode(bytes.subarray(8, 8 + length));
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed))
      return { header: new Map(Object.entries(parsed)), start: 8 + length };
  } catch {
    // Said below, as of everything else that is no object.
  }
  throw invalid(path, "its header is no JSON object");
}

/** The tensors of a file's bytes; `path` is where they come from, for errors. */
export function readTensors(path: string, bytes: Uint8Array): StoredTensors {
  const { header, start } = headerOf(path, bytes);
  const metadata = z.record(z.string(), z.string()).safeParse(header.get("__metadata__") ?? {});
  if (!metadata.success) throw invalid(path, "its metadata is not texts by name");
  header.delete("__metadata__");
  const rows = [...header].map(([name, given]) => {
    const parsed = entry.safeParse(given);
    if (!parsed.success) throw invalid(path, `tensor "${name}" has no dtype, shape and data_offsets`);
    return { name, ...parsed.data };
  });
  rows.sort((a, b) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1]);
  let end = 0;
  const tensors = rows.map(({ name, dtype: dtypeName, shape, data_offsets: [from, to] }) => {
    const dtype = Object.hasOwn(dtypeNames, dtypeName) ? dtypeNames[dtypeName] : undefined;
    if (!dtype) throw invalid(path, `tensor "${name}" is of dtype ${dtypeName}, which Isochron does not have`);
    const data: TypedArray = newArray<Dtype>(dtype, 0);
    const wanted = countOf(shape) * data.BYTES_PER_ELEMENT;
    if (from !== end || to < from || to > bytes.length - start)
      throw invalid(
        path,
        `tensor "${name}" lies at bytes ${from} to ${to}, where ${end} is next of ${bytes.length - start}`,
      );
    if (to - from !== wanted)
      throw invalid(path, `tensor "${name}" of ${dtype}[${shape}] has ${to - from} bytes, not ${wanted}`);
    end = to;
    const own = bytes.slice(start + from, start + to);
    const copy = new Uint8Array(own);
    const Kind = data.constructor as new (buffer: ArrayBuffer) => TypedArray;
    return [name, { dtype, shape, data: new Kind(copy.buffer) }] as const;
  });
  if (end !== bytes.length - start)
    throw invalid(path, `${bytes.length - start - end} bytes behind its tensors belong to none`);
  return { tensors: Object.fromEntries(tensors), metadata: metadata.data };
}

/** The bytes of a safetensors file: the widest elements first, so that all lie aligned. Throws `tensors/dtype`. */
export function tensorBytes(tensors: StoredTensors["tensors"], metadata: StoredTensors["metadata"] = {}): Uint8Array {
  const all = Object.entries(tensors).sort(
    ([a, { data: left }], [b, { data: right }]) =>
      right.BYTES_PER_ELEMENT - left.BYTES_PER_ELEMENT || (a < b ? -1 : Number(a > b)),
  );
  let end = 0;
  const rows = all.map(([name, { dtype, shape, data }]) => {
    const dtypeName = nameOf(dtype);
    if (dtypeName === undefined)
      throw new IsochronError("tensors/dtype", `tensor "${name}" is ${dtype}, which safetensors does not have`, {
        help: "cast it first",
      });
    if (data.length !== countOf(shape))
      throw new IsochronError("tensors/count", `tensor "${name}" of ${dtype}[${shape}] has ${data.length} elements`, {
        help: `give it ${countOf(shape)}`,
      });
    const from = end;
    end += data.byteLength;
    return [name, { dtype: dtypeName, shape, data_offsets: [from, end] }] as const;
  });
  const described = Object.fromEntries([
    ...(Object.keys(metadata).length > 0 ? [["__metadata__", metadata] as const] : []),
    ...rows,
  ]);
  const text = new TextEncoder().encode(JSON.stringify(described));
  const header = new Uint8Array(Math.ceil((8 + text.length) / 8) * 8).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true);
  header.set(text, 8);
  const bytes = new Uint8Array(header.length + end);
  bytes.set(header);
  for (const [at, [, { data }]] of all.entries())
    bytes.set(bytesIn(data), header.length + rows[at]![1].data_offsets[0]!);
  return bytes;
}

/** Files of tensors, told by the length of a header that is an object. */
export const tensorsFile: FileKind = {
  name: "a safetensors file",
  begins: (start) => start.length >= 9 && start[8] === 0x7b,
};

/**
 * Writes tensors into a safetensors file, whole or not at all; a file of tensors that stands there is replaced.
 *
 * Throws `file/exists`, `file/write`, and `tensors/dtype` for a dtype that the format does not have.
 */
export function saveTensors(
  path: string,
  tensors: StoredTensors["tensors"],
  metadata: StoredTensors["metadata"] = {},
): void {
  checkArgument("tensors", "saveTensors", "path", z.string().min(1).describe("a text: the file's path"), path);
  checkArgument(
    "tensors",
    "saveTensors",
    "tensors",
    z
      .record(
        z.string(),
        z.object({ dtype: z.string(), shape: z.array(z.int().min(0)), data: z.custom(ArrayBuffer.isView) }),
      )
      .describe("tensors by name: { x: { dtype, shape, data } }"),
    tensors,
  );
  writeWhole(path, tensorBytes(tensors, metadata), tensorsFile);
}
