/** A test that ran, or was skipped. */
export interface TestOutcome {
  readonly name: string;
  readonly status: string;
}
export declare function checkFeatures(
  markdown: string,
  tests: readonly TestOutcome[],
): { readonly rows: number; readonly problems: readonly string[]; readonly skipped: readonly string[] };
