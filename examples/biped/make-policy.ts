// Makes policy.onnx, of the kind that training frameworks save: layers around one that remembers. Its weights are drawn, small.
import { writeFileSync } from "node:fs";
import { concat, constant, state, type Tensor, tensorType, trace } from "isochron";
import { exportOnnx } from "isochron/import";

/** Six joints' positions and speeds, the body's angular velocity and its orientation. */
const [observed, hidden, joints] = [19, 32, 6];

let drawn = 1;
/** Numbers from -1 to 1, the same ones always. */
const draw = (): number => {
  drawn = (drawn * 48271) % 2147483647;
  return (2 * drawn) / 2147483647 - 1;
};

/** x·W + b. */
function layer(x: Tensor<"f32">, inputs: number, outputs: number): Tensor<"f32"> {
  const weights = Array.from({ length: inputs * outputs }, () => draw() / Math.sqrt(inputs));
  const bias = Array.from({ length: outputs }, () => draw() / 10);
  return x.matmul(constant(weights, "f32", [inputs, outputs])).add(constant(bias, "f32", [1, outputs]));
}

const policy = trace(
  ({ obs }) => {
    const memory = state("memory", tensorType("f32", [1, hidden]), 0);
    const seen = layer(obs, observed, hidden).elu();
    const kept = layer(concat([seen, memory.get()], 1), 2 * hidden, hidden).tanh();
    memory.set(kept);
    return { action: layer(kept, hidden, joints).tanh() };
  },
  { obs: tensorType("f32", [1, observed]) },
  { name: "policy" },
);

writeFileSync(new URL("policy.onnx", import.meta.url), exportOnnx(policy));
