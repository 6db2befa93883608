// Numbers for the two dimensions of a plane.

/** A number for rows and one for columns; one alone stands for both. */
export type Pair = number | readonly [number, number];

export const isPair = (value: Pair | object): value is Pair => typeof value === "number" || Array.isArray(value);

export const both = (value: Pair): readonly [number, number] => (typeof value === "number" ? [value, value] : value);
