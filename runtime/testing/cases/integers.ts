// Generated cases of operators on bytes.
import fc from "fast-check";
import type { Dtype } from "../../../kernels/index.ts";
import { blockedConvolution, groupedConvolution } from "./convolutions.ts";
import { bytes, filledShape, type OperatorCase, size } from "./shapes.ts";

/** An operand, a scale and a zero point of it, one for all or one per channel. */
export const quantisation = (value: fc.Arbitrary<Dtype>, zero: (dtype: Dtype) => fc.Arbitrary<Dtype>) =>
  fc.tuple(value, filledShape).chain(([dtype, of]) =>
    fc
      .tuple(zero(dtype), fc.constantFrom<number[]>([], [1], of.slice(-1), [of.at(-2) ?? 1, 1]))
      .map(([type, parameters]) => ({
        operands: [
          { dtype, shape: of },
          { dtype: "f32" as Dtype, shape: parameters },
          { dtype: type, shape: parameters },
        ],
        attributes: {},
      })),
  );

export const requantisation: fc.Arbitrary<OperatorCase> = fc
  .record({
    of: filledShape,
    dtype: fc.constantFrom("u8", "i8"),
    zeroPoint: fc.constantFrom(0, 17, 127),
    low: fc.constantFrom(0, 3),
    biased: fc.boolean(),
  })
  .map(({ of, biased, ...attributes }) => ({
    operands: [
      { dtype: "i32", shape: of },
      ...(biased ? [of.slice(-1), []] : [of.slice(-1)]).map((each) => ({ dtype: "f32" as Dtype, shape: each })),
    ],
    attributes: { ...attributes, high: attributes.dtype === "u8" ? 255 : 127 },
  }));

/** Fields of bytes: their width, and where they begin. */
export const field: fc.Arbitrary<OperatorCase> = fc
  .record({ of: filledShape, bits: fc.constantFrom(2, 4), at: fc.constantFrom(0, 1) })
  .map(({ of, bits, at }) => ({ operands: [{ dtype: "u8", shape: of }], attributes: { bits, from: bits * at } }));

export const integerProduct: fc.Arbitrary<OperatorCase> = fc
  .record({ dtype: bytes, batch: fc.constantFrom([], [2], [3, 1]), m: size, k: size, n: size, shared: fc.boolean() })
  .map(({ dtype, batch, m, k, n, shared }) => ({
    operands: [
      { dtype, shape: [...batch, m, k] },
      { dtype: "i8", shape: [...(shared ? [] : batch), k, n] },
    ],
    attributes: {},
  }));

export const packedProduct: fc.Arbitrary<OperatorCase> = fc
  .record({
    dtype: bytes,
    batch: fc.constantFrom([], [2]),
    m: fc.constantFrom(1, 3, 17),
    k: fc.constantFrom(1, 3, 16, 33, 70),
    columns: fc.constantFrom(1, 7, 16, 37, 80),
  })
  .map(({ dtype, batch, m, k, columns }) => ({
    operands: [
      { dtype, shape: [...batch, m, k] },
      { dtype: "i8", shape: [Math.ceil(columns / 16), Math.ceil(k / 4), 16, 4] },
    ],
    attributes: { columns },
  }));

export const blockedIntegerConvolution: fc.Arbitrary<OperatorCase> = fc
  .tuple(bytes, blockedConvolution)
  .map(([dtype, each]) => {
    const { layout: _, ...attributes } = each.attributes as { readonly channels: number; readonly layout: string };
    const blocks = Math.ceil(attributes.channels / 16);
    const [n, , h, w] = each.operands[0]!.shape;
    const [o, inner, kh, kw] = each.operands[1]!.shape;
    return {
      operands: [
        { dtype, shape: [n!, blocks, h!, w!, 16] },
        { dtype: "i8", shape: [o!, inner!, kh!, kw!, 4, 16, 4] },
      ],
      attributes,
    };
  });
export const groupedIntegerConvolution: fc.Arbitrary<OperatorCase> = fc
  .tuple(bytes, groupedConvolution)
  .map(([dtype, { operands, attributes }]) => {
    const [o, kh, kw, inputs] = operands[1]!.shape as readonly number[];
    const width = inputs! % 4 === 0 ? 4 : 1;
    return {
      operands: [
        { dtype, shape: operands[0]!.shape },
        { dtype: "i8", shape: [o!, kh!, kw!, inputs! / width, 16, width] },
      ],
      attributes,
    };
  });
