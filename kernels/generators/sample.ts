// Sampling an image at computed positions, as a source that gathers.
import {
  add,
  and,
  broadcast,
  constant,
  convert,
  floor,
  fma,
  ge,
  le,
  load,
  lt,
  mul,
  ramp,
  select,
  sub,
} from "../loop/build.ts";
import type { Expression } from "../loop/ir.ts";
import { clamped } from "../loop/limit.ts";
import { fixed, type LaneIndex, type Source, type View } from "./access.ts";

/** What lies outside the image: zeros, or the nearest border pixel. */
export type Outside = "zeros" | "border";

/**
 * Bilinear samples of an f32 image [h, w] at pixel positions: element i is the image at (x[i], y[i]), pixel centres at integers.
 *
 * Plan: with fx, fy the fractions, top = fma(fx, b − a, a), bottom = fma(fx, d − c, c), result = fma(fy, bottom − top, top);
 * outside pixels are 0 or the border's. A NaN position samples position 0 with NaN weights, so gives NaN.
 */
export function bilinear(image: View, x: Source, y: Source, outside: Outside): Source {
  const [height, width] = image.shape as [number, number];
  return {
    scalar: "f32",
    shape: x.shape,
    at(at: readonly LaneIndex[], lanes: number): Expression {
      const sample = (position: Expression, size: number) => {
        const bounded = outside === "border" ? clamp(position, 0, size - 1) : clamp(position, -1, size);
        const low = floor(bounded);
        return { low: convert(low, "i64"), fraction: sub(bounded, low) };
      };
      const column = sample(x.at(at, lanes), width);
      const row = sample(y.at(at, lanes), height);
      const pixel = (dy: number, dx: number): Expression => {
        const r = add(row.low, dy);
        const c = add(column.low, dx);
        const inside = and(and(ge(r, 0), le(r, height - 1)), and(ge(c, 0), le(c, width - 1)));
        const nearest = (v: Expression, size: number) =>
          select(ge(v, 0), select(le(v, size - 1), v, splat(size - 1, lanes)), splat(0, lanes));
        const offset = add(
          add(mul(nearest(r, height), image.strides[0]!), mul(nearest(c, width), image.strides[1]!)),
          image.offset,
        );
        const value = load(image.buffer, offset);
        return outside === "border" ? value : select(inside, value, 0);
      };
      const top = fma(column.fraction, sub(pixel(0, 1), pixel(0, 0)), pixel(0, 0));
      const bottom = fma(column.fraction, sub(pixel(1, 1), pixel(1, 0)), pixel(1, 0));
      return fma(row.fraction, sub(bottom, top), top);
    },
  };
}

const splat = (value: number, lanes: number): Expression => constant("i64", value, lanes);

/** Compare-and-select; NaN stays NaN. */
const clamp = (value: Expression, low: number, high: number): Expression => {
  const raised = select(le(value, low), low, value);
  return select(ge(raised, high), high, raised);
};

/** Positions of a grid [..., 2] of (x, y): one coordinate as a source. */
export const coordinate = (grid: Source, which: 0 | 1): Source => ({
  scalar: grid.scalar,
  shape: grid.shape.slice(0, -1),
  at: (at, lanes) => grid.at([...at, fixed(which)], lanes),
});

/** 0, 1, 2, … along one dimension. */
export const counting = (scalar: Source["scalar"], shape: readonly number[], dimension: number): Source => ({
  scalar,
  shape,
  at(at, lanes) {
    const { base, step } = at[dimension]!;
    return convert(step === 0 || lanes === 1 ? broadcast(base, lanes) : ramp(base, step, lanes), scalar);
  },
});

/** Whether places along the first dimension of a shape, of so many, lie in front of a count, one i64. */
export const inFront = (count: Source, places: number, shape: readonly number[]): Source => ({
  scalar: "bool",
  shape,
  at([place], lanes) {
    const { base, step } = place!;
    const end = convert(clamped(count.at([], 1), places), "i32");
    const first = convert(base, "i32");
    if (step === 0 || lanes === 1) return broadcast(lt(first, end), lanes);
    const each = add(broadcast(first, lanes), convert(ramp(0, step, lanes), "i32"));
    return lt(each, broadcast(end, lanes));
  },
});
