// Runs a kernel's chunks one by one, in an order that is not theirs, and sees what each of them writes.
import { prepareKernel } from "../loop/interpret.ts";
import type { Kernel } from "../loop/ir.ts";
import { printKernel } from "../loop/print.ts";
import { type Split, splitKernel } from "../loop/split.ts";

const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength).slice();

/** What a chunk may not rely on is one or the other of these. */
const noises = [0x55, 0xaa] as const;

/**
 * Splits a kernel as finely as it goes and runs every step's chunks backwards. Throws where what is not private differs from
 * what the whole kernel gives, or where two chunks of a step write one byte. Returns the split, if there is one.
 */
export function expectChunks(kernel: Kernel, arrays: readonly ArrayBufferView[]): Split | undefined {
  const split = splitKernel(kernel, { mostChunks: 7, leastOperations: 1 });
  if (!split) return undefined;
  const fail = (why: string): never => {
    throw new Error(`${kernel.name}: ${why}\n${[kernel, ...split.kernels].map(printKernel).join("\n")}`);
  };
  const whole = arrays.map(bytesOf);
  prepareKernel(kernel)(whole);
  const current = arrays.map(bytesOf);
  const prepared = split.kernels.map(prepareKernel);
  for (const { kernel: which, first, count, own } of split.steps) {
    const before = current.map(bytesOf);
    const writers = current.map(({ length }) => new Int32Array(length).fill(-1));
    for (let chunk = count - 1; chunk >= 0; chunk--) {
      const [one, other] = noises.map((noise) => {
        const seen = kernel.buffers.map((buffer, at) =>
          buffer.access === "write" || own.includes(at)
            ? new Uint8Array(before[at]!.length).fill(noise)
            : before[at]!.slice(),
        );
        prepared[which]!(seen, first + chunk);
        return seen;
      }) as [Uint8Array[], Uint8Array[]];
      kernel.buffers.forEach(({ access, name }, at) => {
        if (access === "read" || own.includes(at)) return;
        const [a, b] = [one[at]!, other[at]!];
        for (let byte = 0; byte < a.length; byte++) {
          const wrote = access === "write" ? a[byte] === b[byte] : a[byte] !== before[at]![byte];
          if (!wrote) continue;
          const rival = writers[at]![byte]!;
          if (rival >= 0) fail(`chunks ${chunk} and ${rival} of a step both write byte ${byte} of ${name}`);
          writers[at]![byte] = chunk;
          current[at]![byte] = a[byte]!;
        }
      });
    }
  }
  kernel.buffers.forEach((buffer, at) => {
    const { name } = buffer;
    if (buffer.private) return;
    const byte = current[at]!.findIndex((each, b) => each !== whole[at]![b]);
    if (byte >= 0)
      fail(`byte ${byte} of ${name} is ${current[at]![byte]}, and ${whole[at]![byte]} of the whole kernel`);
  });
  return split;
}
