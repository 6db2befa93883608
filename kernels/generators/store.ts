// Stores a vector whose lanes lie a fixed distance apart.
import { add, extract, type KernelBuilder } from "../loop/build.ts";
import type { Buffer, Expression } from "../loop/ir.ts";

/** Writes `value` at base, base + step, …; neighbouring lanes in one store, others one by one. */
export function store(k: KernelBuilder, buffer: Buffer, base: Expression, step: number, value: Expression): void {
  const { lanes } = value.type;
  if (lanes === 1 || step === 1) {
    k.store(buffer, base, value);
    return;
  }
  const named = k.let(value);
  for (let lane = 0; lane < lanes; lane++) k.store(buffer, add(base, lane * step), extract(named, lane));
}
