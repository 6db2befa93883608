// Matrix products, two-dimensional convolution, and sampling at computed positions.
import { z } from "zod";
import { generators, isFloatDtype } from "../../kernels/index.ts";
import {
  broadcastShapes,
  countOf,
  sameDimension,
  showDimension,
  showTensorType,
  sizeOf,
  staticShape,
} from "../graph/tensor-type.ts";
import { atMaximum, boundedAlong, onlyBatch, withBehind } from "./bounded.ts";
import { convolutionLowering, type Operator, operandError, operator, pair, privateWork } from "./operator.ts";
import { absoluteMagnitude, convolve, convolvedType, multiply, planarLayout } from "./products.ts";

const none = z.strictObject({});

/** The factors of a product of the given shape, their batch dimensions broadcast to its own. */
export const matrices = (operands: readonly generators.Source[], shape: readonly number[]) =>
  operands.map((each) => generators.broadcasted(each, [...shape.slice(0, -2), ...each.shape.slice(-2)])) as [
    generators.Source,
    generators.Source,
  ];

/**
 * a[…,m,k] · b[…,k,n] → [...,m,n], batch dimensions broadcast. Numbers of one dtype. Error of floats: k ulp of |a|·|b|;
 * integers wrap.
 */
export const matmul: Operator<z.infer<typeof none>> = operator({
  name: "matmul",
  attributes: none,
  errorUlp: 1,
  infer([a, b]) {
    const wrong = (why: string) =>
      operandError("shape", `matmul of ${showTensorType(a!)} and ${showTensorType(b!)}: ${why}`);
    if (a!.dtype !== b!.dtype || a!.dtype === "bool") throw wrong("both must be of one dtype, and not bool");
    if (a!.shape.length < 2 || b!.shape.length < 2) throw wrong("both need two dimensions or more");
    const [m, k] = a!.shape.slice(-2);
    const [k2, n] = b!.shape.slice(-2);
    if (!sameDimension(k!, k2!)) throw wrong(`the inner dimensions are ${showDimension(k!)} and ${showDimension(k2!)}`);
    const batch = broadcastShapes(a!.shape.slice(0, -2), b!.shape.slice(0, -2));
    if (!batch) throw wrong("the batch dimensions do not broadcast");
    return { dtype: a!.dtype, shape: [...batch, m!, n!] };
  },
  evaluate: (operands, _, result) => multiply(operands, result),
  magnitude: (operands, attributes, result) =>
    absoluteMagnitude(matmul.evaluate, operands, attributes, result, operands[0]!.shape.at(-1)!),
  bounded: ([a]) => (boundedAlong(a!, [a!.shape.length - 1]) ? withBehind(0, 0) : atMaximum),
  lowering: {
    kind: "kernel",
    inMemory: [0, 1],
    fuses: true,
    plan: ([a, b]) =>
      isFloatDtype(a!.dtype)
        ? generators.productPlan(...(staticShape(a!.shape).slice(-2) as [number, number]), sizeOf(b!.shape.at(-1)!))
        : undefined,
    work(operands, _, target) {
      const [a, b] = operands.map(({ shape }) => staticShape(shape)) as [number[], number[]];
      const [rows, depth] = a.slice(-2) as [number, number];
      const columns = b.at(-1)!;
      const { dtype } = operands[0]!;
      if (!isFloatDtype(dtype) || !generators.packsAnew(rows, depth, columns)) return {};
      const batch = staticShape(broadcastShapes(a.slice(0, -2), b.slice(0, -2))!);
      const left = { scalar: dtype, shape: [...batch, rows, depth] };
      const areas = generators.gemmWork(left, generators.copied(columns), target);
      return {
        columns: { dtype, elements: generators.columnWork(depth, columns, target) },
        ...privateWork(dtype, areas),
      };
    },
    build({ name, buffers, operands, destination, shape, work, epilogue, target }) {
      const [a, b] = matrices(operands, shape);
      const { columns, ...own } = work;
      if (!columns) return generators.matmulKernel(name, buffers, a, b, destination, epilogue, target);
      const right = { kind: "plain", source: b, work: columns } as const;
      return generators.gemmKernel(name, buffers, a, right, own, destination, epilogue, target);
    },
  },
});

/** Attributes of conv2d; the input holds its padding already. */
export const convolutionAttributes = z.strictObject({
  stride: pair,
  dilation: pair,
  groups: z.int().min(1),
  /** Asks for the sum of each window's own products, where Winograd's algorithm would be faster. */
  convolution: z.literal("direct").optional(),
});

/** Steps and groups of a two-dimensional convolution. */
export type Convolution = z.infer<typeof convolutionAttributes>;

/** x[n,c,h,w] * w[o,c/groups,kh,kw] → [n,o,h',w'] without padding. Floats of one dtype. Error: one ulp of |x|*|w| per tap. */
export const conv2d: Operator<Convolution> = operator({
  name: "conv2d",
  attributes: convolutionAttributes,
  errorUlp: 1,
  infer: (operands, given) => convolvedType("conv2d", "hw", operands, given),
  evaluate: (operands, { groups, ...steps }, result) =>
    convolve(operands, steps, planarLayout(operands, groups), result),
  magnitude: (operands, attributes, result) =>
    absoluteMagnitude(conv2d.evaluate, operands, attributes, result, countOf(operands[1]!.shape.slice(1))),
  bounded: onlyBatch,
  lowering: { ...convolutionLowering(generators.convolutionKernel, "direct, order channel ky kx"), planned: true },
});

const clampTo = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

/**
 * Bilinear samples of image[h,w] at grid[…,2] of pixel positions (x, y). f32. Error: 8 ulp of the largest pixel.
 *
 * An image without pixels has zeros outside, everywhere, and no border.
 */
export const gridSample = operator({
  name: "gridSample",
  attributes: z.strictObject({ outside: z.enum(["zeros", "border"]) }),
  errorUlp: 8,
  infer([image, grid], { outside }) {
    if (image!.dtype !== "f32" || grid!.dtype !== "f32" || image!.shape.length !== 2 || grid!.shape.at(-1) !== 2) {
      throw operandError(
        "shape",
        `gridSample of ${showTensorType(image!)} at ${showTensorType(grid!)}`,
        "the image is f32[h,w], the grid f32[…,2] of pixel positions (x, y)",
      );
    }
    if (outside === "border" && image!.shape.includes(0))
      throw operandError(
        "empty",
        `gridSample of ${showTensorType(image!)}: an image without pixels has no border`,
        'give it one pixel at least, or sample with outside: "zeros"',
      );
    return { dtype: "f32", shape: grid!.shape.slice(0, -1) };
  },
  evaluate([image, grid], { outside }, result) {
    const [height, width] = image!.shape as [number, number];
    if (height * width === 0) return;
    const pixel = (r: number, c: number): number => {
      const inside = r >= 0 && r < height && c >= 0 && c < width;
      if (!inside && outside === "zeros") return 0;
      return Number(image!.data[clampTo(r, 0, height - 1) * width + clampTo(c, 0, width - 1)]!);
    };
    const split = (position: number, size: number) => {
      const at = outside === "border" ? clampTo(position, 0, size - 1) : clampTo(position, -1, size);
      return { low: Number.isNaN(at) ? 0 : Math.floor(at), fraction: at - Math.floor(at) };
    };
    for (let i = 0; i < result.data.length; i++) {
      const x = split(Number(grid!.data[2 * i]!), width);
      const y = split(Number(grid!.data[2 * i + 1]!), height);
      const row = (r: number) => {
        const a = pixel(r, x.low);
        return a + x.fraction * (pixel(r, x.low + 1) - a);
      };
      const top = row(y.low);
      result.data[i] = top + y.fraction * (row(y.low + 1) - top);
    }
  },
  magnitude([image], _, { data }) {
    let largest = 0;
    for (const pixel of image!.data) if (Number.isFinite(pixel)) largest = Math.max(largest, Math.abs(Number(pixel)));
    return new Float64Array(data.length).fill(largest);
  },
  lowering: {
    kind: "source",
    inMemory: [0],
    source: ([image, grid], { outside }) =>
      generators.bilinear(
        image as generators.View,
        generators.coordinate(grid!, 0),
        generators.coordinate(grid!, 1),
        outside,
      ),
  },
});
