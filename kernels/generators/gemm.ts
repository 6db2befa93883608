// Large matrix products: the right factor in packed blocks of columns, rows in blocks that stay in cache.
import { bytesOf } from "../dtype.ts";
import { add, broadcast, constant, fma, KernelBuilder, mul } from "../loop/build.ts";
import type { Buffer, Expression, Kernel } from "../loop/ir.ts";
import type { Target } from "../targets.ts";
import { addressOf, fixed, type LaneIndex, type Source, type View, view } from "./access.ts";
import { balanced, type Epilogue, splitsFor, unrolled } from "./contract.ts";
import { alongVectors, type Destination, forEachOuter, lanesFor, powerBelow } from "./map.ts";
import { store } from "./store.ts";

/**
 * Columns w of a block of a packed right factor [⌈n/w⌉,k,w]: as many as a few rows have registers for, so that a factor that is
 * read once is read in order.
 */
export const blockWidth = (rows: number, columns: number): number =>
  Math.min(rows <= 2 ? 128 : rows <= 6 ? 64 : 32, powerBelow(columns));

/** The first column of a block: block b starts at w·b, the last one w before the end, so that all are full. */
export const firstColumn = (block: number, width: number, columns: number): number =>
  Math.min(block * width, columns - width);

/** Whether a product by a factor that is known beforehand is computed from its blocks; two rows read short lines as fast as they are. */
export const packs = (rows: number, depth: number, columns: number): boolean =>
  columns > (rows <= 2 ? 256 : 32) &&
  columns > blockWidth(rows, columns) &&
  depth > 1 &&
  splitsFor(rows * columns, depth) === 1;

/** Whether blocks are made of a factor that is not known beforehand: copying must be little beside the products. */
export const packsAnew = (rows: number, depth: number, columns: number): boolean =>
  packs(rows, depth, columns) && rows >= 128 && depth >= 256 && columns >= 256;

/** A vector of a block of a factor: the block in its section, k, and where in the block. */
type Factors = (block: Expression | number, i: Expression, offset: LaneIndex) => Expression;

/** The right factor: in blocks, or to be copied into `work`. */
export type RightFactor =
  | { readonly kind: "packed"; readonly blocks: View; readonly columns: number }
  | { readonly kind: "plain"; readonly source: Source; readonly work: Buffer };

/** Columns of a block that is copied. */
const copiedWidth = 32;

/** What the schedule counts on of the caches. */
export interface Caches {
  /** Bytes of left rows that stay in the second level beside a panel. */
  readonly rowBytes: number;
  /** Blocks of columns that are copied at a time. */
  readonly mostBlocks: number;
  /** Rows so many bytes apart, or a multiple, fall into the same lines of the first level. */
  readonly aliasBytes: number;
}

const usual: Caches = { rowBytes: 384 * 1024, mostBlocks: 16, aliasBytes: 4096 };

/** A dimension in parts: some of `each`, which end at `main`, and a last one that takes the rest. */
interface Parts {
  readonly each: number;
  readonly main: number;
}

function inParts(size: number, most: number): Parts {
  const count = Math.max(1, Math.ceil(size / most));
  const each = Math.floor(size / count);
  return { each, main: (count - 1) * each };
}

/** Vectors and rows of a register tile; the vectors fill blocks of columns, or share one evenly. */
function gemmTile(target: Target, rows: number): { vectors: number; height: number } {
  const { vectorBytes, vectorRegisters } = target;
  const least = vectorBytes === 16 ? 4 : 2;
  // One row alone reads its right operand from memory, which leaves the registers to its sums.
  const fits = (vectors: number) => rows === 1 || vectors * (rows + 1) + 1 <= vectorRegisters;
  const vectors = [8, 4].find(fits) ?? least;
  const most = Math.min(16, Math.floor((vectorRegisters - vectors - 1) / vectors));
  return { vectors, height: balanced(rows, Math.max(1, most)) };
}

type Factor = Pick<Source, "shape" | "scalar">;

/** Steps along k that are written out: about 32 multiply-adds hide the loop, and of more LLVM moves loads up front and spills. */
const rounds = (sums: number): number => Math.min(4, Math.max(1, Math.floor(32 / sums)));

/** The schedule of rows: blocks of tiles, and how far apart copied rows lie. */
function rowSchedule(target: Target, a: Factor, { rowBytes }: Caches) {
  const [rows, depth] = a.shape.slice(-2) as [number, number];
  const { vectors, height } = gemmTile(target, rows);
  const tiles = Math.floor(rows / height);
  const mostTiles = Math.max(1, Math.floor(rowBytes / (depth * bytesOf(a.scalar) * height)));
  const { each, main } = inParts(tiles, mostTiles);
  const blocks = { each: each * height, main: main * height };
  return { vectors, height, blocks, stride: depth + 16 };
}

/** Whether rows are copied to where they do not displace each other. */
const copiesRows = ({ shape, scalar }: Factor, columns: number, { aliasBytes }: Caches): boolean => {
  const [rows, depth] = shape.slice(-2) as [number, number];
  return (depth * bytesOf(scalar)) % aliasBytes === 0 && rows >= 4 && columns >= 64;
};

/** Elements that rows are copied to, 0 where they are not. */
export function leftWork(a: Factor, columns: number, target: Target, caches = usual): number {
  if (!copiesRows(a, columns, caches)) return 0;
  const { blocks, stride } = rowSchedule(target, a, caches);
  return (a.shape.at(-2)! - blocks.main) * stride;
}

/** Elements that a right factor [k,n] is copied to. */
export function rightWork(depth: number, columns: number, { mostBlocks } = usual): number {
  const blocks = Math.ceil(columns / copiedWidth);
  return (blocks - inParts(Math.floor(columns / copiedWidth), mostBlocks).main) * depth * copiedWidth;
}

/**
 * C[…,m,n] = Σ_k A[…,m,k]·B[k,n], B in packed blocks or, broadcast to A's batch, about to be.
 *
 * Plan: that of `matmulKernel` where its S is 1: from +0, one fused multiply-add per k, ascending. Schedule: for some blocks of
 * columns, for rows that fit the second-level cache, for each panel of columns, register tiles of rows by vectors.
 */
export function gemmKernel(
  name: string,
  buffers: readonly Buffer[],
  a: Source,
  right: RightFactor,
  leftCopy: Buffer | undefined,
  destination: Destination,
  epilogue: Epilogue,
  target: Target,
  caches = usual,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const [rows, depth] = a.shape.slice(-2) as [number, number];
  const columns = right.kind === "packed" ? right.columns : right.source.shape.at(-1)!;
  const lanes = lanesFor(target, a.scalar);
  const { vectors, height, blocks: rowBlocks, stride } = rowSchedule(target, a, caches);
  const blockColumns = right.kind === "packed" ? right.blocks.shape.at(-1)! : copiedWidth;
  const full = Math.floor(columns / blockColumns);
  const tailVectors = Math.ceil((columns % blockColumns) / lanes);

  /** Some columns of a block: from where in the block, and which column of the product the block starts with. */
  interface Panel {
    readonly block: Expression | number;
    readonly offset: Expression | number;
    readonly column: Expression | number;
    readonly vectors: number;
  }
  const tile = (
    outer: readonly LaneIndex[],
    left: (row: number, i: Expression) => Expression,
    first: Expression | number,
    count: number,
    blocks: Factors,
    { block, offset, column, vectors: width }: Panel,
  ) => {
    const offsets = Array.from({ length: width }, (_, v) => v * lanes);
    const sums = Array.from({ length: count }, () => offsets.map(() => k.variable(constant(a.scalar, 0, lanes))));
    unrolled(k, 0, depth, rounds(count * width), (i) => {
      const factors = offsets.map((each) => {
        const inBlock = { base: add(offset, each % blockColumns), step: 1 };
        return k.let(blocks(add(block, Math.floor(each / blockColumns)), i, inBlock));
      });
      sums.forEach((line, row) => {
        const factor = k.let(left(row, i));
        line.forEach((sum, v) => {
          sum.set(fma(broadcast(factor, lanes), factors[v]!, sum.get()));
        });
      });
    });
    sums.forEach((line, row) => {
      line.forEach((sum, v) => {
        const at = [...outer, fixed(add(first, row)), { base: add(add(column, offset), offsets[v]!), step: 1 }];
        const { base, step } = addressOf(destination, at);
        store(k, destination.buffer, base, step, epilogue(sum.get(), at));
      });
    });
  };
  /** The panels of `count` full blocks of columns and, with `tail`, of what is left of the last one. */
  const panels = (count: number, start: Expression | number, tail: boolean, body: (panel: Panel) => void) => {
    const column = (block: Expression | number) => mul(add(start, block), blockColumns);
    const width = vectors * lanes;
    if (width < blockColumns) {
      k.for(0, count, 1, (block) =>
        k.for(0, blockColumns, width, (offset) => body({ block, offset, column: column(block), vectors })),
      );
    } else {
      const each = width / blockColumns;
      const main = count - (count % each);
      if (main > 0) k.for(0, main, each, (block) => body({ block, offset: 0, column: column(block), vectors }));
      if (main < count) {
        const rest = ((count - main) * blockColumns) / lanes;
        body({ block: main, offset: 0, column: column(main), vectors: rest });
      }
    }
    // The last vectors reach back over columns that are done, and write them again, to the same bits.
    if (tail) {
      const offset = blockColumns - tailVectors * lanes;
      body({ block: count, offset, column: columns - blockColumns, vectors: tailVectors });
    }
  };
  /** Products of all rows by some blocks of columns, the first of which is `start` in the product. */
  const multiply = (
    outer: readonly LaneIndex[],
    blocks: Factors,
    count: number,
    start: Expression | number,
    tail: boolean,
  ) => {
    const rowBlock = (first: Expression | number, size: number) => {
      if (leftCopy) {
        k.for(0, size, 1, (row) =>
          alongVectors(k, depth, lanes, (at, each) =>
            k.store(leftCopy, add(mul(row, stride), at.base), a.at([...outer, fixed(add(first, row)), at], each)),
          ),
        );
      }
      const copied = leftCopy && view(leftCopy, [size, depth], [stride, 1]);
      panels(count, start, tail, (panel) => {
        const some = (row: Expression | number, number: number) => {
          const left = (r: number, i: Expression) =>
            copied
              ? copied.at([fixed(add(row, r)), fixed(i)], 1)
              : a.at([...outer, fixed(add(add(first, row), r)), fixed(i)], 1);
          tile(outer, left, add(first, row), number, blocks, panel);
        };
        const tiled = size - (size % height);
        if (tiled > 0) k.for(0, tiled, height, (row) => some(row, height));
        if (tiled < size) some(tiled, size - tiled);
      });
    };
    const { each, main } = rowBlocks;
    if (main > 0) k.for(0, main, each, (first) => rowBlock(first, each));
    rowBlock(main, rows - main);
  };
  /** The blocks of a section of columns, where they are, or copied to where one section has room. */
  const blocksFrom = (
    outer: readonly LaneIndex[],
    start: Expression | number,
    count: number,
    tail: boolean,
  ): Factors => {
    if (right.kind === "packed") {
      return (block, i, offset) => right.blocks.at([fixed(add(start, block)), fixed(i), offset], lanes);
    }
    const { source, work } = right;
    const packed = view(work, [count + 1, depth, blockColumns]);
    const copy = (block: Expression | number, column: Expression | number) =>
      k.for(0, depth, 1, (i) => {
        for (let at = 0; at < blockColumns; at += lanes) {
          const to = addressOf(packed, [fixed(block), fixed(i), fixed(at)]).base;
          k.store(work, to, source.at([...outer, fixed(i), { base: add(column, at), step: 1 }], lanes));
        }
      });
    k.for(0, count, 1, (block) => copy(block, mul(add(start, block), blockColumns)));
    if (tail) copy(count, columns - blockColumns);
    return (block, i, offset) => packed.at([fixed(block), fixed(i), offset], lanes);
  };
  forEachOuter(k, a.shape.slice(0, -2), (outer) => {
    const section = (start: Expression | number, count: number, tail: boolean) =>
      multiply(outer, blocksFrom(outer, start, count, tail), count, start, tail);
    // A packed factor that is read once may be read from wherever it is.
    const once = right.kind === "packed" && rowBlocks.main === 0;
    const { each, main } = inParts(full, once ? full : caches.mostBlocks);
    if (main > 0) k.for(0, main, each, (start) => section(start, each, false));
    section(main, full - main, tailVectors > 0);
  });
  return k.finish(name);
}
