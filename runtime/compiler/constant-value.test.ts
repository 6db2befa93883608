// Folding equals running: what is known when a graph is compiled has the bits that a step would give it.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Dtype, dtypes } from "../../kernels/index.ts";
import { conv2d } from "../capture/convolutions.ts";
import { constant } from "../capture/tensor.ts";
import { trace } from "../capture/trace.ts";
import { Graph, type NamedValue, nodeOf } from "../graph/graph.ts";
import { newArray, showTensorType, type TypedArray, tensorType } from "../graph/tensor-type.ts";
import { Interpreter } from "../interpreters/interpreter.ts";
import { LoopInterpreter } from "../interpreters/loop-interpreter.ts";
import { type Operator, operators } from "../operators/index.ts";
import { declutter } from "../passes/index.ts";
import { load } from "../program/program.ts";
import { caseArbitraries, type OperatorCase, valuesFor } from "../testing/cases/index.ts";
import { compile } from "./compile.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");
const bytesOf = (data: ArrayBufferView): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

/** The operator on inputs, and on constants. */
function graphs(
  name: string,
  operator: Operator,
  { operands, attributes }: OperatorCase,
  arrays: readonly TypedArray[],
) {
  const inputs = operands.map((type, at): NamedValue => ({ name: `x${at}`, value: { type } }));
  const node = nodeOf(
    operator,
    inputs.map(({ value }) => value),
    { attributes },
  );
  const rest = { name, states: [], nodes: [node], outputs: [{ name: "y", value: node.outputs[0] }] };
  const constants = inputs.map((each, at) => ({ ...each, data: arrays[at]! }));
  return {
    running: new Graph({ ...rest, inputs, constants: [] }),
    folding: new Graph({ ...rest, inputs: [], constants }),
  };
}

/** Operators whose numeric plan depends on whether their weights are known, so that only steps decide their bits. */
const planned = (name: string): boolean => /conv[123]d|convTranspose[123]d/i.test(name);

describe("what is folded has the bits of what runs", () => {
  it.each(Object.entries(operators).filter(([name]) => !planned(name)))("%s", (name, operator) => {
    let folded = 0;
    fc.sample(caseArbitraries[name as keyof typeof operators], { numRuns: 8, seed: 20_261_201 }).forEach((each, at) => {
      const arrays = each.operands.map((type, o) => valuesFor(name, type, 31 * at + o));
      const { running, folding } = graphs(name, operator, each, arrays);
      const simple = declutter(folding);
      if (simple.nodes.every(({ operator: { name: left } }) => left === "broadcastTo")) folded++;
      const [wanted] = new LoopInterpreter(running, "x86-64-v3").step(arrays).outputs;
      const [found] = new LoopInterpreter(folding, "x86-64-v4").step([]).outputs;
      const text = `${name}(${each.operands.map(showTensorType).join(", ")}, ${JSON.stringify(each.attributes)})`;
      if (!bytesOf(found!).equals(bytesOf(wanted!))) expect.unreachable(`${text} differs`);
    });
    // Most cases are small enough to be folded; what packed weights are read by never is, so that they stay packed.
    if (operator === operators.bitField) expect(folded).toBe(0);
    else expect(folded).toBeGreaterThan(4);
  });
});

/** Zeros of both signs, ends of every type and what lies around them, subnormals, ties, infinities and NaN. */
const special = [
  ...[
    0, -0, 0.5, -0.5, 1, -1, 1.5, 2.5, -2.5, 126.5, 127, 127.5, 128, -128, -128.5, -129, 255, 255.5, 256, 32767.5,
    -32769,
  ],
  ...[65535, 65536, 2 ** 24 + 1, 2 ** 31, 2 ** 31 - 1, -(2 ** 31), -(2 ** 31) - 1, 2 ** 32 - 1, 2 ** 32, 2 ** 53 + 1],
  ...[
    2 ** 63,
    -(2 ** 63),
    2 ** 64,
    2 ** 65,
    3.4028234663852886e38,
    3.4028235677973366e38,
    1e300,
    -1e300,
    1e-45,
    2 ** -150,
  ],
  ...[5e-324, Number.MAX_VALUE, Infinity, -Infinity, NaN],
];
/** Ties of 64-bit integers between neighbouring floats, and what lies beside them. */
const wide = [
  0n,
  1n,
  2n ** 24n + 1n,
  2n ** 40n + 2n ** 16n,
  2n ** 40n + 2n ** 16n + 1n,
  2n ** 53n + 1n,
  2n ** 62n + 2n ** 38n + 1n,
];

/** Bits of the dtypes whose bytes hold no others. */
const narrow: { readonly [D in Dtype]?: number } = { i4: 4, u4: 4, i2: 2, u2: 2, f4e2m1: 4 };

function specialElements(dtype: Dtype): TypedArray {
  if (dtype === "bool") return Uint8Array.of(0, 1);
  if (dtype === "f32") return Float32Array.from(special);
  if (dtype === "f64") return Float64Array.from(special);
  const all = [
    ...wide,
    ...wide.map((each) => -each),
    2n ** 63n - 1n,
    2n ** 64n - 1n,
    2n ** 31n,
    127n,
    128n,
    255n,
    32768n,
  ];
  const data = newArray(dtype, all.length);
  all.forEach((each, at) => {
    const bits = narrow[dtype] ?? 32;
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[at] = each;
    else data[at] = Number(dtype.startsWith("i") ? BigInt.asIntN(bits, each) : BigInt.asUintN(bits, each));
  });
  return data;
}

describe("conversions of special values", () => {
  it.each(dtypes)("from %s are the same folded, interpreted and in every target's kernels", (from) => {
    const data = specialElements(from);
    const outputs = (x: ReturnType<typeof constant>) => Object.fromEntries(dtypes.map((to) => [to, x.cast(to)]));
    const type = tensorType(from, [data.length]);
    const running = trace(({ x }) => outputs(x as never), { x: type }, { name: "casts" });
    const folding = trace(() => outputs(constant(data as never, from) as never), {}, { name: "casts" });
    const wanted = new LoopInterpreter(running as never, "x86-64-v3").step([data]).outputs;
    const meant = new Interpreter(running).run({ x: data } as never) as { readonly [name: string]: TypedArray };
    const found = new LoopInterpreter(folding as never, "aarch64").step([]).outputs;
    for (const [at, to] of dtypes.entries()) {
      expect(bytesOf(found[at]!).equals(bytesOf(wanted[at]!)), `${from} to ${to}, folded`).toBe(true);
      expect(bytesOf(meant[to]!).equals(bytesOf(wanted[at]!)), `${from} to ${to}, interpreted`).toBe(true);
    }
  });

  it("have the right values, compiled", async () => {
    const floats = [NaN, Infinity, -Infinity, 300, -300, 1.9, -1.9];
    const graph = trace(
      ({ x, w, u }) => ({
        i8: x.cast("i8"),
        u8: x.cast("u8"),
        i64: x.cast("i64"),
        bool: x.cast("bool"),
        once: w.cast("f32"),
        top: u.cast("f32"),
      }),
      { x: tensorType("f32", [floats.length]), w: tensorType("i64", [2]), u: tensorType("u64", [1]) },
      { name: "casts" },
    );
    const inputs = {
      x: Float32Array.from(floats),
      w: BigInt64Array.of(2n ** 40n + 2n ** 16n + 1n, -(2n ** 40n) - 2n ** 16n - 1n),
      u: BigUint64Array.of(2n ** 64n - 1n),
    };
    const right = {
      i8: Int8Array.of(0, 127, -128, 127, -128, 1, -1),
      u8: Uint8Array.of(0, 255, 0, 255, 0, 1, 0),
      i64: BigInt64Array.of(0n, 2n ** 63n - 1n, -(2n ** 63n), 300n, -300n, 1n, -1n),
      bool: Uint8Array.of(1, 1, 1, 1, 1, 1, 1),
      once: Float32Array.of(2 ** 40 + 2 ** 17, -(2 ** 40) - 2 ** 17),
      top: Float32Array.of(2 ** 64),
    };
    const program = load(await compile(graph, { cacheDir }));
    const found = program.newOutputs();
    program.run(inputs, found);
    expect(found).toEqual(right);
    expect(new Interpreter(graph).run(inputs)).toEqual(right);
  });
});

describe("what rounds on its way", () => {
  it("is left to the step where the plan depends on which weights are known: convolutions", () => {
    const graph = trace(
      ({ x }) => {
        const image = constant(
          Float32Array.from({ length: 25 }, (_, i) => i / 7),
          "f32",
          [1, 1, 5, 5],
        );
        const weight = constant(
          Float32Array.from({ length: 9 }, (_, i) => i / 3),
          "f32",
          [1, 1, 3, 3],
        );
        return { y: conv2d(image, weight).add(x) };
      },
      { x: tensorType("f32", [1]) },
      { name: "g" },
    );
    expect(declutter(graph).nodes.map(({ operator: { name } }) => name)).toContain("conv2d");
  });

  it("is folded with the bits of its kernel, and left to the step where that would take long", () => {
    const graph = (size: number) =>
      declutter(
        trace(
          () => ({
            y: constant(
              Float32Array.from({ length: size }, (_, i) => i / 7),
              "f32",
            )
              .exp()
              .sum([0]),
          }),
          {},
          { name: "g" },
        ) as unknown as Graph,
      );
    expect(graph(100).nodes).toHaveLength(0);
    expect(graph(900_000).nodes.map(({ operator }) => operator.name)).toEqual(["exp", "sum"]);
  });
});
