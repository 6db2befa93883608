// Convolutions in groups equal their declared numeric plan bit for bit, under the schedule of every target.
import { describe, expect, it } from "vitest";
import { element, expectEverySchedule, fma32, indices, parameter, values } from "../testing/generator-reference.ts";
import { elementsOf, view } from "./access.ts";
import { blockedConvolutionKernel } from "./blocked.ts";
import { fitsBlock, groupedConvolutionKernel } from "./grouped.ts";
import { blockedIntegerConvolutionKernel } from "./integer.ts";
import { whole } from "./map.ts";

const bytes = (count: number, seed: number): Uint8Array => {
  let state = seed * 2654435761 + 1;
  return Uint8Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
};
const signed = (byte: number): number => (byte << 24) >> 24;

interface Groups {
  readonly inputs: number;
  readonly outputs: number;
  readonly blocks: number;
  readonly size: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
}

const plain = { kernel: [3, 3], stride: [1, 1], dilation: [1, 1], size: [5, 12] } as const;
const cases: readonly Groups[] = [
  { ...plain, inputs: 4, outputs: 4, blocks: 2 },
  { ...plain, inputs: 8, outputs: 8, blocks: 1, stride: [2, 1], size: [7, 9] },
  { ...plain, inputs: 2, outputs: 2, blocks: 1, dilation: [1, 2], size: [4, 21] },
  { ...plain, inputs: 1, outputs: 1, blocks: 1, kernel: [5, 5], size: [6, 8] },
  { ...plain, inputs: 1, outputs: 4, blocks: 3 },
  { ...plain, inputs: 4, outputs: 8, blocks: 3, kernel: [1, 2], size: [2, 19] },
  { ...plain, inputs: 4, outputs: 16, blocks: 4, kernel: [1, 1], size: [2, 5] },
];

const outSize = ({ size, kernel, stride, dilation }: Groups, d: 0 | 1): number =>
  Math.floor((size[d] - dilation[d] * (kernel[d] - 1) - 1) / stride[d]) + 1;

/** Every output by the plan: `add` gets the sum, the place of the input and of the weight. */
function planned<T extends Float32Array | Int32Array>(
  given: Groups,
  result: T,
  add: (sum: number, input: readonly number[], weight: readonly number[]) => number,
): T {
  const { inputs, outputs, blocks, kernel, stride, dilation } = given;
  indices([blocks, outSize(given, 0), outSize(given, 1), 16]).forEach(([block, y, x, lane], at) => {
    const first = Math.floor((block! * 16 + lane!) / outputs) * inputs;
    let sum = 0;
    for (const [ky, j, kx] of indices([kernel[0], inputs, kernel[1]])) {
      const channel = first + j!;
      const [row, column] = [y! * stride[0] + ky! * dilation[0], x! * stride[1] + kx! * dilation[1]];
      sum = add(sum, [0, Math.floor(channel / 16), row, column, channel % 16], [block!, ky!, kx!, j!, lane!]);
    }
    result[at] = sum;
  });
  return result;
}

const shapesOf = (given: Groups) => ({
  input: [1, Math.ceil((given.blocks * given.inputs) / given.outputs), ...given.size, 16],
  weight: [given.blocks, ...given.kernel, given.inputs, 16],
  output: [1, given.blocks, outSize(given, 0), outSize(given, 1), 16],
});

const named = cases.map(
  (each) => [`${each.inputs} to ${each.outputs} channels, ${each.blocks} blocks, ${each.kernel}`, each] as const,
);

describe("convolution in small groups", () => {
  it("is for groups that divide a block", () => {
    expect([fitsBlock(4, 4), fitsBlock(1, 16), fitsBlock(16, 16)]).toEqual([true, true, true]);
    expect([fitsBlock(8, 4), fitsBlock(3, 3), fitsBlock(4, 12), fitsBlock(16, 32)]).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  it.each(named)("adds tap by tap: %s", async (_, given) => {
    const { input, weight, output } = shapesOf(given);
    const [xs, ws] = [values(elementsOf(input), 3, 67), values(elementsOf(weight), 5, 41)];
    const x = parameter("x", "f32", xs.length, "read");
    const w = parameter("w", "f32", ws.length, "read");
    const y = parameter("y", "f32", elementsOf(output), "write");
    await expectEverySchedule(
      (target) =>
        groupedConvolutionKernel(
          "grouped",
          [x, w, y],
          view(x, input),
          view(w, weight),
          output,
          given,
          whole(y, output),
          (sum) => sum,
          target,
        ),
      [xs, ws],
      planned(given, new Float32Array(elementsOf(output)), (sum, i, j) =>
        fma32(element(xs, input, i), element(ws, weight, j), sum),
      ),
    );
  });

  it.each(named)("adds bytes exactly: %s", async (_, given) => {
    const { input, output } = shapesOf(given);
    const width = given.inputs % 4 === 0 ? 4 : 1;
    const packed = [given.blocks, ...given.kernel, given.inputs / width, 16, width];
    const [xs, ws] = [bytes(elementsOf(input), 3), bytes(elementsOf(packed), 5)];
    const x = parameter("x", "u8", xs.length, "read");
    const w = parameter("w", "i8", ws.length, "read");
    const y = parameter("y", "i32", elementsOf(output), "write");
    await expectEverySchedule(
      (target) =>
        groupedConvolutionKernel(
          "grouped_bytes",
          [x, w, y],
          view(x, input),
          view(w, packed),
          output,
          given,
          whole(y, output),
          (sum) => sum,
          target,
        ),
      [xs, ws],
      planned(given, new Int32Array(elementsOf(output)), (sum, i, [block, ky, kx, j, lane]) => {
        const at = [block!, ky!, kx!, Math.floor(j! / width), lane!, j! % width];
        return (sum + element(xs, input, i) * signed(element(ws, packed, at))) | 0;
      }),
    );
  });
});

describe("convolution in groups of whole blocks", () => {
  const [input, output] = [
    [1, 4, 4, 7, 16],
    [1, 6, 2, 5, 16],
  ];
  const plan = { stride: [1, 1], dilation: [1, 1], channels: 64, groups: 2 } as const;
  /** Output block, row, column, lane; its taps over the blocks of its group. */
  const taps = [2, 3, 3, 16];

  it("adds tap by tap", async () => {
    const weight = [6, 2, 3, 3, 16, 16];
    const [xs, ws] = [values(elementsOf(input), 3, 97), values(elementsOf(weight), 5, 83)];
    const [x, w] = [parameter("x", "f32", xs.length, "read"), parameter("w", "f32", ws.length, "read")];
    const y = parameter("y", "f32", elementsOf(output), "write");
    const expected = new Float32Array(elementsOf(output));
    indices(output).forEach(([, block, row, column, lane], at) => {
      for (const [ib, ky, kx, j] of indices(taps)) {
        const from = [0, Math.floor(block! / 3) * 2 + ib!, row! + ky!, column! + kx!, j!];
        const tap = element(ws, weight, [block!, ib!, ky!, kx!, j!, lane!]);
        expected[at] = fma32(element(xs, input, from), tap, expected[at]!);
      }
    });
    await expectEverySchedule(
      (target) =>
        blockedConvolutionKernel(
          "groups",
          [x, w, y],
          view(x, input),
          view(w, weight),
          output,
          plan,
          whole(y, output),
          (sum) => sum,
          target,
        ),
      [xs, ws],
      expected,
    );
  });

  it("adds bytes exactly", async () => {
    const weight = [6, 2, 3, 3, 4, 16, 4];
    const [xs, ws] = [bytes(elementsOf(input), 3), bytes(elementsOf(weight), 5)];
    const [x, w] = [parameter("x", "u8", xs.length, "read"), parameter("w", "i8", ws.length, "read")];
    const y = parameter("y", "i32", elementsOf(output), "write");
    const expected = new Int32Array(elementsOf(output));
    indices(output).forEach(([, block, row, column, lane], at) => {
      for (const [ib, ky, kx, j] of indices(taps)) {
        const from = [0, Math.floor(block! / 3) * 2 + ib!, row! + ky!, column! + kx!, j!];
        const tap = element(ws, weight, [block!, ib!, ky!, kx!, Math.floor(j! / 4), lane!, j! % 4]);
        expected[at] = (expected[at]! + element(xs, input, from) * signed(tap)) | 0;
      }
    });
    await expectEverySchedule(
      (target) =>
        blockedIntegerConvolutionKernel(
          "groups_bytes",
          [x, w, y],
          view(x, input),
          view(w, weight),
          output,
          plan,
          whole(y, output),
          (sum) => sum,
          target,
        ),
      [xs, ws],
      expected,
    );
  });
});
