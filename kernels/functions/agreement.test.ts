// Elementary functions give the interpreter's bits on every target that this machine runs, and compile for all without a library.
import { describe, expect, it } from "vitest";
import { emitModule } from "../loop/emit.ts";
import { awaitNative, loadCompiler } from "../native.ts";
import { target, targetNames } from "../targets.ts";
import { expectAgreement, newArray } from "../testing/agreement.ts";
import { elementary, type FunctionName, functionKernel, random } from "../testing/function-accuracy.ts";
import { oddValues } from "../testing/odd-values.ts";

const names = Object.keys(elementary) as FunctionName[];
const arityOf = (name: FunctionName): number => (name === "atan2" || name === "pow" ? 2 : 1);

/** Random bits, so that every exponent and every NaN comes along. */
function randomBits(scalar: "f32" | "f64", count: number, seed: number): number[] {
  const next = random(seed);
  const array = newArray(scalar, count);
  const words = new Uint32Array(array.buffer);
  for (let at = 0; at < words.length; at++) words[at] = next() * 2 ** 32;
  return Array.from(array, Number);
}

/** Pairs for two operands, and plain values for one, with a length that leaves a scalar end. */
function argumentsOf(scalar: "f32" | "f64", arity: number): number[][] {
  const odd = oddValues(scalar).map(Number);
  const turns = Array.from({ length: 60 }, (_, at) => (at + 1) * 0.26);
  const one = [...odd, ...odd.map((x) => -x), ...turns, ...turns.map((x) => -x), ...randomBits(scalar, 400, 11)];
  if (arity === 1) return [one.slice(0, one.length - (one.length % 8) - 3)];
  const pairs = odd.flatMap((x) => odd.map((y) => [x, y] as const));
  const [a, b] = [randomBits(scalar, 203, 12), randomBits(scalar, 203, 13)];
  const near = turns.map((x, at) => [x, (at - 30) / 4] as const);
  const all = [...pairs, ...near, ...a.map((x, at) => [x, b[at]!] as const)];
  return [all.map(([x]) => x), all.map(([, y]) => y)];
}

describe("elementary functions", () => {
  for (const scalar of ["f32", "f64"] as const)
    for (const name of names) {
      it(`${name} in ${scalar} gives the interpreter's bits on every target that runs here`, async () => {
        const operands = argumentsOf(scalar, arityOf(name));
        const { length } = operands[0]!;
        const kernel = functionKernel(name, scalar, operands.length, length);
        const array = scalar === "f32" ? Float32Array : Float64Array;
        await expectAgreement(kernel, [...operands.map((each) => array.from(each)), newArray(scalar, length)]);
      });
    }

  it("every function compiles for every target, calling nothing", async () => {
    const compiler = loadCompiler();
    for (const each of targetNames.map((name) => target(name))) {
      const kernels = names.flatMap((name) =>
        (["f32", "f64"] as const).map((scalar) => functionKernel(name, scalar, arityOf(name), 9)),
      );
      const { triple, cpu, features } = each;
      // The compiler refuses an object with a symbol that is not resolved inside.
      const object = await awaitNative(() =>
        compiler.compile({
          triple,
          cpu,
          features,
          modules: [{ name: "functions", text: emitModule(kernels, each) }],
          exports: kernels.map(({ name }) => name),
        }),
      );
      expect(object.byteLength, each.name).toBeGreaterThan(0);
    }
  });
});
