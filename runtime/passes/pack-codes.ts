// Weights of four or two bits that stay packed, several to a byte: products with one row, and tables, read them so.
import { isSmallInteger } from "../../kernels/index.ts";
import { ConstantNumbers } from "../compiler/constant-value.ts";
import { type Graph, isNodeOf, type Node, type Value } from "../graph/graph.ts";
import { type Editor, rewrite } from "../graph/rewrite.ts";
import { countOf, newArray, staticShape, type TypedArray } from "../graph/tensor-type.ts";
import { operators } from "../operators/index.ts";
import { Integers } from "./dequantized.ts";

/** Weights of which there are fewer are floats: these lie in a cache, from which they are read as fast as packed ones are unpacked. */
const leastWeights = 1 << 22;
/** Neighbours along a row that have one scale and one zero point: candidates, besides the whole row. */
const blockLengths = [1024, 512, 256, 128, 64, 32, 16];

/** A matrix of integers of few bits, (codes − zero) · scale, by rows of blocks, each of which has one scale and one zero point. */
interface Codes {
  readonly rows: number;
  readonly blocks: number;
  /** Codes of a block, and those in one byte. */
  readonly block: number;
  readonly perByte: number;
  readonly bits: 2 | 4;
  /** u8[rows,blocks,block / perByte], neighbours in one byte, the first in its lowest bits. */
  readonly packed: Value;
  /** f32[rows,blocks] or one for all. */
  readonly scale: Value;
  /** i32[rows,blocks] or one for all. */
  readonly zero: Value;
}

/** Reads an element of a matrix of known numbers, or the one that all are. */
type Reader = (row: number, column: number) => number;

/** Known integers of few bits that a value of two dimensions is dequantised from; by its columns where it is `turned`. */
function codesOf(integers: Integers, value: Value, turned: boolean, least: number): Codes | undefined {
  const { node, moves } = integers.origin(value);
  const shape = staticShape(value.type.shape);
  if (node?.operator !== operators.dequantize || shape.length !== 2 || countOf(shape) < least) return undefined;
  const found = node.inputs.map((each) => {
    const known = integers.known(asStored(each, integers.editor));
    const whole = known && integers.spreadKnown(known, node.outputs[0].type.shape);
    return moves.reduce((of, move) => of && integers.movedKnown(of, move), whole);
  });
  if (found.some((each) => !each)) return undefined;
  const [codes, scales, zeros] = found.map((each) => each!.data) as [TypedArray, TypedArray, TypedArray];
  const [low, high] = extremesOf(codes);
  if (high - low > 15) return undefined;
  const bits = high - low > 3 ? 4 : 2;
  const perByte = 8 / bits;
  const [rows, columns] = (turned ? [shape[1], shape[0]] : shape) as [number, number];
  const reader =
    (data: TypedArray): Reader =>
    (row, column) =>
      Number(data.length === 1 ? data[0] : data[turned ? column * rows + row : row * columns + column]);
  const [code, scale, zero] = [codes, scales, zeros].map(reader) as [Reader, Reader, Reader];
  const varying = [scales, zeros].filter(({ length }) => length > 1).map(reader);
  const block = [columns, ...blockLengths].find(
    (each) => columns % each === 0 && each % perByte === 0 && isBlockwise(varying, rows, columns, each),
  );
  if (!block) return undefined;
  const blocks = columns / block;
  const bytes = newArray("u8", (rows * columns) / perByte) as Uint8Array;
  for (let row = 0, at = 0; row < rows; row++)
    for (let column = 0; column < columns; column++, at++)
      bytes[Math.floor(at / perByte)]! |= (code(row, column) - low) << (bits * (at % perByte));
  const { editor } = integers;
  const ofBlocks = (dtype: "f32" | "i32", data: TypedArray, of: (row: number, block: number) => number): Value => {
    const isOne = data.length === 1;
    const all = newArray(dtype, isOne ? 1 : rows * blocks);
    for (let at = 0; at < all.length; at++) all[at] = of(Math.floor(at / blocks), at % blocks);
    return editor.constant({ dtype, shape: isOne ? [] : [rows, blocks] }, all, dtype === "f32" ? "scale" : "zero");
  };
  const packedShape = [rows, blocks, block / perByte];
  return {
    ...{ rows, blocks, block, perByte, bits },
    packed: editor.constant({ dtype: "u8", shape: packedShape }, bytes, "packed"),
    scale: ofBlocks("f32", scales, (row, at) => scale(row, at * block)),
    zero: ofBlocks("i32", zeros, (row, at) => zero(row, at * block) - low),
  };
}

/** What a small integer is before it is what it is computed in: the same numbers. */
function asStored(value: Value, editor: Editor): Value {
  const node = editor.producerOf(value);
  return isNodeOf(node, operators.cast) && isSmallInteger(node.inputs[0]!.type.dtype) ? node.inputs[0]! : value;
}

function extremesOf(data: TypedArray): readonly [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const each of data as Iterable<number>) {
    if (each < low) low = each;
    if (each > high) high = each;
  }
  return [low, high];
}

/** Whether all elements of each block of a row are the same. */
const isBlockwise = (readers: readonly Reader[], rows: number, columns: number, block: number): boolean =>
  readers.every((of) => {
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++)
        if (of(row, column) !== of(row, column - (column % block))) return false;
    return true;
  });

/** x · w for one row x: of each block Σ codes · x − zero · Σ x, times its scale. More rows share weights that are floats. */
function product({ inputs: [x, w], outputs: [output] }: Node, integers: Integers, least: number): Value | undefined {
  const shape = staticShape(x!.type.shape);
  if (w!.type.shape.length !== 2 || x!.type.dtype !== "f32" || countOf(shape) !== shape.at(-1)) return undefined;
  const codes = codesOf(integers, w!, true, least);
  if (!codes) return undefined;
  const { editor } = integers;
  const { rows, blocks, block, perByte, bits, packed } = codes;
  const inBlock = block / perByte;
  const apart = editor.apply(operators.reshape, [x!], { shape: [blocks, inBlock, perByte] });
  const parts = Array.from({ length: perByte }, (_, field) => {
    const ranges = { starts: [0, 0, field], ends: [blocks, inBlock, field + 1], steps: [1, 1, 1] };
    return editor.apply(operators.reshape, [editor.apply(operators.slice, [apart], ranges)], {
      shape: [blocks, inBlock],
    });
  });
  const terms = parts.map((part, field) => {
    const code = editor.apply(operators.bitField, [packed], { bits, from: field * bits });
    return editor.apply(operators.mul, [code, part]);
  });
  const perBlock = (of: Value): Value =>
    of.type.shape.length === 0 ? of : editor.apply(operators.reshape, [of], { shape: [rows, blocks, 1] });
  const sum = (values: readonly Value[]): Value => values.reduce((a, b) => editor.apply(operators.add, [a, b]));
  const zero = perBlock(editor.apply(operators.cast, [codes.zero], { dtype: "f32" }));
  const around = editor.apply(operators.sub, [sum(terms), editor.apply(operators.mul, [zero, sum(parts)])]);
  const scaled = editor.apply(operators.mul, [around, perBlock(codes.scale)]);
  const whole = editor.apply(operators.sum, [scaled], { axes: [1, 2], keepDims: false });
  return editor.apply(operators.reshape, [whole], { shape: staticShape(output.type.shape) });
}

/** Rows of a table, unpacked when they have been chosen; exact. */
function chosenRows(node: Node<{ readonly axis: number }>, integers: Integers, least: number): Value | undefined {
  const [table, positions] = node.inputs as [Value, Value];
  const codes = node.attributes.axis === 0 ? codesOf(integers, table, false, least) : undefined;
  if (!codes) return undefined;
  const { editor } = integers;
  const { blocks, block, perByte, bits } = codes;
  const chosen = (of: Value): Value =>
    of.type.shape.length === 0 ? of : editor.apply(operators.indexSelect, [of, positions], { axis: 0 });
  const packed = chosen(codes.packed);
  const rows = staticShape(positions.type.shape);
  const fields = Array.from({ length: perByte }, (_, field) =>
    editor.apply(operators.reshape, [editor.apply(operators.bitField, [packed], { bits, from: field * bits })], {
      shape: [...rows, blocks, block / perByte, 1],
    }),
  );
  const together = editor.apply(operators.concat, fields, { axis: rows.length + 2 });
  const apart = editor.apply(operators.reshape, [together], { shape: [...rows, blocks, block] });
  const wide = editor.apply(operators.cast, [apart], { dtype: "i32" });
  const [scale, zero] = [codes.scale, codes.zero].map((each) => {
    const own = chosen(each);
    return own.type.shape.length === 0 ? own : editor.apply(operators.reshape, [own], { shape: [...rows, blocks, 1] });
  }) as [Value, Value];
  const numbers = editor.apply(operators.dequantize, [wide, scale, zero]);
  return editor.apply(operators.reshape, [numbers], { shape: staticShape(node.outputs[0].type.shape) });
}

/**
 * The graph with large weights of few bits packed, at least so many, where a product with one row or a choice of rows reads them.
 *
 * The order of a product's sums is another than that of floats.
 */
export function packCodes(graph: Graph, least = leastWeights): Graph {
  if (!graph.nodes.some(({ operator }) => operator === operators.dequantize)) return graph;
  const numbers = new ConstantNumbers();
  return rewrite(graph, (node, editor) => {
    if (node.operator === operators.matmul) return product(node, new Integers(editor, numbers), least);
    return isNodeOf(node, operators.indexSelect) ? chosenRows(node, new Integers(editor, numbers), least) : undefined;
  });
}
