// `isochron compile`: a model file becomes an artifact, which can be held to the model's meaning on the way.
import { statSync } from "node:fs";
import { extname } from "node:path";
import { IsochronError, makeWhole, type TargetName } from "../../kernels/index.ts";
import { importModel, type Model } from "../../runtime/import/index.ts";
import {
  artifactFile,
  Compilation,
  checkArtifact,
  compileInto,
  type Manifest,
  multiplyAddsOf,
  readArtifact,
  requireArtifactSize,
} from "../../runtime/index.ts";
import { cacheDirectory } from "../load-application.ts";
import { prepareOutput } from "../output-file.ts";
import type { Terminal } from "../terminal.ts";
import { graphOptions, type ModelArguments, type ModelOptions } from "./model-arguments.ts";
import { modelGraphs } from "./model-graphs.ts";

/** Options of `isochron compile`. */
export interface CompileCommandOptions extends ModelArguments {
  readonly output?: string;
  readonly target: readonly TargetName[];
  readonly check?: boolean;
  readonly json?: boolean;
}

/** What was made of a model. */
interface Summary {
  readonly model: string;
  readonly output: string;
  readonly bytes: number;
  readonly operators: { readonly [operator: string]: number };
  /** Multiplications, most of them with an addition, that a step makes at most. */
  readonly multiplyAdds: number;
  readonly weightBytes: number;
  readonly arenaBytes: { readonly [target: string]: number };
  readonly seconds: number;
  readonly check?: string;
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e6 ? 3 : 1)} MB`;

function summaryText({
  model,
  output,
  operators,
  multiplyAdds,
  bytes,
  weightBytes,
  arenaBytes,
  seconds,
  check,
}: Summary): string {
  const used = Object.entries(operators).map(([name, count]) => `${count} ${name}`);
  return [
    `${output}: ${megabytes(bytes)} from ${model}, in ${seconds.toFixed(1)} s`,
    `  operators     ${used.join(", ")}`,
    `  multiply-adds ${(multiplyAdds / 1e6).toFixed(1)} million a step`,
    `  weights       ${megabytes(weightBytes)}`,
    ...Object.entries(arenaBytes).map(([target, size]) => `  arena         ${megabytes(size)} on ${target}`),
    ...(check === undefined ? [] : [`  check         ${check}`]),
  ].join("\n");
}

/** The memory that a program takes beside its code: inputs, outputs, states and scratch. */
function arenaOf(manifest: Manifest): Record<string, number> {
  const rows = Object.values(manifest.methods).flatMap(({ inputs, outputs }) => [...inputs, ...outputs]);
  const kept = [...rows, ...manifest.states].reduce((sum, { bytes }) => sum + bytes, 0);
  return Object.fromEntries(
    Object.entries(manifest.targets).map(([name, { methods }]) => [
      name,
      kept + Math.max(...Object.values(methods).map(({ scratchBytes }) => scratchBytes)),
    ]),
  );
}

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** Refuses a model with nodes that nothing defines, all of them named. Throws `import/unsupported`. */
function requireSupported(path: string, { unsupported }: Model): void {
  if (unsupported.length === 0) return;
  const most = 20;
  const shown = unsupported.slice(0, most).map(({ node, reason }) => `${node}: ${reason}`);
  const more = unsupported.length - shown.length;
  throw new IsochronError(
    "import/unsupported",
    `${plural(unsupported.length, "node")} of the model cannot be compiled`,
    {
      place: path,
      details: [...shown, ...(more > 0 ? [`and ${more} more`] : [])],
      help: "give what they compute in TypeScript: importModel(path, { operators: { … } })",
    },
  );
}

/** The command: imports, compiles, checks where that is asked for, writes. */
export async function compileCommand(
  path: string,
  options: CompileCommandOptions,
  terminal: Terminal,
): Promise<number> {
  const output = options.output ?? `${path.slice(0, path.length - extname(path).length)}.iso`;
  if (extname(output) !== ".iso")
    throw new IsochronError("command/output", `"${output}" should end in .iso`, {
      help: "isochron compile MODEL -o NAME.iso",
    });
  const given = graphOptions(options);
  prepareOutput(output, artifactFile);
  const { signal } = terminal;
  const started = performance.now();
  const written = await makeWhole(output, artifactFile, async (file, temporary) => {
    const { operators, compilation } = await declutteredModel(path, given, terminal);
    terminal.progress(`compiling ${plural(compilation.methods[0]!.portable.nodes.length, "node")}`);
    const { manifest, code } = await compileInto(file, compilation, {
      cacheDir: cacheDirectory(),
      signal,
      ...(options.target.length === 0 ? {} : { targets: options.target }),
    });
    const seconds = (performance.now() - started) / 1000;
    const check = options.check ? await checked(path, given, temporary, terminal) : undefined;
    return { manifest, code: code!, operators, seconds, check };
  });
  terminal.progress(undefined);
  const { manifest, code, operators, seconds, check } = written;
  const summary: Summary = {
    model: path,
    output,
    bytes: statSync(output).size,
    operators: Object.fromEntries(operators),
    multiplyAdds: multiplyAddsOf(code),
    weightBytes: manifest.weights.bytes,
    arenaBytes: arenaOf(manifest),
    seconds,
    ...(check === undefined ? {} : { check }),
  };
  terminal.out(options.json ? JSON.stringify(summary) : summaryText(summary));
  return 0;
}

/** What is compiled of a model. Neither the model nor its graph is held beside it: their weights may be most of the memory. */
async function declutteredModel(path: string, given: ModelOptions, terminal: Terminal) {
  terminal.progress("reading the model");
  const model = await importModel(path);
  // Where TorchScript calls what is not there, it may never be reached: making the graph tells.
  if (model.format === "onnx") requireSupported(path, model);
  requireArtifactSize(model.weightBytes);
  terminal.progress("building its graph");
  const { methods, notes } = modelGraphs(model, given);
  for (const note of notes) terminal.error(note);
  return { operators: model.operators, compilation: Compilation.of(methods) };
}

/** Holds the artifact to the model, which is read again. Throws `compile/check`. */
async function checked(path: string, given: ModelOptions, artifact: string, terminal: Terminal): Promise<string> {
  const model = await importModel(path);
  const { methods } = modelGraphs(model, given);
  const found: string[] = [];
  for (const [method, graph] of Object.entries(methods)) {
    const text = await checkArtifact(graph, readArtifact(artifact), {
      method,
      signal: terminal.signal,
      progress: (said) => terminal.progress(said),
    });
    found.push(Object.keys(methods).length === 1 ? text : `${method}: ${text}`);
  }
  return found.join("; ");
}
