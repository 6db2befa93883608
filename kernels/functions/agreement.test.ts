// Elementary functions give the interpreter's bits on every target that this machine runs, and compile for all without a library.
import { describe, expect, it } from "vitest";
import { emitModule } from "../loop/emit.ts";
import { target, targetNames } from "../targets.ts";
import { expectAgreement, newArray } from "../testing/agreement.ts";
import { elementary, type FunctionName, functionKernel } from "../testing/function-accuracy.ts";
import { argumentsOf, arityOf } from "../testing/function-arguments.ts";

const names = Object.keys(elementary) as FunctionName[];

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
    for (const each of targetNames.map((name) => target(name))) {
      const kernels = names.flatMap((name) =>
        (["f32", "f64"] as const).map((scalar) => functionKernel(name, scalar, arityOf(name), 9)),
      );
      // The compiler refuses an object with a symbol that is not resolved inside.
      const object = await each.backend.compile({
        modules: [{ name: "functions", text: emitModule(kernels, each) }],
        exports: kernels.map(({ name }) => name),
      });
      expect(object.byteLength, each.name).toBeGreaterThan(0);
    }
  });
});
