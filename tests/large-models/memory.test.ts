// The memory that `isochron compile` takes for models whose weights are most of it: at most half as much again as the weights.
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Random } from "../../kernels/index.ts";
import type { NodeProto } from "../../runtime/import/onnx/format/onnx_pb.ts";
import { elsewhere, graph, modelBytes, node } from "../../runtime/testing/onnx-models.ts";
import { root } from "../robot/robot.ts";

const nightly = process.env.ISOCHRON_NIGHTLY === "1";
/** Bytes of a model's weights, in MB. */
const megabytes = Number(process.env.ISOCHRON_LARGE_MB ?? 300);
const folder = mkdtempSync(join(tmpdir(), "isochron-large-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A layer: what goes in, its weight, and the node that applies it. */
interface Layer {
  readonly input: string;
  readonly weight: readonly number[];
  readonly apply: (operands: string) => NodeProto;
}

const layers: { readonly [kind: string]: Layer } = {
  "products by matrices": {
    input: "f32[8,2048]",
    weight: [2048, 2048],
    apply: (text) => node(text.replace("OP", "MatMul")),
  },
  "products by matrices that lie the other way round": {
    input: "f32[1,2048]",
    weight: [2048, 2048],
    apply: (text) => node(text.replace("OP", "Gemm"), { transB: 1 }),
  },
  "convolutions of single pixels": {
    input: "f32[1,1024,16,16]",
    weight: [1024, 1024, 1, 1],
    apply: (text) => node(text.replace("OP", "Conv")),
  },
  "convolutions by Winograd's algorithm": {
    input: "f32[1,512,16,16]",
    weight: [512, 512, 3, 3],
    apply: (text) => node(text.replace("OP", "Conv"), { pads: [1, 1, 1, 1] }),
  },
};

/** Writes a model of so many bytes of weights or a little more; the bytes that they are. */
function write(name: string, { input, weight, apply }: Layer, least: number): number {
  const random = new Random(1);
  const elements = weight.reduce((product, size) => product * size, 1);
  const count = Math.max(1, Math.ceil(least / (4 * elements)));
  const file = openSync(join(folder, `${name}.bin`), "w");
  for (let layer = 0; layer < count; layer++)
    writeSync(
      file,
      Float32Array.from({ length: elements }, () => (random.next() - 0.5) / 32),
    );
  closeSync(file);
  const places = Array.from({ length: count }, (_, at) => at);
  const output = `h${count}`;
  const main = graph({
    inputs: [`h0: ${input}`],
    outputs: [`${output}: ${input}`],
    nodes: places.map((at) => apply(`h${at + 1} = OP(h${at}, w${at})`)),
    initializers: places.map((at) => elsewhere(`w${at}`, "f32", weight, `${name}.bin`, 4 * elements * at)),
  });
  writeFileSync(join(folder, `${name}.onnx`), modelBytes(main));
  return 4 * elements * count;
}

/** The most memory that compiling a model takes, in bytes. */
function peakOf(name: string, targets: readonly string[]): number {
  const peak = join(folder, "peak");
  const noted = `import{writeFileSync}from"node:fs";process.on("exit",()=>writeFileSync(${JSON.stringify(peak)},String(process.resourceUsage().maxRSS)))`;
  const given = targets.flatMap((target) => ["--target", target]);
  const hook = `--import=data:text/javascript,${encodeURIComponent(noted)}`;
  const command = [hook, join(root, "launch/bin/isochron.mjs"), "compile", `${name}.onnx`, ...given, "--json"];
  execFileSync(process.execPath, command, { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
  return Number(readFileSync(peak, "utf8")) * 1024;
}

describe.runIf(nightly)("compiling a large model holds at most half as much again as its weights:", () => {
  it.each(Object.entries(layers))("%s", (kind, layer) => {
    const targets = kind.endsWith("matrices") ? ["x86-64-v3", "x86-64-v4", "aarch64"] : ["x86-64-v3"];
    write("small", layer, 0);
    const without = peakOf("small", targets);
    const weights = write("large", layer, megabytes * 1e6);
    const taken = peakOf("large", targets) - without;
    console.log(
      `${kind}: ${(taken / weights).toFixed(2)} times ${(weights / 1e6).toFixed(0)} MB, beside ${(without / 1e6).toFixed(0)} MB`,
    );
    expect(taken / weights).toBeLessThan(1.5);
  });
});
