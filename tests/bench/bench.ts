// The benchmarks' command: `npm run bench -- [SUITE…] [--json FILE] [--only TEXT] [--layers] [--target NAME] [--seconds N]`.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { loadCompiler, type TargetName } from "../../kernels/index.ts";
import { targetsOf } from "../../runtime/index.ts";
import type { BenchCase } from "./case.ts";
import { core } from "./cases/core.ts";
import { kernels } from "./cases/kernels.ts";
import { profile } from "./layers.ts";
import { machineName, measurePeak, runnableTargets } from "./machine.ts";
import { Disagreement, measure, type Row } from "./measure.ts";
import { peerVersion } from "./peer.ts";

const suites: { readonly [name: string]: readonly { readonly name: string; make(name: string): BenchCase }[] } = {
  core,
  kernels,
};

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const header = `${"case".padEnd(34)}${"isa".padEnd(11)}${"ours µs".padStart(10)}${"peer µs".padStart(10)}${"ratio".padStart(8)}${"quiet".padStart(8)}${"at least".padStart(10)}${"p99 µs".padStart(10)}${"peer p99".padStart(10)}${"GFLOP/s".padStart(10)}${"peak".padStart(7)}`;

const line = (row: Row): string =>
  [
    row.case.padEnd(34),
    row.isa.padEnd(11),
    row.oursUs.toFixed(1).padStart(10),
    row.peerUs.toFixed(1).padStart(10),
    row.ratio.toFixed(2).padStart(8),
    row.quietRatio.toFixed(2).padStart(8),
    (row.ratio >= row.atLeast ? `${row.atLeast}` : `< ${row.atLeast}`).padStart(10),
    row.oursP99Us.toFixed(1).padStart(10),
    row.peerP99Us.toFixed(1).padStart(10),
    row.gflops.toFixed(1).padStart(10),
    `${(row.peakShare * 100).toFixed(0)} %`.padStart(7),
  ].join("");

/** Runs the suites named, all of them unless named; returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      json: { type: "string" },
      only: { type: "string" },
      layers: { type: "boolean", default: false },
      target: { type: "string" },
      seconds: { type: "string", default: "2" },
    },
  });
  const names = positionals.length > 0 ? positionals : Object.keys(suites);
  const unknown = names.filter((name) => !(name in suites));
  if (unknown.length > 0) {
    say(`there is no suite ${unknown.join(", ")}; there are ${Object.keys(suites).join(", ")}`);
    return 1;
  }
  const targets = runnableTargets().filter((name) => values.target === undefined || name === values.target);
  const peaks = new Map<TargetName, number>();
  for (const name of targets) peaks.set(name, await measurePeak(name));
  const machine = {
    name: machineName(),
    peakGflops: Object.fromEntries([...peaks].map(([name, peak]) => [name, Math.round(peak)])),
  };
  say(`${machine.name}; peak of a core ${[...peaks].map(([n, peak]) => `${n} ${peak.toFixed(0)} GFLOP/s`).join(", ")}`);
  say(header);
  const rows: Row[] = [];
  let failed = false;
  for (const suite of names) {
    for (const { name, make } of suites[suite]!) {
      if (values.only !== undefined && !name.includes(values.only)) continue;
      const each = make(name);
      const useful = targetsOf(each.graph);
      for (const target of targets.filter((each) => useful.includes(each))) {
        try {
          const row = await measure(suite, each, target, peaks.get(target)!, Number(values.seconds) * 1e3);
          rows.push(row);
          say(line(row));
          if (values.layers) for (const each of await profile(make(name), target)) say(`    ${each}`);
        } catch (error) {
          if (!(error instanceof Disagreement)) throw error;
          failed = true;
          say(`${name.padEnd(34)}${target.padEnd(11)} FAILED: ${error.message}`);
        }
      }
    }
  }
  if (values.json !== undefined) {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    const versions = {
      isochron: version,
      node: process.versions.node,
      llvm: loadCompiler().llvmVersion(),
      "onnxruntime-node": peerVersion,
    };
    mkdirSync(dirname(values.json), { recursive: true });
    writeFileSync(values.json, `${JSON.stringify({ machine, versions, rows }, null, 2)}\n`);
  }
  return failed ? 1 : 0;
}
