// `npm run nightly`: the long suites, one line for each; every sweep and fuzzer runs at its full length.
import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync } from "node:fs";

const folder = "out/nightly";
const cargo = (crate, ...tests) => ["cargo", ["test", "--release", "--locked", "-p", crate, ...tests]];
/** A day: the limit is for hangs, however busy the machine is. */
const mostMilliseconds = 86_400_000;
const vitest = (...files) => [
  "node_modules/.bin/vitest",
  ["run", "--reporter=verbose", `--testTimeout=${mostMilliseconds}`, ...files],
];

/** Name, command, and what it is about. */
const suites = [
  [
    "functions",
    ...vitest("kernels/functions/exhaustive", "kernels/functions/exponential"),
    "every float32 through every unary function",
  ],
  ["schedules", ...vitest("kernels/generators/schedules"), "drawn schedules of drawn shapes in every generator"],
  ["bits", ...vitest("tests/same-bits"), "thousands of graphs on every target, with 1 to 3 threads, and interpreted"],
  [
    "cases",
    ...vitest("tests/conformance/onnx/bits", "tests/conformance/torch/bits"),
    "every case of ONNX's backend tests, of PyTorch's operators and its models on every target, with 1 to 3 threads",
  ],
  ["pictures", ...cargo("isochron-transport", "--test", "picture"), "a million mutated pictures"],
  [
    "codecs",
    ...cargo("isochron-transport", "--test", "codec", "--test", "fuzz"),
    "a million messages through random codec plans",
  ],
  ["messages", ...vitest("nodes/messages"), "messages against another implementation"],
  [
    "models",
    ...vitest("runtime/import/onnx/hostile", "tests/conformance/onnx/hostile", "runtime/import/torch"),
    "model files with bytes and fields changed",
  ],
  ["large", ...vitest("tests/large-models"), "the memory that compiling models of hundreds of megabytes takes"],
  [
    "ros",
    ...vitest("tests/ros"),
    "beside ROS 2: pictures of eight megabytes, and ten minutes of a node that rclpy feeds",
  ],
  [
    "kilted",
    "env",
    [
      "ISOCHRON_ROS=kilted",
      process.execPath,
      ...["launch/setup/setup.mjs", "test", "--"],
      ...vitest("tests/ros/ros.test.ts").flat(),
    ],
    "the same beside Kilted, which is set up first",
  ],
  ["logs", ...vitest("sim/logs"), "logs cut at, and changed in, every byte"],
  [
    "interleavings",
    ...cargo("isochron-executive", "--test", "interleavings"),
    "verdicts and slots under every interleaving",
  ],
  [
    "soak",
    ...vitest("tests/realtime/soak"),
    "a million real-time cycles: nothing lost, memory constant, legal, bit-exact",
  ],
  ["audits", ...vitest("tests/audit"), "thousands of recordings with bytes and records changed, for the auditor"],
];

const run = (name, command, args) =>
  new Promise((resolve) => {
    const log = createWriteStream(`${folder}/${name}.log`);
    const started = Date.now();
    const child = spawn(command, args, {
      env: { ...process.env, ISOCHRON_NIGHTLY: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.pipe(log);
    child.stderr.pipe(log);
    const end = (code) => resolve({ code, seconds: (Date.now() - started) / 1000 });
    child.on("error", () => end(1));
    child.on("close", end);
  });

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !suites.some(([known]) => known === name));
if (unknown.length > 0) {
  process.stderr.write(
    `nightly: there is no suite ${unknown.join(", ")}; there are ${suites.map(([name]) => name).join(", ")}\n`,
  );
  process.exit(1);
}
mkdirSync(folder, { recursive: true });
let failed = 0;
for (const [name, command, args, about] of suites) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const { code, seconds } = await run(name, command, args);
  if (code !== 0) failed++;
  const verdict = code === 0 ? "ok" : `FAILED (${folder}/${name}.log)`;
  process.stdout.write(`${name.padEnd(14)} ${verdict.padEnd(8)} ${seconds.toFixed(0).padStart(6)} s  ${about}\n`);
}
process.exit(failed > 0 ? 1 : 0);
