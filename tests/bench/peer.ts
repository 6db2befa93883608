// The peer: onnxruntime-node with one thread, all graph optimisations, and tensors made once.
import * as ort from "onnxruntime-node";
import type { BenchCase } from "./case.ts";
import { encodeModel } from "./onnx.ts";

/** A peer's model, ready to run on input sets bound beforehand. */
export interface Peer {
  /** Runs one step on the `at`-th set of inputs, counted round and round. */
  run(at: number): Promise<unknown>;
  output(name: string): Float32Array;
}

export const peerVersion = ort.env.versions.node ?? ort.env.versions.common ?? "unknown";

/** Loads a case's model; `inputs` are the sets that calls take turns with. */
export async function loadPeer(
  { model, feedback = {} }: BenchCase,
  inputs: readonly { readonly [name: string]: Float32Array }[],
): Promise<Peer> {
  const session = await ort.InferenceSession.create(encodeModel(model), {
    executionProviders: ["cpu"],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
  });
  const zeroed = (shape: readonly number[]) =>
    new ort.Tensor("float32", new Float32Array(shape.reduce((a, b) => a * b, 1)), [...shape]);
  // What is fed back alternates between two tensors: one is read while the other is written.
  const banks = [0, 1].map(() => Object.fromEntries(model.outputs.map(({ name, shape }) => [name, zeroed(shape)])));
  const sets = inputs.map((arrays) =>
    banks.map((_, bank) =>
      Object.fromEntries(
        model.inputs.map(({ name, shape }) => {
          const fed = feedback[name];
          return [
            name,
            fed === undefined ? new ort.Tensor("float32", arrays[name]!, [...shape]) : banks[1 - bank]![fed]!,
          ];
        }),
      ),
    ),
  );
  let bank = 0;
  return {
    run(at) {
      bank = 1 - bank;
      return session.run(sets[at % sets.length]![bank]!, banks[bank]!);
    },
    output: (name) => banks[bank]![name]!.data as Float32Array,
  };
}
