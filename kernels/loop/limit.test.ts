// Kernels that are limited to rows in front of a count: which loops end early, what is filled behind, and what runs to its end.
import { describe, expect, it } from "vitest";
import { expectChunks } from "../testing/chunks.ts";
import { add, constant, KernelBuilder, load, mul } from "./build.ts";
import { prepareKernel } from "./interpret.ts";
import type { Buffer, Kernel } from "./ir.ts";
import { type Front, limitKernel } from "./limit.ts";
import { printKernel } from "./print.ts";

interface Buffers {
  readonly x: Buffer;
  readonly y: Buffer;
  readonly work: Buffer;
}

/** What an element of y is where nothing has been written. */
const untouched = -1;

/** A kernel over x (read) and y (written), of `length` elements each, limited to rows of y in front of a count of at most `most`. */
function limited(
  length: number,
  most: number,
  front: Omit<Front, "buffer">,
  body: (k: KernelBuilder, buffers: Buffers) => void,
  work: Partial<Buffer> = {},
): { readonly kernel: Kernel; run(count: number): { y: number[]; iterations: number } } {
  const k = new KernelBuilder();
  const y = k.buffer("y", "f32", length, "write");
  const x = k.buffer("x", "f32", length, "read");
  const n = k.buffer("n", "i64", 1, "read");
  const area = { ...k.buffer("work", "f32", 64, "readwrite"), ...work };
  k.buffers[3] = area;
  body(k, { x, y, work: area });
  const kernel = limitKernel(k.finish("k"), load(n, 0), most, [{ ...front, buffer: y }]);
  const arrays = (count: number) =>
    [
      new Float32Array(length).fill(untouched),
      Float32Array.from({ length }, (_, at) => at + 1),
      BigInt64Array.of(BigInt(count)),
      new Float32Array(64),
    ] as const;
  return {
    kernel,
    run(count) {
      const all = arrays(count);
      const iterations = prepareKernel(kernel)(all);
      expectChunks(kernel, arrays(count));
      return { y: [...all[0]], iterations };
    },
  };
}

/** y = 2x, row by row. */
const doubled =
  (rows: number, columns: number) =>
  (k: KernelBuilder, { x, y }: Buffers) =>
    k.for(0, rows, 1, (r) =>
      k.for(0, columns, 2, (c) => {
        const at = add(mul(r, columns), c);
        k.store(y, at, mul(load(x, at, 2), constant("f32", 2, 2)));
      }),
    );

describe("a limited kernel", () => {
  it("ends its outermost loop at the count, whatever that is", () => {
    const { run } = limited(24, 6, { offset: 0, row: 4 }, doubled(6, 4));
    const written = (rows: number) => Array.from({ length: 24 }, (_, at) => (at < 4 * rows ? 2 * (at + 1) : untouched));
    for (const [count, rows] of [
      [0, 0],
      [2, 2],
      [6, 6],
      [7, 6],
      [-3, 0],
      [2 ** 40, 6],
    ] as const)
      expect(run(count), String(count)).toEqual({ y: written(rows), iterations: 3 * rows });
  });

  it("ends the loop over rows where one over columns is around it", () => {
    const { run, kernel } = limited(24, 6, { offset: 0, row: 4 }, (k, { x, y }) =>
      k.for(0, 4, 2, (c) =>
        k.for(0, 6, 1, (r) => {
          const at = add(mul(r, 4), c);
          k.store(y, at, load(x, at, 2));
        }),
      ),
    );
    expect(run(1)).toEqual({ y: [1, 2, 3, 4, ...new Array<number>(20).fill(untouched)], iterations: 4 });
    expect(printKernel(kernel)).toMatch(/for i = 0 to 4 step 2\n.*for i_1 = 0 to 6 until .* step 1/);
  });

  it("ends a loop over vectors behind the one that the count falls into", () => {
    const { run } = limited(20, 20, { offset: 0, row: 1 }, (k, { x, y }) => {
      k.for(0, 16, 4, (i) => k.store(y, i, load(x, i, 4)));
      k.for(16, 20, 1, (i) => k.store(y, i, load(x, i)));
    });
    expect(run(5).iterations).toBe(2);
    expect(run(5).y.slice(0, 8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(run(18)).toMatchObject({ iterations: 6, y: expect.arrayContaining([17, 18, untouched]) });
  });

  it("fills what is behind the count with one number, from the first element on", () => {
    const { run } = limited(45, 40, { offset: 3, row: 1, behind: 7 }, (k, { x, y }) =>
      k.for(0, 40, 4, (i) => k.store(y, add(i, 3), load(x, i, 4))),
    );
    for (const count of [0, 5, 16, 39, 40]) {
      const front = Array.from({ length: count }, (_, at) => at + 1);
      const behind = new Array<number>(40 - count).fill(7);
      const border = new Array<number>(3).fill(untouched);
      expect(run(count).y, String(count)).toEqual([...border, ...front, ...behind, untouched, untouched]);
    }
  });

  it("passes over gaps between rows", () => {
    const { run } = limited(24, 4, { offset: 1, row: 6 }, (k, { x, y }) =>
      k.for(0, 4, 1, (r) => k.store(y, add(mul(r, 6), 1), load(x, r, 2))),
    );
    expect(run(2)).toMatchObject({ iterations: 2, y: expect.arrayContaining([3]) });
  });

  it("leaves out what fills memory of an iteration's own, and none that others read", () => {
    const through = (k: KernelBuilder, { x, y, work }: Buffers) =>
      k.for(0, 6, 1, (r) => {
        k.store(work, 0, load(x, mul(r, 4), 4));
        k.store(y, mul(r, 4), load(work, 0, 4));
      });
    expect(limited(24, 6, { offset: 0, row: 4 }, through, { private: true }).run(2).iterations).toBe(2);
    expect(limited(24, 6, { offset: 0, row: 4 }, through).run(2).iterations).toBe(6);
  });

  it("runs a loop to its end that leaves something to what follows, and ends one that leaves it to nothing", () => {
    const running =
      (read: boolean) =>
      (k: KernelBuilder, { x, y }: Buffers) => {
        const sum = k.variable(constant("f32", 0));
        k.for(0, 20, 1, (i) => {
          sum.set(add(sum.get(), load(x, i)));
          k.store(y, i, sum.get());
        });
        if (read) k.store(y, 0, sum.get());
      };
    expect(limited(20, 20, { offset: 0, row: 1 }, running(false)).run(3)).toMatchObject({ iterations: 3 });
    const { y, iterations } = limited(20, 20, { offset: 0, row: 1 }, running(true)).run(3);
    expect([y[0], iterations]).toEqual([210, 20]);
  });
});
