// The report as text for a terminal.
import { formatDuration } from "../../scheduler/index.ts";
import type { Measured, Percentiles } from "./percentiles.ts";
import type { Report } from "./report.ts";

type Percentile = Exclude<keyof Percentiles, "histogram" | "count">;

const cell = (measured: Measured, pick: Percentile): string =>
  measured === "not measured" ? "not measured" : formatDuration(measured[pick]);

const tabulate = (head: readonly string[], rows: readonly (readonly string[])[]): string[] => {
  if (rows.length === 0) return [];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) =>
    `  ${cells.map((text, column) => (column === 0 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!))).join("  ")}`;
  return [line(head), ...rows.map(line)];
};

/** The report in a page of text. */
export function printReport(report: Report): string {
  const machine =
    report.machine === "not recorded"
      ? "machine not recorded"
      : `${report.machine.cpu}, ${report.machine.cores} cores, ${report.machine.architecture}`;
  const time = report.clock === "real" ? `real time, ${report.scheduling}` : "virtual time (times are logical)";
  return [
    `${report.application}: ${formatDuration(report.durationNs)} of ${time}, ${machine}`,
    ...(report.keptFromNs === 0
      ? []
      : [`  times, chains and causes are told of the last ${formatDuration(report.durationNs - report.keptFromNs)}`]),
    ...report.verdicts.map(({ status, text }) => `  ${marks[status]} ${text}`),
    ...tabulate(
      ["task", "released", "on time", "overrun", "skipped", "exec p50", "exec max", "late p99", "late max"],
      report.tasks.map((task) => [
        task.name,
        ...[task.released, task.onTime, task.overrun, task.skipped].map(String),
        cell(task.executionTime, "p50"),
        cell(task.executionTime, "max"),
        cell(task.lateness, "p99"),
        cell(task.lateness, "max"),
      ]),
    ),
    ...tabulate(
      ["chain", "budget", "p50", "p99", "max", "over budget", "age min", "age p50", "age p99", "age max", "max age"],
      report.chains.map(({ name, budgetNs, latency, overBudget, age, maxAgeNs }) => [
        name,
        formatDuration(budgetNs),
        cell(latency, "p50"),
        cell(latency, "p99"),
        cell(latency, "max"),
        String(overBudget),
        cell(age, "min"),
        cell(age, "p50"),
        cell(age, "p99"),
        cell(age, "max"),
        maxAgeNs === null ? "-" : formatDuration(maxAgeNs),
      ]),
    ),
    ...worldLines(report.world),
  ].join("\n");
}

/** What world and application say of the run, under a heading of its own: no name of theirs stands for one of the summary's. */
const worldLines = (world: Report["world"]): string[] => {
  const rows = Object.entries(world ?? {}).map(
    ([key, value]) => `    ${key.padEnd(16)} ${typeof value === "number" ? Number(value.toFixed(4)) : String(value)}`,
  );
  return rows.length === 0 ? [] : ["  world", ...rows];
};

const marks = { good: "+", bad: "!", unknown: "?" } as const;
