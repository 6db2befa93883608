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

/** What gives the counters of the run that is under way, by name. */
let present: ((name: string) => DropCounter) | undefined;

/** From now on operators that were given no counter count what their bounds drop here; undefined ends that. */
export const countInto = (counters: ((name: string) => DropCounter) | undefined): void => {
  present = counters;
};

/** The counter of an operator that was given none: what it drops shows under its name in the run that is under way. */
export const ownCounter = (name: string): Pick<DropCounter, "add"> => ({
  add: (dropped = 1) => present?.(name).add(dropped),
});
