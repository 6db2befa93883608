// Numbers by index, grown as they come: eight bytes each, NaN where nothing was put.

/** A growing column of numbers, whose beginning may be forgotten. */
export class Column {
  #values = new Float64Array(64).fill(Number.NaN);
  #first = 0;
  #length = 0;
  #count = 0;

  /** The lowest index that is kept. */
  get first(): number {
    return this.#first;
  }

  /** One past the highest index that was put. */
  get length(): number {
    return this.#length;
  }

  /** How many were put in all, those forgotten included. */
  get count(): number {
    return this.#count;
  }

  /** The number at an index; NaN where nothing was put, and where it was forgotten. */
  at(index: number): number {
    return index >= this.#first && index < this.#length ? this.#values[index - this.#first]! : Number.NaN;
  }

  /** Puts a number; of an index that is forgotten it is counted alone. */
  put(index: number, value: number): void {
    if (Number.isNaN(this.at(index))) this.#count++;
    if (index < this.#first) return;
    const place = index - this.#first;
    if (place >= this.#values.length) {
      const grown = new Float64Array(Math.max(place + 1, this.#values.length * 2)).fill(Number.NaN);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[place] = value;
    this.#length = Math.max(this.#length, index + 1);
  }

  push(value: number): void {
    this.put(this.#length, value);
  }

  /** What is kept, in the order of the index. */
  values(): Float64Array {
    return this.#values.subarray(0, this.#length - this.#first).filter((value) => !Number.isNaN(value));
  }

  /** The first index that is kept of which the number is at least so much; one past the last where there is none. */
  from(least: number): number {
    for (let index = this.#first; index < this.#length; index++) if (this.at(index) >= least) return index;
    return this.#length;
  }

  /** Forgets all below an index; the memory is used again. */
  forget(below: number): void {
    const gone = Math.min(below, this.#length) - this.#first;
    if (gone <= 0) return;
    const kept = this.#length - this.#first - gone;
    this.#values.copyWithin(0, gone, gone + kept);
    this.#values.fill(Number.NaN, kept, gone + kept);
    this.#first += gone;
  }
}
