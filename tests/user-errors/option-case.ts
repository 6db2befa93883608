// What a test of options needs to know of a function: how it is called, and what it takes and refuses.

/** Options as anybody may give them. */
export type Given = never;

/** A function with options. */
export interface OptionCase {
  readonly area: string;
  readonly call: (options: Given) => unknown;
  /** Options that are taken; the call is made with them too, unless it needs what no test of this kind has. */
  readonly right: Readonly<Record<string, unknown>>;
  readonly onlyWrong?: true;
  /** Whether the call adds to the options. */
  readonly merges?: true;
  /** Wrong values of each. */
  readonly wrong: Readonly<Record<string, readonly unknown[]>>;
}
