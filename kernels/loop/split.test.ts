// What may be split, and into what: by loops whose iterations cannot meet.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expectChunks } from "../testing/chunks.ts";
import { add, broadcast, constant, type KernelBuilder, kernel, lt, mul, ramp, select } from "./build.ts";
import type { Buffer, Expression } from "./ir.ts";
import { splitKernel } from "./split.ts";

const finest = { mostChunks: 7, leastOperations: 1 };

/** The chunks of each step of a kernel over x (read) and y (written), both of `length` elements. */
function stepsOf(length: number, body: (k: KernelBuilder, x: Buffer, y: Buffer) => void): number[] | undefined {
  const made = kernel("k", (k) => body(k, k.buffer("x", "f32", length, "read"), k.buffer("y", "f32", length, "write")));
  const x = Float32Array.from({ length }, (_, at) => at + 1);
  const split = expectChunks(made, [x, new Float32Array(length)]);
  return split?.steps.map(({ count }) => count);
}

describe("splitting a kernel", () => {
  it("splits the rows of a matrix", () => {
    expect(
      stepsOf(60, (k, x, y) =>
        k.for(0, 10, 1, (r) =>
          k.for(0, 6, 2, (c) =>
            k.store(y, add(mul(r, 6), c), add(k.load(x, add(mul(r, 6), c), 2), constant("f32", 1, 2))),
          ),
        ),
      ),
    ).toEqual([5]);
  });

  it("splits panels of columns, which only their place in a row tells apart", () => {
    expect(
      stepsOf(64, (k, x, y) =>
        k.for(0, 8, 2, (c) =>
          k.for(0, 8, 2, (r) => {
            for (const down of [0, 1])
              k.store(y, add(mul(r, 8), add(c, down * 8)), k.load(x, add(mul(r, 8), add(c, down * 8)), 2));
          }),
        ),
      ),
    ).toEqual([6]);
  });

  it("splits loops inside where the outer ones are short", () => {
    expect(
      stepsOf(48, (k, x, y) =>
        k.for(0, 2, 1, (a) => {
          const from = k.let(mul(a, 24));
          k.for(0, 5, 1, (b) => k.for(0, 4, 1, (c) => k.store(y, add(add(from, mul(b, 4)), c), k.load(x, c))));
          k.for(20, 24, 1, (c) => k.store(y, add(from, c), k.load(x, c)));
        }),
      ),
    ).toEqual([6]);
  });

  it("lets what writes the same elements again wait for the first to end", () => {
    expect(
      stepsOf(22, (k, x, y) => {
        k.for(0, 20, 4, (i) => k.store(y, i, k.load(x, i, 4)));
        k.store(y, 18, k.load(x, 18, 4));
      }),
    ).toEqual([5, 1]);
  });

  it("does what depends on the step before in steps", () => {
    const made = kernel("turns", (k) => {
      const x = k.buffer("x", "f32", 32, "read");
      const area = k.buffer("area", "f32", 8, "readwrite");
      const y = k.buffer("y", "f32", 32, "write");
      k.for(0, 4, 1, (block) => {
        const from = k.let(mul(block, 8));
        k.for(0, 8, 1, (i) => k.store(area, i, k.load(x, add(from, i))));
        k.for(0, 8, 1, (i) => k.store(y, add(from, i), add(k.load(area, i), k.load(area, 0))));
      });
    });
    const split = expectChunks(made, [
      Float32Array.from({ length: 32 }, (_, i) => i),
      new Float32Array(8),
      new Float32Array(32),
    ]);
    expect(split?.kernels.length).toBe(2);
    expect(split?.steps.map(({ kernel: at, first, count }) => [at, first, count])).toEqual(
      [0, 1, 2, 3].flatMap((turn) => [0, 1].map((at) => [at, turn * 4, 4])),
    );
  });

  it("gives each chunk its own copy of what is private", () => {
    const of = (own: boolean) =>
      kernel("own", (k) => {
        const x = k.buffer("x", "f32", 32, "read");
        const area: Buffer = { name: "area", scalar: "f32", length: 8, access: "readwrite", align: 64, private: own };
        k.buffers.push(area);
        const y = k.buffer("y", "f32", 32, "write");
        k.for(0, 4, 1, (block) => {
          k.for(0, 8, 1, (i) => k.store(area, i, k.load(x, add(mul(block, 8), i))));
          k.for(0, 8, 1, (i) => k.store(y, add(mul(block, 8), i), add(k.load(area, i), k.load(area, 0))));
        });
      });
    const arrays = [Float32Array.from({ length: 32 }, (_, i) => i), new Float32Array(8), new Float32Array(32)];
    const split = expectChunks(of(true), arrays);
    expect(split?.steps).toEqual([{ kernel: 0, first: 0, count: 4, own: [1] }]);
    expect(split?.copies).toEqual([1, 4, 1]);
    expect(expectChunks(of(false), arrays)?.copies).toEqual([1, 1, 1]);
  });

  it("keeps the masks of loads and stores, which hang on where they are", () => {
    expect(
      stepsOf(40, (k, x, y) =>
        k.for(0, 5, 1, (r) =>
          k.for(0, 8, 4, (c) => {
            const at = k.let(add(mul(r, 8), c));
            const below = lt(ramp(c, 1, 4), broadcast(add(r, 3), 4));
            k.store(y, at, k.load(x, at, 4, below), below);
          }),
        ),
      ),
    ).toEqual([5]);
  });

  it("gives at most eight chunks memory of their own, however many there could be", () => {
    const made = kernel("own", (k) => {
      const x = k.buffer("x", "f32", 40, "read");
      const area: Buffer = { name: "area", scalar: "f32", length: 1, access: "readwrite", align: 64, private: true };
      k.buffers.push(area);
      const y = k.buffer("y", "f32", 40, "write");
      k.for(0, 40, 1, (i) => {
        k.store(area, 0, k.load(x, i));
        k.store(y, i, k.load(area, 0));
      });
    });
    const split = splitKernel(made, { mostChunks: 24, leastOperations: 1 });
    expect(split?.steps).toEqual([{ kernel: 0, first: 0, count: 8, own: [1] }]);
    expect(split?.copies).toEqual([1, 8, 1]);
  });

  it("shares the loops inside of a short one whose chunks have memory of their own, unless they read what another leaves there", () => {
    const of = (filled: number) =>
      kernel("own", (k) => {
        const x = k.buffer("x", "f32", 60, "read");
        const area: Buffer = { name: "area", scalar: "f32", length: 4, access: "readwrite", align: 64, private: true };
        k.buffers.push(area);
        const y = k.buffer("y", "f32", 60, "write");
        // Tiles of four columns, and a narrower last one, which may read two that the tile before left.
        k.for(0, 2, 1, (row) => {
          const tile = (first: Expression, width: number, reads: number) => {
            const at = k.let(add(mul(row, 30), first));
            k.for(0, width, 1, (i) => k.store(area, i, k.load(x, add(at, i))));
            k.for(0, width, 1, (i) => k.store(y, add(at, i), add(k.load(area, i), k.load(area, reads - 1))));
          };
          k.for(0, 28, 4, (first) => tile(first, 4, 4));
          k.for(28, 30, 2, (first) => tile(first, 2, filled));
        });
      });
    const arrays = [Float32Array.from({ length: 60 }, (_, i) => i), new Float32Array(4), new Float32Array(60)];
    expect(expectChunks(of(2), arrays)?.steps).toEqual([{ kernel: 0, first: 0, count: 6, own: [1] }]);
    expect(expectChunks(of(4), arrays)?.steps).toEqual([{ kernel: 0, first: 0, count: 2, own: [1] }]);
  });

  it("leaves in order what is private and is read before it is written", () => {
    const made = kernel("carried", (k) => {
      const x = k.buffer("x", "f32", 32, "read");
      const area: Buffer = { name: "area", scalar: "f32", length: 8, access: "readwrite", align: 64, private: true };
      k.buffers.push(area);
      const y = k.buffer("y", "f32", 32, "write");
      k.for(0, 8, 1, (i) => k.store(area, i, k.load(x, i)));
      k.for(0, 4, 1, (block) => {
        k.for(0, 8, 1, (i) => k.store(y, add(mul(block, 8), i), k.load(area, i)));
        k.for(0, 8, 1, (i) => k.store(area, i, k.load(x, add(mul(block, 8), i))));
      });
    });
    const x = Float32Array.from({ length: 32 }, (_, i) => i);
    const split = expectChunks(made, [x, new Float32Array(8), new Float32Array(32)]);
    expect(split?.steps.flatMap(({ own }) => own)).toEqual([]);
    expect(split?.copies).toEqual([1, 1, 1]);
  });

  it("leaves to all chunks what is private and was filled before them", () => {
    const made = kernel("two", (k) => {
      const x = k.buffer("x", "f32", 8, "read");
      const area = (name: string): Buffer => ({
        name,
        scalar: "f32",
        length: 8,
        access: "readwrite",
        align: 64,
        private: true,
      });
      const [filled, own] = [area("filled"), area("own")];
      k.buffers.push(filled, own);
      const y = k.buffer("y", "f32", 32, "write");
      k.for(0, 8, 1, (i) => k.store(filled, i, add(k.load(x, i), k.load(x, 0))));
      k.for(0, 4, 1, (block) => {
        k.for(0, 8, 1, (i) => k.store(own, i, add(k.load(filled, i), k.load(x, i))));
        k.for(0, 8, 1, (i) => k.store(y, add(mul(block, 8), i), add(k.load(own, i), k.load(own, 0))));
      });
    });
    const x = Float32Array.from({ length: 8 }, (_, i) => i);
    const split = expectChunks(made, [x, new Float32Array(8), new Float32Array(8), new Float32Array(32)]);
    expect(split?.steps.map(({ count, own }) => [count, own])).toEqual([
      [4, []],
      [4, [2]],
    ]);
    expect(split?.copies).toEqual([1, 1, 4, 1]);
  });

  it("knows how far a last tile that reaches back goes", () => {
    const of = (limit: number) =>
      stepsOf(30, (k, x, y) =>
        k.for(0, 3, 1, (block) =>
          k.for(0, 3, 1, (tile) => {
            const wanted = mul(tile, 4);
            const from = k.let(select(lt(wanted, limit), wanted, constant("i64", limit)));
            const at = add(mul(block, 10), from);
            k.store(y, at, k.load(x, at, 4));
          }),
        ),
      );
    expect(of(6)).toEqual([3]);
    // One element further, a block would write into the next.
    expect(of(7)).toBeUndefined();
  });

  it("knows that a condition keeps an index inside", () => {
    const rows = (guarded: boolean) =>
      stepsOf(40, (k, x, y) =>
        k.for(0, 2, 1, (block) =>
          k.for(0, 3, 1, (tile) => {
            const row = k.let(mul(tile, 2));
            for (const r of [0, 1]) {
              const at = add(add(mul(block, 20), mul(row, 4)), r * 4);
              const put = () => k.store(y, at, k.load(x, at, 4));
              if (guarded) k.if(lt(add(row, r), 5), put);
              else if (r === 0) put();
            }
          }),
        ),
      );
    expect(rows(true)).toEqual([6]);
  });

  it.each<[string, (k: KernelBuilder, x: Buffer, y: Buffer) => void]>([
    ["one element is written by all", (k, x, y) => k.for(0, 16, 1, (i) => k.store(y, 0, k.load(x, i)))],
    ["neighbours overlap", (k, x, y) => k.for(0, 12, 1, (i) => k.store(y, i, k.load(x, i, 2)))],
    ["the place is read from memory", (k, x, y) => k.for(0, 4, 1, (i) => k.store(y, k.let(mul(i, i)), k.load(x, i)))],
    [
      "a sum runs through all iterations",
      (k, x, y) => {
        const sum = k.variable(constant("f32", 0));
        k.for(0, 16, 1, (i) => {
          sum.set(add(sum.get(), k.load(x, i)));
          k.store(y, i, sum.get());
        });
      },
    ],
  ])("leaves a kernel whole where %s", (_, body) => {
    expect(stepsOf(16, body)).toBeUndefined();
  });

  it("leaves a kernel whole that reads what another iteration writes", () => {
    const prefix = kernel("prefix", (k) => {
      const y = k.buffer("y", "f32", 17, "readwrite");
      k.for(0, 16, 1, (i) => k.store(y, add(i, 1), add(k.load(y, i), k.load(y, add(i, 1)))));
    });
    const split = splitKernel(prefix, finest);
    expect(split?.steps.every(({ count }) => count === 1) ?? true).toBe(true);
  });

  it("leaves a small kernel whole, and splits a large one the same for every number of threads", () => {
    const rows = (count: number) =>
      kernel("rows", (k) => {
        const x = k.buffer("x", "f32", count * 64, "read");
        const y = k.buffer("y", "f32", count * 64, "write");
        k.for(0, count, 1, (r) =>
          k.for(0, 64, 8, (c) => k.store(y, add(mul(r, 64), c), k.load(x, add(mul(r, 64), c), 8))),
        );
      });
    expect(splitKernel(rows(100))).toBeUndefined();
    expect(splitKernel(rows(100_000))?.steps).toEqual([{ kernel: 0, first: 0, count: 24, own: [] }]);
  });

  /** Loops with accesses at random sums of their indices, to an array that is read and written, or written alone. */
  const accesses = fc.array(
    fc.record({
      coefficients: fc.array(fc.constantFrom(0, 1, 2, 3, 4, 5, 8, 12, 16, 24), { minLength: 3, maxLength: 3 }),
      offset: fc.constantFrom(0, 1, 2, 4, 7, 8, 16, 32),
      lanes: fc.constantFrom(1, 2, 4),
      below: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
    }),
    { minLength: 1, maxLength: 3 },
  );
  const nests = fc.array(
    fc.record({
      trips: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 3, maxLength: 3 }),
      step: fc.constantFrom(1, 2),
      reads: fc.boolean(),
      stores: accesses,
    }),
    { minLength: 1, maxLength: 2 },
  );

  it("never lets two chunks meet, whatever the loops", () => {
    let many = 0;
    fc.assert(
      fc.property(nests, (all) => {
        const length = 1024;
        const made = kernel("random", (k) => {
          const x = k.buffer("x", "f32", length, "read");
          const y = k.buffer("y", "f32", length, all.some(({ reads }) => reads) ? "readwrite" : "write");
          for (const { trips, step, reads, stores } of all) {
            k.for(0, trips[0]! * step, step, (a) =>
              k.for(0, trips[1]!, 1, (b) =>
                k.for(1, trips[2]! + 1, 1, (c) => {
                  for (const { coefficients, offset, lanes, below } of stores) {
                    const varying = [a, b, c].reduce(
                      (sum, each, d) => add(sum, mul(each, coefficients[d]!)),
                      add(0, 0),
                    );
                    const at = k.let(add(varying, offset));
                    const value = k.load(x, at, lanes);
                    const put = () => k.store(y, at, reads ? add(value, k.load(y, add(at, 1), lanes)) : value);
                    if (below === undefined) put();
                    else k.if(lt(add(b, c), below), put);
                  }
                }),
              ),
            );
          }
        });
        const split = expectChunks(made, [Float32Array.from({ length }, (_, at) => at), new Float32Array(length)]);
        if (split) many++;
      }),
      { numRuns: 400, seed: 20_261_125 },
    );
    expect(many).toBeGreaterThan(40);
  });
});
