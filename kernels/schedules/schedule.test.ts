// Who chooses schedules: tables, the usual one, and draws.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { balanced, extentsOf } from "./extents.ts";
import { drawnSchedules, problemOf, tabledSchedules, usualSchedules } from "./schedule.ts";

const usual = { rows: 2, columns: 7 };
const others = [
  { rows: 1, columns: 14 },
  { rows: 4, columns: 3 },
  { rows: 2, columns: 7 },
];
const problem = problemOf("convolution of something", usual, others);

describe("a problem", () => {
  it("holds every legal schedule once, the usual one first", () => {
    expect(problem.legal).toEqual([usual, others[0], others[1]]);
    expect(usualSchedules(problem)).toBe(usual);
  });
});

describe("a table of schedules", () => {
  it("chooses what it holds for the problem", () => {
    expect(tabledSchedules({ [problem.name]: { columns: 14, rows: 1 } })(problem)).toBe(others[0]);
  });

  it("chooses the usual schedule of another problem, and where it holds none that is legal", () => {
    expect(tabledSchedules({ "another problem": { rows: 1, columns: 14 } })(problem)).toBe(usual);
    for (const wrong of [{ rows: 3, columns: 14 }, { rows: 1 }, { rows: 1, columns: 14, blocks: 1 }])
      expect(tabledSchedules({ [problem.name]: wrong })(problem)).toBe(usual);
  });
});

describe("drawn schedules", () => {
  it("are legal, the same for the same seed and problem, and over the seeds all of them", () => {
    const drawn = Array.from({ length: 40 }, (_, seed) => drawnSchedules(seed)(problem));
    expect(Array.from({ length: 40 }, (_, seed) => drawnSchedules(seed)(problem))).toEqual(drawn);
    expect(new Set(drawn)).toEqual(new Set(problem.legal));
  });

  it("differ between problems under one seed", () => {
    const names = Array.from({ length: 40 }, (_, at) => `convolution y${at}x${at}`);
    const drawn = names.map((name) => drawnSchedules(1)({ ...problem, name }));
    expect(new Set(drawn)).toEqual(new Set(problem.legal));
  });
});

describe("tiles of a dimension", () => {
  it("are at most what is asked for: one balanced, one without a rest, one as large as may be", () => {
    expect(extentsOf(56, 15)).toEqual([14, 15]);
    expect(extentsOf(57, 14)).toEqual([12, 3, 14]);
    expect(extentsOf(5, 9)).toEqual([5]);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 40 }), (size, most) => {
        const extents = extentsOf(size, most);
        expect(extents).toContain(balanced(size, most));
        expect(extents.some((each) => size % each === 0)).toBe(true);
        for (const each of extents) {
          expect(each).toBeGreaterThan(0);
          expect(each).toBeLessThanOrEqual(Math.min(size, most));
        }
      }),
    );
  });
});
