// Large matrix products: the right factor in packed blocks of columns, rows in blocks that stay in cache.
import { bytesOf } from "../dtype.ts";
import { add, and, broadcast, constant, convert, div, fma, KernelBuilder, load, mul } from "../loop/build.ts";
import type { Buffer, Expression, Kernel } from "../loop/ir.ts";
import { balanced, extentsOf, type Problem, problemOf } from "../schedules/index.ts";
import type { Target } from "../targets.ts";
import { addressOf, fixed, type LaneIndex, type Source, type View, view } from "./access.ts";
import { type Epilogue, splitsFor, unrolled } from "./contract.ts";
import { alongVectors, type Destination, forEachOuter, lanesFor, powerBelow } from "./map.ts";
import { store } from "./store.ts";

/**
 * Columns w of a block of a packed right factor [⌈n/w⌉,k,w]: no more than a tile of so many rows takes on any target, so that a
 * block is read in order, and one that comes from memory is read once. Wider tiles take neighbouring blocks side by side.
 */
export const blockWidth = (rows: number, columns: number): number =>
  Math.min(rows > 2 && rows <= 6 ? 64 : 32, powerBelow(columns));

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

/** A dimension in parts: some of `each`, which end at `main`, and a last one with the rest. */
interface Parts {
  readonly each: number;
  readonly main: number;
}

/** The length of the longest part of a dimension. */
const longestOf = ({ each, main }: Parts, size: number): number => Math.max(main > 0 ? each : 0, size - main);

function inParts(size: number, most: number): Parts {
  if (size === 0) return { each: 1, main: 0 };
  const each = balanced(size, Math.max(1, most));
  return { each, main: (Math.ceil(size / each) - 1) * each };
}

type Factor = Pick<Source, "shape" | "scalar">;

/** Rows by vectors that are summed at once, the vectors filling blocks of columns or sharing one evenly, and steps along k that are written out. */
type GemmTile = { readonly height: number; readonly vectors: number; readonly steps: number };

/** The tiles in question for a product. */
function gemmTiles(
  { machine: { vectorBytes, vectorRegisters } }: Target,
  a: Factor,
  right: RightShape,
): Problem<GemmTile> {
  const [rows, depth] = a.shape.slice(-2) as [number, number];
  const least = vectorBytes === 16 ? 4 : 2;
  // One row alone reads its right operand from memory, which leaves the registers to its sums.
  const fits = (vectors: number) => rows === 1 || vectors * (rows + 1) + 1 <= vectorRegisters;
  const most = (vectors: number) => Math.max(1, Math.min(16, Math.floor((vectorRegisters - vectors - 1) / vectors)));
  const usualVectors = [8, 4].find(fits) ?? least;
  const shapes = [1, 2, 4, 8].flatMap((vectors) =>
    extentsOf(rows, most(vectors)).map((height) => ({ height, vectors })),
  );
  const largest = Math.max(...shapes.map(({ height, vectors }) => height * vectors));
  const height = balanced(rows, most(usualVectors));
  // About 32 multiply-adds hide the loop, and of more LLVM moves loads up front and spills.
  const steps = Math.min(4, powerBelow(Math.max(1, 32 / (height * usualVectors))));
  return problemOf(
    `gemm ${right.kind} ${a.scalar} m${rows} k${depth} n${right.columns}`,
    { height, vectors: usualVectors, steps },
    // Fewer sums than half of what there is room for leave the multipliers waiting.
    shapes
      .filter(({ height, vectors }) => 2 * height * vectors >= largest)
      .flatMap((shape) => [1, 2, 4].map((steps) => ({ ...shape, steps }))),
  );
}

/** How the loops of a product are cut. */
interface Cuts {
  readonly tile: GemmTile;
  /** Rows, in whole tiles but for the last part. */
  readonly rows: Parts;
  readonly depths: Parts;
  /** Blocks of columns. */
  readonly sections: Parts;
  /** Where a block of rows is copied to and how far apart its rows lie, where they would displace each other. */
  readonly copy: { readonly elements: number; readonly stride: number } | undefined;
  /** The same for sums that wait for the next part of k. */
  readonly sums: { readonly elements: number; readonly stride: number } | undefined;
}

function gemmCuts(target: Target, a: Factor, right: RightShape): Cuts {
  const { caches } = target.machine;
  const [count, depth] = a.shape.slice(-2) as [number, number];
  const bytes = bytesOf(a.scalar);
  const tile = target.schedules(gemmTiles(target, a, right));
  const { height } = tile;
  // Once a long k is cut, shorter parts let more rows share what is read of the right factor.
  const depths = inParts(depth, depth > caches.mostDepth ? caches.mostDepth / 2 : depth);
  const longest = longestOf(depths, depth);
  const tiles = inParts(
    Math.floor(count / height),
    Math.max(1, Math.floor(caches.rowBytes / (longest * bytes * height))),
  );
  const rows = { each: tiles.each * height, main: tiles.main * height };
  const full = Math.floor(right.columns / right.width);
  // A packed factor that is read once may be read from wherever it is.
  const once = right.kind === "packed" && rows.main === 0;
  const sections = inParts(full, once ? full : caches.mostBlocks);
  const mostRows = longestOf(rows, count);
  const area = (stride: number) => ({ elements: mostRows * stride, stride });
  const aliased = (depth * bytes) % caches.aliasBytes === 0 && count >= 4 && right.columns >= 64;
  return {
    tile,
    rows,
    depths,
    sections,
    copy: aliased ? area(longest + 16) : undefined,
    sums: depths.main > 0 ? area((longestOf(sections, full) + 1) * right.width) : undefined,
  };
}

/** What the schedule asks of a right factor. */
export interface RightShape {
  readonly kind: RightFactor["kind"];
  readonly columns: number;
  /** Columns of its blocks. */
  readonly width: number;
}

/** A factor that is copied into blocks. */
export const copied = (columns: number): RightShape => ({ kind: "plain", columns, width: copiedWidth });

/** Fewer bytes of a packed factor stay in a near cache from one call to the next. */
const leastAheadBytes = 2 ** 17;
/** Of so many passes over a block each fetches a share of the next; more fetch the same again. */
const mostShares = 16;

/** Where a pass over a block fetches elements from that come next, and how many of them for each step along k. */
interface Ahead {
  readonly buffer: Buffer;
  readonly from: Expression;
  readonly each: number;
}

/** Memory of a product's own: rows that are copied, and sums that wait for the next part of k. */
export type GemmWork<T> = {
  readonly rows?: T;
  readonly sums?: T;
};

/** Elements of the memory that a product needs; of each area, where it needs it. */
export function gemmWork(a: Factor, right: RightShape, target: Target): GemmWork<number> {
  const { copy, sums } = gemmCuts(target, a, right);
  return { ...(copy ? { rows: copy.elements } : {}), ...(sums ? { sums: sums.elements } : {}) };
}

/** Elements that a right factor [k,n] is copied to. */
export function columnWork(depth: number, columns: number, { machine }: Target): number {
  const { mostBlocks } = machine.caches;
  const full = Math.floor(columns / copiedWidth);
  const tail = columns % copiedWidth > 0 ? 1 : 0;
  return (longestOf(inParts(full, mostBlocks), full) + tail) * depth * copiedWidth;
}

/**
 * C[…,m,n] = Σ_k A[…,m,k]·B[k,n], B in packed blocks or, broadcast to A's batch, about to be.
 *
 * Plan: that of `matmulKernel` where its S is 1: from +0, one fused multiply-add per k, ascending. Schedule: for some blocks of
 * columns, for rows that fit the second-level cache, for each panel of columns, register tiles of rows by vectors; sums wait in memory from one
 * part of a long k to the next.
 */
export function gemmKernel(
  name: string,
  buffers: readonly Buffer[],
  a: Source,
  right: RightFactor,
  work: GemmWork<Buffer>,
  destination: Destination,
  epilogue: Epilogue,
  target: Target,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const [rows, depth] = a.shape.slice(-2) as [number, number];
  const shape: RightShape =
    right.kind === "packed"
      ? { kind: right.kind, columns: right.columns, width: right.blocks.shape.at(-1)! }
      : copied(right.source.shape.at(-1)!);
  const { columns, width: blockColumns } = shape;
  const lanes = lanesFor(target, a.scalar);
  const cuts = gemmCuts(target, a, shape);
  const { rows: rowParts, depths, sections, copy, sums: waiting } = cuts;
  const { height, vectors, steps } = cuts.tile;
  const full = Math.floor(columns / blockColumns);
  const tailVectors = Math.ceil((columns % blockColumns) / lanes);

  /** Some columns of a block: from where in the block, and which column of the product the block starts with. */
  interface Panel {
    readonly block: Expression | number;
    readonly offset: Expression | number;
    readonly column: Expression | number;
    readonly vectors: number;
  }
  /** Some rows: the first of their block, and how far below it they start. */
  interface Rows {
    readonly block: Expression | number;
    readonly row: Expression | number;
    readonly count: number;
  }
  const tile = (
    outer: readonly LaneIndex[],
    left: (row: Expression, i: Expression) => Expression,
    { block: firstRow, row: from, count }: Rows,
    blocks: Factors,
    { block, offset, column, vectors: width }: Panel,
    length: number,
    last: boolean,
    ahead: Ahead | undefined,
  ) => {
    const offsets = Array.from({ length: width }, (_, v) => v * lanes);
    const sumAt = (row: number, v: number): Expression => {
      const inSection = add(add(mul(block, blockColumns), offset), offsets[v]!);
      return add(mul(add(from, row), waiting!.stride), inSection);
    };
    const sums = Array.from({ length: count }, (_, row) =>
      offsets.map((_, v) =>
        k.variable(waiting ? load(work.sums!, sumAt(row, v), lanes) : constant(a.scalar, 0, lanes)),
      ),
    );
    let written = 0;
    unrolled(k, 0, length, steps, (i) => {
      if (ahead && written++ % steps === 0) k.prefetch(ahead.buffer, add(ahead.from, mul(i, ahead.each)));
      const factors = offsets.map((each) => {
        const inBlock = { base: add(offset, each % blockColumns), step: 1 };
        return k.let(blocks(add(block, Math.floor(each / blockColumns)), i, inBlock));
      });
      sums.forEach((line, row) => {
        const factor = k.let(left(add(from, row), i));
        line.forEach((sum, v) => {
          sum.set(fma(broadcast(factor, lanes), factors[v]!, sum.get()));
        });
      });
    });
    sums.forEach((line, row) => {
      line.forEach((sum, v) => {
        if (!last) {
          k.store(work.sums!, sumAt(row, v), sum.get());
          return;
        }
        const place = { base: add(add(column, offset), offsets[v]!), step: 1 };
        const at = [...outer, fixed(add(add(firstRow, from), row)), place];
        const { base, step } = addressOf(destination, at);
        store(k, destination.buffer, base, step, epilogue(sum.get(), at));
      });
    });
  };
  /**
   * What a tile of rows fetches of the blocks behind a panel: all tiles together all of them, so that a factor that lies in no near
   * cache, as in a network, comes while there is time.
   */
  const aheadOf = (
    start: Expression | number,
    { block, offset }: Panel,
    row: Expression | number,
  ): Ahead | undefined => {
    if (right.kind === "plain" || depths.main > 0) return undefined;
    const { blocks } = right;
    const elements = blocks.shape.reduce((product, size) => product * size, 1);
    const width = vectors * lanes;
    const inBlock = Math.max(1, blockColumns / width);
    const passes = Math.ceil(rows / height) * inBlock;
    if (passes < 2 || elements * bytesOf(blocks.buffer.scalar) < leastAheadBytes) return undefined;
    const shares = powerBelow(Math.min(passes, mostShares));
    const each = Math.max(width, blockColumns) / shares;
    const pass = add(mul(div(row, height), inBlock), div(offset, width));
    const next = add(add(start, block), Math.max(1, width / blockColumns));
    const { base } = addressOf(blocks, [fixed(next), fixed(0), fixed(0)]);
    return { buffer: blocks.buffer, from: k.let(add(base, mul(and(pass, shares - 1), each * depth))), each };
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
    for (let rest = tail ? tailVectors : 0; rest > 0; rest -= vectors) {
      const offset = blockColumns - rest * lanes;
      body({ block: count, offset, column: columns - blockColumns, vectors: Math.min(rest, vectors) });
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
    /** What some rows gain from a part of k. */
    const part = (
      first: Expression | number,
      size: number,
      from: Expression | number,
      length: number,
      last: boolean,
    ) => {
      if (copy) {
        k.for(0, size, 1, (row) =>
          alongVectors(k, length, lanes, (at, each) => {
            const value = a.at([...outer, fixed(add(first, row)), { ...at, base: add(from, at.base) }], each);
            k.store(work.rows!, add(mul(row, copy.stride), at.base), value);
          }),
        );
      }
      const near = copy && view(work.rows!, [size, length], [copy.stride, 1]);
      const left = (row: Expression, i: Expression) =>
        near ? near.at([fixed(row), fixed(i)], 1) : a.at([...outer, fixed(add(first, row)), fixed(add(from, i))], 1);
      const here: Factors = (block, i, offset) => blocks(block, add(from, i), offset);
      panels(count, start, tail, (panel) => {
        const some = (row: Expression | number, number: number) =>
          tile(
            outer,
            left,
            { block: first, row, count: number },
            here,
            panel,
            length,
            last,
            aheadOf(start, panel, row),
          );
        const tiled = size - (size % height);
        if (tiled > 0) k.for(0, tiled, height, (row) => some(row, height));
        if (tiled < size) some(tiled, size - tiled);
      });
    };
    const rowBlock = (first: Expression | number, size: number) => {
      if (waiting) {
        k.for(0, size * waiting.stride, lanes, (at) => k.store(work.sums!, at, constant(a.scalar, 0, lanes)));
      }
      if (depths.main > 0) k.for(0, depths.main, depths.each, (from) => part(first, size, from, depths.each, false));
      part(first, size, depths.main, depth - depths.main, true);
    };
    const { each, main } = rowParts;
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
      // Blocks of halves are read as what they are multiplied with.
      return (block, i, offset) =>
        convert(right.blocks.at([fixed(add(start, block)), fixed(i), offset], lanes), a.scalar);
    }
    const { source, work: columnsCopy } = right;
    const packed = view(columnsCopy, [count + 1, depth, blockColumns]);
    const copyBlock = (block: Expression | number, column: Expression | number) =>
      k.for(0, depth, 1, (i) => {
        for (let at = 0; at < blockColumns; at += lanes) {
          const to = addressOf(packed, [fixed(block), fixed(i), fixed(at)]).base;
          k.store(columnsCopy, to, source.at([...outer, fixed(i), { base: add(column, at), step: 1 }], lanes));
        }
      });
    k.for(0, count, 1, (block) => copyBlock(block, mul(add(start, block), blockColumns)));
    if (tail) copyBlock(count, columns - blockColumns);
    return (block, i, offset) => packed.at([fixed(block), fixed(i), offset], lanes);
  };
  forEachOuter(k, a.shape.slice(0, -2), (outer) => {
    const section = (start: Expression | number, count: number, tail: boolean) =>
      multiply(outer, blocksFrom(outer, start, count, tail), count, start, tail);
    const { each, main } = sections;
    if (main > 0) k.for(0, main, each, (start) => section(start, each, false));
    section(main, full - main, tailVectors > 0);
  });
  return k.finish(name);
}
