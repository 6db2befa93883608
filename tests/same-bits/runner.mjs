// Runs artifacts on every target that this machine runs, with 1 to 3 threads, and prints the hashes of what each step leaves:
// `node runner.mjs ADDON FOLDER`, where FOLDER/cases.json lists names of artifacts, the method of each step and their targets. Plain
// JavaScript, since an arm64 Node under emulation has nothing that strips types.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [addon, folder] = process.argv.slice(2);
const { Program, blake3, targets } = createRequire(import.meta.url)(addon);

function hashesOf(artifact, given, steps, options) {
  const program = Program.load(artifact, options);
  const { methods } = JSON.parse(program.manifest);
  const loaded = program.methods.map((name, number) => {
    const memory = program.memory(number);
    return { ...methods[name], memory, places: program.offsets(number) };
  });
  let at = 0;
  return steps.map((name) => {
    const method = program.methods.indexOf(name);
    const { inputs, outputs, memory, places } = loaded[method];
    inputs.forEach(({ bytes }, input) => {
      memory.set(given.subarray(at, at + bytes), places[input]);
      at += bytes;
    });
    program.step(method, 0);
    const parts = outputs.map(({ bytes }, output) => {
      const start = places[inputs.length + output];
      return memory.subarray(start, start + bytes);
    });
    return [...parts, program.states()].map((bytes) => blake3(bytes));
  });
}

for (const { name, methods, targets: compiled } of JSON.parse(readFileSync(join(folder, "cases.json"), "utf8"))) {
  const artifact = readFileSync(join(folder, `${name}.iso`));
  const given = readFileSync(join(folder, `${name}.inputs`));
  for (const target of targets().filter((each) => compiled.includes(each))) {
    for (const threads of [1, 2, 3]) {
      const hashes = hashesOf(artifact, given, methods, { target, threads });
      process.stdout.write(`${JSON.stringify({ name, target, threads, hashes })}\n`);
    }
  }
}
