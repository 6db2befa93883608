// The memory map: what lies where, told by a small program whose memory can be counted by hand.
import { describe, expect, it } from "vitest";
import type { TargetName } from "../../kernels/index.ts";
import { compile, constant, load, state, tensorType, trace } from "../index.ts";
import { memoryMapOf, printMemoryMap } from "./memory-map.ts";
import { Compilation } from "./stages.ts";

/** A state of 12 bytes and one of 4, a weight of 24 that is read in a product, and a sum that is kept between two kernels. */
const forward = trace(
  ({ x }) => {
    const sum = state("sum", tensorType("f32", [3]));
    const count = state("count", tensorType("f32", []), 5);
    const product = x
      .reshape([1, 2])
      .matmul(constant([1, 2, 3, 4, 5, 6], "f32", [2, 3]))
      .reshape([3]);
    sum.set(sum.get().add(product));
    count.set(count.get().add(1));
    return { y: product.softmax(0).mul(count.get()) };
  },
  { x: tensorType("f32", [2]) },
  { name: "counted" },
);
const clear = trace(() => ({ was: state("sum", tensorType("f32", [3])).get() }), {}, { name: "clear" });

describe("the memory map of a program", () => {
  const map = memoryMapOf(Compilation.of({ forward, clear }).code("x86-64-v3"));

  it("has the states of all methods once, twice in the arena, with scratch behind them", () => {
    expect(map.arena.states).toEqual([
      { offset: 0, bytes: 12, name: "sum: f32[3]" },
      { offset: 64, bytes: 4, name: "count: f32" },
    ]);
    expect(map.arena.scratch).toBe(2 * 128);
    expect(map.arena.bytes).toBe(256 + Math.max(...map.methods.map(({ scratch }) => scratch.bytes)));
  });

  it("has what each method takes, gives and keeps between its kernels", () => {
    const [own, other] = map.methods;
    expect({ inputs: own!.inputs, outputs: own!.outputs }).toEqual({ inputs: 64, outputs: 64 });
    expect(other).toEqual({ method: "clear", inputs: 0, outputs: 64, scratch: { bytes: 0, pieces: [] } });
    const { pieces } = own!.scratch;
    expect(pieces.map(({ offset, bytes, name }) => ({ offset, bytes, name }))).toEqual([
      { offset: 256, bytes: 64, name: "work" },
      { offset: 320, bytes: 12, name: "matmul" },
    ]);
    expect(pieces[1]).toMatchObject({ first: 0, last: 3 });
  });

  it("has the first values of states and the constants among the weights", () => {
    const rows = map.weights.pieces.map(({ offset, bytes }) => ({ offset, bytes }));
    expect(map.weights.pieces.map(({ name }) => name.replace(/^.*: /, ""))).toEqual([
      "sum, as it begins",
      "count, as it begins",
      "f32[2,3]",
    ]);
    expect(rows).toEqual([
      { offset: 0, bytes: 12 },
      { offset: 64, bytes: 4 },
      { offset: 128, bytes: 24 },
    ]);
  });

  it("adds up to what the loaded program holds", async () => {
    const artifact = await compile({ forward, clear });
    const { target, arenaBytes } = load(artifact);
    expect(memoryMapOf(Compilation.of({ forward, clear }).code(target as TargetName)).bytes).toBe(arenaBytes);
  });

  it("prints a line for each piece", () => {
    expect(printMemoryMap(map).split("\n")).toEqual([
      "memory on x86-64-v3, 768 bytes",
      "  arena, 384 bytes: states twice, then the scratch of the method that runs",
      "            0 +12        sum: f32[3]",
      "           64 +4         count: f32",
      "          128 +12        sum: f32[3], as the step leaves it",
      "          192 +4         count: f32, as the step leaves it",
      "  forward: 64 bytes of inputs, 64 of outputs, 128 of scratch",
      "          256 +64        steps 3–3  work",
      "          320 +12        steps 0–3  matmul",
      "  clear: 0 bytes of inputs, 64 of outputs, 0 of scratch",
      "  weights, 192 bytes",
      "            0 +12        sum, as it begins",
      "           64 +4         count, as it begins",
      "          128 +24        c: f32[2,3]",
    ]);
  });
});
