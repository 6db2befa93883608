// The checked-in tables of schedules: written by the tuner, and every entry in force.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { sameSchedule } from "../../kernels/schedules/index.ts";
import { type TargetName, targetNames } from "../../kernels/targets.ts";
import { graphs } from "./graphs.ts";
import { ownTable, printTable, tableFile } from "./table.ts";
import { prepared, tasksOf } from "./tasks.ts";

/** The targets that have tables of their own. */
const tabled: readonly TargetName[] = targetNames.filter((name) => !name.startsWith("aarch64"));

describe("the tables of schedules", () => {
  it.each(tabled)("stand as the tuner writes them for %s", (name) => {
    expect(readFileSync(tableFile(name), "utf8")).toBe(printTable(name, ownTable(name)));
  });

  it("hold legal schedules of the tuner's problems only, none of them the usual one", () => {
    const left = new Map(tabled.map((name) => [name, new Map(Object.entries(ownTable(name)))] as const));
    for (const graph of prepared(graphs)) {
      if ([...left.values()].every((entries) => entries.size === 0)) break;
      for (const [name, entries] of left) {
        if (entries.size === 0) continue;
        for (const { problem } of tasksOf([graph], name)) {
          const entry = entries.get(problem.name);
          const good =
            entry && !sameSchedule(entry, problem.usual) && problem.legal.some((each) => sameSchedule(each, entry));
          if (good) entries.delete(problem.name);
        }
      }
    }
    expect(Object.fromEntries([...left].map(([name, entries]) => [name, [...entries.keys()]]))).toEqual(
      Object.fromEntries(tabled.map((name) => [name, []])),
    );
  });
});
