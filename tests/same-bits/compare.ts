// Compiles drawn graphs, runs them on every machine there is and by the loop interpreter, and says where bits differ.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { z } from "zod";
import { hashOf, runnableTargets, type TargetName, targetNames } from "../../kernels/index.ts";
import { type CompileOptions, compile } from "../../runtime/index.ts";
import { LoopInterpreter } from "../../runtime/interpreters/loop-interpreter.ts";
import { arm64Addon, arm64Node, hasArm64 } from "../robot/arm64.ts";
import { root } from "../robot/robot.ts";
import type { Draw } from "./draw.ts";

const runner = fileURLToPath(new URL("runner.mjs", import.meta.url));
const ownAddon = join(root, `launch/addon/isochron.linux-${process.arch}-gnu.node`);
/** Whether arm64 is another machine, which there is. */
const hasOther = hasArm64 && process.arch !== "arm64";
/** Larger graphs take the loop interpreter too long. */
const mostInterpreted = 200_000;

/** A process that has not ended by then hangs. */
const mostMilliseconds = process.env.ISOCHRON_NIGHTLY === "1" ? 3_600_000 : 120_000;

const line = z.object({
  name: z.string(),
  target: z.string(),
  threads: z.number(),
  hashes: z.array(z.array(z.string())),
});

/** What one way of running a graph left: per step the hash of each output, and that of the states. */
interface Way {
  readonly how: string;
  readonly hashes: readonly (readonly string[])[];
}

const describeDraw = ({ seed, options, methods }: Draw): string =>
  [
    `seed ${seed}, ${JSON.stringify(options)}; again: ISOCHRON_SEED=${seed} npx vitest run tests/same-bits`,
    ...Object.entries(methods).map(([method, graph]) => `${method}: ${graph}`),
  ].join("\n");

const howOf = (target: string, threads: number): string => `${target} with ${threads} threads`;

/** Runs all artifacts of a folder by one command; what each left, by name, and why the command ended early, if it did. */
async function ways([command, args]: readonly [string, readonly string[]]): Promise<{
  readonly found: ReadonlyMap<string, readonly Way[]>;
  readonly failure?: string;
}> {
  const ended: { readonly stdout: string; readonly message?: string } = await promisify(execFile)(command, [...args], {
    maxBuffer: 2 ** 28,
    timeout: mostMilliseconds,
  }).catch((error: Error & { readonly stdout: string }) => error);
  const found = new Map<string, Way[]>();
  for (const each of ended.stdout.split("\n").slice(0, -1)) {
    const { name, target, threads, hashes } = line.parse(JSON.parse(each));
    found.set(name, [...(found.get(name) ?? []), { how: howOf(target, threads), hashes }]);
  }
  return { found, ...(ended.message === undefined ? {} : { failure: ended.message }) };
}

function interpret({ graph, methods, options, steps, interpreted }: Draw): Way[] {
  return interpreted.flatMap((target) => {
    const graphs = new Set([graph, ...Object.values(methods)]);
    const loops = new Map([...graphs].map((each) => [each, new LoopInterpreter(each, target, options)]));
    if ([...loops.values()].some(({ operations }) => operations > mostInterpreted)) return [];
    // Only the graph that is `forward` has states.
    let states: Uint8Array = Buffer.concat(
      graph.states.map(({ initial }) => new Uint8Array(initial.buffer, initial.byteOffset, initial.byteLength)),
    );
    const hashes = steps.map(({ method, inputs }) => {
      const left = loops.get(methods[method]!)!.step(inputs);
      if (methods[method] === graph) states = left.states;
      return [...left.outputs, states].map(hashOf);
    });
    return [{ how: `${target}, interpreted`, hashes }];
  });
}

/** Where a way differs from another, in words. */
function difference({ methods, steps }: Draw, a: Way, b: Way): string | undefined {
  for (const [step, hashes] of a.hashes.entries()) {
    const { method } = steps[step]!;
    for (const [at, hash] of hashes.entries())
      if (hash !== b.hashes[step]![at])
        return `${methods[method]!.outputs[at]?.name ?? "the states"} of step ${step}, ${method}: ${a.how} and ${b.how} differ`;
  }
  return undefined;
}

/** The targets that must be among the ways: those that this machine runs, and those of arm64. */
export const machineTargets = (): readonly TargetName[] => [
  ...runnableTargets(),
  ...(hasOther ? targetNames.filter((name) => name.startsWith("aarch64")) : []),
];

/** Drawn graphs that were run in every way, and where the bits differed. */
export class Comparison {
  /** What differed, with the seeds and texts of the graphs. */
  readonly problems: string[] = [];
  graphs = 0;
  interpreted = 0;
  readonly #runs = new Map<string, number>();
  readonly #options: Pick<CompileOptions, "cacheDir">;

  constructor(options: Pick<CompileOptions, "cacheDir">) {
    this.#options = options;
  }

  /** Graphs that ran on a target with each number of threads. */
  ranOn(target: string): number {
    return Math.min(...[1, 2, 3].map((threads) => this.#runs.get(howOf(target, threads)) ?? 0));
  }
  /** Graphs that ran on the target of this machine, or of arm64, that the fewest ran on. */
  get leastRuns(): number {
    return Math.min(...machineTargets().map((target) => this.ranOn(target)));
  }

  toString(): string {
    const runs = machineTargets().map((target) => `${this.ranOn(target)} on ${target}`);
    const counts = `${this.interpreted} of them interpreted, ${this.problems.length} with differences`;
    return `${this.graphs} graphs, ${counts}; with 1 to 3 threads ${runs.join(", ")}`;
  }

  /** Runs some graphs in every way: one process for this machine, one for arm64. */
  async run(draws: readonly Draw[]): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), "isochron-bits-"));
    try {
      const compiled = await this.#compile(draws, folder);
      const machines = await Promise.all([
        ways([process.execPath, [runner, ownAddon, folder]]),
        ...(hasOther ? [ways(arm64Node([runner, arm64Addon, folder]))] : []),
      ]);
      for (const each of compiled) {
        const native = machines.flatMap(({ found }) => found.get(String(each.seed)) ?? []);
        this.#compare(each, native, interpret(each));
      }
      for (const { found, failure } of machines) {
        const next = compiled[found.size];
        const last = compiled[found.size - 1];
        const near = [last, next].map((each) => (each ? describeDraw(each) : "")).join("\n");
        if (failure !== undefined) this.problems.push(`a process ended in one of these: ${failure}\n${near}`);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** Writes artifacts and inputs into a folder; those that could be compiled. */
  async #compile(draws: readonly Draw[], folder: string): Promise<Draw[]> {
    const cases: { name: string; methods: string[]; targets: string[] }[] = [];
    const compiled: Draw[] = [];
    for (const each of draws) {
      const name = String(each.seed);
      try {
        const artifact = await compile(each.methods, { ...this.#options, ...each.options });
        writeFileSync(join(folder, `${name}.iso`), artifact.bytes);
        const arrays = each.steps.flatMap(({ inputs }) => inputs);
        const inputs = arrays.map((of) => new Uint8Array(of.buffer, of.byteOffset, of.byteLength));
        writeFileSync(join(folder, `${name}.inputs`), Buffer.concat(inputs));
        const methods = each.steps.map(({ method }) => method);
        cases.push({ name, methods, targets: Object.keys(artifact.manifest.targets) });
        compiled.push(each);
      } catch (error) {
        this.problems.push(`cannot be compiled: ${error}\n${describeDraw(each)}`);
      }
    }
    writeFileSync(join(folder, "cases.json"), JSON.stringify(cases));
    return compiled;
  }

  #compare(drawn: Draw, native: readonly Way[], interpreted: readonly Way[]): void {
    this.graphs++;
    if (interpreted.length > 0) this.interpreted++;
    for (const { how } of native) this.#runs.set(how, (this.#runs.get(how) ?? 0) + 1);
    const [first, ...others] = [...native, ...interpreted];
    const found = others.map((other) => difference(drawn, first!, other)).filter((text) => text !== undefined);
    if (found.length > 0) this.problems.push(`${found.join("\n")}\n${describeDraw(drawn)}`);
  }
}
