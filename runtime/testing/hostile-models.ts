// Files that are no valid models any more, or not the models that they were: for tests of what reads them.
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { IsochronError } from "../../kernels/index.ts";
import { Compilation } from "../compiler/stages.ts";
import { modulesOf } from "../compiler/target-code.ts";
import { countOf, newArray } from "../graph/tensor-type.ts";
import { ModelProtoSchema } from "../import/onnx/format/onnx_pb.ts";
import { modelError } from "../import/onnx/import-error.ts";
import { OnnxModel } from "../import/onnx/model.ts";
import type { ModelPort } from "../import/onnx/ports.ts";
import type { ModelValue } from "../import/onnx/values/value.ts";

/** The data beside the models of tests, which have none. */
export const noFiles = (): never => {
  throw modelError("there is no data beside it");
};

/** The codes that errors about models may have. */
const allowed = /^((import|operator|tensor|trace|control|graph|file|program)\/|compile\/(bound|size)$)/;

/** "done", or the code of what was thrown; anything but an error in words is thrown on. */
export function outcomeOf(body: () => unknown): string {
  try {
    body();
    return "done";
  } catch (error) {
    if (error instanceof IsochronError && allowed.test(error.code)) return error.code;
    throw error;
  }
}

/** What comes of a file: whatever can be asked of a model, and its graph. */
export const graphOutcome = (bytes: Uint8Array): string =>
  outcomeOf(() => {
    const model = new OnnxModel(bytes, "hostile.onnx", noFiles);
    JSON.stringify([model.metadata, model.inputs, model.outputs, [...model.operators], model.unsupported]);
    return model.graph();
  });

/** What comes of a file on its way to code: the graph that it becomes, lowered to kernels, and their text. */
export const loweredOutcome = (bytes: Uint8Array): string =>
  outcomeOf(() => {
    return modulesOf(Compilation.of(new OnnxModel(bytes, "hostile.onnx", noFiles).graph()).code("x86-64-v3"));
  });

/** A value that an input takes, of ones. */
function ones({ dtype, shape = [], type }: ModelPort): ModelValue {
  const sizes = shape.map((size) => (typeof size === "number" ? size : 1));
  const count = countOf(sizes);
  if (!(count >= 0 && count <= 1e6)) return null;
  if (type.startsWith("string")) return { shape: sizes, data: new Array<string>(count).fill("a") };
  if (!dtype) return null;
  const data = newArray(dtype, count);
  return { dtype, shape: sizes, data: data.map(() => (typeof data[0] === "bigint" ? 1n : 1) as never) };
}

/** What comes of interpreting a file. */
export const interpretedOutcome = (bytes: Uint8Array): string =>
  outcomeOf(() => {
    const model = new OnnxModel(bytes, "hostile.onnx", noFiles);
    return model.interpret(Object.fromEntries(model.inputs.map((port) => [port.name, ones(port)])));
  });

/** A file with some bytes changed, and cut somewhere now and then. */
export const damaged = (bytes: Uint8Array): fc.Arbitrary<Uint8Array> =>
  fc
    .record({
      changes: fc.array(
        fc.record({ at: fc.nat(Math.max(0, bytes.length - 1)), byte: fc.integer({ min: 0, max: 255 }) }),
        {
          maxLength: 4,
        },
      ),
      length: fc.oneof(
        { weight: 3, arbitrary: fc.constant(bytes.length) },
        { weight: 1, arbitrary: fc.nat(bytes.length) },
      ),
    })
    .map(({ changes, length }) => {
      const copy = bytes.slice();
      for (const { at, byte } of changes) copy[at] = byte;
      return copy.subarray(0, length);
    });

const hostileIntegers = [
  0n,
  -1n,
  1n,
  2n,
  7n,
  255n,
  65_536n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 40n,
  2n ** 63n - 1n,
  -(2n ** 63n),
];
const hostileNumbers = [0, -1, 1, 2, 3, 7, 11, 16, 23, 24, 1000, 2 ** 31 - 1, -(2 ** 31)];
const hostileFloats = [0, -1, 1e-30, 1e30, Number.NaN, Number.POSITIVE_INFINITY];
const hostileTexts = ["", "__proto__", "constructor", "toString", "x", "y", "NOTSET", "\u0000", "a".repeat(1000)];

/** A place in a message where something stands that can be changed. */
interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

function placesIn(value: unknown, found: Place[] = []): Place[] {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return found;
  for (const [key, each] of Object.entries(value)) {
    if (key.startsWith("$")) continue;
    found.push({ holder: value as Record<string, unknown>, key });
    placesIn(each, found);
  }
  return found;
}

/** Changes what stands at a place to something of its kind. */
function change({ holder, key }: Place, choice: number, names: readonly string[]): void {
  const value = holder[key];
  const of = <T>(list: readonly T[]): T => list[choice % list.length]!;
  if (typeof value === "bigint") holder[key] = of(hostileIntegers);
  else if (typeof value === "number")
    holder[key] = of(key === "f" || key === "floats" ? hostileFloats : hostileNumbers);
  else if (typeof value === "string") holder[key] = of([...names, ...hostileTexts]);
  else if (value instanceof Uint8Array) holder[key] = value.slice(0, choice % (value.length + 1));
  else if (Array.isArray(value)) {
    const at = choice % Math.max(1, value.length);
    const changed = [value.toSpliced(at, 1), value.toReversed(), [...value, ...value], value.slice(0, 1), []];
    holder[key] = of(changed);
  } else if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else delete holder[key];
}

/** A file with some of its fields changed to others that such files can have. */
export const restructured = (bytes: Uint8Array): fc.Arbitrary<Uint8Array> =>
  fc.array(fc.record({ at: fc.nat(), choice: fc.nat(1000) }), { minLength: 1, maxLength: 4 }).map((changes) => {
    const model = fromBinary(ModelProtoSchema, bytes);
    const names = placesIn(model).flatMap(({ holder, key }) => (typeof holder[key] === "string" ? [holder[key]] : []));
    for (const { at, choice } of changes) {
      const places = placesIn(model.graph ?? model);
      const place = places[at % Math.max(1, places.length)];
      if (place) change(place, choice, names as string[]);
    }
    try {
      return toBinary(ModelProtoSchema, model);
    } catch {
      // What cannot be written cannot be read either.
      return bytes;
    }
  });
