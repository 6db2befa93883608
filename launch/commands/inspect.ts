// `isochron inspect`: shows what is in an application, a built application, an artifact or a recording.
import { IsochronError, type TargetName } from "../../kernels/index.ts";
import { printPlan } from "../../nodes/index.ts";
import {
  type Artifact,
  explain,
  type Manifest,
  type MemoryMap,
  memoryMapOf,
  openArtifact,
  printMemoryMap,
  readArtifact,
} from "../../runtime/index.ts";
import { type Analysis, formatDuration, printScheduleTable } from "../../scheduler/index.ts";
import { type ApplicationDescription, readRecording } from "../../sim/index.ts";
import { readApplication } from "../build.ts";
import { layOut } from "../lay-out.ts";
import { importApplication } from "../load-application.ts";
import type { Terminal } from "../terminal.ts";
import { askedMethods } from "./asked-methods.ts";
import { compilationOf, inspectLayers, inspectStage, type Stage } from "./inspect-kernels.ts";
import { inspectModel } from "./inspect-model.ts";
import { inspectedAs } from "./inspected.ts";
import { type ModelArguments, refuseModelArguments } from "./model-arguments.ts";
import { tellEnd } from "./tell-end.ts";
import { topicListCommand } from "./topic.ts";

/** Options of `isochron inspect`. */
export interface InspectOptions extends ModelArguments {
  readonly target?: TargetName;
  readonly json?: boolean;
  /** The stage of compilation to show: of the graphs, or of one kernel. */
  readonly ir?: Stage;
  /** Measure the kernels. */
  readonly layers?: boolean;
  /** The one method to show; all unless given. */
  readonly method?: string;
}

const showDescription = (description: ApplicationDescription): string =>
  [
    printScheduleTable(description.table),
    ...[...description.inputs, ...description.outputs].map(({ topic, plan }) => `${topic}\n${printPlan(plan)}`),
    ...description.programs.map(({ name, blake3 }) => `program ${name}  blake3 ${blake3}`),
  ].join("\n");

type MethodRow = Manifest["methods"][string];

const showPorts = (rows: MethodRow["inputs"]): string =>
  rows.map((row) => `${row.name}: ${row.dtype}[${row.shape}]`).join(", ");
const showSignature = ({ inputs, outputs }: MethodRow): string => `(${showPorts(inputs)}) -> (${showPorts(outputs)})`;
const showStates = (states: readonly string[]): string => (states.length === 0 ? "" : `, states ${states.join(", ")}`);

const showArtifact = (manifest: Manifest, asked: readonly (readonly [method: string, row: MethodRow])[]): string => {
  // Of an artifact that has `forward` alone, what it takes and gives stands behind the artifact's name; else each method has a line.
  const only = Object.keys(manifest.methods).join() === "forward" ? manifest.methods.forward : undefined;
  const targets = Object.entries(manifest.targets).flatMap(([name, { methods }]) =>
    asked.map(([method]) => {
      const { kernels, scratchBytes } = methods[method]!;
      return `  ${name}${only ? "" : ` ${method}`}: ${kernels.length} kernels, ${scratchBytes} bytes of scratch`;
    }),
  );
  return [
    `artifact ${manifest.name}${only ? showSignature(only) : ""}`,
    ...(only ? [] : asked.map(([name, row]) => `  method ${name}${showSignature(row)}${showStates(row.states)}`)),
    `  weights ${manifest.weights.bytes} bytes, ${manifest.states.length} states`,
    ...targets,
  ].join("\n");
};

/** The artifacts of a file, of each the methods that are asked for. */
function showArtifacts(
  artifacts: readonly { readonly manifest: Manifest }[],
  method: string | undefined,
  path: string,
) {
  const asked = askedMethods(
    artifacts.map(({ manifest }) => manifest.methods),
    method,
    path,
  );
  return artifacts.map(({ manifest }, at) => showArtifact(manifest, asked[at]!));
}

const showChain = ({ chain, boundNs, budgetNs, age }: Analysis["chains"][number]): string => {
  const { leastNs, withoutGapsNs, samplings, longestGapNs } = age;
  const often = `${samplings > 1 ? `${samplings} times ` : ""}the time between two samples`;
  const most = `≤ ${formatDuration(withoutGapsNs)}${samplings === 0 ? "" : ` + ${often}`}`;
  const gap = longestGapNs === null ? "" : `; maxAge holds with a sample every ${formatDuration(longestGapNs)}`;
  const bound = boundNs === null ? "not bounded" : `≤ ${formatDuration(boundNs)}`;
  return `chain ${chain}: ${bound}, budget ${formatDuration(budgetNs)}; age ≥ ${formatDuration(leastNs)}, ${most}${gap}`;
};

/** The memory of an artifact on the target that is asked for, or on the first that it has code for. */
function memoryOf(artifact: Artifact, { target, method }: InspectOptions): MemoryMap {
  const [first] = Object.keys(artifact.manifest.targets) as TargetName[];
  const map = memoryMapOf(compilationOf(artifact).code(target ?? first ?? "x86-64-v3"));
  return { ...map, methods: map.methods.filter((each) => method === undefined || each.method === method) };
}

/** An artifact, and where everything lies that its code reads and writes. */
function inspectArtifact(path: string, options: InspectOptions, terminal: Terminal): void {
  const artifact = readArtifact(path);
  const [shown] = showArtifacts([artifact], options.method, path);
  const memory = memoryOf(artifact, options);
  terminal.out(
    options.json ? JSON.stringify({ ...artifact.manifest, memory }) : `${shown}\n\n${printMemoryMap(memory)}`,
  );
}

/** A recording of Isochron; or any log, and what is left of one that was cut. */
async function inspectMcap(path: string, options: InspectOptions, terminal: Terminal): Promise<number> {
  const recording = await readRecording(path).catch((error: unknown) => {
    if (error instanceof IsochronError && ["recording/foreign", "recording/truncated"].includes(error.code))
      return undefined;
    throw error;
  });
  if (!recording) return await topicListCommand(path, options, terminal);
  tellEnd(path, recording, terminal);
  const { application, hash, mode, durationNs, events, lost } = recording;
  const facts = { application: application.name, mode, durationNs, hash, events: events.length, lost };
  terminal.out(
    options.json
      ? JSON.stringify(facts)
      : `recording of ${application.name}: ${formatDuration(durationNs)}, ${mode}, ${events.length} events, ${lost} lost\n  hash ${hash}\n\n${showDescription(application)}`,
  );
  return 0;
}

/** The command: prints, or with --json prints the description. */
export async function inspectCommand(
  path: string,
  kernel: string | undefined,
  options: InspectOptions,
  terminal: Terminal,
): Promise<number> {
  if (options.ir !== undefined) return await inspectStage(path, kernel, { ...options, ir: options.ir }, terminal);
  if (kernel !== undefined) {
    throw new IsochronError("command/kernel", `"${kernel}" names a kernel, and nothing says what to show of it`, {
      help: `isochron inspect ${path} --ir loops "${kernel}"; or --ir llvm, --ir asm`,
    });
  }
  if (options.layers) return await inspectLayers(path, options, terminal);
  const kind = inspectedAs(path);
  if (kind !== "model") refuseModelArguments(options, path);
  switch (kind) {
    case "artifact":
      inspectArtifact(path, options, terminal);
      return 0;
    case "application": {
      const { description, artifacts } = readApplication(path);
      terminal.out(
        options.json
          ? JSON.stringify(description)
          : [
              showDescription(description),
              ...showArtifacts(
                artifacts.map((bytes) => openArtifact(bytes)),
                options.method,
                path,
              ),
            ].join("\n\n"),
      );
      return 0;
    }
    case "recording":
      return await inspectMcap(path, options, terminal);
    case "log":
      return await topicListCommand(path, options, terminal);
    case "model":
      return await inspectModel(path, options, terminal);
    case "source": {
      const laidOut = layOut(await importApplication(path));
      if (options.json) {
        terminal.out(JSON.stringify({ table: laidOut.table, analysis: laidOut.analysis }));
        return 0;
      }
      const { analysis } = laidOut;
      const asked = askedMethods(
        laidOut.programs.map(({ methods }) => methods),
        options.method,
        path,
      );
      terminal.out(
        [
          printScheduleTable(laidOut.table),
          ...analysis.cores.map(({ core, utilisation }) => `core ${core}: ${(utilisation * 100).toFixed(1)} % used`),
          ...analysis.tasks.map(
            ({ task, responseNs, deadlineNs }) =>
              `task ${task}: response ≤ ${formatDuration(responseNs)}, deadline ${formatDuration(deadlineNs)}`,
          ),
          ...analysis.chains.map(showChain),
          ...asked.flat().map(([, graph]) => `\n${explain(graph, options.target ?? "x86-64-v3")}`),
        ].join("\n"),
      );
      return 0;
    }
  }
}
