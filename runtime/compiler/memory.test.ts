// The memory plan: no two tensors that live at the same time share a byte.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Lifetime, planMemory } from "./memory.ts";

const lifetime = (name: string, bytes: number, first: number, last: number): Lifetime => ({
  home: { kind: "scratch" },
  name,
  bytes,
  first,
  last,
});

describe("the memory plan", () => {
  it("reuses bytes and prints a map", () => {
    const plan = planMemory([lifetime("a", 100, 0, 1), lifetime("b", 64, 1, 2), lifetime("c", 70, 2, 3)]);
    expect(plan.toString()).toMatchInlineSnapshot(`
      "        0 +100      kernels 0–1  a
              0 +70       kernels 2–3  c
            128 +64       kernels 1–2  b"
    `);
    expect(plan.bytes).toBe(192);
  });

  it("never overlaps live tensors, aligns to 64 bytes, and is never larger than all tensors side by side", () => {
    const arbitrary = fc.array(fc.tuple(fc.nat(1000), fc.nat(20), fc.nat(6)), { maxLength: 30 });
    fc.assert(
      fc.property(arbitrary, (rows) => {
        const lifetimes = rows.map(([bytes, first, length], at) =>
          lifetime(`t${at}`, bytes + 1, first, first + length),
        );
        const { placed, bytes } = planMemory(lifetimes);
        expect(placed.length).toBe(lifetimes.length);
        for (const [at, a] of placed.entries()) {
          expect(a.offset % 64).toBe(0);
          expect(a.offset + a.bytes).toBeLessThanOrEqual(bytes);
          for (const b of placed.slice(at + 1)) {
            const together = a.first <= b.last && b.first <= a.last;
            const apart = a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset;
            expect(!together || apart).toBe(true);
          }
        }
        expect(bytes).toBeLessThanOrEqual(lifetimes.reduce((sum, each) => sum + Math.ceil(each.bytes / 64) * 64, 0));
      }),
    );
  });
});
