// Files of tensors: what others write is read, what is written is what others read, and nothing that is claimed is believed.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { IsochronError } from "../../kernels/index.ts";
import { loadTensors } from "./load-tensors.ts";
import { readTensors, saveTensors, tensorBytes } from "./safetensors.ts";

const folder = mkdtempSync(join(tmpdir(), "isochron-tensors-"));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (header: string, data: Uint8Array): Uint8Array => {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
};

// Written by safetensors 0.8.0: save({"b": arange(3, dtype=int16), "a": array([[1.5, -2]], float32)}, {"who": "me"}).
const theirs = Buffer.from(
  "90000000000000007b225f5f6d657461646174615f5f223a7b2277686f223a226d65227d2c2261223a7b226474797065223a22463332222c227368617065223a5b312c325d2c22646174615f6f666673657473223a5b302c385d7d2c2262223a7b226474797065223a22493136222c227368617065223a5b335d2c22646174615f6f666673657473223a5b382c31345d7d7d2020202020200000c03f000000c0000001000200",
  "hex",
);

const codeOf = (body: () => unknown): string => {
  try {
    body();
    return "nothing";
  } catch (error) {
    return error instanceof IsochronError ? `${error.code}: ${error.message}` : String(error);
  }
};

describe("files of tensors", () => {
  it("are read as safetensors writes them", () => {
    expect(readTensors("t", theirs)).toEqual({
      tensors: {
        a: { dtype: "f32", shape: [1, 2], data: Float32Array.of(1.5, -2) },
        b: { dtype: "i16", shape: [3], data: Int16Array.of(0, 1, 2) },
      },
      metadata: { who: "me" },
    });
  });

  it("are written byte by byte as safetensors writes them", () => {
    const { tensors, metadata } = readTensors("t", theirs);
    expect(Buffer.from(tensorBytes(tensors, metadata)).toString("hex")).toBe(theirs.toString("hex"));
  });

  it("keep every dtype and shape from saveTensors to loadTensors", async () => {
    const path = join(folder, "all.safetensors");
    const tensors = {
      none: { dtype: "f64", shape: [0, 3], data: new Float64Array() },
      one: { dtype: "bool", shape: [], data: Uint8Array.of(1) },
      wide: { dtype: "i64", shape: [2], data: BigInt64Array.of(-1n, 2n ** 62n) },
      half: { dtype: "bf16", shape: [1], data: Uint16Array.of(0x3f80) },
      small: { dtype: "f8e5m2", shape: [3], data: Uint8Array.of(1, 2, 3) },
    } as const;
    saveTensors(path, tensors, { key: "value" });
    expect(await loadTensors(path)).toEqual({ tensors, metadata: { key: "value" } });
    expect(readFileSync(path)[8]).toBe(0x7b);
  });

  it("never replace a file of another kind", () => {
    const path = join(folder, "notes.txt");
    writeFileSync(path, "keep me");
    expect(codeOf(() => saveTensors(path, {}))).toMatch(/^file\/exists/);
    expect(readFileSync(path, "utf8")).toBe("keep me");
  });

  it.each([
    ["is no file of tensors", new Uint8Array(4), /no safetensors file/],
    ["has a header of no end", Uint8Array.from([255, 255, 255, 255, 255, 255, 255, 127, 123]), /no safetensors file/],
    ["has no JSON in its header", file("[]", new Uint8Array()), /no JSON object/],
    [
      "names a dtype that nobody has",
      file('{"a":{"dtype":"F7","shape":[],"data_offsets":[0,4]}}', new Uint8Array(4)),
      /F7/,
    ],
    [
      "has fewer bytes than its shape",
      file('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', new Uint8Array(4)),
      /4 bytes, not 8/,
    ],
    [
      "claims bytes beyond its end",
      file('{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}', new Uint8Array(4)),
      /lies at bytes 0 to 9/,
    ],
    [
      "has tensors that share bytes",
      file(
        '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}',
        new Uint8Array(3),
      ),
      /lies at bytes 1 to 3/,
    ],
    [
      "has bytes that belong to none",
      file('{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}', new Uint8Array(3)),
      /1 bytes behind/,
    ],
    [
      "has a shape of absurd sizes",
      file('{"a":{"dtype":"U8","shape":[4503599627370496,4503599627370496],"data_offsets":[0,0]}}', new Uint8Array()),
      /0 bytes, not/,
    ],
  ])("are refused where one %s", (_, bytes, text) => {
    const found = codeOf(() => readTensors("t", bytes));
    expect(found).toMatch(/^tensors\/file/);
    expect(found).toMatch(text);
  });

  it("are read or refused, whatever bytes of theirs change", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(theirs.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.nat(theirs.length),
        (changes, length) => {
          const bytes = Uint8Array.from(theirs);
          for (const [at, value] of changes) bytes[at] = value;
          const found = codeOf(() => readTensors("t", bytes.subarray(0, length)));
          expect(found).toMatch(/^(nothing|tensors\/file)/);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
