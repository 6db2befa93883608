// The peer: onnxruntime-node with all graph optimisations, and tensors made once.
import * as ort from "onnxruntime-node";
import type { BenchCase } from "./case.ts";

/** A peer's model, ready to run on input sets bound beforehand. */
export interface Peer {
  /** Runs one step on the `at`-th set of inputs, counted round and round. */
  run(at: number): Promise<unknown>;
  output(name: string): Float32Array;
}

export const peerVersion = ort.env.versions.node ?? ort.env.versions.common ?? "unknown";

/**
 * Loads a case's model; `inputs` are the sets that calls take turns with.
 *
 * Its threads sleep behind a call, as ours do: they would spin through our own otherwise.
 */
export async function loadPeer(
  { model, feedback = {} }: BenchCase,
  inputs: readonly { readonly [name: string]: Float32Array }[],
  threads = 1,
): Promise<Peer> {
  const session = await ort.InferenceSession.create(model(), {
    executionProviders: ["cpu"],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    extra: { session: { force_spinning_stop: "1" } },
  });
  const shapeOf = (port: ort.InferenceSession.ValueMetadata): number[] => (port.isTensor ? port.shape.map(Number) : []);
  const zeroed = (shape: readonly number[]) =>
    new ort.Tensor("float32", new Float32Array(shape.reduce((a, b) => a * b, 1)), [...shape]);
  // What is fed back alternates between two tensors: one is read while the other is written.
  const banks = [0, 1].map(() =>
    Object.fromEntries(session.outputMetadata.map((port) => [port.name, zeroed(shapeOf(port))])),
  );
  const sets = inputs.map((arrays) =>
    banks.map((_, bank) =>
      Object.fromEntries(
        session.inputMetadata.map((port) => {
          const fed = feedback[port.name];
          return [
            port.name,
            fed === undefined ? new ort.Tensor("float32", arrays[port.name]!, shapeOf(port)) : banks[1 - bank]![fed]!,
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
