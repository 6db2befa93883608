// Messages as values: the reader is held to the codec that feeds the executive, reader and writer to another implementation.
import { MessageReader, MessageWriter } from "@foxglove/rosmsg2-serialization";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { callNative, IsochronError, loadRuntime } from "../../kernels/index.ts";
import { Definitions } from "./definitions.ts";
import { message } from "./index.ts";
import { type Layout, layoutOf } from "./layout.ts";
import { messageReader } from "./read.ts";
import { messageWriter } from "./write.ts";

const native = z
  .object({
    decodeMessage: z.custom<(plan: string, bytes: Uint8Array) => Buffer>((value) => typeof value === "function"),
  })
  .parse(loadRuntime());
const runs = process.env.ISOCHRON_NIGHTLY === "1" ? 10_000 : 200;

const own = Definitions.common.with([
  {
    type: "lab_msgs/msg/All",
    text: [
      "wstring wide\nwstring<=3[<=2] wides\nstring<=4 short\nstring[] texts\nstd_msgs/Empty empty\nstd_msgs/Empty[2] empties",
      "bool flag\nbool[] flags\nbyte[3] bytes\nchar letter\nint8[] small\nuint16[<=3] middle\nint32[2] fixed\nuint64[] large",
      "float32[] reals\nfloat64 last\nbuiltin_interfaces/Time at\nbuiltin_interfaces/Duration[] spans\nlab_msgs/Part[<=2] parts",
    ].join("\n"),
  },
  { type: "lab_msgs/msg/Part", text: "uint8 kind\nfloat64[] values\nstring name" },
]);
/** All types but those of nothing but constants, which the other implementation neither reads nor writes. */
const types = [...own.ownTypes, ...own.allTypes].filter((type) => {
  const { definitions } = own.of(type);
  return definitions.length === 0 || definitions.some((each) => each.isConstant !== true);
});

/** What becomes of a message: its value, or the code and the text of what is wrong with it. */
function outcome(body: () => unknown): { value: unknown } | { code: string; message: string } {
  try {
    return { value: body() };
  } catch (error) {
    if (!(error instanceof IsochronError)) throw error;
    return { code: error.code, message: error.message };
  }
}

/** A value of a layout, as writers take it; texts are made of one letter. */
function randomValue(layout: Layout, draw: (most: number) => number, letter = "ü"): unknown {
  switch (layout.kind) {
    case "struct":
      return Object.fromEntries(
        layout.fields.map(({ name, layout: field }) => [name, randomValue(field, draw, letter)]),
      );
    case "number":
      if (layout.dtype === "bool") return draw(1) === 1;
      return layout.dtype.endsWith("64") && layout.dtype !== "f64" ? BigInt(draw(100)) : draw(100);
    case "string":
      return letter.repeat(draw(Math.min(9, (layout.most ?? 9) >> 1)));
    case "time":
      return { sec: draw(1000), nanosec: draw(999) };
    case "list": {
      const length = layout.length ?? draw(Math.min(3, layout.most ?? 3));
      return Array.from({ length }, () => randomValue(layout.element, draw, letter));
    }
  }
}

const hasWide = (layout: Layout): boolean => {
  if (layout.kind === "struct") return layout.fields.some((field) => hasWide(field.layout));
  return layout.kind === "list" ? hasWide(layout.element) : layout.kind === "string" && layout.wide;
};

const isTime = (type: string): boolean => layoutOf(type, own).kind === "time";

describe("messages as values", () => {
  it("of a big-endian sender are read as those of a little-endian one, lists of numbers of every size included", () => {
    const definitions = Definitions.common.with([
      { type: "lab_msgs/msg/Lists", text: "uint16[2] two\nfloat32[2] four\nfloat64[1] eight\nint64[1] large" },
    ]);
    const read = messageReader(layoutOf("lab_msgs/msg/Lists", definitions));
    const sent = (little: boolean) => {
      const bytes = new Uint8Array(4 + 32);
      const view = new DataView(bytes.buffer, 4);
      bytes[1] = little ? 1 : 0;
      view.setUint16(0, 258, little);
      view.setUint16(2, 772, little);
      view.setFloat32(4, 0.5, little);
      view.setFloat32(8, -3, little);
      view.setFloat64(16, 1e300, little);
      view.setBigInt64(24, -2n, little);
      return bytes;
    };
    const value = {
      two: Uint16Array.of(258, 772),
      four: Float32Array.of(0.5, -3),
      eight: Float64Array.of(1e300),
      large: BigInt64Array.of(-2n),
    };
    expect([read(sent(true)), read(sent(false))]).toEqual([value, value]);
  });

  it("are written and read as another implementation does, of every common type", () => {
    const known = types.filter((type) => !isTime(type) && !hasWide(layoutOf(type, own)));
    fc.assert(
      fc.property(fc.constantFrom(...known), fc.gen(), (type, gen) => {
        const layout = layoutOf(type, own);
        // The other implementation writes no letters beyond ASCII: it counts characters where bytes count.
        const value = randomValue(layout, (max) => gen(fc.integer, { min: 0, max }), "x");
        const bytes = messageWriter(layout)(value as object);
        expect(bytes).toEqual(new MessageWriter(own.closure(type)).writeMessage(value));
        const read = messageReader(layout)(bytes);
        expect(read).toEqual(new MessageReader(own.closure(type)).readMessage(bytes));
        // Typed arrays are written as they are read.
        expect(messageWriter(layout)(read as object)).toEqual(bytes);
        expect(messageWriter(layout)({})).toEqual(new MessageWriter(own.closure(type)).writeMessage({}));
      }),
      { numRuns: runs * 2 },
    );
  });

  it("come back as they were written, wide strings and types of nothing but constants among them", () => {
    fc.assert(
      fc.property(fc.constantFrom(...own.ownTypes, ...own.allTypes), fc.gen(), (type, gen) => {
        const layout = layoutOf(type, own);
        const bytes = messageWriter(layout)(randomValue(layout, (max) => gen(fc.integer, { min: 0, max })) as object);
        expect(messageWriter(layout)(messageReader(layout)(bytes) as object)).toEqual(bytes);
        const { plan } = message(type, {}).resolve(own);
        expect(callNative(() => native.decodeMessage(JSON.stringify(plan), bytes))).toHaveLength(0);
      }),
      { numRuns: runs * 2 },
    );
  });

  it("have defaults where nothing is given, and lists of fixed length as long as they are", () => {
    const definitions = Definitions.common.with([
      {
        type: "a/msg/A",
        text: 'uint8 level 0b101\nstring name "a # b"\nwstring wide ü\nint64[2] pair [1, -2]\nbool[2] flags',
      },
    ]);
    const layout = layoutOf("a/msg/A", definitions);
    const expected = { level: 5, name: "a # b", wide: "ü", pair: BigInt64Array.of(1n, -2n), flags: [false, false] };
    expect(messageReader(layout)(messageWriter(layout)({}))).toEqual(expected);
    expect(() => messageWriter(layout)({ pair: [1n] })).toThrow("a/msg/A.pair has 2 elements, not 1");
  });

  it("are taken and refused as the executive takes and refuses them, for the same reason, however bytes are changed and cut", () => {
    const change = fc.array(fc.tuple(fc.nat(200), fc.integer({ min: 0, max: 255 })), { maxLength: 3 });
    const anyType = fc.oneof(fc.constantFrom(...own.ownTypes), fc.constantFrom(...types));
    fc.assert(
      fc.property(anyType, fc.gen(), change, fc.nat(), (type, gen, changes, cut) => {
        const layout = layoutOf(type, own);
        const bytes = messageWriter(layout)(randomValue(layout, (max) => gen(fc.integer, { min: 0, max })) as object);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        const part = bytes.subarray(0, cut % 3 === 0 ? cut % (bytes.length + 1) : bytes.length);
        const { plan } = message(type, {}).resolve(own);
        const theirs = outcome(() => callNative(() => native.decodeMessage(JSON.stringify(plan), part)));
        const ours = outcome(() => messageReader(layout)(part));
        const told = ({ code, message: text }: { code: string; message: string }) => [code, text.replace(/, .*$/, "")];
        expect("value" in ours).toBe("value" in theirs);
        if (!("value" in ours) && !("value" in theirs)) expect(told(ours)).toEqual(told(theirs));
      }),
      { numRuns: runs * 5 },
    );
  });

  it("have wide characters, and texts that came without their zero", () => {
    const definitions = Definitions.common.with([
      { type: "a/msg/A", text: "wstring name\nstring text\nfloat32 value" },
    ]);
    const read = messageReader(layoutOf("a/msg/A", definitions));
    // Three characters of four bytes; a text of two bytes without a zero; a float.
    const bytes = Buffer.from(
      "0001000003000000610000006200000000f60100" + "02000000" + "6869" + "0000" + "0000803f",
      "hex",
    );
    expect(read(bytes)).toEqual({ name: "ab\u{1f600}", text: "hi", value: 1 });
    const big = Buffer.from("00000000" + "00000001" + "00000061" + "00000003" + "686900" + "00" + "3f800000", "hex");
    expect(read(big)).toEqual({ name: "a", text: "hi", value: 1 });
    const lone = Buffer.from("00010000" + "02000000" + "00d80000" + "ffffffff" + "00000000" + "0000803f", "hex");
    expect(read(lone)).toEqual({ name: "\ufffd\ufffd", text: "", value: 1 });
  });

  it("of types without fields take the byte that ROS 2 puts there, and show nothing", () => {
    const definitions = Definitions.common.with([{ type: "a/msg/A", text: "std_msgs/Empty empty\nint32 value" }]);
    expect(messageReader(layoutOf("std_msgs/msg/Empty", definitions))(Uint8Array.of(0, 1, 0, 0, 0))).toEqual({});
    expect(messageReader(layoutOf("a/msg/A", definitions))(Buffer.from("000100000000000007000000", "hex"))).toEqual({
      empty: {},
      value: 7,
    });
    expect(() => messageReader(layoutOf("std_msgs/msg/Empty", definitions))(Uint8Array.of(0, 1, 0, 0))).toThrow(
      expect.objectContaining({ code: "codec/truncated" }),
    );
  });

  it("do not begin with another encapsulation than CDR's", () => {
    const read = messageReader(layoutOf("std_msgs/msg/Float32", Definitions.common));
    for (const header of ["00020000", "00030000", "00060000", "000a0000", "01000000", "28b52ffd", "08000000"]) {
      expect(() => read(Buffer.from(`${header}0000803f`, "hex")), header).toThrow(
        expect.objectContaining({ code: "codec/header" }),
      );
    }
    expect(() => read(new Uint8Array())).toThrow("std_msgs/msg/Float32.header: the message ends after 0 bytes");
  });

  it("are refused in types of which a message would have no end", () => {
    const hollow = Definitions.common.with([
      { type: "a/msg/Hollow", text: "uint8[0] none" },
      { type: "a/msg/A", text: "Hollow[] hollows" },
    ]);
    expect(() => messageReader(layoutOf("a/msg/A", hollow))).toThrow(
      expect.objectContaining({ code: "message/unsupported-field" }),
    );
    const wide = Definitions.common.with(
      Array.from({ length: 30 }, (_, at) => ({
        type: `a/msg/T${at}`,
        text: at === 0 ? "uint8 x" : `T${at - 1} one\nT${at - 1} two`,
      })),
    );
    expect(() => layoutOf("a/msg/T29", wide)).toThrow(expect.objectContaining({ code: "message/too-many-fields" }));
  });
});
