// Writes a target's table of schedules for review.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Schedule, type ScheduleTable, scheduleTables } from "../../kernels/schedules/index.ts";
import { addsDotOnly, type TargetName } from "../../kernels/targets.ts";

/** The file that a target's table stands in. */
export const tableFile = (target: TargetName): string =>
  fileURLToPath(new URL(`../../kernels/schedules/${target}.ts`, import.meta.url));

/** The entries of a target's own file: without those that it takes from its base. */
export function ownTable(target: TargetName): ScheduleTable {
  if (!addsDotOnly(target)) return scheduleTables[target];
  return Object.fromEntries(Object.entries(scheduleTables[target]).filter(([problem]) => namesDot(problem)));
}

const namesDot = (problem: string): boolean => / (vnni|dotprod) /.test(problem);

/** The text of a table's file: one entry a line, sorted. */
export function printTable(target: TargetName, table: ScheduleTable): string {
  const entry = (problem: string, schedule: Schedule) =>
    `  "${problem}": { ${Object.entries(schedule)
      .map(([name, value]) => `${name}: ${value}`)
      .join(", ")} },\n`;
  const entries = Object.keys(table)
    .sort()
    .map((problem) => entry(problem, table[problem]!));
  return [
    `// Written by \`npm run tune -- --target ${target} --write\`: schedules that were measured to be faster than the usual ones.\n`,
    'import type { ScheduleTable } from "./schedule.ts";\n\n',
    entries.length === 0
      ? "export const table: ScheduleTable = {};\n"
      : `export const table: ScheduleTable = {\n${entries.join("")}};\n`,
  ].join("");
}

export const writeTable = (target: TargetName, table: ScheduleTable): void =>
  writeFileSync(tableFile(target), printTable(target, table));
