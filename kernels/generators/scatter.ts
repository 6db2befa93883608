// Writes or accumulates slices at computed positions, in the order of the positions.
import { add, and, convert, ge, KernelBuilder, load, lt } from "../loop/build.ts";
import type { Buffer, Expression, Kernel } from "../loop/ir.ts";
import type { Target } from "../targets.ts";
import { addressOf, fixed, type LaneIndex, type Source } from "./access.ts";
import { type Destination, forEachOuter, lanesFor, mapKernel } from "./map.ts";
import { maximum, minimum } from "./reduce.ts";

/** What becomes of an element where an update arrives. */
export const scatterings = {
  set: (_, update) => update,
  add: (old, update) => add(old, update),
  max: maximum,
  min: minimum,
} as const satisfies { readonly [name: string]: (old: Expression, update: Expression) => Expression };

export type ScatterMode = keyof typeof scatterings;

/**
 * destination = x, then destination[…,positions[p],…] takes updates[…,p,…] along `axis`; positions outside take nothing.
 *
 * Plan: updates arrive one after the other in row-major order of the positions. Schedule: vectors along the innermost
 * dimension where that is not the axis.
 */
export function scatterKernel(
  name: string,
  buffers: readonly Buffer[],
  [x, positions, updates]: readonly [Source, Source, Source],
  axis: number,
  mode: ScatterMode,
  destination: Destination,
  target: Target,
): Kernel {
  const copy = mapKernel(name, buffers, [{ source: x, destination }], target);
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const { buffer } = destination;
  const size = x.shape[axis]!;
  const inner = x.shape.slice(axis + 1);
  const row = inner.at(-1) ?? 1;
  const lanes = lanesFor(target, x.scalar);
  forEachOuter(k, x.shape.slice(0, axis), (outer) =>
    forEachOuter(k, positions.shape, (place) => {
      const position = k.let(convert(positions.at(place, 1), "i64"));
      const update = (rest: readonly LaneIndex[], width: number) => {
        const { base } = addressOf(destination, [...outer, fixed(position), ...rest]);
        const at = k.let(base);
        const value = updates.at([...outer, ...place, ...rest], width);
        k.store(buffer, at, scatterings[mode](load(buffer, at, width), value));
      };
      const put = () => {
        if (inner.length === 0) update([], 1);
        else {
          forEachOuter(k, inner.slice(0, -1), (rest) => {
            // Each element once: an update that is repeated would count twice.
            const main = row - (row % lanes);
            if (main > 0) k.for(0, main, lanes, (i) => update([...rest, { base: i, step: 1 }], lanes));
            if (main < row) k.for(main, row, 1, (i) => update([...rest, fixed(i)], 1));
          });
        }
      };
      const known = position.kind === "constant" ? Number(position.value) : undefined;
      if (known === undefined) k.if(and(ge(position, 0), lt(position, size)), put);
      // One that is known now, and lies outside, must not be written down as an access.
      else if (known >= 0 && known < size) put();
    }),
  );
  return { name, buffers, body: [...copy.body, ...k.finish(name).body] };
}
