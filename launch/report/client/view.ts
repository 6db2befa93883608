// In the page: which stretch of the run the timeline shows, and who is told when that changes.

/** The stretch shown. */
export class View {
  readonly endNs: number;
  #from: number;
  #to: number;
  readonly #listeners: (() => void)[] = [];
  /** The shortest stretch, in nanoseconds. */
  static readonly least = 2000;

  constructor(endNs: number, from: number, to: number) {
    this.endNs = Math.max(endNs, View.least);
    this.#from = 0;
    this.#to = this.endNs;
    this.show(from, to);
  }

  get from(): number {
    return this.#from;
  }
  get to(): number {
    return this.#to;
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Shows a stretch, moved and cut so that it lies within the run. */
  show(from: number, to: number): void {
    const span = Math.min(this.endNs, Math.max(View.least, to - from));
    const start = Math.min(Math.max(0, from), this.endNs - span);
    this.#from = start;
    this.#to = start + span;
    for (const listener of this.#listeners) listener();
  }

  /** Moves by a share of what is shown. */
  pan(share: number): void {
    const by = share * (this.#to - this.#from);
    this.show(this.#from + by, this.#to + by);
  }

  /** Shows `factor` times as much, with the instant at `share` of the width kept in place. */
  zoom(factor: number, share = 0.5): void {
    const span = Math.min(this.endNs, Math.max(View.least, (this.#to - this.#from) * factor));
    const kept = this.#from + share * (this.#to - this.#from);
    this.show(kept - share * span, kept - share * span + span);
  }

  centre(at: number): void {
    const half = (this.#to - this.#from) / 2;
    this.show(at - half, at + half);
  }
}
