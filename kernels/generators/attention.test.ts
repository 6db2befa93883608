// Attention by rows equals its plan: the same steps by kernels of their own, bit for bit, under the schedule of every target.
import { describe, it } from "vitest";
import { exp } from "../functions/index.ts";
import { div, mul, sub } from "../loop/build.ts";
import type { Buffer, Kernel } from "../loop/ir.ts";
import { target } from "../targets.ts";
import { expectEverySchedule, parameter, values } from "../testing/generator-reference.ts";
import { runNative } from "../testing/native-kernel.ts";
import { broadcasted, elementsOf, type Source, view } from "./access.ts";
import { attentionKernel, attentionWork } from "./attention.ts";
import { matmulKernel } from "./contract.ts";
import { mapKernel, whole } from "./map.ts";
import { reduceKernel, reducers, reducing } from "./reduce.ts";

const plain = target("x86-64-v3");

/** One kernel of the reference, run at once; the last buffer is its result. */
async function computed(
  inputs: readonly (readonly [Buffer, Float32Array])[],
  shape: readonly number[],
  build: (buffers: readonly Buffer[], output: Buffer) => Kernel,
): Promise<readonly [Buffer, Float32Array, readonly number[]]> {
  const output = parameter("y", "f32", elementsOf(shape), "write");
  const result = new Float32Array(output.length);
  const kernel = build([...inputs.map(([buffer]) => buffer), output], output);
  await runNative(kernel, [...inputs.map(([, array]) => array), result], { target: plain.name });
  return [{ ...output, name: `t${Math.round(elementsOf(shape))}_${inputs.length}`, access: "read" }, result, shape];
}

describe("attention", () => {
  it.each([
    [1, 5, 3, 17, 7],
    [2, 13, 8, 40, 33],
    [1, 29, 4, 5, 16],
    [1, 3, 2, 197, 64],
  ])("of %i heads, %i rows, depth %i, %i columns and %i outputs", async (heads, m, d, n, e) => {
    const shapes = [
      [heads, m, d],
      [heads, d, n],
      [heads, n, e],
    ] as const;
    const [q, k, v] = shapes.map((shape, at) => {
      const buffer = parameter("qkv"[at]!, "f32", elementsOf(shape), "read");
      return [buffer, values(buffer.length, 40 + at).map((value) => Math.max(-4, Math.min(4, value))), shape] as const;
    });
    const source = ([buffer, , shape]: readonly [Buffer, Float32Array, readonly number[]]): Source =>
      view(buffer, shape);
    const scale = 0.3;
    const rows = [heads, m, n];
    const scores = await computed(
      [
        [q![0], q![1]],
        [k![0], k![1]],
      ],
      rows,
      (buffers, y) =>
        matmulKernel("s", buffers, source(q!), source(k!), whole(y, rows), (sum) => mul(sum, scale), plain),
    );
    const reduced = (from: typeof scores, reducer: "max" | "sum") =>
      computed([[from[0], from[1]]], [heads, m], (buffers, y) =>
        reduceKernel(
          "r",
          buffers,
          rows,
          [2],
          reducing(source(from), reducers[reducer]),
          whole(y, [heads, m]),
          (x) => x,
          plain,
        ),
      );
    const most = await reduced(scores, "max");
    const top = broadcasted(view(most[0], [heads, m, 1]), rows);
    const powers = await computed(
      [
        [scores[0], scores[1]],
        [most[0], most[1]],
      ],
      rows,
      (buffers, y) => {
        const power: Source = {
          scalar: "f32",
          shape: rows,
          at: (at, lanes) => exp(sub(source(scores).at(at, lanes), top.at(at, lanes))),
        };
        return mapKernel("p", buffers, [{ source: power, destination: whole(y, rows) }], plain);
      },
    );
    const sums = await reduced(powers, "sum");
    const total = broadcasted(view(sums[0], [heads, m, 1]), [heads, m, e]);
    const [, expected] = await computed(
      [
        [powers[0], powers[1]],
        [v![0], v![1]],
        [sums[0], sums[1]],
      ],
      [heads, m, e],
      (buffers, y) =>
        matmulKernel(
          "o",
          buffers,
          source(powers),
          source(v!),
          whole(y, [heads, m, e]),
          (sum, at) => div(sum, total.at(at, sum.type.lanes)),
          plain,
        ),
    );
    const work = { ...parameter("work", "f32", attentionWork(n), "read"), access: "readwrite" as const };
    const y = parameter("y", "f32", heads * m * e, "write");
    await expectEverySchedule(
      (each) =>
        attentionKernel(
          "attention",
          [q![0], k![0], v![0], work, y],
          [source(q!), source(k!), source(v!)],
          work,
          scale,
          whole(y, [heads, m, e]),
          (sum) => sum,
          each,
        ),
      [q![1], k![1], v![1], new Float32Array(work.length)],
      expected,
    );
  });
});
