// The benchmarks' command, `npm run bench -- [SUITE…] [options]`: measures rows one after the other, prints them, and says what they mean.
import { existsSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import {
  beginsWith,
  type FileKind,
  IsochronError,
  loadCompiler,
  runnableTargets,
  type TargetName,
  writeWhole,
} from "../../kernels/index.ts";
import { prepareOutput } from "../../launch/output-file.ts";
import type { Terminal } from "../../launch/terminal.ts";
import { type Artifact, measureLayers, printLayers, targetsOf } from "../../runtime/index.ts";
import type { BenchCase, BenchEntry, OwnCase, Suites } from "./case.ts";
import { compareEmulated } from "./emulated.ts";
import { type CompileTime, compileText, compileTimeOf, type Memory, memoryOf, memoryText } from "./footprint.ts";
import { type Machine, measureThisMachine } from "./machine.ts";
import { type Against, artifactOf, type Job, measure, type Row } from "./measure.ts";
import { type BenchOptions, readOptions } from "./options.ts";
import { page, pageFile } from "./page.ts";
import { peerVersion } from "./peer.ts";
import { heading, summary, tableRow } from "./table.ts";

const rowsFile: FileKind = {
  name: "a file of measured rows",
  begins: beginsWith(`{\n  "format": "isochron-bench",`),
};

/** A case whose emulated outputs agreed with the peer's. */
interface Emulated {
  readonly suite: string;
  readonly case: string;
  readonly isa: string;
  readonly difference: number;
}

/** What a network takes beside time. */
interface Footprint extends Partial<Memory>, Partial<CompileTime> {
  readonly suite: string;
  readonly case: string;
  readonly isa: string;
}

/** What a case is compared with: the peer, or the case without control flow, under every target; the rest under the best. */
function comparisons(
  { threads: atLeast, nativeCalls, peerThreads, everyMs, cold }: BenchEntry,
  each: BenchCase | OwnCase,
  best: boolean,
): Against[] {
  const most = Math.min(3, cpus().length);
  const more = best && atLeast !== undefined ? Array.from({ length: most - 1 }, (_, at) => at + 2) : [];
  const straight = "model" in each ? undefined : each.straight;
  const withPeer = (model: BenchCase): Against[] => [
    { kind: "peer", model, threads: 1 },
    ...(best && peerThreads !== undefined ? [{ kind: "peer", model, threads: peerThreads } as const] : []),
    ...(best && everyMs !== undefined ? [{ kind: "paced", model, everyMs } as const] : []),
    ...(best && cold ? [{ kind: "cold", model } as const] : []),
  ];
  return [
    ...("model" in each ? withPeer(each) : []),
    ...(straight ? [{ kind: "straight", graph: straight } as const] : []),
    ...more.map((threads): Against => ({ kind: "one thread", threads, atLeast: atLeast! })),
    ...(best && nativeCalls !== undefined ? [{ kind: "native call", calls: nativeCalls } as const] : []),
  ];
}

/** One run of the command. */
class Bench {
  readonly #options: BenchOptions;
  readonly #machine: Machine;
  readonly #terminal: Terminal;
  readonly #nameWidth: number;
  readonly rows: Row[] = [];
  readonly emulated: Emulated[] = [];
  readonly footprints: Footprint[] = [];
  failed = false;

  constructor(options: BenchOptions, machine: Machine, terminal: Terminal, nameWidth: number) {
    this.#options = options;
    this.#machine = machine;
    this.#terminal = terminal;
    this.#nameWidth = nameWidth;
  }

  /** Measures a case in all ways. */
  async all(suite: string, entry: BenchEntry): Promise<void> {
    const each = entry.make(entry.name);
    const useful = targetsOf(each.graph);
    const targets = this.#options.targets.filter((name) => useful.includes(name));
    const best = runnableTargets().find((name) => useful.includes(name));
    for (const [at, target] of targets.entries()) {
      let compiled: Promise<Artifact> | undefined;
      const made = () => (compiled ??= artifactOf(each, target, this.#terminal.signal));
      for (const against of comparisons(entry, each, at === 0)) {
        // What is asked of us beside the peer is asked of AVX-512.
        const judged = target === best && (target.startsWith("x86-64-v4") || against.kind === "straight");
        await this.#attempt(each, target, async () =>
          this.#measure({ suite, case: each, target, artifact: await made(), against, judged }),
        );
      }
      const where = { suite, case: each.name, isa: target };
      if (at === 0 && "model" in each && entry.memory)
        await this.#attempt(each, target, async () => this.#memory(where, each, await made()));
      if (at === 0 && entry.compileTime)
        await this.#attempt(each, target, () => this.#compileTime(where, each, target));
      if (this.#options.layers) await this.#layers(each, target, await made());
    }
    if (!("model" in each)) return;
    for (const target of this.#options.emulated.filter((name) => useful.includes(name))) {
      await this.#attempt(each, target, () => this.#emulate(suite, each, target));
    }
  }

  async #measure(job: Job): Promise<void> {
    const { signal } = this.#terminal;
    const limits = this.#machine.limits[job.target]!;
    const row = await measure(job, { limits, budgetMs: this.#options.seconds * 1e3, signal });
    this.rows.push(row);
    this.#say(tableRow(row, this.#nameWidth));
  }

  async #memory(where: Footprint, each: BenchCase, artifact: Artifact): Promise<void> {
    const memory = await memoryOf(each, artifact, this.#terminal.signal);
    this.footprints.push({ ...where, ...memory });
    this.#tell(each, where.isa, memoryText(memory));
  }

  async #compileTime(where: Footprint, each: OwnCase, target: TargetName): Promise<void> {
    const time = await compileTimeOf(each, target, this.#terminal.signal);
    this.footprints.push({ ...where, ...time });
    this.#tell(each, target, compileText(time));
  }

  async #layers(each: OwnCase, target: TargetName, artifact: Artifact): Promise<void> {
    const peak = this.#machine.limits[target];
    const layers = await measureLayers(artifact, { target, peak: async () => peak });
    const at = this.rows.findLastIndex((row) => row.case === each.name && row.isa === target);
    if (at >= 0) this.rows[at] = { ...this.rows[at]!, layers: layers.layers };
    this.#say(printLayers(layers, peak).replaceAll(/^/gm, "    "));
  }

  async #emulate(suite: string, each: BenchCase, target: TargetName): Promise<void> {
    const difference = await compareEmulated(each, target, this.#terminal.signal);
    this.emulated.push({ suite, case: each.name, isa: target, difference });
    this.#tell(each, target, `emulated: outputs within ${difference.toExponential(1)} of their range of the peer's`);
  }

  async #attempt(which: OwnCase, target: TargetName, each: () => Promise<void>): Promise<void> {
    try {
      await each();
    } catch (error) {
      if (this.#terminal.signal.aborted) throw error;
      this.failed = true;
      const why = error instanceof Error ? error.message : String(error);
      this.#tell(which, target, `FAILED: ${why}`);
    }
  }

  /** A line about a case that is no row. */
  #tell({ name }: OwnCase, target: string, text: string): void {
    this.#say(`${name.padEnd(this.#nameWidth)}  ${target.padEnd(17)}${text}`);
  }

  #say(line: string): void {
    this.#terminal.progress(undefined);
    this.#terminal.out(line);
  }
}

function versions() {
  const file = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(file) as { version: string };
  return {
    isochron: version,
    node: process.versions.node,
    llvm: loadCompiler().llvmVersion(),
    "onnxruntime-node": peerVersion,
  };
}

async function bench(
  args: readonly string[],
  options: BenchOptions,
  suites: Suites,
  terminal: Terminal,
): Promise<number> {
  const entries = options.suites.flatMap((suite) =>
    suites[suite]!.filter(({ name }) => name.includes(options.only ?? "")).map((entry) => ({ suite, entry })),
  );
  if (entries.length === 0) {
    throw new IsochronError(
      "bench/arguments",
      `no case of ${options.suites.join(", ")} has "${options.only}" in its name`,
      {
        details: options.suites.flatMap((suite) => suites[suite]!.map(({ name }) => `${suite}: ${name}`)),
        help: "name a part of one of these",
      },
    );
  }
  if (options.json !== undefined) prepareOutput(options.json, rowsFile);
  if (options.page !== undefined) prepareOutput(options.page, pageFile);
  terminal.progress("measuring the machine");
  const machine = await measureThisMachine(options.targets);
  const limits = options.targets.map((name) => `${name} ${machine.limits[name]!.gflops.toFixed(0)} GFLOP/s`);
  const peaks = limits.length > 0 ? `; peak of a core: ${limits.join(", ")}` : "";
  const nameWidth = Math.max(...entries.map(({ entry }) => entry.name.length));
  const run = new Bench(options, machine, terminal, nameWidth);
  terminal.progress(undefined);
  terminal.out(`${machine.name}, ${machine.cores} cores${peaks}`);
  const { missing } = options;
  if (missing.length > 0) terminal.out(`aarch64 is left out: ${missing.join(" and ")} is missing`);
  terminal.out(heading(nameWidth));
  try {
    for (const [at, { suite, entry }] of entries.entries()) {
      terminal.progress(`${suite}: ${entry.name} (${at + 1} of ${entries.length})`, at / entries.length);
      await run.all(suite, entry);
    }
  } catch (error) {
    if (!terminal.signal.aborted) throw error;
  }
  terminal.progress(undefined);
  for (const line of summary(run.rows, machine)) terminal.out(line);
  if (terminal.signal.aborted) {
    const files = [options.json, options.page].filter((file) => file !== undefined);
    const missing =
      files.length === 0 ? "" : `; ${files.join(" and ")} ${files.length === 1 ? "was" : "were"} not written`;
    terminal.error(`stopped before all ${entries.length} cases were measured${missing}`);
    return 1;
  }
  if (options.json !== undefined) {
    const { rows, emulated, footprints } = run;
    const found = { format: "isochron-bench", machine, versions: versions(), rows, emulated, footprints };
    writeWhole(options.json, `${JSON.stringify(found, null, 2)}\n`, rowsFile);
  }
  if (options.page !== undefined) {
    const before = existsSync(options.page) ? readFileSync(options.page, "utf8") : undefined;
    writeWhole(options.page, page(run.rows, machine, versions(), given(args), before), pageFile);
  }
  return run.failed ? 1 : 0;
}

/** What was asked for, but for where the results go. */
const given = (args: readonly string[]): string =>
  args.filter((arg, at) => !/^--(json|page)/.test(arg) && !/^--(json|page)$/.test(args[at - 1] ?? "")).join(" ");

/** Runs the command; returns its exit code. */
export async function main(args: readonly string[], suites: Suites, terminal: Terminal): Promise<number> {
  try {
    const options = readOptions(args, Object.keys(suites));
    if (typeof options !== "string") return await bench(args, options, suites, terminal);
    terminal.out(options);
    return 0;
  } catch (error) {
    if (!(error instanceof IsochronError)) throw error;
    terminal.progress(undefined);
    terminal.error(error.render());
    return 1;
  }
}
