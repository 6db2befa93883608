// The matrix product by a constant factor in blocks of columns, as the plan lays it out.
import { z } from "zod";
import { generators } from "../../kernels/index.ts";
import { countOf, newArray, showTensorType, staticShape, type TypedArray } from "../tensor-type.ts";
import { matmul } from "./contraction.ts";
import { type Nd, type Operator, operandError, operator } from "./operator.ts";

const { factorColumns, firstColumn } = generators;
const attributes = z.strictObject({ columns: z.int().min(factorColumns + 1) });

/** A factor [k,n] as [⌈n/32⌉,k,32]: neighbouring columns side by side, in the order in which a product reads them. */
export function packFactor(dtype: Nd["dtype"], factor: TypedArray, depth: number, columns: number): Nd {
  const shape = [Math.ceil(columns / factorColumns), depth, factorColumns];
  const data = newArray(dtype, countOf(shape)) as Float32Array;
  for (let block = 0; block < shape[0]!; block++) {
    const from = firstColumn(block, columns);
    for (let i = 0; i < depth; i++) {
      const row = factor.subarray(i * columns + from, i * columns + from + factorColumns) as Float32Array;
      data.set(row, (block * depth + i) * factorColumns);
    }
  }
  return { dtype, shape, data };
}

/** The factor [k,n] that a packed one stands for. */
function unpacked({ shape, dtype, data }: Nd, columns: number): Nd {
  const [blocks, depth] = shape as [number, number];
  const plain = newArray(dtype, depth * columns) as Float32Array;
  for (let block = 0; block < blocks; block++) {
    for (let i = 0; i < depth; i++) {
      const from = (block * depth + i) * factorColumns;
      const row = data.subarray(from, from + factorColumns) as Float32Array;
      plain.set(row, i * columns + firstColumn(block, columns));
    }
  }
  return { dtype, shape: [depth, columns], data: plain };
}

/**
 * a[…,m,k] · b, b a factor [k,n] packed as [⌈n/32⌉,k,32]: what `matmul` by a constant is compiled to.
 *
 * Block j holds the columns from 32·j on, the last block the last 32; what two blocks hold is the same in both. Floats of one
 * dtype → […,m,n]. Error: that of `matmul`.
 */
export const packedMatmul: Operator = operator({
  name: "packedMatmul",
  attributes,
  errorUlp: matmul.errorUlp,
  infer([a, b], { columns }) {
    const [blocks, depth, width] = b!.shape;
    if (b!.shape.length !== 3 || width !== factorColumns || blocks !== Math.ceil(columns / factorColumns))
      throw operandError(
        "shape",
        `packedMatmul of ${showTensorType(a!)} and ${showTensorType(b!)} for ${columns} columns`,
        `the right factor is packed as [${Math.ceil(columns / factorColumns)},k,${factorColumns}]`,
      );
    return matmul.infer([a!, { dtype: b!.dtype, shape: [depth!, columns] }], {});
  },
  evaluate: ([a, b], { columns }, result) => matmul.evaluate([a!, unpacked(b!, columns)], {}, result),
  magnitude: ([a, b], { columns }, result) => matmul.magnitude!([a!, unpacked(b!, columns)], {}, result),
  lowering: {
    kind: "kernel",
    inMemory: [0, 1],
    fuses: true,
    work([a], { columns }, target) {
      const elements = generators.leftWork({ scalar: a!.dtype, shape: staticShape(a!.shape) }, columns, target);
      return elements > 0 ? { dtype: a!.dtype, elements, private: true } : undefined;
    },
    build({ name, buffers, operands, destination, work, epilogue, target }, { columns }) {
      const [a, b] = operands as [generators.Source, generators.View];
      const right = { kind: "packed", blocks: b, columns } as const;
      return generators.gemmKernel(name, buffers, a, right, work, destination, epilogue, target);
    },
  },
});
