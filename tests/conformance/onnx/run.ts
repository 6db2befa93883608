// `npm run conformance -- onnx`: every case of ONNX's backend tests, compiled and interpreted, and a table by operator.
import { fork } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { casesOf, defaultData, networksOf } from "./cases.ts";
import type { Outcome, Result } from "./check.ts";
import { allowedDifference, compareNetworks } from "./networks.ts";
import { page, rowsOf } from "./page.ts";

const { values } = parseArgs({
  options: {
    data: { type: "string", default: defaultData },
    only: { type: "string" },
    json: { type: "string" },
    networks: { type: "boolean", default: false },
    workers: { type: "string", default: String(Math.min(2, availableParallelism())) },
  },
});

if (values.networks) {
  const detector = {
    name: "rfb320",
    model: fileURLToPath(new URL("../../../../shared/data/onnx/rfb320.onnx", import.meta.url)),
  };
  const only = [detector, ...networksOf(values.data)].filter(({ name }) => name.includes(values.only ?? ""));
  const found = await compareNetworks(only, ({ name, difference, seconds, milliseconds, peerMilliseconds }) =>
    process.stdout.write(
      `${name.padEnd(40)} ${difference.toExponential(1)} of the range; compiled in ${seconds.toFixed(0)} s; ${milliseconds.toFixed(1)} ms, onnxruntime ${peerMilliseconds.toFixed(1)} ms\n`,
    ),
  );
  process.exit(found.every(({ difference }) => difference <= allowedDifference) ? 0 : 1);
}
const all = casesOf(values.data);
const wanted = values.only === undefined ? all : all.filter(({ name }) => name.includes(values.only!));
const names = wanted.map(({ name }) => name);
const results = new Map<string, Result>();
/** A case that takes longer hangs. */
const mostMilliseconds = 300_000;

const ended = (name: string, reason: string): Result => ({
  name,
  compiled: "failed",
  interpreted: "failed",
  kernelCalls: 0,
  specialised: [],
  operators: [],
  reason,
});

/** Takes cases from the list until there are none; a process that ends early is followed by another. */
function work(): Promise<void> {
  return new Promise((resolve, reject) => {
    let name: string | undefined;
    let timer: NodeJS.Timeout | undefined;
    let began = false;
    const worker = fork(fileURLToPath(new URL("worker.ts", import.meta.url)), [values.data], {
      execArgv: ["--import", new URL("../../../launch/hook/register.mjs", import.meta.url).href],
    });
    worker.on("message", (message: "ready" | Result) => {
      clearTimeout(timer);
      began = true;
      if (message !== "ready") {
        results.set(message.name, message);
        if (results.size % 100 === 0) process.stderr.write(`${results.size} of ${wanted.length}\n`);
      }
      name = names.shift();
      if (name === undefined) return void worker.disconnect();
      timer = setTimeout(() => worker.kill("SIGKILL"), mostMilliseconds);
      worker.send(name);
    });
    worker.on("exit", (code, signal) => {
      clearTimeout(timer);
      if (!began) return reject(new Error(`a process that checks cases did not start (${signal ?? code})`));
      if (name === undefined) return resolve();
      if (!results.has(name)) results.set(name, ended(name, `the process ended (${signal ?? code})`));
      resolve(work());
    });
  });
}

await Promise.all(Array.from({ length: Number(values.workers) }, work));

const found = [...results.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
const count = (way: "compiled" | "interpreted", outcome: Outcome) =>
  found.filter((each) => each[way] === outcome).length;
const counts = (way: "compiled" | "interpreted") => ({
  passed: count(way, "passed"),
  failed: count(way, "failed"),
  notSupported: count(way, "notSupported"),
});
const report = { total: found.length, compiled: counts("compiled"), interpreted: counts("interpreted"), cases: found };
if (values.json !== undefined) {
  mkdirSync(dirname(values.json), { recursive: true });
  writeFileSync(values.json, `${JSON.stringify(report, null, 1)}\n`);
}
/** Columns of the table by operator. */
const width = Math.max(...rowsOf(found).map(({ operator }) => operator.length));
const cell = (text: string | number): string => String(text).padStart(13);
process.stdout.write(
  `${"operator".padEnd(width)}${["passed", "failed", "not supported", "interpreted"].map(cell).join(" ")}\n`,
);
for (const { operator, passed, failed, notSupported, interpreted, cases } of rowsOf(found))
  if (cases > 0)
    process.stdout.write(
      `${operator.padEnd(width)}${[passed, failed, notSupported, interpreted].map(cell).join(" ")}\n`,
    );
for (const { name, reason } of found.filter((each) => each.reason !== undefined))
  process.stdout.write(`${name}: ${reason}\n`);
for (const way of ["compiled", "interpreted"] as const) {
  const { passed, failed, notSupported } = report[way];
  process.stdout.write(
    `${way.padEnd(12)} ${passed} passed, ${failed} failed, ${notSupported} not supported, of ${report.total}\n`,
  );
}
const without = found.filter((each) => each.compiled === "passed" && each.kernelCalls === 0).length;
process.stdout.write(`${without} of those that pass call no kernel\n`);
// The page tells of all cases.
if (found.length === all.length && values.data === defaultData)
  writeFileSync(new URL("../../../docs/onnx.md", import.meta.url), page(found));
process.exit(report.compiled.failed + report.interpreted.failed > 0 ? 1 : 0);
