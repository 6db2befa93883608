// A constant's elements told from those that kernels read: the forms back to it, and what rounding hides.
import { z } from "zod";
import { type Form, formSchema, restored } from "./forms.ts";
import { bytesIn, type TensorType, type TypedArray } from "./tensor-type.ts";

/** Elements of a kernel of 3×3. */
const elements = 9;
/** The corners stand in Winograd's sums as they are; the middles of the edges and the centre do not. */
const exact = [0, 2, 6, 8];
const inexact = [1, 3, 4, 5, 7];
/** Bytes of a patch: the place of an element, and its bits. */
const patchBytes = 8;

/** A form on the way back; of Winograd's sums, where the corrections are, and how many elements stand behind them as they are. */
export const stepSchema = z.strictObject({
  form: formSchema,
  corrections: z.strictObject({ at: z.int().min(0), patches: z.int().min(0) }).optional(),
});
export type Step = z.infer<typeof stepSchema>;

/** Bytes of the corrections of so many kernels, in whole words. */
const correctionBytes = (kernels: number): number => Math.ceil((kernels * inexact.length) / 4) * 4;

const bitsOf = ({ buffer, byteOffset, length }: TypedArray): Int32Array => new Int32Array(buffer, byteOffset, length);

/** Bits of a float32 as an integer that grows with it, so that neighbours differ by one; its own inverse. */
const ordered = (bits: number): number => (bits < 0 ? bits ^ 0x7fffffff : bits);

/** What leads from the elements nearest to some back to them. */
export interface Corrections {
  /** A byte for each element that sums hide, then the patches. */
  readonly bytes: Uint8Array;
  readonly patches: number;
}

/** The corrections of restored elements, or undefined where they take more than a third of what they save. */
export function correctionsOf(nearest: TypedArray, data: TypedArray): Corrections | undefined {
  const [from, to] = [bitsOf(nearest), bitsOf(data)];
  const kernels = to.length / elements;
  const small = new Int8Array(correctionBytes(kernels));
  const patches: number[] = [];
  const most = data.byteLength / 3 - small.length;
  for (let kernel = 0, at = 0; kernel < kernels; kernel++) {
    const first = kernel * elements;
    for (const element of exact) {
      const place = first + element;
      if (from[place] !== to[place]) patches.push(place, to[place]!);
    }
    for (const element of inexact) {
      const place = first + element;
      const difference = ordered(to[place]!) - ordered(from[place]!);
      if (difference >= -127 && difference <= 127) small[at] = difference;
      else patches.push(place, to[place]!);
      at++;
    }
  }
  if (patches.length * 4 > most) return undefined;
  const bytes = new Uint8Array(small.length + patches.length * 4);
  bytes.set(bytesIn(small));
  bytes.set(bytesIn(Int32Array.from(patches)), small.length);
  return { bytes, patches: patches.length / 2 };
}

/** Corrects the nearest elements in place. */
function correct(
  nearest: TypedArray,
  kept: Uint8Array,
  { at: begin, patches }: NonNullable<Step["corrections"]>,
): void {
  const bits = bitsOf(nearest);
  const kernels = bits.length / elements;
  const length = correctionBytes(kernels);
  const end = begin + length + patches * patchBytes;
  if (end > kept.length) throw new RangeError(`its data ends before byte ${end}`);
  const small = new Int8Array(kept.buffer, kept.byteOffset + begin, length);
  for (let kernel = 0, at = 0; kernel < kernels; kernel++)
    for (const element of inexact) {
      const place = kernel * elements + element;
      bits[place] = ordered(ordered(bits[place]!) + small[at++]!);
    }
  const rest = new DataView(kept.buffer, kept.byteOffset + begin + length, patches * patchBytes);
  for (let patch = 0; patch < patches; patch++) {
    const place = rest.getUint32(patch * patchBytes, true);
    if (place >= bits.length) throw new RangeError(`a patch is for element ${place} of ${bits.length}`);
    bits[place] = rest.getInt32(patch * patchBytes + 4, true);
  }
}

/** The elements of a constant, told from those in the last of the forms. */
export function throughSteps(data: TypedArray, dtype: TensorType["dtype"], steps: readonly Step[], kept: Uint8Array) {
  let now = data;
  for (const { form, corrections } of steps) {
    now = restored(now, dtype, form);
    if (corrections) correct(now, kept, corrections);
  }
  return now;
}

/** Whether elements are told exactly by a form alone. */
export const isExact = ({ kind }: Form): boolean => kind !== "winograd";
