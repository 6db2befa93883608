// Suite `policies`: a walking policy as PyTorch saved it, against onnxruntime, and against the same network written by hand.
import { join } from "node:path";
import { exportOnnx, importModel } from "../../../runtime/import/index.ts";
import { constant, type Graph, lstmCell, state, type Tensor, tensorType, trace } from "../../../runtime/index.ts";
import { root } from "../../robot/robot.ts";
import type { BenchEntry } from "../case.ts";
import { plainGraph } from "../case.ts";

const path = join(root, "examples/g1/policy.pt");

const model = await importModel(path);
if (model.format !== "torchscript") throw new Error(`${path} is no TorchScript`);
const [inputs, hidden] = [47, 64];
const saved: Graph = model.graph({ inputs: { x: tensorType("f32", [1, inputs]) } });

/** A weight of the file, by its name. */
function weight(name: string): Tensor<"f32"> {
  const found = saved.constants.find((each) => each.name === name);
  if (!found) throw new Error(`${path} has no ${name}`);
  return constant(found.data as Float32Array, "f32", found.value.type.shape as readonly number[], name);
}

/** The same network as one writes it: a cell, two layers, and the states that PyTorch's buffers are. */
const written = trace(
  ({ x }) => {
    const [h, c] = ["hidden_state", "cell_state"].map((name) => state(name, tensorType("f32", [1, hidden])));
    const next = lstmCell(
      x,
      { h: h!.get() as Tensor<"f32">, c: c!.get() as Tensor<"f32"> },
      {
        input: weight("memory.weight_ih_l0"),
        hidden: weight("memory.weight_hh_l0"),
        inputBias: weight("memory.bias_ih_l0"),
        hiddenBias: weight("memory.bias_hh_l0"),
      },
    );
    h!.set(next.h);
    c!.set(next.c);
    const first = next.h.linear(weight("actor.0.weight"), weight("actor.0.bias")).elu();
    return { y: first.linear(weight("actor.2.weight"), weight("actor.2.bias")) };
  },
  { x: tensorType("f32", [1, inputs]) },
  { name: "written" },
);

const flops = 2 * saved.constants.reduce((sum, { data }) => sum + data.length, 0);

export const policies: readonly BenchEntry[] = [
  {
    name: "g1.pt",
    make: (name) => ({
      name,
      graph: plainGraph(saved),
      model: () => exportOnnx(saved),
      flops,
      feedback: { hidden_state: "hidden_state_next", cell_state: "cell_state_next" },
    }),
  },
  {
    name: "g1.pt beside the same by hand",
    make: (name) => ({
      name,
      graph: plainGraph(saved),
      straight: plainGraph(written),
      straightIs: "written by hand",
      flops,
      atLeast: 0.91,
    }),
  },
];
