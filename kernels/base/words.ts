// Values, and what is allowed in their place, in the words of an error.
import { z } from "zod";

const longestText = 60;
const mostElements = 8;

/** A name with the article that it takes. */
export const withArticle = (name: string): string => `${/^[AEIOUaeiou]/.test(name) ? "an" : "a"} ${name}`;

/** A value that somebody gave, in a few words. Nothing of its own is called: it may be anything. */
export function shown(value: unknown): string {
  if (typeof value === "string")
    return JSON.stringify(value.length > longestText ? `${value.slice(0, longestText)}…` : value);
  if (typeof value === "bigint") return `${value}n`;
  if (value instanceof Function) return "a function";
  // What can be called and is something else is called by what it is.
  if ((typeof value !== "object" && typeof value !== "function") || value === null)
    return Object.is(value, -0) ? "-0" : String(value);
  if (ArrayBuffer.isView(value)) {
    const length = "length" in value ? ` of ${String(value.length)}` : "";
    return `${withArticle(value.constructor.name)}${length}`;
  }
  if (!Array.isArray(value)) {
    const name = (value as { constructor?: { name?: unknown } }).constructor?.name;
    return typeof name === "string" && name !== "" && name !== "Object" ? withArticle(name) : "an object";
  }
  const list: readonly unknown[] = value;
  return list.length > mostElements ? `a list of ${list.length}` : `[${list.map(shown).join(", ")}]`;
}

const listed = (parts: readonly string[]): string =>
  parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} or ${parts.at(-1)}`;

function numbers(schema: z.ZodNumber): string {
  const { minValue, maxValue, format } = schema;
  const whole = format?.includes("int");
  const kind = whole ? "a whole number" : "a number";
  const isBound = (bound: number | null): bound is number =>
    bound !== null && Number.isFinite(bound) && Math.abs(bound) !== Number.MAX_SAFE_INTEGER;
  if (isBound(minValue) && isBound(maxValue)) return `${kind} from ${minValue} to ${maxValue}`;
  if (isBound(minValue)) return `${kind} from ${minValue}`;
  return isBound(maxValue) ? `${kind} up to ${maxValue}` : kind;
}

const listOf = (element: string): string =>
  /^a (whole )?number/.test(element)
    ? `a list of ${element.replace(/^a /, "").replace("number", "numbers")}`
    : `a list, each ${element}`;

/** What a schema takes: its own description, where it has one. */
export function allowed(schema: z.ZodType): string {
  if (schema.description !== undefined) return schema.description;
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodReadonly)
    return allowed(schema.unwrap() as z.ZodType);
  if (schema instanceof z.ZodNumber) return numbers(schema);
  if (schema instanceof z.ZodString) return "a text";
  if (schema instanceof z.ZodBoolean) return "true or false";
  if (schema instanceof z.ZodEnum) return listed(schema.options.map(shown));
  if (schema instanceof z.ZodLiteral) return listed([...schema.values].map(shown));
  if (schema instanceof z.ZodUnion) return schema.options.map((each) => allowed(each as z.ZodType)).join(", or ");
  if (schema instanceof z.ZodArray) return listOf(allowed(schema.element as z.ZodType));
  if (schema instanceof z.ZodTuple)
    return `a list of ${schema.def.items.length}, each ${allowed(schema.def.items[0] as z.ZodType)}`;
  if (schema instanceof z.ZodObject) return `an object: { ${Object.keys(schema.shape).join(", ")} }`;
  return "a value of its type";
}
