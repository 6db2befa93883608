// Generated cases of what samples images at computed positions.
import fc from "fast-check";
import { floats, type OperatorCase, small } from "./shapes.ts";

/** Images and grids of every mode; as many pixels as keep chains of positions short. */
export const sampling: fc.Arbitrary<OperatorCase> = fc
  .record({
    dtype: floats,
    n: fc.constantFrom(1, 2),
    c: fc.constantFrom(1, 3),
    plane: fc.tuple(small, fc.constantFrom(1, 4, 7)),
    out: fc.tuple(small, fc.constantFrom(3, 16)),
    mode: fc.constantFrom("bilinear", "nearest", "bicubic"),
    outside: fc.constantFrom("zeros", "border", "reflection"),
    coordinates: fc.constantFrom("pixels", "normalized"),
    alignCorners: fc.boolean(),
  })
  .map(({ dtype, n, c, plane, out, ...attributes }) => ({
    operands: [
      { dtype, shape: [n, c, ...plane] },
      { dtype, shape: [n, ...out, 2] },
    ],
    attributes,
  }));

/** Volumes and grids of the modes that PyTorch has, and few elements: every sample reads eight. */
export const volumeSampling: fc.Arbitrary<OperatorCase> = fc
  .record({
    dtype: floats,
    c: fc.constantFrom(1, 2),
    volume: fc.tuple(fc.constantFrom(1, 2), fc.constantFrom(1, 3), fc.constantFrom(2, 3)),
    out: fc.tuple(fc.constantFrom(1, 2), fc.constantFrom(1, 5)),
    mode: fc.constantFrom("bilinear", "nearest", "nearest"),
    outside: fc.constantFrom("zeros", "border", "reflection"),
    coordinates: fc.constantFrom("pixels", "normalized"),
    alignCorners: fc.boolean(),
  })
  .map(({ dtype, c, volume, out, ...attributes }) => ({
    operands: [
      { dtype, shape: [1, c, ...volume] },
      { dtype, shape: [1, ...out, 1, 3] },
    ],
    attributes,
  }));

/** Deformable convolutions: distances in one or more groups, with and without a mask. */
export const deformedConvolution: fc.Arbitrary<OperatorCase> = fc
  .record({
    dtype: floats,
    n: fc.constantFrom(1, 2),
    groups: fc.constantFrom(1, 2),
    offsetGroups: fc.constantFrom(1, 2),
    outer: fc.constantFrom(1, 2),
    plane: fc.tuple(fc.constantFrom(1, 3), fc.constantFrom(2, 5)),
    kernel: fc.constantFrom([1, 1], [2, 2], [2, 1], [1, 2]),
    stride: fc.tuple(fc.constantFrom(1, 2), fc.constantFrom(1, 2)),
    dilation: fc.tuple(fc.constantFrom(1, 2), fc.constantFrom(1, 2)),
    before: fc.tuple(fc.nat(1), fc.nat(1)),
    after: fc.tuple(fc.nat(1), fc.nat(1)),
    masked: fc.boolean(),
  })
  .map(({ dtype, n, groups, offsetGroups, outer, plane, kernel, masked, ...attributes }) => {
    const { before, after, dilation, stride } = attributes;
    const out = plane.map((size, d) => {
      const padded = size + before[d]! + after[d]! - dilation[d]! * (kernel[d]! - 1);
      return Math.max(1, Math.floor((padded - 1) / stride[d]!) + 1);
    });
    const samples = kernel[0]! * kernel[1]! * offsetGroups;
    return {
      operands: [
        { dtype, shape: [n, 2, ...plane] },
        { dtype, shape: [n, 2 * samples, ...out] },
        { dtype, shape: [outer * groups, 2 / groups, ...kernel] },
        ...(masked ? [{ dtype, shape: [n, samples, ...out] }] : []),
      ],
      attributes,
    };
  })
  .filter(({ operands: [x, , w], attributes: { before, after, dilation } }) =>
    [0, 1].every((d) => x!.shape[d + 2]! + before[d]! + after[d]! > dilation[d]! * (w!.shape[d + 2]! - 1)),
  );
