// Random kernels, compiled for every target of this machine and interpreted: the bits are equal.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arithmeticDtypes, arithmeticOf, dtypes, isSmallFloat, isSmallInteger, isStored } from "../dtype.ts";
import { target, targetNames } from "../targets.ts";
import { expectAgreement, newArray, type ScalarArray } from "../testing/agreement.ts";
import { oddValues } from "../testing/odd-values.ts";
import { toStored } from "./arithmetic.ts";
import * as b from "./build.ts";
import { emitModule } from "./emit.ts";
import type { Buffer, Expression, Kernel, Scalar, ValueType } from "./ir.ts";
import { printKernel } from "./print.ts";

/** Numbers that decide everything else; once they are used up, every choice is the first. */
class Choices {
  readonly #numbers: readonly number[];
  #at = 0;

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers;
  }

  below(count: number): number {
    return (this.#numbers[this.#at++] ?? 0) % count;
  }

  of<T>(members: readonly T[]): T {
    return members[this.below(members.length)]!;
  }
}

const elements = 48;
const laneCounts = [1, 4, 8, 2, 16, 3];
const binaries = ["add", "sub", "mul", "div", "rem", "and", "or", "xor", "shl", "shr"] as const;
const floatUnaries = [b.neg, b.abs, b.sqrt, b.floor, b.ceil, b.trunc, b.roundEven];
const compares = ["eq", "ne", "lt", "le", "gt", "ge"] as const;
const sameWidth = (scalar: Scalar): Scalar[] => dtypes.filter((each) => b.bitsOf[each] === b.bitsOf[scalar]);

/** Writes one kernel as its choices say: loops, branches, variables, and expressions of every kind and type. */
class Author {
  readonly #choices: Choices;
  readonly #k = new b.KernelBuilder();
  readonly #inputs: Buffer[] = [];
  /** Expressions of this scope that may be used again, so that some are shared. */
  #pool: Expression[] = [];
  #index: Expression = b.index(0);

  constructor(numbers: readonly number[]) {
    this.#choices = new Choices(numbers);
  }

  write(): Kernel {
    const scalars = Array.from({ length: 6 }, () => this.#choices.of(dtypes));
    scalars.forEach((scalar, at) => {
      this.#inputs.push(this.#k.buffer(`in${at}`, scalar, elements, at < 4 ? "read" : "readwrite"));
    });
    const outputs = Array.from({ length: 3 }, (_, at) =>
      this.#k.buffer(`out${at}`, this.#choices.of(dtypes), elements, "write"),
    );
    const lanes = this.#choices.of(laneCounts);
    this.#k.for(0, elements, lanes, (i) => {
      this.#index = i;
      for (const output of [...outputs, ...this.#inputs.slice(4)]) this.#fill(output, lanes);
    });
    return this.#k.finish("random");
  }

  #fill(output: Buffer, lanes: number): void {
    const type = b.valueType(output.scalar, lanes);
    switch (this.#choices.below(5)) {
      case 0:
      case 1:
        this.#k.store(output, this.#index, this.#value(type, 4));
        return;
      case 2:
        this.#k.store(output, this.#index, this.#value(type, 3), this.#value(b.valueType("bool", lanes), 2));
        return;
      case 3: {
        const total = this.#k.variable(this.#value(type, 2));
        const rounds = this.#choices.below(4);
        this.#scope(() =>
          this.#k.for(0, rounds, 1, (j) => {
            this.#pool.push(total.get(), j);
            this.#pool.push(this.#k.let(this.#value(type, 2)));
            total.set(this.#value(type, 3));
          }),
        );
        this.#k.store(output, this.#index, total.get());
        return;
      }
      case 4: {
        const chosen = this.#k.variable(this.#value(type, 1));
        const branch = (depth: number) => () => this.#scope(() => chosen.set(this.#value(type, depth)));
        this.#k.if(this.#value(b.valueType("bool"), 2), branch(3), branch(2));
        this.#k.store(output, this.#index, chosen.get());
        return;
      }
    }
  }

  #scope(body: () => void): void {
    const outer = [...this.#pool];
    body();
    this.#pool = outer;
  }

  #value(type: ValueType, depth: number): Expression {
    const known = this.#pool.filter((each) => b.sameType(each.type, type));
    if (known.length > 0 && this.#choices.below(4) === 0) return this.#choices.of(known);
    const made = depth === 0 ? this.#leaf(type) : this.#operation(type, depth - 1);
    this.#pool.push(made);
    return made;
  }

  #leaf({ scalar, lanes }: ValueType): Expression {
    const fitting = this.#inputs.filter((each) => each.scalar === scalar);
    if (fitting.length === 0 || this.#choices.below(3) === 0)
      return b.constant(scalar, this.#choices.of(oddValues(scalar)), lanes);
    return this.#load(this.#choices.of(fitting), lanes);
  }

  #load(buffer: Buffer, lanes: number): Expression {
    const mask = () => this.#value(b.valueType("bool", lanes), 1);
    const anywhere = (count: number) => b.convert(this.#remainder(count, lanes), "i64");
    switch (this.#choices.below(5)) {
      case 0:
      case 1:
        return b.load(buffer, b.rem(this.#index, elements + 1 - lanes), lanes);
      case 2:
        return b.load(buffer, this.#choices.below(elements + 1 - lanes), lanes, mask());
      case 3:
        return b.load(buffer, anywhere(elements), lanes);
      default:
        return b.load(buffer, anywhere(elements), lanes, mask());
    }
  }

  /** A number below `count` in every lane. */
  #remainder(count: number, lanes: number): Expression {
    return b.rem(this.#value(b.valueType("u16", lanes), 1), count);
  }

  #operation(type: ValueType, depth: number): Expression {
    const { scalar, lanes } = type;
    const grow = () => this.#value(type, depth);
    const other = this.#choices.of(dtypes);
    const computed = this.#choices.of(arithmeticDtypes);
    switch (this.#choices.below(12)) {
      case 0:
        return b.select(this.#value(b.valueType("bool", lanes), depth), grow(), grow());
      case 1:
        return b.convert(this.#value(b.valueType(other, lanes), depth), scalar);
      case 2:
        return this.#bits(this.#value(b.valueType(this.#choices.of(sameWidth(scalar)), lanes), depth), scalar);
      case 3:
        return this.#rearranged(type, depth);
      case 4:
        return this.#leaf(type);
      default:
        break;
    }
    if (isStored(scalar)) return b.convert(this.#value(b.valueType(computed, lanes), depth), scalar);
    if (scalar === "bool") {
      if (this.#choices.below(4) === 0) return b.not(grow());
      if (this.#choices.below(2) === 0)
        return b.binary(this.#choices.of(["and", "or", "xor"] as const), grow(), grow());
      const [left, right] = [0, 1].map(() => this.#value(b.valueType(computed, lanes), depth));
      return b.compare(this.#choices.of(compares), left!, right!);
    }
    if (b.isFloat(scalar)) {
      if (this.#choices.below(3) === 0) return this.#choices.of(floatUnaries)(grow());
      if (this.#choices.below(3) === 0) return b.fma(grow(), grow(), grow());
      return b.binary(this.#choices.of(binaries.slice(0, 4)), grow(), grow());
    }
    if (this.#choices.below(5) === 0) return this.#choices.of([b.neg, b.abs, b.not])(grow());
    return b.binary(this.#choices.of(binaries), grow(), grow());
  }

  /** The bits of NaN are not specified, so they are not looked at. */
  #bits(value: Expression, scalar: Scalar): Expression {
    const number = b.convert(value, arithmeticOf(value.type.scalar));
    const seen = b.isFloat(number.type.scalar) ? b.select(b.eq(number, number), number, 0) : number;
    return b.bitcast(b.convert(seen, value.type.scalar), scalar);
  }

  #rearranged(type: ValueType, depth: number): Expression {
    const { scalar, lanes } = type;
    const wide = this.#choices.of([2, 4, 8]);
    if (lanes === 1) return b.extract(this.#value(b.valueType(scalar, wide), depth), this.#choices.below(wide));
    switch (this.#choices.below(scalar === "i64" ? 3 : 2)) {
      case 0:
        return b.broadcast(this.#value(b.valueType(scalar), depth), lanes);
      case 1: {
        const source = b.valueType(scalar, wide);
        const picks = Array.from({ length: lanes }, () => this.#choices.below(2 * wide));
        return b.shuffle(this.#value(source, depth), picks, this.#value(source, depth));
      }
      default:
        return b.ramp(this.#value(b.valueType("i64"), depth), this.#choices.below(7) - 3, lanes);
    }
  }
}

/** A number as an array of a scalar holds it. */
const stored = (scalar: Scalar, value: number | bigint) => (isStored(scalar) ? toStored(scalar, value) : value);

/** Odd values and random bits by turns. */
function data(scalar: Scalar, seed: number): ScalarArray {
  const array = newArray(scalar, elements);
  const odd = oddValues(scalar);
  const bytes = new Uint8Array(array.buffer);
  let state = seed >>> 0;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 8;
  };
  for (let at = 0; at < bytes.length; at++) bytes[at] = scalar === "bool" ? next() & 1 : next();
  for (let at = 0; at < elements; at++) if (next() % 3 > 0) array[at] = stored(scalar, odd[next() % odd.length]!);
  return array;
}

const numbers = fc.array(fc.nat({ max: 0xfffffff }), { minLength: 400, maxLength: 400, size: "max" });

describe("compiled kernels and the interpreter", () => {
  it("agree bit for bit on random kernels", async () => {
    await fc.assert(
      fc.asyncProperty(numbers, fc.nat(), async (choices, seed) => {
        const kernel = new Author(choices).write();
        await expectAgreement(
          kernel,
          kernel.buffers.map(({ scalar }, at) => data(scalar, seed + at)),
          { cached: false },
        );
      }),
      { numRuns: 120, endOnFailure: true },
    );
  });

  it("are compared on kernels that hold every kind of expression and statement", () => {
    const texts = fc
      .sample(numbers, { numRuns: 120, seed: 1 })
      .map((choices) => printKernel(new Author(choices).write()));
    const all = texts.join("");
    const wanted = [
      "fma(",
      "select(",
      "shuffle(",
      "ramp.",
      "broadcast.",
      "bitcast.",
      "convert.",
      "sqrt(",
      "roundEven(",
    ];
    for (const part of [...wanted, "gather", " where ", "if ", "else", "let ", "var ", " % ", " >> ", " / ", "%0: "])
      expect(all).toContain(part);
  });

  it.each(targetNames)("are compiled for %s without a call to anything", async (name) => {
    const kernels = fc.sample(numbers, { numRuns: 25, seed: 2 }).map((choices) => new Author(choices).write());
    const named = kernels.map((kernel, at) => ({ ...kernel, name: `random${at}` }));
    const text = await target(name).backend.assembly(emitModule(named, target(name)));
    expect(text).toContain("random24:");
    expect(text).not.toMatch(/^\s*(call|callq|bl|blr|jmp|b)\s+(?!\.L)[a-z_*]/m);
  });

  /** An array of these values, and zeroed arrays for the rest. */
  const arrays = (kernel: Kernel, ...columns: readonly (readonly (number | bigint)[])[]) =>
    kernel.buffers.map(({ scalar, length }, at) => {
      const array = newArray(scalar, length);
      columns[at]?.forEach((value, element) => {
        array[element] = stored(scalar, value);
      });
      return array;
    });

  it.each(arithmeticDtypes)("agree on every operator for all pairs of odd values of %s", async (scalar) => {
    const odd = oddValues(scalar);
    const [left, right] = [odd.flatMap((x) => odd.map(() => x)), odd.flatMap(() => odd)];
    const n = left.length;
    const signs = scalar === "bool" ? [] : [b.neg, b.abs];
    const unaries = b.isFloat(scalar) ? floatUnaries : [...signs, b.not];
    const defined = binaries.filter((operator) =>
      ["and", "or", "xor"].includes(operator)
        ? !b.isFloat(scalar)
        : scalar !== "bool" && !(b.isFloat(scalar) && ["rem", "shl", "shr"].includes(operator)),
    );
    const kernel = b.kernel("pairs", (k) => {
      const [x, y] = [k.buffer("x", scalar, n, "read"), k.buffer("y", scalar, n, "read")];
      const results = k.buffer("results", scalar, n * (unaries.length + defined.length), "write");
      const relations = k.buffer("relations", "bool", n * compares.length, "write");
      const all = (i: Expression, lanes: number) => {
        const [u, v] = [k.let(b.load(x, i, lanes)), k.let(b.load(y, i, lanes))];
        const values = [...defined.map((each) => b.binary(each, u, v)), ...unaries.map((each) => each(u))];
        values.forEach((value, at) => {
          k.store(results, b.add(i, at * n), value);
        });
        compares.forEach((each, at) => {
          k.store(relations, b.add(i, at * n), b.compare(each, u, v));
        });
      };
      const whole = n - (n % 8);
      k.for(0, whole, 8, (i) => all(i, 8));
      k.for(whole, n, 1, (i) => all(i, 1));
    });
    await expectAgreement(kernel, arrays(kernel, left, right));
  });

  it.each(dtypes)("agree on conversions of every odd value of %s to every scalar", async (scalar) => {
    const odd = oddValues(scalar);
    const isSmall = (each: Scalar) => isSmallFloat(each) || isSmallInteger(each);
    // A kernel has few buffers. What is small becomes small by way of what it is computed in.
    for (const targets of [dtypes.filter((each) => !isSmall(each)), isSmall(scalar) ? [] : dtypes.filter(isSmall)]) {
      const kernel = b.kernel("conversions", (k) => {
        const x = k.buffer("x", scalar, odd.length, "read");
        for (const to of targets) {
          const y = k.buffer(`to_${to}`, to, odd.length, "write");
          k.for(0, odd.length, 1, (i) => k.store(y, i, b.convert(b.load(x, i), to)));
          // Vectors convert by other instructions.
          if (odd.length >= 8) k.store(y, 0, b.convert(b.load(x, 0, 8), to));
        }
      });
      if (targets.length > 0) await expectAgreement(kernel, arrays(kernel, odd));
    }
  });

  it.each(["f32", "f64"] as const)("agree on fma for all triples of odd values of %s", async (scalar) => {
    const odd = oddValues(scalar);
    const pairs = odd.length ** 2;
    const kernel = b.kernel("triples", (k) => {
      const [x, y, z] = [0, 1, 2].map((at) => k.buffer(`x${at}`, scalar, at < 2 ? pairs : odd.length, "read"));
      const out = k.buffer("out", scalar, pairs * odd.length, "write");
      k.for(0, odd.length, 1, (c) =>
        k.for(0, pairs, 1, (i) =>
          k.store(out, b.add(b.mul(c, pairs), i), b.fma(b.load(x!, i), b.load(y!, i), b.load(z!, c))),
        ),
      );
    });
    const columns = [odd.flatMap((v) => odd.map(() => v)), odd.flatMap(() => odd), odd];
    await expectAgreement(kernel, arrays(kernel, ...columns));
  });
});
