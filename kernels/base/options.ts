// Options and arguments of public functions: checked where they come in, and refused in plain words.
import { z } from "zod";
import { IsochronError } from "./error.ts";
import { didYouMean } from "./nearest.ts";
import { allowed, shown } from "./words.ts";

/** Refuses options; `what` is whose they are, the function's own name unless given. */
export type OptionCheck = (given: unknown, what?: string) => void;

/** A schema for every option. */
type Schemas<O> = { readonly [K in keyof Required<O>]: z.ZodType };

/** The names of the options that functions take, by the functions' names: for the test that gives each a wrong value. */
export const declaredOptions = new Map<string, () => readonly string[]>();

/**
 * The check of a function's options, whose schemas are made when it is first called: a name that is not among them, a value that its schema refuses, or one that is missing
 * is refused with a code `AREA/option`.
 */
export function optionsOf<O extends object>(area: string, name: string, schemas: () => Schemas<O>): OptionCheck {
  let made: z.ZodObject | undefined;
  const schemaOf = () => (made ??= z.strictObject(schemas()));
  declaredOptions.set(name, () => Object.keys(schemaOf().shape));
  return (given, what = name) => {
    const { error } = schemaOf().safeParse(given);
    if (error) throw refusal(`${area}/option`, what, schemaOf(), given, error);
  };
}

/** Refuses an argument that its schema refuses, with a code `AREA/argument`; `what` is the function, `name` the argument. */
export function checkArgument(area: string, what: string, name: string, schema: z.ZodType, given: unknown): void {
  if (!schema.safeParse(given).success) throw wrong(`${area}/argument`, what, name, given, allowed(schema));
}

const wrong = (code: string, what: string, name: string, given: unknown, takes: string): IsochronError =>
  given === undefined
    ? new IsochronError(code, `${what}: ${name} is missing`, { help: `give it ${takes}` })
    : new IsochronError(code, `${what}: ${name} cannot be ${shown(given)}`, {
        help: `it takes ${takes}${asList(takes, given)}`,
      });

/** The list that one value was meant as. */
const asList = (takes: string, given: unknown): string =>
  /^a list of (whole )?numbers/.test(takes) && typeof given === "number" ? `: [${given}]` : "";

/** What is wrong with an object, in one sentence: first the names that nothing has, which may be why others are missing. */
export function refusal(
  code: string,
  what: string,
  schema: z.ZodType,
  given: unknown,
  { issues }: z.ZodError,
): IsochronError {
  const names = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  const takes = names.length === 0 ? "it takes none" : `it takes ${names.join(", ")}`;
  for (const issue of issues) {
    if (issue.code !== "unrecognized_keys") continue;
    const name = issue.keys[0]!;
    const isNested = issue.path.length > 0;
    return new IsochronError(
      code,
      `${what}: there is no option "${isNested ? `${pathText(issue.path)}.` : ""}${name}"`,
      {
        help: isNested ? "leave it out" : didYouMean(name, names, takes),
      },
    );
  }
  const { path } = issues[0]!;
  if (path.length === 0)
    return new IsochronError(code, `${what}: its options cannot be ${shown(given)}`, {
      help: `give an object: { ${names.join(", ")} }`,
    });
  const { at, value, takes: here } = follow(schema, given, path);
  return wrong(code, what, pathText(at), value, here);
}

const pathText = (path: readonly PropertyKey[]): string =>
  path.map((part, at) => (typeof part === "number" ? `[${part}]` : `${at === 0 ? "" : "."}${String(part)}`)).join("");

/** The value at a path, as far as schemas lead there, and what its schema takes. */
function follow(schema: z.ZodType, given: unknown, path: readonly PropertyKey[]) {
  const at: PropertyKey[] = [];
  let [here, value] = [schema, given];
  for (const part of path) {
    const inner = plain(here);
    const next =
      inner instanceof z.ZodObject
        ? inner.shape[part as string]
        : inner instanceof z.ZodArray
          ? inner.element
          : undefined;
    if (here.description !== undefined || next === undefined) break;
    at.push(part);
    here = next as z.ZodType;
    value = (value as Readonly<Record<PropertyKey, unknown>>)[part];
  }
  return { at, value, takes: allowed(here) };
}

/** A schema without what only says that it may be absent. */
const plain = (schema: z.ZodType): z.ZodType =>
  schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodReadonly
    ? plain(schema.unwrap() as z.ZodType)
    : schema;
