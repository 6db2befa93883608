// Numbers by index, grown as they come: eight bytes each, NaN where nothing was put.

/** A growing column of numbers. */
export class Column {
  #values = new Float64Array(64).fill(Number.NaN);
  #length = 0;

  /** One past the highest index that was put. */
  get length(): number {
    return this.#length;
  }

  /** The number at an index; NaN where nothing was put. */
  at(index: number): number {
    return index < this.#length ? this.#values[index]! : Number.NaN;
  }

  put(index: number, value: number): void {
    if (index >= this.#values.length) {
      const grown = new Float64Array(Math.max(index + 1, this.#values.length * 2)).fill(Number.NaN);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[index] = value;
    this.#length = Math.max(this.#length, index + 1);
  }

  push(value: number): void {
    this.put(this.#length, value);
  }

  /** What was put, in the order of the index. */
  values(): Float64Array {
    return this.#values.subarray(0, this.#length).filter((value) => !Number.isNaN(value));
  }
}
