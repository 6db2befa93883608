// Values as rows of CSV (RFC 4180): one column a number or text, by its path; arrays as JSON in one column.
import { jsonValue } from "./show-message.ts";

const quoted = (cell: string): string => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

/** One line, without its end. */
export const csvRow = (cells: readonly string[]): string => cells.map(quoted).join(",");

const isRecord = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);

const cellOf = (value: unknown): string => {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  return typeof value === "object" ? JSON.stringify(jsonValue(value)) : String(value);
};

/** A value's cells by the path of each: `header.stamp.sec`. */
export function flattened(value: unknown, path = "", cells = new Map<string, string>()): Map<string, string> {
  if (!isRecord(value)) return cells.set(path === "" ? "value" : path, cellOf(value));
  for (const [name, each] of Object.entries(value)) flattened(each, path === "" ? name : `${path}.${name}`, cells);
  return cells;
}
