// Direct convolution where it is asked for: what is not finite stays in the windows that hold it.
import { describe, expect, it } from "vitest";
import { runnableTargets } from "../../kernels/index.ts";
import {
  compile,
  constant,
  conv2d,
  conv3d,
  convTranspose2d,
  convTranspose3d,
  graphOf,
  load,
  tensorType,
  trace,
} from "../index.ts";
import { plan } from "./index.ts";

const targets = runnableTargets();
const [channels, size] = [32, 24];
const weight = Float32Array.from({ length: channels * channels * 9 }, (_, at) => Math.cos(at) * 0.1);

const graphWith = (options: { readonly convolution?: "direct" }) =>
  trace(
    ({ x }) => ({ y: conv2d(x, constant(weight, "f32", [channels, channels, 3, 3]), { padding: 1, ...options }) }),
    { x: tensorType("f32", [1, channels, size, size]) },
    { name: "layer" },
  );

describe("direct convolution", () => {
  it("keeps what is not finite to the windows that hold it, for a graph and for a layer", async () => {
    const artifacts = [
      await compile(graphWith({}), { targets, convolution: "direct" }),
      await compile(graphWith({ convolution: "direct" }), { targets }),
    ];
    for (const artifact of artifacts)
      for (const target of targets)
        for (const odd of [Number.NaN, Infinity, 3e38]) {
          const x = Float32Array.from({ length: channels * size * size }, (_, at) => Math.sin(at));
          x[5 * size * size + 8 * size + 8] = odd;
          const program = load(artifact, { target });
          const outputs = program.newOutputs();
          program.run({ x }, outputs);
          let [inside, outside] = [0, 0];
          (outputs.y as Float32Array).forEach((value, at) => {
            const [row, column] = [Math.floor((at % (size * size)) / size), at % size];
            if (Number.isFinite(value)) return;
            if (Math.abs(row - 8) <= 1 && Math.abs(column - 8) <= 1) inside++;
            else outside++;
          });
          expect({ target, odd, inside, outside }).toEqual({ target, odd, inside: odd === 3e38 ? 0 : 288, outside: 0 });
        }
  });

  it("is not what a layer is computed by unless asked, and reaches transposed convolutions and volumes too", async () => {
    const only = { targets: ["x86-64-v3"] } as const;
    const algorithms = async (graph: Parameters<typeof compile>[0], options: Parameters<typeof compile>[1]) =>
      plan(graphOf(await compile(graph, options)))
        .nodes.map(({ operator }) => operator.name)
        .filter((name) => /conv/i.test(name));
    expect(await algorithms(graphWith({}) as never, only)).toEqual(["winogradConv2d"]);
    const up = trace(
      ({ x }) => ({ y: convTranspose2d(x, constant(new Float32Array(32 * 32 * 9).fill(0.1), "f32", [32, 32, 3, 3])) }),
      { x: tensorType("f32", [1, 32, 8, 8]) },
      { name: "up" },
    );
    expect(await algorithms(up as never, only)).toEqual(["winogradConv2d"]);
    expect(await algorithms(up as never, { ...only, convolution: "direct" })).toEqual(["blockedConv2d"]);
    const deep = trace(
      ({ x }) => {
        const w = constant(new Float32Array(32 * 32 * 9).fill(0.1), "f32", [32, 32, 1, 3, 3]);
        return { y: conv3d(convTranspose3d(x, w), w) };
      },
      { x: tensorType("f32", [1, 32, 1, 8, 8]) },
      { name: "deep" },
    );
    expect(await algorithms(deep as never, only)).toEqual(["winogradConv2d", "winogradConv2d"]);
    expect(await algorithms(deep as never, { ...only, convolution: "direct" })).toEqual([
      "blockedConv2d",
      "blockedConv2d",
    ]);
  });
});
