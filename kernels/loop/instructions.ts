// What expressions that take several instructions are written with: names of results, and the texts of vector types and constants.

/** What emission writes to: each call adds an instruction and names its result. */
export interface Instructions {
  define(text: string): string;
  intrinsic(name: string, result: string, types: readonly string[], values: readonly string[]): string;
}

/** The text of one number in every lane. */
export const splat = (type: string, lanes: number, value: number): string =>
  lanes === 1 ? String(value) : `<${Array.from({ length: lanes }, () => `${type} ${value}`).join(", ")}>`;

/** The text of a type of so many lanes. */
export const vector = (type: string, lanes: number): string => (lanes === 1 ? type : `<${lanes} x ${type}>`);
