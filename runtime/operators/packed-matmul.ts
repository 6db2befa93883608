// The matrix product by a constant factor in blocks of columns, as the plan lays it out.
import { z } from "zod";
import { generators, isHalf } from "../../kernels/index.ts";
import { restored } from "../graph/forms.ts";
import { showTensorType, staticShape } from "../graph/tensor-type.ts";
import { onlyRows } from "./bounded.ts";
import { matmul } from "./contraction.ts";
import { type Nd, type Operator, operandError, operator, privateWork } from "./operator.ts";

const attributes = z.strictObject({ columns: z.int().min(1) });

/** The factor [k,n] that a packed one stands for. */
function unpacked({ shape, dtype, data }: Nd, columns: number): Nd {
  const [, depth, width] = shape as [number, number, number];
  return { dtype, shape: [depth, columns], data: restored(data, dtype, { kind: "factor", depth, columns, width }) };
}

const isWidth = (width: number): boolean => [32, 64, 128].includes(width);

/**
 * a[…,m,k] · b, b a factor [k,n] packed as [⌈n/w⌉,k,w]: what `matmul` by a constant is compiled to.
 *
 * Block j holds the columns from w·j on, the last block the last w; what two blocks hold is the same in both. Floats of one
 * dtype → […,m,n]; b may be halves where a is f32. Error: that of `matmul`.
 */
export const packedMatmul: Operator<z.infer<typeof attributes>> = operator({
  name: "packedMatmul",
  attributes,
  errorUlp: matmul.errorUlp,
  infer([a, b], { columns }) {
    const [blocks, depth, width] = staticShape(b!.shape);
    if (b!.shape.length !== 3 || columns < width! || blocks !== Math.ceil(columns / width!) || !isWidth(width!))
      throw operandError(
        "shape",
        `packedMatmul of ${showTensorType(a!)} and ${showTensorType(b!)} for ${columns} columns`,
        "the right factor is packed as [⌈columns/w⌉,k,w], w a power of two from 32 to 128",
      );
    const dtype = a!.dtype === "f32" && isHalf(b!.dtype) ? "f32" : b!.dtype;
    return matmul.infer([a!, { dtype, shape: [depth!, columns] }], {});
  },
  evaluate: ([a, b], { columns }, result) => matmul.evaluate([a!, unpacked(b!, columns)], {}, result),
  magnitude: ([a, b], { columns }, result) => matmul.magnitude!([a!, unpacked(b!, columns)], {}, result),
  bounded: onlyRows,
  lowering: {
    kind: "kernel",
    inMemory: [0, 1],
    fuses: true,
    plan: ([a], { columns }) =>
      generators.productPlan(...(staticShape(a!.shape).slice(-2) as [number, number]), columns),
    work([a, b], { columns }, target) {
      const [left, right] = [staticShape(a!.shape), staticShape(b!.shape)];
      const shape = { kind: "packed", columns, width: right.at(-1)! } as const;
      return privateWork(a!.dtype, generators.gemmWork({ scalar: a!.dtype, shape: left }, shape, target));
    },
    build({ name, buffers, operands, destination, work, epilogue, target }, { columns }) {
      const [a, b] = operands as [generators.Source, generators.View];
      const right = { kind: "packed", blocks: b, columns } as const;
      return generators.gemmKernel(name, buffers, a, right, work, destination, epilogue, target);
    },
  },
});
