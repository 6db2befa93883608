// What constants were made of is told from what kernels read, bit for bit: from other orders by themselves, from Winograd's sums with corrections.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Form, formed, formedShape, formSchema, restored, sourceCount } from "./forms.ts";
import { correctionsOf, throughSteps } from "./restored.ts";
import { bytesIn, countOf, newArray, type TypedArray } from "./tensor-type.ts";

const dtypes = ["i8", "f16", "f32", "f64"] as const;

/** Any bits at all, among them all kinds of NaN. */
function anyBits(dtype: (typeof dtypes)[number], count: number, seed: number): TypedArray {
  const data = newArray(dtype, count);
  const bytes = bytesIn(data);
  let state = seed;
  for (let at = 0; at < bytes.length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return data;
}

const whole = (max: number) => fc.integer({ min: 1, max });

/** Dimensions of up to three parts, which hold as much as the dimension or more. */
const arrangement: fc.Arbitrary<Form> = fc
  .array(fc.tuple(fc.array(whole(4), { minLength: 1, maxLength: 3 }), fc.nat(40)), { minLength: 1, maxLength: 4 })
  .chain((dimensions) => {
    const parts = dimensions.map(([each]) => each);
    const shape = dimensions.map(([each, less]) => Math.max(1, countOf(each) - (less % countOf(each))));
    const count = parts.flat().length;
    return fc
      .shuffledSubarray(
        Array.from({ length: count }, (_, at) => at),
        { minLength: count },
      )
      .map((order) => ({ kind: "arrangement" as const, shape, parts, order }));
  });

const factor: fc.Arbitrary<Form> = fc
  .record({ depth: whole(9), width: whole(8), more: fc.nat(30) })
  .map(({ depth, width, more }) => ({ kind: "factor" as const, depth, width, columns: width + more }));

const bitsIn = (data: TypedArray): number[] => [...bytesIn(data)];

describe("elements in another order", () => {
  it("are told bit for bit, whatever the dtype", () => {
    fc.assert(
      fc.property(fc.oneof(arrangement, factor), fc.constantFrom(...dtypes), fc.nat(), (form, dtype, seed) => {
        formSchema.parse(form);
        const data = anyBits(dtype, sourceCount(form), seed);
        const packed = formed(data, dtype, form);
        expect(packed.length).toBe(countOf(formedShape(form)));
        expect(bitsIn(restored(packed, dtype, form))).toEqual(bitsIn(data));
      }),
    );
  });

  it("lie where the parts of the dimensions say, with zeros where there are none", () => {
    const form: Form = { kind: "arrangement", shape: [3, 2], parts: [[2, 2], [2]], order: [0, 2, 1] };
    expect([...formed(Float32Array.of(1, 2, 3, 4, 5, 6), "f32", form)]).toEqual([1, 3, 2, 4, 5, 0, 6, 0]);
  });

  it.each<[string, unknown]>([
    ["parts that do not hold their dimension", { shape: [5], parts: [[2, 2]], order: [0, 1] }],
    ["a part that is there twice", { shape: [4], parts: [[2, 2]], order: [0, 0] }],
    ["a dimension without parts", { shape: [4, 1], parts: [[4]], order: [0] }],
  ])("are no form with %s", (_, given) => {
    expect(formSchema.safeParse({ kind: "arrangement", ...(given as object) }).success).toBe(false);
  });
});

describe("weights of Winograd's algorithm", () => {
  const kernels = 16 * 20;
  const special = fc.constantFrom(0, -0, Number.NaN, Infinity, -Infinity, 1e-45, -1e-40, 3.4e38, 1);
  /** Numbers of one size, with some of any kind among them. */
  const weights = fc
    .tuple(fc.nat(), fc.array(fc.tuple(fc.nat(kernels * 9 - 1), special), { maxLength: 8 }))
    .map(([seed, others]) => {
      const data = Float32Array.from({ length: kernels * 9 }, (_, at) => Math.sin(seed + at * at));
      for (const [at, value] of others) data[at] = value;
      return data;
    });

  it.each([2, 4] as const)("are told bit for bit from the sums of tiles of %i and their corrections", (tile) => {
    const form: Form = { kind: "winograd", outputs: 20, inputs: 16, tile };
    fc.assert(
      fc.property(weights, (data) => {
        const packed = formed(data, "f32", form);
        const { bytes, patches } = correctionsOf(restored(packed, "f32", form), data)!;
        const kept = new Uint8Array(5 + bytes.length);
        kept.set(bytes, 5);
        const told = (at: number) => throughSteps(packed, "f32", [{ form, corrections: { at, patches } }], kept);
        expect(bitsIn(told(5))).toEqual(bitsIn(data));
        expect(() => told(6)).toThrow("its data ends before");
      }),
      { numRuns: 40 },
    );
  });

  it("are kept as they are where corrections would take much of what they save", () => {
    const form: Form = { kind: "winograd", outputs: 20, inputs: 16, tile: 4 };
    const data = Float32Array.from({ length: kernels * 9 }, (_, at) => (at % 9 === 0 ? 1 : 1e-9));
    expect(correctionsOf(restored(formed(data, "f32", form), "f32", form), data)).toBeUndefined();
  });

  it("have a byte of correction for five elements of nine, and few patches", () => {
    const data = Float32Array.from({ length: 64 * 64 * 9 }, (_, at) => Math.sin(at * at));
    for (const tile of [2, 4] as const) {
      const form: Form = { kind: "winograd", outputs: 64, inputs: 64, tile };
      const corrections = correctionsOf(restored(formed(data, "f32", form), "f32", form), data)!;
      expect(corrections.patches).toBeLessThan(data.length / 50);
      expect(corrections.bytes.length).toBe(64 * 64 * 5 + 8 * corrections.patches);
    }
  });
});
