// Numbers for the dimensions of a plane, or of a line, a plane or a volume.
import { operandError } from "../operators/operand-error.ts";

/** A number for rows and one for columns; one alone stands for both. */
export type Pair = number | readonly [number, number];

/** A number for each dimension behind the channels, of which there are one to three; one alone stands for all. */
export type Extents = number | readonly number[];

export const isExtents = (value: Extents | object): value is Extents =>
  typeof value === "number" || Array.isArray(value);

export const both = (value: Pair): readonly [number, number] => (typeof value === "number" ? [value, value] : value);

/** A number for each of so many dimensions, of which an operator takes one to three; a list is taken as it is. */
export const perExtent = (value: Extents, rank: number): readonly number[] =>
  typeof value === "number" ? Array.from({ length: Math.min(Math.max(rank, 1), 3) }, () => value) : value;

/** Throws `operator/attributes` where a list has not a number for each of so many dimensions. */
export function requireExtents(
  what: string,
  rank: number,
  lists: { readonly [name: string]: Extents | undefined },
): void {
  for (const [name, given] of Object.entries(lists))
    if (typeof given === "object" && given.length !== rank)
      throw operandError(
        "attributes",
        `${what} with ${name} [${given}]`,
        `give a number for each of the ${rank} dimensions behind the channels, or one for all`,
      );
}
