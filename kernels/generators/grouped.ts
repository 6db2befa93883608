// Convolutions in small groups over channels in blocks of 16: every block of outputs reads one block of inputs.
import { add, broadcast, constant, convert, dot4, fma, KernelBuilder, load, mul, shuffle } from "../loop/build.ts";
import type { Buffer, Expression, Kernel } from "../loop/ir.ts";
import { balanced, extentsOf, problemOf } from "../schedules/index.ts";
import type { Target } from "../targets.ts";
import { addressOf, fixed, type LaneIndex, type View } from "./access.ts";
import { type BlockedConvolution, blockVectors, channelBlock, tiled, write } from "./blocked.ts";
import { type Epilogue, sizesOf } from "./contract.ts";
import { dotBytes, named } from "./integer.ts";
import type { Destination } from "./map.ts";

/** A convolution of which each group has so many input and output channels: outputs divide 16, and inputs outputs. */
export interface GroupedConvolution extends Omit<BlockedConvolution, "channels" | "groups"> {
  readonly inputs: number;
  readonly outputs: number;
}

/** Whether groups of that size are those of a block. */
export const fitsBlock = (inputs: number, outputs: number): boolean =>
  channelBlock % outputs === 0 && outputs % inputs === 0;

/** One step of a tap: which of a group's channels each output takes, and how what it takes is added to the sum. */
interface Arithmetic {
  readonly steps: number;
  /** Neighbouring channels that a step takes of each group. */
  readonly width: number;
  readonly zero: "f32" | "i32";
  accumulate(taken: Expression, weight: Expression, sum: Expression): Expression;
}

/** Multiply-adds that are written out in one round: more would be moved around until they spill. */
const mostInRound = 128;
/** Sums that are needed for each to be ready when its next product comes. */
const leastColumns = 8;

/**
 * Y[n,o,y,x,l] = Σ X[n,i,y·s+ky·d,x·s+kx·d,g+j]·W[o,ky,kx,j,l], g being the first input channel of the group of output l of
 * block o. The weight of floats is [o,kh,kw,j,16]; that of bytes [o,kh,kw,j,16,1], or [o,kh,kw,j/4,16,4] for groups of fours.
 *
 * Plan: floats, from +0, one fused multiply-add per tap, in the order ky, channel j of the group, kx; bytes, exact in 32
 * bits, the sum wrapping. Schedule: vectors across output channels, a row of pixels at a time.
 */
export function groupedConvolutionKernel(
  name: string,
  buffers: readonly Buffer[],
  input: View,
  weight: View,
  outputShape: readonly number[],
  { stride, dilation, inputs, outputs }: GroupedConvolution,
  destination: Destination,
  epilogue: Epilogue,
  target: Target,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const [batch, outBlocks, height, width] = outputShape as [number, number, number, number, number];
  const [, kernelHeight, kernelWidth] = weight.shape as [number, number, number];
  const { lanes, parts } = blockVectors(target);
  const arithmetic = arithmeticOf(input, inputs);
  const inRegisters = target.machine.vectorRegisters - kernelWidth - 3;
  const inRound = Math.floor(mostInRound / (arithmetic.steps * kernelWidth));
  const generator = arithmetic.zero === "f32" ? "groupedConv2d" : named("groupedConvInteger", target);
  const sizes = sizesOf(outputShape, [kernelHeight, kernelWidth], { stride, dilation });
  const { columns } = target.schedules(
    problemOf(
      `${generator} o${outBlocks * channelBlock} groups ${inputs}-${outputs} ${sizes}`,
      { columns: balanced(width, Math.max(1, Math.min(inRegisters, Math.max(leastColumns, inRound)))) },
      [2, 4, 8, 12, 16]
        .filter((most) => most <= inRegisters)
        .flatMap((most) => extentsOf(width, most).map((columns) => ({ columns }))),
    ),
  );
  const [, , , columnStride] = input.strides as [number, number, number, number, number];
  /** Blocks of outputs that read one block of inputs. */
  const ratio = outputs / inputs;

  const row = (
    n: Expression,
    inBlock: Expression,
    outBlock: Expression,
    y: Expression,
    x: Expression | number,
    count: number,
    reader: Reader,
    part: number,
  ) => {
    const sums = Array.from({ length: count }, () => k.variable(constant(arithmetic.zero, 0, lanes)));
    k.for(0, kernelHeight, 1, (ky) => {
      const top = add(mul(y, stride[0]), mul(ky, dilation[0]));
      const from = k.let(addressOf(input, [n, inBlock, top, mul(x, stride[1]), 0].map(fixed)).base);
      const first = k.let(addressOf(weight, [outBlock, ky, 0, 0, 0, 0].slice(0, weight.shape.length).map(fixed)).base);
      for (let step = 0; step < arithmetic.steps; step++) {
        const weights = Array.from({ length: kernelWidth }, (_, kx) => {
          const at = add(first, ((kx * arithmetic.steps + step) * channelBlock + part * lanes) * arithmetic.width);
          return k.let(load(weight.buffer, at, lanes * arithmetic.width));
        });
        // What is taken of one input pixel serves all outputs that it is a tap of, the last tap of each last.
        for (let column = 0; column <= (count - 1) * stride[1] + (kernelWidth - 1) * dilation[1]; column++) {
          const served = weights.flatMap((each, kx) => {
            const sum = sums[(column - kx * dilation[1]) / stride[1]];
            return sum ? [{ sum, each }] : [];
          });
          if (served.length === 0) continue;
          const taken = k.let(reader(k, input, add(from, column * columnStride), step));
          for (const { sum, each } of served) sum.set(arithmetic.accumulate(taken, each, sum.get()));
        }
      }
    });
    sums.forEach((sum, c) => {
      const lane: LaneIndex = { base: constant("i64", part * lanes), step: 1 };
      write(k, destination, [fixed(n), fixed(outBlock), fixed(y), fixed(add(x, c)), lane], sum, epilogue);
    });
  };

  k.for(0, batch, 1, (n) => {
    for (let which = 0; which < Math.min(ratio, outBlocks); which++)
      k.for(0, Math.ceil((outBlocks - which) / ratio), 1, (inBlock) => {
        const outBlock = add(mul(inBlock, ratio), which);
        for (let part = 0; part < parts; part++) {
          const first = which * channelBlock + part * lanes;
          const groups = Array.from({ length: lanes }, (_, l) => Math.floor((first + l) / outputs) * inputs);
          const reader = readerOf(groups, arithmetic.width, input.scalar === "f32");
          k.for(0, height, 1, (y) =>
            tiled(k, width, columns, (x, count) => row(n, inBlock, outBlock, y, x, count, reader, part)),
          );
        }
      });
  });
  return k.finish(name);
}

function arithmeticOf({ scalar }: View, inputs: number): Arithmetic {
  if (scalar === "f32") return { steps: inputs, width: 1, zero: "f32", accumulate: fma };
  if (inputs % dotBytes === 0) return { steps: inputs / dotBytes, width: dotBytes, zero: "i32", accumulate: dot4 };
  return {
    steps: inputs,
    width: 1,
    zero: "i32",
    accumulate: (taken, weight, sum) => add(sum, mul(convert(taken, "i32"), convert(weight, "i32"))),
  };
}

/** For every output of a vector, what a step takes of its group in a pixel's block, whose channel 0 has the address. */
type Reader = (k: KernelBuilder, input: View, at: Expression, step: number) => Expression;

/** The reader for outputs whose groups begin at these channels of a block. */
function readerOf(groups: readonly number[], width: number, floats: boolean): Reader {
  const lanes = groups.length;
  const [first] = groups as [number];
  if (floats && groups.every((each) => each === first))
    return (_, input, at, step) => broadcast(load(input.buffer, add(at, first + step)), lanes);
  // Of floats a vector holds all that its outputs read, of bytes the whole block.
  const [start, loaded] = floats ? [first - (first % lanes), lanes] : [0, channelBlock];
  return (k, input, at, step) => {
    const block = k.let(load(input.buffer, add(at, start), loaded));
    const places = groups.flatMap((group) =>
      Array.from({ length: width }, (_, byte) => group + step * width + byte - start),
    );
    const same = places.length === loaded && places.every((place, l) => place === l);
    return same ? block : shuffle(block, places);
  };
}
