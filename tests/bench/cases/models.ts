// Suite `models`: whole networks, beside onnxruntime at one thread and two, back to back and as a controller calls them.
import { exportOnnx } from "../../../runtime/import/index.ts";
import { Compilation, type Graph, multiplyAddsOf } from "../../../runtime/index.ts";
import type { BenchCase, BenchEntry } from "../case.ts";
import { mobileNetV2, resNet18, resNet50, uNet, yolo } from "../models/images.ts";
import { gru, lstm, mlp } from "../models/policies.ts";
import { rfb320 } from "../models/rfb.ts";
import { policyTransformer, vitTiny } from "../models/transformers.ts";

type Asked = readonly [atLeast: number, aim: number];

/** Convolutions counted as they are drawn, whatever algorithm computes them. */
const flopsOf = (graph: Graph): number =>
  2 * multiplyAddsOf(Compilation.of(graph, { convolution: "direct" }).code("x86-64-v3"));

const network = (make: () => Graph, [atLeast, aim]: Asked): Omit<BenchEntry, "name"> => ({
  peerThreads: 2,
  memory: true,
  make(name): BenchCase {
    const graph = make();
    return { name, graph, model: () => exportOnnx(graph), flops: flopsOf(graph), atLeast, aim };
  },
});

/** Policies take less than a millisecond, and a controller calls them every few. */
const policy = (
  make: (name: string, asked: { readonly atLeast: number; readonly aim: number }) => BenchCase,
  [atLeast, aim]: Asked,
): Omit<BenchEntry, "name"> => ({ memory: true, everyMs: 5, make: (name) => make(name, { atLeast, aim }) });

const rfb = await rfb320();

export const models: readonly BenchEntry[] = [
  { name: "resnet18", ...network(resNet18, [1.7, 2.1]) },
  { name: "resnet50", compileTime: true, ...network(resNet50, [1.2, 1.4]) },
  { name: "mobilenetv2", ...network(mobileNetV2, [1.25, 1.5]) },
  { name: "rfb320", ...network(() => rfb, [1.4, 1.8]) },
  { name: "yolo", ...network(yolo, [1.3, 1.5]) },
  { name: "unet", ...network(uNet, [2.2, 2.8]) },
  { name: "vit-tiny", ...network(vitTiny, [1.1, 1.25]) },
  { name: "policy-transformer", ...network(policyTransformer, [1.15, 1.35]) },
  { name: "policy-lstm", ...policy((name, asked) => lstm(name, [47, 64], [32, 12], asked), [13, 20]) },
  {
    name: "gru",
    ...policy((name, asked) => gru(name, { inputs: 48, hidden: 256, cells: 2, outputs: 12 }, asked), [2, 4]),
  },
  { name: "mlp-512", ...policy((name, asked) => mlp(name, [48, 512, 256, 128, 12], asked), [3.2, 4]) },
  { name: "mlp-64", ...policy((name, asked) => mlp(name, [48, 64, 64, 12], asked), [13, 20]) },
];
