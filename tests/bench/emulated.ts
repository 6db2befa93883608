// The aarch64 code of a case, run by an arm64 Node under qemu: only its outputs count.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { TargetName } from "../../kernels/index.ts";
import { arm64Addon, arm64Node } from "../robot/arm64.ts";
import { compareSteps, type Outputs } from "./agreement.ts";
import { type BenchCase, inputSets } from "./case.ts";
import { artifactOf } from "./measure.ts";
import { loadPeer } from "./peer.ts";

const steps = 2;

/** Runs an artifact's steps on inputs that lie one after the other in a file, and writes the outputs the same way. */
const runner = `
  const { readFileSync, writeFileSync } = require("node:fs");
  const [addon, artifact, target, inputs, outputs, steps] = process.argv.slice(1);
  const program = require(addon).Program.load(readFileSync(artifact), { target });
  const number = program.methods.indexOf("forward");
  const { inputs: wanted, outputs: made } = JSON.parse(program.manifest).methods.forward;
  const [memory, offsets] = [program.memory(number), program.offsets(number)];
  const [given, found] = [readFileSync(inputs), []];
  let from = 0;
  for (let step = 0; step < Number(steps); step++) {
    wanted.forEach(({ bytes }, at) => {
      memory.set(given.subarray(from, from + bytes), offsets[at]);
      from += bytes;
    });
    program.step(number, 0);
    made.forEach(({ bytes }, at) => {
      const start = offsets[wanted.length + at];
      found.push(Buffer.from(memory.subarray(start, start + bytes)));
    });
  }
  writeFileSync(outputs, Buffer.concat(found));`;

/** Runs a case's code for a target under emulation beside the peer; the largest difference. Throws {@link Disagreement}. */
export async function compareEmulated(each: BenchCase, target: TargetName, signal: AbortSignal): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "isochron-bench-"));
  try {
    const artifact = await artifactOf(each, target, signal);
    const sets = inputSets(each.graph, steps);
    const [code, inputs, outputs] = ["case.iso", "inputs", "outputs"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(code, artifact.bytes);
    const bytes = (array: Float32Array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    writeFileSync(inputs, Buffer.concat(sets.flatMap((set) => each.graph.inputs.map(({ name }) => bytes(set[name]!)))));
    const [node, args] = arm64Node(["-e", runner, arm64Addon, code, target, inputs, outputs, `${steps}`]);
    await promisify(execFile)(node, args, { signal });
    const { buffer } = new Uint8Array(readFileSync(outputs));
    let from = 0;
    const found = sets.map(
      (): Outputs =>
        Object.fromEntries(
          artifact.manifest.methods.forward!.outputs.map((row) => {
            const array = new Float32Array(buffer, from, row.bytes / 4);
            from += row.bytes;
            return [row.name, array];
          }),
        ),
    );
    return await compareSteps(each, steps, (at) => found[at]!, await loadPeer(each, sets));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
