// Reductions and element-wise steps along rows as one kernel: a few rows at a time go through all steps while they are in cache.
import { broadcast, KernelBuilder } from "../loop/build.ts";
import type { Buffer, Expression, Kernel, Scalar } from "../loop/ir.ts";
import type { Target } from "../targets.ts";
import { addressOf, fixed, type LaneIndex, type Source, type View, view } from "./access.ts";
import type { Epilogue } from "./contract.ts";
import { alongVectors, type Destination, lanesFor } from "./map.ts";
import { type Accumulation, alongInnermost, forEachRows, mostRows } from "./reduce.ts";
import { store } from "./store.ts";

/** What the kernel being written knows of the rows of its tile. */
interface Tile {
  readonly k: KernelBuilder;
  /** Which row of the tile is being computed. */
  row: number;
}

/** A number for each row of the tile. */
class Numbers implements Source {
  readonly scalar: Scalar;
  readonly shape: readonly number[];
  readonly values: Expression[] = [];
  readonly #tile: Tile;

  constructor(tile: Tile, scalar: Scalar, shape: readonly number[]) {
    this.#tile = tile;
    this.scalar = scalar;
    this.shape = shape;
  }

  at(_: readonly LaneIndex[], lanes: number): Expression {
    return broadcast(this.values[this.#tile.row]!, lanes);
  }
}

/** A line of elements for each row of the tile: read where it is kept, or computed and put there where it is read first. */
class Lines implements Source {
  readonly scalar: Scalar;
  readonly shape: readonly number[];
  /** Whether what is read now is what computes the line. */
  fresh = false;
  readonly #tile: Tile;
  readonly #source: Source;
  readonly #home: View;
  readonly #inTile: boolean;

  constructor(tile: Tile, source: Source, home: View, inTile: boolean) {
    this.#tile = tile;
    this.scalar = source.scalar;
    this.shape = source.shape;
    this.#source = source;
    this.#home = home;
    this.#inTile = inTile;
  }

  at(at: readonly LaneIndex[], lanes: number): Expression {
    const place = this.#inTile ? [fixed(this.#tile.row), at.at(-1)!] : at;
    if (!this.fresh) return this.#home.at(place, lanes);
    const { k } = this.#tile;
    const value = k.let(this.#source.at(at, lanes));
    const { base, step } = addressOf(this.#home, place);
    store(k, this.#home.buffer, base, step, value);
    return value;
  }
}

type Step =
  | {
      readonly kind: "reduce";
      readonly accumulation: Accumulation;
      readonly finish: Epilogue;
      readonly result: Numbers;
      readonly stored: Destination | undefined;
      /** A line that this reduction reads first. */
      readonly along: Lines | undefined;
    }
  | { readonly kind: "lines"; readonly lines: Lines };

/** Elements of a buffer that a line of the rows is kept in while its tile is computed. */
export const lineWork = (shape: readonly number[]): number => tileRows(shape) * lineLength(shape);

const tileRows = (shape: readonly number[]): number => ((shape.at(-2) ?? 1) < mostRows ? 1 : mostRows);
/** Lines start at a vector of every target. */
const lineLength = (shape: readonly number[]): number => Math.ceil(shape.at(-1)! / 16) * 16;

/**
 * A kernel over the rows of a shape [...,n], written step by step; each step's result is a source of the later ones.
 *
 * Plan: that of `reduceKernel` for each reduction, elements else independent. Schedule: four rows at a time go through all steps.
 */
export class RowKernel {
  readonly #shape: readonly number[];
  readonly #steps: Step[] = [];
  readonly #tile: Tile = { k: new KernelBuilder(), row: 0 };
  /** Lines not computed yet: the next reduction that reads them does it, or a loop of their own. */
  #waiting: Lines | undefined;
  readonly #end: Expression | undefined;

  /** From `end` on along a row, no line is wanted, and what reductions take changes nothing. */
  constructor(shape: readonly number[], end?: Expression) {
    this.#shape = shape;
    this.#end = end;
  }

  /**
   * Reduces what `accumulation` takes of each row; where `stored`, the result is written there too. `reads` are the sources
   * that it takes.
   */
  reduce(
    accumulation: Accumulation,
    scalar: Scalar,
    finish: Epilogue,
    stored: Destination | undefined,
    reads: ReadonlySet<Source>,
  ): Source {
    const result = new Numbers(this.#tile, scalar, [...this.#shape.slice(0, -1), 1]);
    const along = this.#waiting && reads.has(this.#waiting) ? this.#waiting : undefined;
    if (!along) this.#settle();
    this.#waiting = undefined;
    this.#steps.push({ kind: "reduce", accumulation, finish, result, stored, along });
    return result;
  }

  /** Computes a line for each row: into memory of the whole shape, or into some of `lineWork` elements. */
  line(source: Source, home: { readonly whole: View } | { readonly work: Buffer }): Source {
    this.#settle();
    const inTile = "work" in home;
    const place = inTile
      ? view(home.work, [tileRows(this.#shape), this.#shape.at(-1)!], [lineLength(this.#shape), 1])
      : home.whole;
    this.#waiting = new Lines(this.#tile, source, place, inTile);
    return this.#waiting;
  }

  #settle(): void {
    if (this.#waiting) this.#steps.push({ kind: "lines", lines: this.#waiting });
    this.#waiting = undefined;
  }

  finish(name: string, buffers: readonly Buffer[], target: Target): Kernel {
    this.#settle();
    const { k } = this.#tile;
    k.buffers.push(...buffers);
    forEachRows(k, this.#shape.slice(0, -1), tileRows(this.#shape), (rows) => {
      for (const step of this.#steps) {
        if (step.kind === "reduce") this.#reduced(step, rows, target);
        else this.#computed(step.lines, rows, target);
      }
    });
    return k.finish(name);
  }

  #reduced(
    { accumulation, finish, result, stored, along }: Extract<Step, { kind: "reduce" }>,
    rows: readonly (readonly LaneIndex[])[],
    target: Target,
  ): void {
    const { k } = this.#tile;
    const length = this.#shape.at(-1)!;
    const indices = rows.map((row, r) => (reduced: readonly LaneIndex[]) => {
      this.#tile.row = r;
      return [...row, ...reduced];
    });
    if (along) along.fresh = true;
    const ending = this.#end ? { ...accumulation, end: { axis: 0, at: this.#end } } : accumulation;
    const values = alongInnermost(k, length, [length], ending, target, indices);
    if (along) along.fresh = false;
    values.forEach((value, r) => {
      this.#tile.row = r;
      const at = [...rows[r]!, fixed(0)];
      const named = k.let(finish(value, at));
      result.values[r] = named;
      if (stored) k.store(stored.buffer, addressOf(stored, at).base, named);
    });
  }

  #computed(lines: Lines, rows: readonly (readonly LaneIndex[])[], target: Target): void {
    lines.fresh = true;
    const body = (at: LaneIndex, width: number) =>
      rows.forEach((row, r) => {
        this.#tile.row = r;
        lines.at([...row, at], width);
      });
    alongVectors(this.#tile.k, this.#shape.at(-1)!, lanesFor(target, lines.scalar), body, this.#end);
    lines.fresh = false;
  }
}
