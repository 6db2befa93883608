// Counters by name: what a pipeline had to drop shows in the report.

/** Values that a pipeline dropped. */
export class DropCounter {
  readonly name: string;
  #count = 0;

  constructor(name: string) {
    this.name = name;
  }
  /** Dropped so far. */
  get count(): number {
    return this.#count;
  }
  add(dropped = 1): void {
    this.#count += dropped;
  }
  reset(): void {
    this.#count = 0;
  }
}
