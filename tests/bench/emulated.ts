// The aarch64 code of a case, run by an arm64 Node under qemu: only its outputs count.
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { TargetName } from "../../kernels/index.ts";
import { compareSteps, type Outputs } from "./agreement.ts";
import { type BenchCase, inputSets } from "./case.ts";
import { artifactOf } from "./measure.ts";
import { loadPeer } from "./peer.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const addon = join(root, "target/portable/isochron.linux-arm64-gnu.node");
const arm64Node = join(root, ".setup/node-arm64/package/bin/node");
const [emulator, libraries] = ["qemu-aarch64", "/usr/aarch64-linux-gnu"];
const steps = 2;

/** What emulation needs and the set-up has not brought. */
export function missingForArm64(): string[] {
  const inPath = (name: string) => process.env.PATH?.split(delimiter).some((folder) => existsSync(join(folder, name)));
  return [
    ...[addon, arm64Node, libraries].filter((path) => !existsSync(path)),
    ...[emulator].filter((name) => !inPath(name)),
  ];
}

/** Runs an artifact's steps on inputs that lie one after the other in a file, and writes the outputs the same way. */
const runner = `
  const { readFileSync, writeFileSync } = require("node:fs");
  const [addon, artifact, target, inputs, outputs, steps] = process.argv.slice(1);
  const program = require(addon).Program.load(readFileSync(artifact), { target });
  const manifest = JSON.parse(program.manifest);
  const [memory, offsets, given, found] = [program.memory(), program.offsets, readFileSync(inputs), []];
  let from = 0;
  for (let step = 0; step < Number(steps); step++) {
    manifest.inputs.forEach(({ bytes }, at) => {
      memory.set(given.subarray(from, from + bytes), offsets[at]);
      from += bytes;
    });
    program.step(0);
    manifest.outputs.forEach(({ bytes }, at) => {
      const start = offsets[manifest.inputs.length + at];
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
    const args = ["-L", libraries, arm64Node, "-e", runner, addon, code, target, inputs, outputs, `${steps}`];
    await promisify(execFile)(emulator, args, { signal });
    const { buffer } = new Uint8Array(readFileSync(outputs));
    let from = 0;
    const found = sets.map(
      (): Outputs =>
        Object.fromEntries(
          artifact.manifest.outputs.map((row) => {
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
