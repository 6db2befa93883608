// `isochron inspect --ir` and `--layers`: what the stages of compilation make of programs, as texts, and kernels' measured times.
import { IsochronError, type TargetName } from "../../kernels/index.ts";
import { importModel } from "../../runtime/import/index.ts";
import {
  type Artifact,
  Compilation,
  compile,
  type GraphText,
  graphOf,
  graphText,
  graphTexts,
  kernelsOf,
  kernelText,
  kernelTexts,
  type MethodGraphs,
  measureLayers,
  measureMachine,
  openArtifact,
  type Peak,
  printLayers,
  readArtifact,
  type ShownKernel,
  type StageText,
} from "../../runtime/index.ts";
import { readApplication } from "../build.ts";
import { layOut } from "../lay-out.ts";
import { cacheDirectory, importApplication } from "../load-application.ts";
import type { Terminal } from "../terminal.ts";
import { askedMethods } from "./asked-methods.ts";
import { importedText } from "./inspect-model.ts";
import { inspectedAs } from "./inspected.ts";
import { graphOptions, type ModelArguments, refuseModelArguments } from "./model-arguments.ts";
import { modelGraphs } from "./model-graphs.ts";

interface Options extends ModelArguments {
  readonly target?: TargetName;
  readonly json?: boolean;
  readonly method?: string;
}

/** What is compiled, or can be: artifacts, or the graphs of programs by the names of their methods. */
type Found =
  | { readonly kind: "artifacts"; readonly artifacts: readonly Artifact[] }
  | {
      readonly kind: "graphs";
      readonly programs: readonly { readonly name: string; readonly methods: MethodGraphs }[];
    };

/** The programs in a file. Throws `command/kernels` for a log. */
async function foundIn(path: string, options: ModelArguments): Promise<Found> {
  const kind = inspectedAs(path);
  if (kind !== "model") refuseModelArguments(options, path);
  switch (kind) {
    case "artifact":
      return { kind: "artifacts", artifacts: [readArtifact(path)] };
    case "application":
      return {
        kind: "artifacts",
        artifacts: readApplication(path).artifacts.map((bytes) => openArtifact(bytes, path)),
      };
    case "recording":
    case "log":
      throw new IsochronError("command/kernels", `${path} is a log, which has no kernels to show`, {
        help: "name an application, an .isoapp, an artifact (.iso) or a model",
      });
    case "source":
      return { kind: "graphs", programs: layOut(await importApplication(path)).programs };
    case "model": {
      const model = await importModel(path);
      return {
        kind: "graphs",
        programs: [{ name: model.name, methods: modelGraphs(model, graphOptions(options)).methods }],
      };
    }
  }
}

/** A stage of compilation as the command names it; the first is a model's alone. */
export type Stage = "imported" | StageText;
type GraphStage = "imported" | GraphText;

/** A program's name, and its graphs on their way to code. */
interface Program {
  readonly name: string;
  readonly compilation: Compilation;
}

/** The programs in a file on their way to code. */
async function programsIn(path: string, options: ModelArguments): Promise<readonly Program[]> {
  const found = await foundIn(path, options);
  if (found.kind === "graphs")
    return found.programs.map(({ name, methods }) => ({ name, compilation: Compilation.of(methods) }));
  return found.artifacts.map((artifact) => ({ name: artifact.manifest.name, compilation: compilationOf(artifact) }));
}

/** The stages of what an artifact was compiled from. */
export const compilationOf = (artifact: Artifact): Compilation =>
  new Compilation(mapped(artifact.manifest.methods, (_, method) => graphOf(artifact, method)));

interface NamedKernel extends ShownKernel {
  readonly program: string;
}

const mapped = <T, U>(of: { readonly [name: string]: T }, each: (value: T, name: string) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(of).map(([name, value]) => [name, each(value, name)]));

/** One line per kernel, the way in which it can be asked for first. */
const listing = (kernels: readonly NamedKernel[]): string[] =>
  kernels.map(
    ({ program, method, symbol, name }) =>
      `  ${program}/${symbol}  ${method === "forward" ? "" : `${method}: `}${name}`,
  );

/** The kernels that a text names: PROGRAM/SYMBOL, a symbol, a number, or operator and value. */
function named(kernels: readonly NamedKernel[], text: string): NamedKernel[] {
  return kernels.filter(({ program, symbol, name, call }) =>
    [symbol, symbol.replace(/^call_/, ""), name, call.kernel.name].some(
      (each) => text === each || text === `${program}/${each}`,
    ),
  );
}

/** The texts of the programs in a file, by the names of their methods. */
async function textsIn(path: string, ir: GraphStage, options: ModelArguments) {
  if (ir === "imported") return [await importedText(path, options)];
  return (await programsIn(path, options)).map(({ name, compilation }) =>
    Object.fromEntries(
      compilation.methods.map((staged) => [staged.method, { program: name, text: graphText(staged, ir) }] as const),
    ),
  );
}

/** Shows the graphs of programs at a stage before there are kernels. */
async function inspectGraphs(
  path: string,
  kernel: string | undefined,
  { ir, json, method: only, ...options }: Options & { readonly ir: GraphStage },
  terminal: Terminal,
): Promise<number> {
  if (kernel !== undefined) {
    throw new IsochronError(
      "command/kernel",
      `"${kernel}" names a kernel, and --ir ${ir} shows what is made before there are any`,
      {
        help: `isochron inspect ${path} --ir ${ir}; or --ir ${kernelTexts.join(", --ir ")} of a kernel`,
      },
    );
  }
  const graphs = askedMethods(await textsIn(path, ir, options), only, path)
    .flat()
    .map(([method, { program, text }]) => ({ program, method, text }));
  terminal.out(json ? JSON.stringify({ ir, graphs }) : graphs.map(({ text }) => text).join("\n\n"));
  return 0;
}

const isGraphStage = (ir: Stage): ir is GraphStage => ir === "imported" || graphTexts.some((each) => each === ir);

/** Shows what a stage of compilation left: the graphs, or one kernel; without a kernel's name the kernels are listed. */
export async function inspectStage(
  path: string,
  kernel: string | undefined,
  { ir, ...options }: Options & { readonly ir: Stage },
  terminal: Terminal,
): Promise<number> {
  if (isGraphStage(ir)) return await inspectGraphs(path, kernel, { ...options, ir }, terminal);
  const { target = "x86-64-v3", json, method: only } = options;
  const programs = (await programsIn(path, options)).map(({ name, compilation }) => {
    const shown = kernelsOf(compilation, target).map((each) => ({ ...each, program: name }));
    const of = compilation.methods.map(
      ({ method }) => [method, shown.filter((each) => each.method === method)] as const,
    );
    return Object.fromEntries(of);
  });
  const kernels = askedMethods(programs, only, path).flatMap((methods) => methods.flatMap(([, named]) => named));
  if (kernel === undefined) {
    const rows = kernels.map(({ program, method, symbol, name }) => ({ program, method, symbol, name }));
    terminal.out(json ? JSON.stringify({ target, kernels: rows }) : listing(kernels).join("\n"));
    return 0;
  }
  const [found, ...others] = named(kernels, kernel);
  if (!found || others.length > 0) {
    throw new IsochronError(
      "command/kernel",
      found ? `${1 + others.length} kernels are called "${kernel}"` : `there is no kernel "${kernel}" in ${path}`,
      { details: listing(found ? [found, ...others] : kernels), help: "name one of these" },
    );
  }
  const text = await kernelText(found, ir, target);
  const { program, method, symbol, name } = found;
  terminal.out(json ? JSON.stringify({ target, program, method, symbol, name, ir, text }) : text.trimEnd());
  return 0;
}

/** The machine's limits under each target, measured once; undefined where there is no compiler to measure them with. */
function machine(): (target: TargetName) => Promise<Peak | undefined> {
  const known = new Map<TargetName, Promise<Peak | undefined>>();
  const measure = async (target: TargetName): Promise<Peak | undefined> => {
    try {
      return await measureMachine(target);
    } catch (error) {
      if (error instanceof IsochronError && error.code === "compile/missing-compiler") return undefined;
      throw error;
    }
  };
  return (target) => {
    const found = known.get(target) ?? measure(target);
    known.set(target, found);
    return found;
  };
}

/** Runs every method of every program here and prints a table of its kernels. */
export async function inspectLayers(
  path: string,
  { target, json, method: only, ...options }: Options,
  terminal: Terminal,
): Promise<number> {
  const found = await foundIn(path, options);
  const artifacts =
    found.kind === "artifacts"
      ? found.artifacts
      : await Promise.all(
          found.programs.map(({ methods }) =>
            compile(methods, { cacheDir: cacheDirectory(), signal: terminal.signal }),
          ),
        );
  const peak = machine();
  const tables: string[] = [];
  const measured: unknown[] = [];
  const asked = askedMethods(
    artifacts.map((artifact) => mapped(artifact.manifest.methods, () => artifact)),
    only,
    path,
  );
  for (const [method, artifact] of asked.flat()) {
    const layers = await measureLayers(artifact, { method, peak, ...(target === undefined ? {} : { target }) });
    const limits = await peak(layers.target);
    tables.push(printLayers(layers, limits));
    measured.push({ ...layers, peak: limits ?? null });
  }
  terminal.out(json ? JSON.stringify({ programs: measured }) : tables.join("\n\n"));
  return 0;
}
