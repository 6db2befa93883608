// What options and arguments of several functions take.
import { z } from "zod";
import { targetNames } from "../targets.ts";

/** Anything that can be called; `describe` says what for. */
export const functionSchema = z.custom((given) => typeof given === "function").describe("a function");
export const signalSchema = z.instanceof(AbortSignal).describe("an AbortSignal");
export const targetSchema = z.enum(targetNames);

/** What compiling takes, and so building an application. */
export const compilerSchemas = () => ({
  targets: z
    .array(targetSchema)
    .min(1)
    .describe(`a list of targets: ${targetNames.join(", ")}`)
    .optional(),
  cacheDir: z.string().min(1).describe("a text: the path of a folder").optional(),
  signal: signalSchema.optional(),
});

/** Whether something is an object of one of these kinds. */
export const hasKind = (given: unknown, ...kinds: readonly string[]): boolean =>
  typeof given === "object" && given !== null && "kind" in given && kinds.includes(String(given.kind));
