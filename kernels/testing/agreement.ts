// Compares a kernel's compiled code with the interpreter bit for bit, for tests of generators and of the emitter.

import { runnableTargets } from "../base/native.ts";
import { isStored, typedArrays } from "../dtype.ts";
import { interpretKernel } from "../loop/interpret.ts";
import type { Buffer, Kernel, Scalar } from "../loop/ir.ts";
import { printKernel } from "../loop/print.ts";
import { usesDot } from "../loop/walk.ts";
import { numberOfStored } from "../stored.ts";
import { addsDotOnly, type TargetName } from "../targets.ts";
import { runNative } from "./native-kernel.ts";

/** A typed array that holds a buffer of that scalar; bool is one byte per element. */
export type ScalarArray = InstanceType<(typeof typedArrays)[Scalar]>;

/** A zeroed array of `length` elements. */
export const newArray = (scalar: Scalar, length: number): ScalarArray => new typedArrays[scalar](length);

const bytesOfArray = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

const copied = (scalar: Scalar, array: ArrayBufferView): ScalarArray => {
  const copy = newArray(scalar, array.byteLength / typedArrays[scalar].BYTES_PER_ELEMENT);
  bytesOfArray(copy).set(bytesOfArray(array));
  return copy;
};

/** The first element whose bits differ; two NaNs are equal, since which NaN an operation gives is not specified. */
function firstDifference(scalar: Scalar, a: ScalarArray, b: ScalarArray): number | undefined {
  const isNumberless = (value: number | bigint): boolean =>
    Number.isNaN(isStored(scalar) ? numberOfStored(scalar, Number(value)) : value);
  const size = a.BYTES_PER_ELEMENT;
  const [left, right] = [bytesOfArray(a), bytesOfArray(b)];
  for (let at = 0; at < a.length; at++) {
    const [x, y] = [a[at]!, b[at]!];
    if (isNumberless(x) && isNumberless(y)) continue;
    for (let byte = at * size; byte < (at + 1) * size; byte++) if (left[byte] !== right[byte]) return at;
  }
  return undefined;
}

/**
 * Interprets a kernel on copies of `arrays` (one per buffer) and runs it compiled, for each of `targets` (those that this machine
 * runs and that make a difference to it, unless given); `cached: false` leaves no object on disk. Returns the interpreter's arrays; throws with the kernel's text and the first element that differs.
 */
export async function expectAgreement(
  kernel: Kernel,
  arrays: readonly ArrayBufferView[],
  options: { readonly targets?: readonly TargetName[]; readonly cached?: boolean } = {},
): Promise<readonly ScalarArray[]> {
  const fresh = () => kernel.buffers.map((buffer: Buffer, at) => copied(buffer.scalar, arrays[at]!));
  const expected = fresh();
  interpretKernel(kernel, expected);
  const useful = (target: TargetName) => !addsDotOnly(target) || usesDot(kernel.body);
  for (const target of options.targets ?? runnableTargets().filter(useful)) {
    const actual = fresh();
    await runNative(kernel, actual, { target, cached: options.cached ?? true });
    kernel.buffers.forEach(({ name, scalar }, at) => {
      const element = firstDifference(scalar, expected[at]!, actual[at]!);
      if (element === undefined) return;
      const values = `${actual[at]![element]}, interpreted ${expected[at]![element]}`;
      throw new Error(`${target}: element ${element} of ${name} is ${values}\n${printKernel(kernel)}`);
    });
  }
  return expected;
}
