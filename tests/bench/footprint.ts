// What a network takes beside time: memory, ours and the peer's, and how long it takes to compile.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { TargetName } from "../../kernels/index.ts";
import { type Artifact, compile, load } from "../../runtime/index.ts";
import { root } from "../robot/robot.ts";
import type { BenchCase, OwnCase } from "./case.ts";

/** Bytes that both sides hold of one network. */
export interface Memory {
  /** What the program holds: its arena, inputs and outputs among it, and the weights. */
  readonly ownBytes: number;
  readonly weightBytes: number;
  /** By which a process with the peer grew while it loaded the model, weights included, and ran it three times. */
  readonly peerBytes: number;
}

/** What compiling one network for one target takes. */
export interface CompileTime {
  readonly coldMs: number;
  /** Processor time of all threads. */
  readonly coldCpuMs: number;
  readonly cachedMs: number;
  readonly artifactBytes: number;
  /** Of weights as the code reads them. */
  readonly packedBytes: number;
}

/** Loads a model, runs it, and prints by how much the process has grown. */
const grower = `
  const ort = require("onnxruntime-node");
  const options = { intraOpNumThreads: 1, interOpNumThreads: 1, graphOptimizationLevel: "all" };
  (async () => {
    global.gc();
    const before = process.memoryUsage.rss();
    const session = await ort.InferenceSession.create(process.argv[1], options);
    const feeds = {};
    for (const { name, shape } of session.inputMetadata)
      feeds[name] = new ort.Tensor("float32", new Float32Array(shape.reduce((a, b) => a * b, 1)), shape);
    for (let at = 0; at < 3; at++) await session.run(feeds);
    global.gc();
    console.log(process.memoryUsage.rss() - before);
  })();`;

async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "isochron-bench-"));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Measures the memory of both sides. */
export const memoryOf = (each: BenchCase, artifact: Artifact, signal: AbortSignal): Promise<Memory> =>
  inFolder(async (folder) => {
    const model = join(folder, "model.onnx");
    writeFileSync(model, each.model());
    const args = ["--expose-gc", "-e", grower, model];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, signal });
    const { arenaBytes } = load(artifact, { target: Object.keys(artifact.manifest.targets)[0]! });
    return { ownBytes: arenaBytes, weightBytes: artifact.manifest.weights.bytes, peerBytes: Number(stdout) };
  });

/** Compiles a case twice, the second time from what the first left in a cache. */
export const compileTimeOf = ({ graph }: OwnCase, target: TargetName, signal: AbortSignal): Promise<CompileTime> =>
  inFolder(async (cacheDir) => {
    const timed = async () => {
      const [started, before] = [performance.now(), process.cpuUsage()];
      const artifact = await compile(graph, { targets: [target], cacheDir, signal });
      const { user, system } = process.cpuUsage(before);
      return { artifact, ms: performance.now() - started, cpuMs: (user + system) / 1e3 };
    };
    const cold = await timed();
    const { ms: cachedMs, artifact } = await timed();
    const [artifactBytes, packedBytes] = [artifact.bytes.length, artifact.manifest.weights.bytes];
    return { coldMs: cold.ms, coldCpuMs: cold.cpuMs, cachedMs, artifactBytes, packedBytes };
  });

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
const seconds = (ms: number): string => `${(ms / 1e3).toFixed(1)} s`;

export const memoryText = ({ ownBytes, weightBytes, peerBytes }: Memory): string =>
  `memory: arena ${megabytes(ownBytes - weightBytes)}, weights ${megabytes(weightBytes)}; onnxruntime's process grew by ${megabytes(peerBytes)}`;

export const compileText = ({ coldMs, coldCpuMs, cachedMs, artifactBytes, packedBytes }: CompileTime): string =>
  `compiled in ${seconds(coldMs)} (${seconds(coldCpuMs)} of processor time), from the cache in ${seconds(cachedMs)}; ` +
  `artifact ${megabytes(artifactBytes)}, ${(artifactBytes / packedBytes).toFixed(2)} times the packed weights`;
