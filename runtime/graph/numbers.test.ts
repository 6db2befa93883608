// Numbers beside tensors mean their mathematical values; what a dtype does not hold is refused.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bytesOf,
  type Dtype,
  dtypes,
  IsochronError,
  isFloatDtype,
  isSmallFloat,
  isStored,
  numberOfStored,
  storedConstant,
} from "../../kernels/index.ts";
import {
  constant,
  convInteger,
  full,
  Interpreter,
  iota,
  matmulInteger,
  quantize,
  state,
  type Tensor,
  tensorType,
  trace,
  where,
} from "../index.ts";
import { boundsNothing, type Comparison, comparable, holds, limitsOf } from "./numbers.ts";

const compares: { readonly [name in Comparison]: (a: number | bigint, b: number | bigint) => boolean } = {
  // biome-ignore lint/suspicious/noDoubleEquals: an integer of 64 bits and a number are compared by value.
  equal: (a, b) => a == b,
  // biome-ignore lint/suspicious/noDoubleEquals: an integer of 64 bits and a number are compared by value.
  notEqual: (a, b) => a != b,
  less: (a, b) => a < b,
  lessEqual: (a, b) => a <= b,
  greater: (a, b) => a > b,
  greaterEqual: (a, b) => a >= b,
};
const names = Object.keys(compares) as Comparison[];

/** Numbers around the ends of all types, fractions, infinities and NaN. */
const number = fc.oneof(
  fc.constantFrom(
    0,
    -0,
    0.5,
    -0.5,
    2.5,
    300,
    -1000,
    2 ** 31,
    2 ** 32,
    2 ** 53,
    2 ** 63,
    2 ** 64,
    -(2 ** 63),
    -(2 ** 65),
  ),
  fc.constantFrom(Infinity, -Infinity, NaN, 1e300, -1e300, 3.4028234663852886e38, 3.5e38, -3.5e38),
  fc.double(),
  fc.integer({ min: -300, max: 300 }),
);
/** The nearest float of a dtype; a number that is none of a dtype without infinity stays as it is. */
const nearest = (dtype: Dtype, value: number): number => {
  if (isSmallFloat(dtype) && !holds(dtype, value)) return value;
  if (isStored(dtype) && isFloatDtype(dtype)) return numberOfStored(dtype, storedConstant(dtype, value));
  return dtype === "f32" ? Math.fround(value) : value;
};
const element = (dtype: Dtype): fc.Arbitrary<number | bigint> => {
  if (isStored(dtype) && isFloatDtype(dtype))
    return fc.nat({ max: 256 ** bytesOf(dtype) - 1 }).map((bits) => numberOfStored(dtype, bits));
  if (dtype === "f64") return fc.double();
  if (dtype === "f32") return fc.oneof(fc.double().map(Math.fround), fc.constantFrom(Infinity, -Infinity, NaN, -0));
  const [low, high] = limitsOf(dtype);
  return fc.oneof(fc.bigInt({ min: low, max: high }), fc.constantFrom(low, high), fc.constant(0n));
};

describe("a number beside a tensor", () => {
  it.each(dtypes)("of %s is compared by its value", (dtype) => {
    fc.assert(
      fc.property(fc.constantFrom(...names), element(dtype), number, (name, x, value) => {
        const same = comparable(name, dtype, value);
        expect(holds(dtype, same.value)).toBe(true);
        const rounded = nearest(dtype, same.value);
        const meant = Number.isFinite(nearest(dtype, value)) ? nearest(dtype, value) : value;
        expect(compares[same.name](x, rounded)).toBe(compares[name](x, meant));
      }),
      { numRuns: 300 },
    );
  });

  it.each(dtypes.filter((dtype) => dtype !== "bool"))(
    "of %s bounds nothing exactly where no element lies beyond it",
    (dtype) => {
      fc.assert(
        fc.property(fc.constantFrom("maximum", "minimum"), element(dtype), number, (name, x, value) => {
          if (!boundsNothing(name, dtype, value)) return;
          const beyond = name === "maximum" ? x < value : x > value;
          // Of floats, an infinity alone lies beyond such a bound, which is infinite when it is rounded.
          expect(beyond && Number.isFinite(Number(x))).toBe(false);
        }),
        { numRuns: 300 },
      );
    },
  );

  it("clamps and compares bytes by value", () => {
    const x = Int8Array.of(-128, -3, 0, 5, 127);
    const graph = trace(
      ({ x }) => ({
        clamp: x.clamp(-1000, 1000),
        low: x.clamp(-1000, 4),
        min300: x.minimum(300),
        less300: x.less(300),
        more: x.greaterEqual(-128.5),
        half: x.less(0.5),
      }),
      { x: tensorType("i8", [5]) },
      { name: "bytes" },
    );
    expect(new Interpreter(graph).run({ x })).toEqual({
      clamp: x,
      low: Int8Array.of(-128, -3, 0, 4, 4),
      min300: x,
      less300: Uint8Array.of(1, 1, 1, 1, 1),
      more: Uint8Array.of(1, 1, 1, 1, 1),
      half: Uint8Array.of(1, 1, 1, 0, 0),
    });
  });

  it("clamps and compares words by value", () => {
    const graph = trace(
      ({ x, wide }) => ({
        clamp: x.clamp(-Infinity, 5),
        half: x.equal(0.5),
        other: x.notEqual(0.5),
        below: wide.less(2 ** 63),
        above: wide.greater(-Infinity),
      }),
      { x: tensorType("i32", [3]), wide: tensorType("i64", [2]) },
      { name: "words" },
    );
    expect(
      new Interpreter(graph).run({ x: Int32Array.of(-7, 3, 9), wide: BigInt64Array.of(5n, 2n ** 63n - 1n) }),
    ).toEqual({
      clamp: Int32Array.of(-7, 3, 5),
      half: Uint8Array.of(0, 0, 0),
      other: Uint8Array.of(1, 1, 1),
      below: Uint8Array.of(1, 1),
      above: Uint8Array.of(1, 1),
    });
  });
});

/** The code, the message and the help of what tracing refuses, its place checked. */
function refusal(
  body: (x: { f: Tensor<"f32">; i: Tensor<"i32">; w: Tensor<"i64">; u: Tensor<"u8"> }) => Tensor,
): string {
  try {
    const inputs = {
      f: tensorType("f32", [2]),
      i: tensorType("i32", [2]),
      w: tensorType("i64", [2]),
      u: tensorType("u8", [1, 1, 1, 1]),
    };
    trace((given) => ({ y: body(given) }), inputs, { name: "g" });
  } catch (error) {
    if (!(error instanceof IsochronError)) throw error;
    expect(error.place).toMatch(/numbers\.test\.ts:\d+:\d+$/);
    expect(error.help).toBeDefined();
    return `${error.code}: ${error.message}`;
  }
  return "nothing";
}

describe("a number that a dtype does not hold", () => {
  it("is refused beside a tensor, at the user's line", () => {
    expect(refusal(({ i }) => i.mul(0.5))).toBe("operator/number: mul of i32[2] and 0.5: 0.5 is no i32");
    expect(refusal(({ i }) => i.div(0.5))).toBe("operator/number: div of i32[2] and 0.5: 0.5 is no i32");
    expect(refusal(({ u }) => u.add(300))).toBe("operator/number: add of u8[1,1,1,1] and 300: 300 is no u8");
    expect(refusal(({ w }) => w.maximum(NaN))).toBe("operator/number: maximum of i64[2] and NaN: NaN is no i64");
    expect(refusal(({ w }) => w.maximum(Infinity))).toMatch(/^operator\/number: maximum of i64\[2\] and Infinity/);
    expect(refusal(({ w }) => w.add(2 ** 63))).toMatch(/^operator\/number: add of i64\[2\]/);
    expect(refusal(({ i }) => i.clamp(0.5, 3))).toMatch(/^operator\/number: maximum of i32\[2\] and 0\.5/);
    expect(refusal(({ f }) => f.mul(1e300))).toBe("operator/number: mul of f32[2] and 1e+300: 1e+300 is no f32");
    expect(refusal(({ i }) => where(i.less(3), i, -0.5))).toMatch(/^operator\/number: where of i32\[2\] and -0\.5/);
    expect(refusal(({ w }) => w.maximum(-Infinity))).toBe("nothing");
  });

  it("is refused as a pad value, a count, an element and a zero point", () => {
    expect(refusal(({ u }) => u.pad([0, 0, 1, 1], [0, 0, 1, 1], 256))).toBe(
      "operator/pad-value: pad of u8[1,1,1,1] with 256",
    );
    expect(refusal(({ w }) => w.pad([1], [1], NaN))).toBe("operator/pad-value: pad of i64[2] with NaN");
    expect(refusal(() => iota("u8", [300]))).toBe("operator/number: iota of u8[300] along 0");
    expect(refusal(() => constant([1, 256], "u8"))).toBe("tensor/value: a constant: 256 at position 1 is no u8");
    expect(refusal(() => constant(NaN, "i64"))).toBe("tensor/value: a constant: NaN at position 0 is no i64");
    expect(refusal(() => constant([2], "bool"))).toBe("tensor/value: a constant: 2 at position 0 is no bool");
    expect(refusal(() => full("i8", [3], 200))).toMatch(/^tensor\/value/);
    expect(refusal(() => constant([1, 2], "f32", [3]))).toBe("tensor/count: a constant of f32[3] got 2 numbers");
    expect(refusal(() => state("s", tensorType("u8", [2]), -1).get())).toBe(
      'tensor/value: state "s": -1 at position 0 is no u8',
    );
    expect(refusal(({ f }) => quantize(f, 1, 300, "u8"))).toBe(
      "operator/zero-point: quantize of f32[2] with the zero point 300",
    );
    const ones = () => constant([1, 1, 1, 1, 1, 1, 1, 1, 1], "i8", [1, 1, 3, 3]);
    expect(refusal(({ u }) => convInteger(u, ones(), { padding: 1, zeroPoint: 300 }))).toMatch(/^operator\/zero-point/);
    expect(refusal(({ u }) => convInteger(u, ones(), { padding: 1, zeroPoint: -1 }))).toMatch(/^operator\/zero-point/);
    expect(refusal(({ u }) => matmulInteger(u, constant([1], "i8", [1, 1]), 256))).toMatch(/^operator\/zero-point/);
  });

  it("is refused as a dtype or as a dimension", () => {
    expect(refusal(({ f }) => f.cast("f8" as "f32"))).toBe('tensor/dtype: "f8" is no dtype');
    expect(refusal(() => constant(1, "f8" as "f32"))).toBe('tensor/dtype: "f8" is no dtype');
    expect(refusal(() => iota("f8" as "f32", [2]))).toBe('tensor/dtype: "f8" is no dtype');
    expect(() => tensorType("f8" as "f32", [2])).toThrow(expect.objectContaining({ code: "tensor/dtype" }));
    expect(() => tensorType("f32", [-1])).toThrow(expect.objectContaining({ code: "tensor/shape" }));
    expect(() => tensorType("f32", ["n" as unknown as number])).toThrow(
      expect.objectContaining({ code: "tensor/shape" }),
    );
    expect(tensorType("f32", [{ kind: "bounded", name: "n", max: 3 }]).shape).toHaveLength(1);
    const inputs = { x: { dtype: "f8" as "f32", shape: [2] } };
    expect(() => trace(({ x }) => ({ x }), inputs, { name: "g" })).toThrow(
      expect.objectContaining({ code: "tensor/dtype", place: expect.stringContaining("numbers.test.ts") }),
    );
  });
});

describe("a state", () => {
  it("takes no next value of another type", () => {
    const message = 'trace/state: state "s" is f32[2], its next value f32[1]';
    const body = ({ f }: { f: Tensor<"f32"> }) => {
      const s = state("s", tensorType("f32", [2]));
      s.set(f.slice([0, 1]));
      return s.get();
    };
    expect(refusal(body)).toBe(message);
  });
});

describe("data given to constants and states", () => {
  it("is copied, and of any kind of array", () => {
    const data = Float32Array.of(1, 2);
    const first = Float64Array.of(1, 2);
    const shape = [2];
    const graph = trace(
      ({ x }) => {
        const memory = state("memory", tensorType("f32", shape), first as unknown as Float32Array);
        const sum = x.add(memory.get()).add(constant(data, "f32", shape));
        memory.set(sum);
        return { sum };
      },
      { x: tensorType("f32", [2]) },
      { name: "copied" },
    );
    data.fill(100);
    first.fill(100);
    shape[0] = 7;
    expect(new Interpreter(graph).run({ x: Float32Array.of(1, 1) })).toEqual({ sum: Float32Array.of(3, 5) });
    expect(constantOf([1n, 2n ** 40n + 2n ** 16n + 1n])).toEqual(Float32Array.of(1, 2 ** 40 + 2 ** 17));
  });
});

describe("the results of an interpreter", () => {
  it("are the caller's alone: an input, a constant, a state and another output keep their numbers", () => {
    const graph = trace(
      ({ x }) => {
        const memory = state("memory", tensorType("f32", [2]), [5, 6]);
        const kept = memory.get();
        return { x, again: x, fixed: constant([3, 4], "f32"), kept };
      },
      { x: tensorType("f32", [2]) },
      { name: "shared" },
    );
    const interpreter = new Interpreter(graph);
    const given = Float32Array.of(1, 2);
    const first = interpreter.run({ x: given });
    for (const each of [first.x, first.fixed, first.kept]) each.fill(99);
    expect(first.again).toEqual(Float32Array.of(1, 2));
    expect(given).toEqual(Float32Array.of(1, 2));
    const { fixed, kept } = interpreter.run({ x: given });
    expect([...fixed, ...kept]).toEqual([3, 4, 5, 6]);
  });

  it("need arrays of the inputs' dtypes", () => {
    const graph = trace(({ x }) => ({ y: x.neg() }), { x: tensorType("f32", [2]) }, { name: "g" });
    const wrong = Float64Array.of(1, 2) as unknown as Float32Array;
    expect(() => new Interpreter(graph).run({ x: wrong })).toThrow(
      expect.objectContaining({
        code: "interpreter/input",
        message: 'input "x" is f32[2], and got Float64Array of 2 elements',
      }),
    );
  });
});

/** Integers of 64 bits as floats, rounded once. */
function constantOf(values: readonly bigint[]): Float32Array {
  const data = BigInt64Array.from(values) as unknown as Float32Array;
  return new Interpreter(trace(() => ({ y: constant(data, "f32") }), {}, { name: "g" })).run({}).y;
}
