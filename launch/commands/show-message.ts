// Decoded messages for people and for programs: plain JSON, or indented text with long arrays shortened.

/** Elements of an array that text shows. */
const shown = 8;

const isArray = (value: unknown): value is readonly unknown[] | NodeJS.TypedArray =>
  Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));

/**
 * The same value as JSON can hold it: typed arrays as arrays, integers beyond 2⁵³ as text, and what JSON has no number for
 * (`NaN`, `Infinity`, `-Infinity`) as text too.
 */
export function jsonValue(value: unknown): unknown {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  }
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (isArray(value)) return Array.from(value as Iterable<unknown>, jsonValue);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, jsonValue(each)]));
  }
  return value;
}

const scalar = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number" && Object.is(value, -0)) return "-0";
  return String(value);
};

const isPlain = (value: unknown): boolean => typeof value !== "object" || value === null;

/** Text of a value, one field a line. */
export function showValue(value: unknown, indent = ""): string {
  if (isPlain(value)) return indent + scalar(value);
  if (isArray(value)) {
    const items = Array.from({ length: Math.min(shown, value.length) }, (_, at) => value[at]);
    const rest = value.length > shown ? `… (${value.length})` : "";
    return [
      ...items.map((each) => `${indent}-\n${showValue(each, `${indent}  `)}`),
      ...(rest ? [indent + rest] : []),
    ].join("\n");
  }
  return Object.entries(value as object)
    .map(([name, each]: [string, unknown]) => {
      if (isPlain(each)) return `${indent}${name}: ${scalar(each)}`;
      if (!isArray(each)) return `${indent}${name}:\n${showValue(each, `${indent}  `)}`;
      const plain = Array.from({ length: Math.min(shown, each.length) }, (_, at) => each[at]);
      if (!plain.every(isPlain)) return `${indent}${name}:\n${showValue(each, `${indent}  `)}`;
      const rest = each.length > shown ? `, … (${each.length})` : "";
      return `${indent}${name}: [${plain.map(scalar).join(", ")}${rest}]`;
    })
    .join("\n");
}
