// The same bits: the networks of the benchmarks on every target, with every number of threads; small ones, at night all as they are measured.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { TargetName } from "../../kernels/index.ts";
import type { Graph } from "../../runtime/index.ts";
import { inputSets } from "../bench/case.ts";
import { mobileNetV2, resNet18, resNet50, uNet, yolo } from "../bench/models/images.ts";
import { gru, lstm, mlp } from "../bench/models/policies.ts";
import { rfb320 } from "../bench/models/rfb.ts";
import { policyTransformer, vitTiny } from "../bench/models/transformers.ts";
import { root } from "../robot/robot.ts";
import { Comparison, machineTargets } from "./compare.ts";
import type { Draw } from "./draw.ts";

const nightly = process.env.ISOCHRON_NIGHTLY === "1";

const policies = {
  "policy-lstm": () => lstm("policy-lstm", [47, 64], [32, 12], {}).graph,
  gru: () => gru("gru", { inputs: 48, hidden: nightly ? 256 : 40, cells: 2, outputs: 12 }, {}).graph,
  "mlp-512": () => mlp("mlp-512", [48, 512, 256, 128, 12], {}).graph,
};

/** With blocks of every kind, and few of them. */
const small: { readonly [name: string]: () => Graph } = {
  resnet50: () => resNet50(32, 32, [1, 1]),
  unet: () => uNet(16, 8),
  "policy-transformer": () => policyTransformer(9, 1),
  gru: policies.gru,
};

/** As they are measured. */
const whole: { readonly [name: string]: () => Graph | Promise<Graph> } = {
  resnet18: () => resNet18(),
  resnet50: () => resNet50(),
  mobilenetv2: () => mobileNetV2(),
  rfb320,
  yolo: () => yolo(),
  unet: () => uNet(),
  "vit-tiny": () => vitTiny(),
  "policy-transformer": () => policyTransformer(),
  ...policies,
  "mlp-64": () => mlp("mlp-64", [48, 64, 64, 12], {}).graph,
};

const steps = (graph: Graph): Draw["steps"] =>
  inputSets(graph, 2).map((set) => ({ method: "forward", inputs: graph.inputs.map(({ name }) => set[name]!) }));

/** One after the other where they are large: an artifact of each has all its weights. */
describe.each(Object.entries(nightly ? whole : { "a small network of each kind": undefined }))("%s", (name, make) => {
  it("has equal bits on every target, with every number of threads", { timeout: 24 * 3_600_000 }, async () => {
    const comparison = new Comparison(nightly ? {} : { cacheDir: join(root, ".cache/kernels") });
    const graphs = make ? [await make()] : Object.values(small).map((each) => each());
    // No product of theirs is of bytes, which some targets multiply by instructions of their own.
    const targets: readonly TargetName[] = machineTargets().filter((target) => nightly || !target.includes("+"));
    await comparison.run(
      graphs.map((graph, seed): Draw => {
        const options = { targets, ...(nightly ? {} : { grain: { mostChunks: 5, leastOperations: 64 } }) };
        return { seed, graph, options, methods: { forward: graph }, steps: steps(graph), interpreted: [] };
      }),
    );
    process.stdout.write(`${name}: ${comparison}\n`);
    expect(comparison.problems.join("\n\n")).toBe("");
    for (const target of targets) expect(comparison.ranOn(target)).toBe(graphs.length);
  });
});
