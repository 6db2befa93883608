// Elements of tensors that lie in files beside the model.
import { closeSync, openSync, readSync, realpathSync, statSync } from "node:fs";
import { dirname, isAbsolute, relative, resolve, sep } from "node:path";
import { fileError } from "../../../kernels/index.ts";
import type { TensorProto } from "./format/onnx_pb.ts";
import { modelError } from "./import-error.ts";
import type { ExternalData } from "./tensor-data.ts";

/** A whole number that the file gives as a text. */
function wholeNumber(tensor: string, key: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw modelError(`tensor "${tensor}": its external data has the ${key} "${text}"`);
}

/** Reads what lies beside the model of a path, in its folder and nowhere else, links followed. */
export const externalData =
  (model: string): ExternalData =>
  ({ name, externalData: entries }: TensorProto) => {
    const given = new Map(entries.map(({ key, value }) => [key, value]));
    const location = given.get("location");
    if (location === undefined || location === "" || isAbsolute(location))
      throw modelError(`tensor "${name}": its external data lies at ${JSON.stringify(location ?? "")}`);
    const folder = realpathSync(dirname(model));
    const named = resolve(folder, location);
    let path: string;
    let size: number;
    try {
      path = realpathSync(named);
      const found = statSync(path);
      if (!found.isFile()) throw modelError(`tensor "${name}": ${named} is no file`);
      size = found.size;
    } catch (cause) {
      throw fileError("read", named, cause);
    }
    const inside = relative(folder, path);
    if (inside === ".." || inside.startsWith(`..${sep}`) || isAbsolute(inside))
      throw modelError(
        `tensor "${name}": its external data lies outside of the model's folder, at ${location}`,
        "put the data beside the model",
      );
    const offset = wholeNumber(name, "offset", given.get("offset")) ?? 0;
    const length = wholeNumber(name, "length", given.get("length")) ?? size - offset;
    if (offset + length > size || length < 0)
      throw modelError(`tensor "${name}": ${named} has ${size} bytes, and not ${length} from byte ${offset} on`);
    const bytes = new Uint8Array(length);
    const file = openSync(path, "r");
    try {
      for (let at = 0; at < length; ) {
        const read = readSync(file, bytes, at, Math.min(length - at, 2 ** 30), offset + at);
        if (read === 0) throw modelError(`tensor "${name}": ${named} became shorter while it was read`);
        at += read;
      }
    } finally {
      closeSync(file);
    }
    return bytes;
  };
