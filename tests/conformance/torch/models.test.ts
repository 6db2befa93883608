// Models that PyTorch saved give what PyTorch gave, call by call, compiled and interpreted; a walking policy does for 200 steps.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { importModel } from "../../../runtime/import/index.ts";
import type { StoredTensor } from "../../../runtime/import/stored-tensors.ts";
import { compile, load, type TensorType } from "../../../runtime/index.ts";
import { root } from "../../robot/robot.ts";
import { checkFixture } from "./check.ts";
import { defaultFolder, fixturesIn, hasFixtures } from "./fixtures.ts";

/** One of each kind, small ones; `npm run conformance -- torch` runs all. */
const wanted = [
  "buffer_export",
  "cnn_residual_frozen",
  "lstm_policy",
  "mlp_elu",
  "rnn_cell_unrolled",
  "transformer_enc_trace",
  "while_export",
];

const walk = z.object({ steps: z.array(z.object({ observation: z.array(z.number()), action: z.array(z.number()) })) });

describe.skipIf(!hasFixtures)("models that PyTorch saved (needs ../shared)", () => {
  const fixtures = hasFixtures ? fixturesIn(defaultFolder).filter(({ name }) => wanted.includes(name)) : [];

  it("are there", () => {
    expect(fixtures.map(({ name }) => name)).toEqual(wanted);
  });

  it.each(fixtures)("give what PyTorch gave: $name", async (fixture) => {
    const { calls, compiledCalls, interpretedCalls, kernelCalls, reasons } = await checkFixture(fixture, defaultFolder);
    expect({ compiledCalls, interpretedCalls, reasons }).toEqual({
      compiledCalls: calls,
      interpretedCalls: calls,
      reasons: [],
    });
    expect(kernelCalls).toBeGreaterThan(calls);
  });

  it("walk: the policy of a G1 gives its actions for 200 steps, and again after its memory was reset", async () => {
    const folder = join(root, "../shared/data/unitree");
    const { steps } = walk.parse(JSON.parse(readFileSync(join(folder, "g1_policy_io.json"), "utf8")));
    const model = await importModel(join(folder, "g1.pt"));
    if (model.format !== "torchscript") throw new Error("it is not taken for TorchScript");
    const inputs = model.likelyInputs()!;
    const graphs = model.graphs({ forward: { inputs }, reset: { method: "reset_memory" } });
    const program = load(await compile(graphs, { cacheDir: join(root, ".cache/kernels") }));
    const act = (obs: readonly number[]): number[] =>
      Object.values(program.method("forward").run({ x: Float32Array.from(obs) } as never)).flatMap((each) => [
        ...(each as Float32Array),
      ]);
    const worst = (): number =>
      Math.max(
        ...steps.map(({ observation, action }) =>
          Math.max(...act(observation).map((each, at) => Math.abs(each - action[at]!))),
        ),
      );
    expect(steps.length).toBe(200);
    expect(worst()).toBeLessThan(1e-4);
    program.method("reset").run({} as never);
    expect(worst()).toBeLessThan(1e-4);
  });

  it("walk: the policy of an H1, of which there are no recorded steps, gives compiled what its interpreted source gives", async () => {
    const model = await importModel(join(root, "../shared/data/unitree/h1.pt"));
    if (model.format !== "torchscript") throw new Error("it is not taken for TorchScript");
    const inputs = model.likelyInputs()!;
    const [[name, { shape }]] = Object.entries(inputs) as [[string, TensorType]];
    const graphs = model.graphs({ forward: { inputs }, reset: { method: "reset_memory" } });
    const program = load(await compile(graphs, { cacheDir: join(root, ".cache/kernels") }));
    const interpreter = model.interpreter();
    const size = Number(shape[1]);
    const observations = Array.from({ length: 12 }, (_, step) =>
      Float32Array.from({ length: size }, (_each, at) => Math.sin(step * 0.37 + at * 1.3)),
    );
    const worst = (): number =>
      Math.max(
        ...observations.flatMap((data) => {
          const [own] = Object.values(program.method("forward").run({ [name]: data } as never)) as [Float32Array];
          const wanted = interpreter.run("forward", { dtype: "f32", shape: [1, size], data }) as StoredTensor;
          expect(own.length).toBe(wanted.data.length);
          return [...own].map((each, at) => Math.abs(each - Number(wanted.data[at])));
        }),
      );
    expect(worst()).toBeLessThan(1e-5);
    // Once more from the state that both are in, and from the first one.
    expect(worst()).toBeLessThan(1e-5);
    program.method("reset").run({} as never);
    interpreter.run("reset_memory");
    expect(worst()).toBeLessThan(1e-5);
  });
});
