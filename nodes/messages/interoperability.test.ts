// Messages between @foxglove/rosmsg2-serialization and the native codec: every common type, random values, both ways.
import { MessageReader, MessageWriter } from "@foxglove/rosmsg2-serialization";
import fc from "fast-check";
import { PNG } from "pngjs";
import { describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { type Arithmetic, bytesOf, callNative, type Dtype, loadRuntime } from "../../kernels/index.ts";
import { newArray, staticShape, type TensorType, type TypedArray } from "../../runtime/index.ts";
import { layoutSlot } from "../../scheduler/index.ts";
import { Definitions } from "./definitions.ts";
import { imageEncodings } from "./encodings.ts";
import {
  compressedImage,
  field,
  fields,
  type InputSelection,
  image,
  message,
  outputPlan,
  type ResolvedMessage,
  stamp,
} from "./index.ts";
import { type Layout, layoutOf } from "./layout.ts";

const native = z
  .object({
    decodeMessage: z.custom<(plan: string, bytes: Uint8Array) => Buffer>((value) => typeof value === "function"),
    encodeMessage: z.custom<(plan: string, slot: Uint8Array, timeNs: number) => Buffer>(
      (value) => typeof value === "function",
    ),
  })
  .parse(loadRuntime());

const common = Definitions.common;
const runs = process.env.ISOCHRON_NIGHTLY === "1" ? 10_000 : 100;

/** All common types, but for those that the other side cannot read: nothing but constants. */
const types = common.allTypes.filter((type) => {
  const { definitions } = common.of(type);
  return definitions.length === 0 || definitions.some((each) => each.isConstant !== true);
});

/** A tensor of a slot. */
function tensorIn(slot: Uint8Array, offset: number, dtype: Dtype, length: number): TypedArray {
  const array = newArray(dtype, length);
  new Uint8Array(array.buffer).set(slot.subarray(offset, offset + length * bytesOf(dtype)));
  return array;
}

/** The tensors that the native codec makes of a message. */
function decode({ plan, fields: types }: ResolvedMessage, bytes: Uint8Array): Record<string, TypedArray> {
  const slot = callNative(() => native.decodeMessage(JSON.stringify(plan), bytes));
  const rows = Object.entries(types).map(([name, { dtype, shape }]) => {
    const sizes = staticShape(shape);
    return { name, dtype, shape: sizes, bytes: sizes.reduce((a, b) => a * b, bytesOf(dtype)) };
  });
  return Object.fromEntries(
    layoutSlot(rows).fields.map(({ name, dtype, bytes: size, offset }) => [
      name,
      tensorIn(slot, offset, dtype, size / bytesOf(dtype)),
    ]),
  );
}

type Draw = (options: { readonly min: number; readonly max: number }) => number;

const ranges: { readonly [d in Arithmetic]: readonly [number, number] } = {
  bool: [0, 1],
  i8: [-128, 127],
  u8: [0, 255],
  i16: [-32768, 32767],
  u16: [0, 65535],
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
  i64: [-(2 ** 53) + 1, 2 ** 53 - 1],
  u64: [0, 2 ** 53 - 1],
  f32: [-(2 ** 24), 2 ** 24],
  f64: [-(2 ** 53), 2 ** 53],
};

/** A random value of a layout, as writers take it; what a path names is noted with its dtype and numbers. */
function randomValue(layout: Layout, draw: Draw, path: string, noted: Map<string, Noted>): unknown {
  switch (layout.kind) {
    case "struct":
      return Object.fromEntries(
        layout.fields.map(({ name, layout: each }) => [
          name,
          randomValue(each, draw, path === "" ? name : `${path}.${name}`, noted),
        ]),
      );
    case "number": {
      const [min, max] = ranges[layout.dtype];
      const value = draw({ min, max });
      const exact = layout.dtype === "f64" || layout.dtype === "f32" ? value / 8 : value;
      const at = noted.get(path) ?? { dtype: layout.dtype, numbers: [] };
      at.numbers.push(layout.dtype === "f32" ? Math.fround(exact) : exact);
      noted.set(path, at);
      if (layout.dtype === "bool") return value === 1;
      return layout.dtype === "i64" || layout.dtype === "u64" ? BigInt(exact) : exact;
    }
    case "string":
      return "x".repeat(draw({ min: 0, max: 9 }));
    case "time":
      return { sec: draw({ min: -(2 ** 31), max: 2 ** 31 - 1 }), nanosec: draw({ min: 0, max: 999_999_999 }) };
    case "list": {
      const length = layout.length ?? draw({ min: 0, max: Math.min(3, layout.most ?? 3) });
      // A list is noted as its elements, indexed, so that each can be asked for by itself.
      return Array.from({ length }, (_, at) => randomValue(layout.element, draw, `${path}[${at}]`, noted));
    }
  }
}

interface Noted {
  readonly dtype: Arithmetic;
  readonly numbers: number[];
}

function expected(dtype: Dtype, numbers: readonly number[]): TypedArray {
  const array: TypedArray = newArray<Dtype>(dtype, numbers.length);
  numbers.forEach((value, at) => {
    if (array instanceof BigInt64Array || array instanceof BigUint64Array) array[at] = BigInt(value);
    else array[at] = value;
  });
  return array;
}

describe("the codec and @foxglove/rosmsg2-serialization", () => {
  it("agree on every number of random messages of every common type", () => {
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.gen(), (type, gen) => {
        const draw: Draw = (range) => gen(fc.integer, range);
        const noted = new Map<string, Noted>();
        const value = randomValue(layoutOf(type, common), draw, "", noted);
        const selections: Record<string, InputSelection> = {};
        for (const [path, { dtype }] of noted) {
          if (!path.includes("structure_needs")) selections[path] = field(path, { dtype });
        }
        const bytes = new MessageWriter(common.closure(type)).writeMessage(value);
        const found = decode(message(type, selections).resolve(), bytes);
        for (const path of Object.keys(selections)) {
          const { dtype, numbers } = noted.get(path)!;
          expect({ [path]: found[path] }).toEqual({ [path]: expected(dtype, numbers) });
        }
      }),
      { numRuns: runs * 3 },
    );
  });

  it("agree on whole lists, after strings and lists of any length, in tensors of several fields", () => {
    const names = fc.array(fc.string({ unit: "grapheme-ascii", maxLength: 12 }), { maxLength: 6 });
    const reals = (length: number) => fc.array(fc.double({ noNaN: true }), { minLength: length, maxLength: length });
    fc.assert(
      fc.property(names, reals(4), reals(4), (name, position, velocity) => {
        const value = { header: { stamp: { sec: 0, nanosec: 0 }, frame_id: "" }, name, position, velocity, effort: [] };
        const bytes = new MessageWriter(common.closure("sensor_msgs/msg/JointState")).writeMessage(value);
        const read = message("sensor_msgs/msg/JointState", {
          joints: fields(["position[*]", "velocity[*]"], { count: 4, dtype: "f64" }),
          single: field("velocity", { shape: [2, 2] }),
        }).resolve();
        expect(read.fields).toEqual({
          joints: { dtype: "f64", shape: [8] },
          single: { dtype: "f32", shape: [2, 2] },
        });
        expect(decode(read, bytes)).toEqual({
          joints: Float64Array.from([...position, ...velocity]),
          single: Float32Array.from(velocity),
        });
      }),
      { numRuns: runs },
    );
  });

  it("agree on what outputs write: random tensors come back from the reader, field by field", () => {
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.gen(), (type, gen) => {
        const draw: Draw = (range) => gen(fc.integer, range);
        const noted = new Map<string, Noted>();
        randomValue(layoutOf(type, common), draw, "", noted);
        // A sequence's elements are filled up to the greatest index; the placeholder of an empty message is nobody's.
        const filled = [...noted].filter(([path]) => !path.includes("structure_needs"));
        const { slotBytes, fields: rows } = layoutSlot(
          filled.map(([name, { dtype }]) => ({ name, dtype, shape: [], bytes: bytesOf(dtype) })),
        );
        const slot = new Uint8Array(slotBytes);
        for (const { name, dtype, offset } of rows) {
          slot.set(new Uint8Array(expected(dtype, noted.get(name)!.numbers).buffer), offset);
        }
        const plan = outputPlan(type, slotBytes, rows);
        const bytes = callNative(() => native.encodeMessage(JSON.stringify(plan), slot, 1_500_000_000));
        const reader = new MessageReader(common.closure(type));
        const value: unknown = reader.readMessage(bytes);
        expect(reader.lastReadHadTrailingBytes()).toBe(false);
        for (const [path, { numbers }] of filled) {
          const found = path
            .split(/[.[\]]+/)
            .filter((part) => part !== "")
            .reduce((at: unknown, part) => (at as Readonly<Record<string, unknown>>)[part], value);
          expect({ [path]: Number(found) }).toEqual({ [path]: numbers[0] });
        }
      }),
      { numRuns: runs * 3 },
    );
  });

  it("agree on images of every encoding, rows padded or not", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...imageEncodings),
        // Even, as planes of half the size ask for.
        fc.integer({ min: 1, max: 3 }).map((half) => 2 * half),
        fc.integer({ min: 1, max: 3 }).map((half) => 2 * half),
        fc.integer({ min: 0, max: 3 }),
        fc.boolean(),
        (encoding, height, width, padding, bigEndian) => {
          const { plan, fields: types } = image(encoding, [height, width]).resolve();
          const { dtype } = types.data;
          const rows = encoding.startsWith("nv") ? height * 1.5 : height;
          const row = plan.slotBytes / rows;
          const step = row + padding;
          const pixels = Uint8Array.from({ length: row * rows }, (_, at) => (at * 7 + 1) % 256);
          const data = new Uint8Array(step * rows);
          for (let y = 0; y < rows; y++) {
            const bytes = pixels.slice(y * row, (y + 1) * row);
            for (let at = 0; bigEndian && at < row; at += bytesOf(dtype))
              bytes.subarray(at, at + bytesOf(dtype)).reverse();
            data.set(bytes, y * step);
          }
          const value = { header: {}, height, width, encoding, is_bigendian: bigEndian ? 1 : 0, step, data };
          const bytes = new MessageWriter(common.closure("sensor_msgs/msg/Image")).writeMessage(value);
          const slot = callNative(() => native.decodeMessage(JSON.stringify(plan), bytes));
          expect(new Uint8Array(slot)).toEqual(pixels);
          const other = new MessageWriter(common.closure("sensor_msgs/msg/Image")).writeMessage({
            ...value,
            width: width + 1,
          });
          expect(() => callNative(() => native.decodeMessage(JSON.stringify(plan), other))).toThrow(
            expect.objectContaining({ code: "codec/value" }),
          );
        },
      ),
      { numRuns: runs },
    );
  });

  it("agree on compressed pictures, PNG as any encoder writes it, and name what is wrong with one", () => {
    const picture = new PNG({ width: 3, height: 2, colorType: 2 });
    picture.data.set(Array.from({ length: 24 }, (_, at) => (at % 4 === 3 ? 255 : at * 9)));
    const data = PNG.sync.write(picture, { colorType: 2 });
    const write = (bytes: Uint8Array) =>
      new MessageWriter(common.closure("sensor_msgs/msg/CompressedImage")).writeMessage({
        header: { stamp: { sec: 2, nanosec: 5 }, frame_id: "camera" },
        format: "png",
        data: bytes,
      });
    const frame = compressedImage("rgb8", [2, 3], { time: stamp() }).resolve();
    const { data: pixels, time } = decode(frame, write(data));
    expect(pixels).toEqual(Uint8Array.from(picture.data.filter((_, at) => at % 4 !== 3)));
    expect(time).toEqual(BigInt64Array.of(2_000_000_005n));
    expect(() => decode(frame, write(data.subarray(0, 40)))).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^picture\//) }),
    );
    expect(() => decode(compressedImage("rgb8", [3, 2]).resolve(), write(data))).toThrow(
      expect.objectContaining({ code: "picture/size", details: ["in sensor_msgs/msg/CompressedImage.data"] }),
    );
  });

  it("agree on pictures of 16 bits and on compressed depth, and tell depth that was quantised from depth that was not", () => {
    const picture = new PNG({
      width: 3,
      height: 2,
      bitDepth: 16,
      colorType: 0,
      inputHasAlpha: false,
      inputColorType: 0,
    });
    const levels = Uint16Array.of(0, 1, 255, 256, 1892, 65535);
    const data = PNG.sync.write(Object.assign(picture, { data: Buffer.from(levels.buffer) }), {
      bitDepth: 16,
      colorType: 0,
      inputColorType: 0,
      inputHasAlpha: false,
    });
    const write = (format: string, ...parts: readonly Uint8Array[]) =>
      new MessageWriter(common.closure("sensor_msgs/msg/CompressedImage")).writeMessage({
        header: { stamp: { sec: 2, nanosec: 5 }, frame_id: "camera" },
        format,
        data: Buffer.concat(parts),
      });
    for (const encoding of ["mono16", "16UC1"] as const) {
      const frame = compressedImage(encoding, [2, 3]).resolve();
      expectTypeOf(frame.fields.data).toEqualTypeOf<TensorType<"u16">>();
      expect(decode(frame, write(`${encoding}; png compressed `, data)).data).toEqual(levels);
      expect(decode(frame, write("16UC1; compressedDepth png", new Uint8Array(12), data)).data).toEqual(levels);
      expect(() => decode(frame, write("32FC1; compressedDepth png", new Uint8Array(12), data))).toThrow(
        'sensor_msgs/msg/CompressedImage.format is "32FC1; compressedDepth png", the application is built for anything but 32FC1',
      );
    }
    const header = Buffer.alloc(12);
    header.writeFloatLE(10_100, 4);
    header.writeFloatLE(-1009, 8);
    const frame = compressedImage("32FC1", [2, 3]).resolve();
    const distances = [1, 255, 256, 1892, 65535].map((level) => Math.fround(10_100 / (level + 1009)));
    expect(decode(frame, write("32FC1; compressedDepth png", header, data)).data).toEqual(
      Float32Array.of(Number.NaN, ...distances),
    );
    expect(() => decode(frame, write("16UC1; compressedDepth png", header, data))).toThrow("anything but 16UC1");
  });

  it("refuse a message that has another number of elements, naming the field", () => {
    const { plan } = message("sensor_msgs/msg/LaserScan", { ranges: field("ranges", { count: 3 }) }).resolve();
    const bytes = new MessageWriter(common.closure("sensor_msgs/msg/LaserScan")).writeMessage({ ranges: [1, 2] });
    expect(() => callNative(() => native.decodeMessage(JSON.stringify(plan), bytes))).toThrow(
      "sensor_msgs/msg/LaserScan.ranges has 2 elements, the application is built for 3",
    );
  });
});
