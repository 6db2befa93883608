// The tuner's parts: problems of graphs, races of kernels, and the text of a table.
import { describe, expect, it } from "vitest";
import { printKernel, runnableTargets } from "../../kernels/index.ts";
import { addsDotOnly, target } from "../../kernels/targets.ts";
import { constant, type Graph, tensorType, trace } from "../../runtime/index.ts";
import { numbers, plainGraph } from "../bench/case.ts";
import { prepareRace } from "./race.ts";
import { printTable } from "./table.ts";
import { prepared, tasksOf } from "./tasks.ts";
import { main } from "./tune.ts";

/** Two products of one shape, and a sum. */
const make = (): Graph => {
  const weight = (seed: number) => constant(numbers(40 * 40, seed), "f32", [40, 40], `w${seed}`);
  return plainGraph(
    trace(
      ({ x }) => ({ y: x.matmul(weight(1)).matmul(weight(2)).sum([1]) }),
      { x: tensorType("f32", [9, 40]) },
      { name: "g" },
    ),
  );
};
const tasks = [...tasksOf(prepared([{ name: "small", make }]), "x86-64-v3")];

describe("the tuner", () => {
  it("takes each problem of a graph once, with a kernel of its own for every legal schedule", () => {
    expect(tasks.map(({ problem }) => problem.name)).toEqual([
      "gemm packed f32 m9 k40 n40",
      "reduce f32 from 0 9x40 over 1",
    ]);
    for (const { problem, kernel } of tasks) {
      const texts = problem.legal.map((schedule) => printKernel(kernel(schedule)));
      expect(texts.length).toBeGreaterThan(1);
      expect(new Set(texts).size).toBe(texts.length);
    }
  });

  it.runIf(process.arch === "x64")("times the kernels that take part in a race, in every round", async () => {
    const machine = runnableTargets().find((name) => !addsDotOnly(name))!;
    const [product] = tasks;
    const race = await prepareRace(product!.problem.legal.slice(0, 3).map(product!.kernel), target(machine));
    const times = race.run([0, 2], 5);
    expect(times.length).toBe(2);
    expect(times[0]!.length).toBeGreaterThanOrEqual(9);
    expect(times[1]!.length).toBe(times[0]!.length);
    for (const each of times.flat()) expect(each).toBeGreaterThan(0);
  });

  it("writes a table sorted, one entry a line", () => {
    const text = printTable("x86-64-v3", {
      "matmul b": { height: 1, vectors: 2 },
      "matmul a": { height: 3, vectors: 4 },
    });
    expect(text.split("\n").slice(3)).toEqual([
      "export const table: ScheduleTable = {",
      '  "matmul a": { height: 3, vectors: 4 },',
      '  "matmul b": { height: 1, vectors: 2 },',
      "};",
      "",
    ]);
  });

  it("refuses a target that the machine does not run", async () => {
    expect(await main(["--target", "pdp-11"])).toBe(1);
  });
});
