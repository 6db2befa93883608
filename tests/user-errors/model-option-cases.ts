// Functions of model files that take options, and what they refuse.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { exportOnnx, importModel } from "../../runtime/import/index.ts";
import { OnnxModel } from "../../runtime/import/onnx/model.ts";
import { readTorchArchive } from "../../runtime/import/torch/archive.ts";
import { ExportedModel } from "../../runtime/import/torch/exported/model.ts";
import { TorchModel } from "../../runtime/import/torch/model.ts";
import { type Tensor, tensorType, trace } from "../../runtime/index.ts";
import { graph, modelBytes, node } from "../../runtime/testing/onnx-models.ts";
import { root } from "../robot/robot.ts";
import type { OptionCase } from "./option-case.ts";

/** A model with a state. */
const stepping = new OnnxModel(
  modelBytes(
    graph({
      inputs: ["x: f32", "h: f32"],
      outputs: ["y: f32", "z: f32"],
      nodes: [node("y = Neg(x)"), node("z = Add(h, x)")],
    }),
  ),
  "stepping.onnx",
  () => new Uint8Array(),
);

const policy = join(root, "examples/g1/policy.pt");
const saved = new TorchModel(await readTorchArchive(new Uint8Array(readFileSync(policy)), policy), 0, policy);

/** Their cases, by the functions' names. */
export const modelCases: Readonly<Record<string, OptionCase>> = {
  importModel: {
    area: "import",
    call: (options) => importModel("no-such-file.onnx", options),
    right: { operators: { "my.domain::Op": ([x]: readonly Tensor[]) => x! } },
    onlyWrong: true,
    wrong: { operators: [5, "Op", null, { Op: 5 }, { Op: "x" }] },
  },
  exportOnnx: {
    area: "export",
    call: (options) =>
      exportOnnx(
        trace(({ x }) => ({ y: x.add(1) }), { x: tensorType("f32", []) }, { name: "g" }),
        options,
      ),
    right: { opset: 20 },
    wrong: { opset: [17, 27, 20.5, "20", null] },
  },
  "OnnxModel.graph": {
    area: "import",
    call: (options) => stepping.graph(options),
    right: { inputs: { x: tensorType("f32", []) }, symbols: { n: 2 }, bounds: { y: 3 }, states: { h: "z" }, seed: -3 },
    wrong: {
      inputs: [5, "x", null, { x: 5 }],
      symbols: [5, null, { n: -1 }, { n: 1.5 }, { n: "2" }],
      bounds: [5, null, { y: 0 }, { y: "3" }],
      states: [5, null, { h: 5 }, { h: {} }],
      seed: [1.5, "7", null],
    },
  },
  interpret: {
    area: "import",
    call: (options) => {
      const one = { dtype: "f32", shape: [], data: Float32Array.of(1) } as const;
      return stepping.interpret({ x: one, h: one }, options);
    },
    right: { seed: 7 },
    wrong: { seed: [1.5, "7", null] },
  },
  "TorchModel.graph": {
    area: "import",
    call: (options) => saved.graph(options),
    right: { method: "forward", inputs: { x: tensorType("f32", [1, 47]) }, atMost: 5 },
    wrong: { method: ["", 5, null], inputs: [5, "x", null, { x: {} }, { x: [{}] }], atMost: [0, 1.5, "7", null] },
  },
  "ExportedModel.graph": {
    area: "import",
    // Options are looked at before the program.
    call: (options) => (Object.create(ExportedModel.prototype) as ExportedModel).graph(options),
    right: { inputs: { x: tensorType("f32", [2]) }, symbols: { s0: 2 }, atMost: 5 },
    onlyWrong: true,
    wrong: {
      inputs: [5, "x", null, { x: {} }, { x: [] }],
      symbols: [5, null, { s0: -1 }, { s0: "2" }],
      atMost: [0, 1.5, "7", null],
    },
  },
};
