// Generated cases of resizing.
import fc from "fast-check";
import { floats, integers, type OperatorCase } from "./shapes.ts";

const pixels = fc.oneof(floats, floats, integers);

/** What applies to every dimension of a case alike. */
const systems = fc.constantFrom(
  "halfPixel",
  "halfPixel",
  "halfPixelSymmetric",
  "pytorchHalfPixel",
  "alignCorners",
  "asymmetric",
  "cropAndResize",
);

export const resizing: fc.Arbitrary<OperatorCase> = fc
  .record({
    dtype: pixels,
    // One of four is resized along its first and its last dimension.
    along: fc.constantFrom("behind", "behind", "behind", "ends"),
    rank: fc.constantFrom(1, 2, 2, 2, 3),
    from: fc.tuple(fc.constantFrom(1, 2), fc.constantFrom(1, 3, 8), fc.constantFrom(2, 7, 16)),
    size: fc.tuple(fc.constantFrom(1, 3), fc.constantFrom(1, 3, 5, 16), fc.constantFrom(1, 7, 16, 33)),
    mode: fc.constantFrom("nearest", "linear", "cubic"),
    coordinates: systems,
    rounding: fc.constantFrom("floor", "ceil", "preferFloor", "preferCeil"),
    antialias: fc.boolean(),
    excludeOutside: fc.constantFrom(undefined, undefined, true, false),
    scaled: fc.boolean(),
    region: fc.tuple(fc.constantFrom(0, 0.25, -0.3), fc.constantFrom(1, 0.6, 1.2)),
    found: fc.constantFrom(undefined, "f32", "f64"),
  })
  .map(({ dtype, along, rank, from, size, antialias, excludeOutside, scaled, region, found, ...attributes }) => {
    const sizes = along === "ends" ? [size[1], size[2]] : size.slice(3 - rank);
    const shape = along === "ends" ? [3, 2, from[2]] : [1, 2, ...from.slice(3 - rank)];
    const crops = attributes.coordinates === "cropAndResize";
    return {
      operands: [
        { dtype, shape },
        ...(crops && found ? [0, 1].map(() => ({ dtype: found, shape: [sizes.length] })) : []),
      ],
      attributes: {
        ...attributes,
        size: sizes,
        axes: along === "ends" ? [0, 2] : [],
        ...(scaled ? { scales: sizes.map((each, d) => (each + 0.4) / shape.at(d - sizes.length)!) } : {}),
        ...(excludeOutside === undefined ? {} : { excludeOutside }),
        ...(crops ? { extrapolation: 7 } : {}),
        ...(crops && !found
          ? { region: { starts: sizes.map(() => region[0]), ends: sizes.map(() => region[1]) } }
          : {}),
        antialias: antialias && attributes.mode !== "nearest" && !crops,
      },
    };
  });
