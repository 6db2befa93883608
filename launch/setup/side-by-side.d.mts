/** A step of set-up, as far as its place among others goes. */
export interface Step {
  readonly name: string;
  /** The names of what is to be done before it. */
  readonly needs?: readonly string[];
}
export function sideBySide<T extends Step>(steps: readonly T[], run: (step: T) => Promise<void>): Promise<void>;
