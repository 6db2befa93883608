// Integer products: arm64 code, with and without its dot product instruction, gives the loop interpreter's bits.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  emitModule,
  generators,
  interpretKernel,
  type Kernel,
  type LoopBuffer,
  loadCompiler,
  type Target,
  target,
} from "../../kernels/index.ts";
import { arm64Addon, hasArm64, runOnArm64 } from "../robot/arm64.ts";
import { succeed } from "../robot/robot.ts";

const folder = mkdtempSync(join(tmpdir(), "isochron-integer-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a kernel of an object on arrays given in base64, and prints the last one the same way. */
const runner = `
  const { readFileSync } = require("node:fs");
  const [modulePath, object, symbol, ...arrays] = process.argv.slice(1);
  const buffers = arrays.map((each) => new Uint8Array(Buffer.from(each, "base64")));
  require(modulePath).runKernel(readFileSync(object), symbol, buffers);
  console.log(Buffer.from(buffers.at(-1)).toString("base64"));`;

async function onArm64(kernel: Kernel, chosen: Target, arrays: readonly Uint8Array[]): Promise<string> {
  const { triple, cpu, features } = chosen;
  const modules = [{ name: kernel.name, text: emitModule([kernel], chosen) }];
  const object = await loadCompiler().compile({ triple, cpu, features, modules, exports: [kernel.name] });
  const file = join(folder, "kernel.o");
  writeFileSync(file, object);
  const texts = arrays.map((each) => Buffer.from(each).toString("base64"));
  return succeed(runOnArm64(["-e", runner, arm64Addon, file, kernel.name, ...texts])).trim();
}

const buffer = (name: string, scalar: LoopBuffer["scalar"], shape: readonly number[], access: "read" | "write") => ({
  name,
  scalar,
  length: generators.elementsOf(shape),
  access,
  align: 64,
});

/** A convolution and a matrix product on bytes of that type, scheduled for a target. */
function kernels(scalar: "u8" | "i8", chosen: Target): Kernel[] {
  const [input, weight, output] = [
    [1, 2, 4, 9, 16],
    [2, 2, 3, 3, 4, 16, 4],
    [1, 2, 2, 7, 16],
  ] as const;
  const [x, w, y] = [
    buffer("x", scalar, input, "read"),
    buffer("w", "i8", weight, "read"),
    buffer("y", "i32", output, "write"),
  ];
  const convolution = generators.blockedIntegerConvolutionKernel(
    "convolution",
    [x, w, y],
    generators.view(x, input),
    generators.view(w, weight),
    output,
    { stride: [1, 1], dilation: [1, 1], channels: 29 },
    generators.whole(y, output),
    (sum) => sum,
    chosen,
  );
  const [a, b, c] = [
    buffer("a", scalar, [5, 23], "read"),
    buffer("b", "i8", [3, 6, 16, 4], "read"),
    buffer("c", "i32", [5, 45], "write"),
  ];
  const product = generators.packedIntegerMatmulKernel(
    "product",
    [a, b, c],
    generators.view(a, [5, 23]),
    generators.view(b, [3, 6, 16, 4]),
    45,
    generators.whole(c, [5, 45]),
    (sum) => sum,
    chosen,
  );
  return [convolution, product];
}

describe.skipIf(!hasArm64)("integer products on arm64", () => {
  const cases = (["aarch64", "aarch64+dotprod"] as const).flatMap((name) =>
    (["u8", "i8"] as const).map((scalar) => [name, scalar] as const),
  );
  it.each(cases)(
    "%s gives the interpreter's bits on %s",
    async (name, scalar) => {
      for (const kernel of kernels(scalar, target(name))) {
        let state = 7;
        const arrays = kernel.buffers.map(({ length, access, scalar: of }) => {
          const bytes = new Uint8Array(length * (of === "i32" ? 4 : 1));
          if (access === "write") return bytes;
          return bytes.map(() => {
            state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
            return state >>> 24;
          });
        });
        const found = await onArm64(kernel, target(name), arrays);
        const [left, right, sums] = arrays as [Uint8Array, Uint8Array, Uint8Array];
        interpretKernel(kernel, [
          scalar === "i8" ? new Int8Array(left.buffer) : left,
          new Int8Array(right.buffer),
          new Int32Array(sums.buffer),
        ]);
        expect(found).toBe(Buffer.from(sums).toString("base64"));
      }
    },
    60_000,
  );
});
