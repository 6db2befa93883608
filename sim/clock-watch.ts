// Live: whether the system's clock is stepped while a run lasts. The run's own time never moves with it.

/** Steps of the system's clock during a run. */
export interface ClockSteps {
  readonly count: number;
  /** The greatest, forwards or backwards. */
  readonly worstNs: number;
  /** When the first was seen. */
  readonly firstNs: number;
}

/** Less than this is the reading of two clocks, one after the other. */
const leastStepNs = 1e6;
/** Logical time between two looks. */
const intervalNs = 1e9;

/** Compares the system's clock with the run's. */
export class ClockWatch {
  /** The system's time of logical 0, when the run began. */
  readonly beganNs: bigint;
  readonly #clockAtZero: () => bigint;
  #before: bigint;
  #nextNs = intervalNs;
  #steps: ClockSteps | undefined;

  /** `clockAtZero` gives the system's time of logical 0, as its clock has it when it is asked. */
  constructor(clockAtZero: () => bigint) {
    this.#clockAtZero = clockAtZero;
    this.beganNs = clockAtZero();
    this.#before = this.beganNs;
  }

  look(nowNs: number): void {
    if (nowNs < this.#nextNs) return;
    this.#nextNs = nowNs + intervalNs;
    const found = this.#clockAtZero();
    const step = Math.abs(Number(found - this.#before));
    if (step < leastStepNs) return;
    this.#before = found;
    const { count, worstNs, firstNs } = this.#steps ?? { count: 0, worstNs: 0, firstNs: nowNs };
    this.#steps = { count: count + 1, worstNs: Math.max(worstNs, step), firstNs };
  }

  /** The steps so far; null where there was none. */
  get steps(): ClockSteps | null {
    return this.#steps ?? null;
  }
}
