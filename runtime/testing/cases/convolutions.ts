// Generated cases of what runs windows over planes: convolutions, pooling, resizing; and of products.
import fc from "fast-check";
import { floats, integers, type OperatorCase, size, small } from "./shapes.ts";

/** Images and factors are mostly floats. */
const pixels = fc.oneof(floats, floats, integers);

/** Windows over lines and volumes. */
const extents = fc.constantFrom(1, 3).chain((rank) => {
  const every = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: rank, maxLength: rank });
  return fc
    .record({
      dtype: pixels,
      c: small,
      sizes: every(rank === 1 ? fc.constantFrom(7, 33, 50) : fc.constantFrom(3, 5, 7)),
      size: rank === 1 ? every(fc.constantFrom(1, 2, 3, 40)) : every(fc.constantFrom(1, 2, 3, 4)),
      stride: every(small),
      dilation: every(fc.constantFrom(1, 1, 2)),
      before: every(fc.nat(2)),
      after: every(fc.nat(2)),
      ceil: fc.boolean(),
    })
    .filter(({ sizes, size, dilation }) => sizes.every((length, d) => dilation[d]! * (size[d]! - 1) < length))
    .map(({ dtype, c, sizes, before, after, ...window }) => {
      const most = (widths: readonly number[]) =>
        widths.map((width, d) => Math.min(width, window.dilation[d]! * (window.size[d]! - 1)));
      return {
        operands: [{ dtype, shape: [2, c, ...sizes] }],
        attributes: { ...window, before: most(before), after: most(after) },
      };
    });
});

const planes: fc.Arbitrary<OperatorCase> = fc
  .record({
    dtype: pixels,
    c: small,
    h: fc.constantFrom(7, 15),
    w: fc.constantFrom(7, 16, 33),
    size: fc.constantFrom([1, 2], [2, 2], [3, 3], [3, 2], [7, 7]),
    stride: fc.tuple(small, small),
    dilation: fc.constantFrom([1, 1], [1, 2], [2, 1]),
    padding: fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(2)),
    ceil: fc.boolean(),
  })
  .filter(({ size, dilation, w }) => dilation[1]! * (size[1]! - 1) < w)
  .filter(({ size, dilation, h }) => dilation[0]! * (size[0]! - 1) < h)
  .map(({ dtype, c, h, w, size, stride, dilation, padding: [top, left, bottom, right], ceil }) => {
    const most = (width: number, d: 0 | 1) => Math.min(width, dilation[d]! * (size[d]! - 1));
    return {
      operands: [{ dtype, shape: [1, c, h, w] }],
      attributes: {
        size,
        stride,
        dilation,
        before: [most(top, 0), most(left, 1)],
        after: [most(bottom, 0), most(right, 1)],
        ceil,
      },
    };
  });

/** Two of three are of planes. */
export const pool: fc.Arbitrary<OperatorCase> = fc.oneof(planes, planes, extents);

export const adaptivePool: fc.Arbitrary<OperatorCase> = fc
  .record({
    dtype: pixels,
    c: small,
    rank: fc.constantFrom(1, 2, 2, 3),
    plane: fc.tuple(fc.constantFrom(2, 3), fc.constantFrom(1, 5, 8), fc.constantFrom(3, 7, 16)),
    size: fc.tuple(fc.constantFrom(1, 2, 3), fc.constantFrom(1, 2, 3, 4, 7), fc.constantFrom(1, 2, 3, 5, 8)),
  })
  .map(({ rank, plane, size, ...rest }) => ({ ...rest, plane: plane.slice(3 - rank), size: size.slice(3 - rank) }))
  .map(({ dtype, c, plane, size }) => ({ operands: [{ dtype, shape: [2, c, ...plane] }], attributes: { size } }));

/** Images, sequences or rows of channels, with some operands of one element per channel. */
export const channelNorm = (least: number, most: number, attributes: (channels: number) => object) =>
  fc
    .record({
      dtype: floats,
      n: small,
      c: fc.constantFrom(1, 4, 6),
      rest: fc.constantFrom<number[]>([], [17], [3, 5], [2, 3, 4]),
      parameters: fc.integer({ min: least, max: most }),
    })
    .map(
      ({ dtype, n, c, rest, parameters }): OperatorCase => ({
        operands: [
          { dtype, shape: [n, c, ...rest] },
          ...Array.from({ length: parameters }, () => ({ dtype, shape: [c] })),
        ],
        attributes: attributes(c),
      }),
    );

export const contraction: fc.Arbitrary<OperatorCase> = fc
  .record({ dtype: pixels, batch: fc.constantFrom([], [2], [3, 1]), m: size, k: size, n: size, shared: fc.boolean() })
  .map(({ dtype, batch, m, k, n, shared }) => ({
    operands: [
      { dtype, shape: [...batch, m, k] },
      { dtype, shape: [...(shared ? [] : batch), k, n] },
    ],
    attributes: {},
  }));

export const convolution: fc.Arbitrary<OperatorCase> = fc
  .record({
    dtype: floats,
    groups: fc.constantFrom(1, 2),
    inner: small,
    outer: small,
    h: fc.constantFrom(5, 7),
    w: fc.constantFrom(5, 15, 16, 17, 33),
    kernel: fc.tuple(fc.constantFrom(1, 3), fc.constantFrom(1, 2, 3)),
    stride: fc.tuple(fc.constantFrom(1, 2), fc.constantFrom(1, 2)),
    dilation: fc.tuple(fc.constantFrom(1, 2), fc.constantFrom(1, 2)),
  })
  .map(({ dtype, groups, inner, outer, h, w, kernel, stride, dilation }) => ({
    operands: [
      { dtype, shape: [1, inner * groups, h, w] },
      { dtype, shape: [outer * groups, inner, ...kernel] },
    ],
    attributes: { stride, dilation, groups },
  }));

/** Convolutions over lines or volumes. */
export const convolutionOver = (rank: 1 | 3): fc.Arbitrary<OperatorCase> => {
  const every = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: rank, maxLength: rank });
  return fc
    .record({
      dtype: floats,
      groups: fc.constantFrom(1, 1, 2),
      inner: small,
      outer: small,
      extents: rank === 1 ? every(fc.constantFrom(5, 16, 33)) : fc.constantFrom([5, 5, 7], [6, 7, 16], [3, 5, 5]),
      kernel:
        rank === 1 ? every(fc.constantFrom(1, 2, 3)) : fc.constantFrom([1, 3, 3], [2, 3, 3], [3, 1, 2], [2, 2, 1]),
      stride: every(fc.constantFrom(1, 1, 2)),
      dilation: every(fc.constantFrom(1, 1, 2)),
    })
    .map(({ dtype, groups, inner, outer, extents: of, kernel, stride, dilation }) => ({
      operands: [
        { dtype, shape: [2, inner * groups, ...of] },
        { dtype, shape: [outer * groups, inner, ...kernel] },
      ],
      // A kernel that would be larger than the input has its taps beside each other.
      attributes: {
        stride,
        dilation: dilation.map((each, d) => (each * (kernel[d]! - 1) < of[d]! ? each : 1)),
        groups,
      },
    }));
};

export const transposedConvolution: fc.Arbitrary<OperatorCase> = fc
  .record({
    dtype: floats,
    groups: fc.constantFrom(1, 1, 2),
    inner: small,
    outer: fc.constantFrom(1, 2),
    h: fc.constantFrom(1, 4),
    w: fc.constantFrom(3, 8, 16),
    kernel: fc.constantFrom([1, 3], [2, 2], [3, 4], [3, 3], [1, 4]),
    stride: fc.constantFrom([1, 1], [1, 2], [2, 1], [2, 2], [1, 3]),
    dilation: fc.constantFrom([1, 1], [1, 2], [2, 3]),
    padding: fc.tuple(fc.nat(1), fc.nat(2)),
    extra: fc.tuple(fc.nat(2), fc.nat(2)),
  })
  .map(({ dtype, groups, inner, outer, h, w, kernel, stride, dilation, padding, extra }) => ({
    operands: [
      { dtype, shape: [1, inner * groups, h, w] },
      { dtype, shape: [inner * groups, outer, ...kernel] },
    ],
    attributes: {
      stride,
      dilation,
      padding: padding.map((width, d) =>
        Math.min(width, Math.floor((([h, w][d]! - 1) * stride[d]! + dilation[d]! * (kernel[d]! - 1)) / 2)),
      ),
      outputPadding: extra.map((width, d) => Math.min(width, Math.max(stride[d]!, dilation[d]!) - 1)),
      groups,
    },
  }));

/** Transposed convolutions over lines or volumes. */
export const transposedOver = (rank: 1 | 3): fc.Arbitrary<OperatorCase> => {
  const every = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: rank, maxLength: rank });
  return fc
    .record({
      dtype: floats,
      groups: fc.constantFrom(1, 1, 2),
      inner: small,
      outer: fc.constantFrom(1, 2),
      extents: every(rank === 1 ? fc.constantFrom(1, 5, 16) : fc.constantFrom(1, 2, 4)),
      kernel: every(small),
      stride: every(fc.constantFrom(1, 2, 3)),
      dilation: every(fc.constantFrom(1, 1, 2)),
      padding: every(fc.nat(2)),
      extra: every(fc.nat(2)),
    })
    .map(({ dtype, groups, inner, outer, extents: of, kernel, stride, dilation, padding, extra }) => ({
      operands: [
        { dtype, shape: [1, inner * groups, ...of] },
        { dtype, shape: [inner * groups, outer, ...kernel] },
      ],
      attributes: {
        stride,
        dilation,
        padding: padding.map((width, d) =>
          Math.min(width, Math.floor(((of[d]! - 1) * stride[d]! + dilation[d]! * (kernel[d]! - 1)) / 2)),
        ),
        outputPadding: extra.map((width, d) => Math.min(width, Math.max(stride[d]!, dilation[d]!) - 1)),
        groups,
      },
    }));
};

export const blockedConvolution: fc.Arbitrary<OperatorCase> = fc
  .record({
    channels: fc.constantFrom(1, 3, 16, 21, 32),
    outputs: fc.constantFrom(1, 2, 3),
    h: fc.constantFrom(5, 7),
    w: fc.constantFrom(5, 13, 16),
    kernel: fc.tuple(fc.constantFrom(1, 3), fc.constantFrom(1, 2, 3)),
    stride: fc.tuple(fc.constantFrom(1, 2), fc.constantFrom(1, 2)),
    dilation: fc.tuple(fc.constantFrom(1, 2), fc.constantFrom(1, 2)),
    layout: fc.constantFrom("blocked", "planar"),
    groups: fc.constantFrom(1, 1, 2, 3),
  })
  .map(({ channels, outputs, h, w, kernel, layout, groups, ...plan }) => {
    const blocks = Math.ceil(channels / 16);
    const window = [h, w, 16];
    if (groups > 1)
      return {
        operands: [
          { dtype: "f32", shape: [2, groups * blocks, ...window] },
          { dtype: "f32", shape: [groups * outputs, blocks, ...kernel, 16, 16] },
        ],
        attributes: { ...plan, channels: groups * blocks * 16, groups, layout: "blocked" },
      };
    return {
      operands: [
        { dtype: "f32", shape: layout === "planar" ? [2, channels, h, w] : [2, blocks, ...window] },
        { dtype: "f32", shape: [outputs, blocks, ...kernel, 16, 16] },
      ],
      attributes: { ...plan, channels, layout },
    };
  });

export const depthwise: fc.Arbitrary<OperatorCase> = fc
  .record({
    blocks: small,
    h: fc.constantFrom(5, 7),
    w: fc.constantFrom(5, 15, 16, 33),
    kernel: fc.constantFrom([3, 3], [1, 3], [5, 5]),
    stride: fc.tuple(fc.constantFrom(1, 2), fc.constantFrom(1, 2)),
    dilation: fc.constantFrom([1, 1], [1, 2]),
  })
  .filter(({ kernel, w, dilation }) => dilation[1]! * (kernel[1]! - 1) < w)
  .map(({ blocks, h, w, kernel, ...attributes }) => ({
    operands: [
      { dtype: "f32", shape: [1, blocks, h, w, 16] },
      { dtype: "f32", shape: [blocks, ...kernel, 16] },
    ],
    attributes,
  }));

export const winograd: fc.Arbitrary<OperatorCase> = fc
  .record({
    tile: fc.constantFrom(2, 4),
    inputs: small,
    outputs: small,
    rows: fc.constantFrom(1, 4, 7, 8),
    columns: fc.constantFrom(3, 4, 6, 13),
  })
  .map(({ inputs, outputs, ...attributes }) => {
    const { tile } = attributes;
    const reach = (size: number) => Math.ceil(size / tile) * tile + 2;
    return {
      operands: [
        { dtype: "f32", shape: [2, inputs, reach(attributes.rows), reach(attributes.columns), 16] },
        { dtype: "f32", shape: [(tile + 2) ** 2, outputs, inputs * 16, 16] },
      ],
      attributes,
    };
  });
/** Groups of a few channels: whose outputs divide a block, and inputs outputs. */
export const groupedConvolution: fc.Arbitrary<OperatorCase> = fc
  .record({
    sizes: fc.constantFrom([1, 1], [2, 2], [4, 4], [8, 8], [1, 2], [1, 16], [2, 4], [4, 8], [4, 16], [8, 16]),
    blocks: fc.constantFrom(1, 2, 3),
    h: fc.constantFrom(5, 7),
    w: fc.constantFrom(5, 13, 17),
    kernel: fc.tuple(fc.constantFrom(1, 3), fc.constantFrom(1, 2, 3)),
    stride: fc.tuple(fc.constantFrom(1, 2), fc.constantFrom(1, 2)),
    dilation: fc.tuple(fc.constantFrom(1, 2), fc.constantFrom(1, 2)),
  })
  .map(({ sizes: [inputs, outputs], blocks, h, w, kernel, ...plan }) => ({
    operands: [
      { dtype: "f32", shape: [2, Math.ceil((blocks * inputs!) / outputs!), h, w, 16] },
      { dtype: "f32", shape: [blocks, ...kernel, inputs!, 16] },
    ],
    attributes: { ...plan, inputs: inputs!, outputs: outputs! },
  }));
