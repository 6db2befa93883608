// Compiles one kernel and runs it on this machine, for tests of generators and of the emitter.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { callNative, loadRuntime, runnableTargets } from "../base/native.ts";
import { emitModule } from "../loop/emit.ts";
import type { Kernel } from "../loop/ir.ts";
import { type TargetName, target as targetOf } from "../targets.ts";

type RunKernel = (object: Buffer, symbol: string, buffers: readonly Uint8Array[], control?: number) => number;

const shape = z.object({
  runKernel: z.custom<RunKernel>((value) => typeof value === "function"),
});

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");

/** Runs a kernel on typed arrays, one per buffer, in place; returns the floating-point control bits found afterwards. */
export async function runNative(
  kernel: Kernel,
  arrays: readonly ArrayBufferView[],
  options: { readonly target?: TargetName; readonly control?: number; readonly cached?: boolean } = {},
): Promise<number> {
  const runtime = shape.parse(loadRuntime());
  const chosen = targetOf(options.target ?? runnableTargets()[0]!);
  const object = await chosen.backend.compile({
    modules: [{ name: kernel.name, text: emitModule([kernel], chosen) }],
    exports: [kernel.name],
    ...(options.cached === false ? {} : { cacheDir }),
  });
  const bytes = arrays.map((each) => new Uint8Array(each.buffer, each.byteOffset, each.byteLength));
  return callNative(() => runtime.runKernel(object, kernel.name, bytes, options.control));
}
