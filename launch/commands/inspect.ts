// `isochron inspect`: shows what is in an application, a built application, an artifact or a recording.
import { statSync } from "node:fs";
import { extname } from "node:path";
import { IsochronError, type TargetName } from "../../kernels/index.ts";
import { printPlan } from "../../nodes/index.ts";
import { explain, type KernelText, openArtifact, readArtifact } from "../../runtime/index.ts";
import { type Analysis, formatDuration, printScheduleTable } from "../../scheduler/index.ts";
import { type ApplicationDescription, readRecording } from "../../sim/index.ts";
import { readApplication } from "../build.ts";
import { layOut } from "../lay-out.ts";
import { importApplication } from "../load-application.ts";
import type { Terminal } from "../terminal.ts";
import { inspectKernel, inspectLayers } from "./inspect-kernels.ts";
import { tellEnd } from "./tell-end.ts";
import { topicListCommand } from "./topic.ts";

/** Options of `isochron inspect`. */
export interface InspectOptions {
  readonly target?: TargetName;
  readonly json?: boolean;
  /** The stage of one kernel to show. */
  readonly ir?: KernelText;
  /** Measure the kernels. */
  readonly layers?: boolean;
}

const showDescription = (description: ApplicationDescription): string =>
  [
    printScheduleTable(description.table),
    ...[...description.inputs, ...description.outputs].map(({ topic, plan }) => `${topic}\n${printPlan(plan)}`),
    ...description.programs.map(({ name, blake3 }) => `program ${name}  blake3 ${blake3}`),
  ].join("\n");

const showArtifact = (bytes: Uint8Array): string => {
  const { manifest } = openArtifact(bytes);
  const targets = Object.entries(manifest.targets).map(
    ([name, row]) => `  ${name}: ${row.kernels.length} kernels, ${row.scratchBytes} bytes of scratch`,
  );
  const ports = (rows: typeof manifest.inputs) =>
    rows.map((row) => `${row.name}: ${row.dtype}[${row.shape}]`).join(", ");
  return [
    `artifact ${manifest.name}(${ports(manifest.inputs)}) -> (${ports(manifest.outputs)})`,
    `  weights ${manifest.weights.bytes} bytes, ${manifest.states.length} states`,
    ...targets,
  ].join("\n");
};

const showChain = ({ chain, boundNs, budgetNs, age }: Analysis["chains"][number]): string => {
  const { leastNs, withoutGapsNs, samplings, longestGapNs } = age;
  const often = `${samplings > 1 ? `${samplings} times ` : ""}the time between two samples`;
  const most = `≤ ${formatDuration(withoutGapsNs)}${samplings === 0 ? "" : ` + ${often}`}`;
  const gap = longestGapNs === null ? "" : `; maxAge holds with a sample every ${formatDuration(longestGapNs)}`;
  const bound = boundNs === null ? "not bounded" : `≤ ${formatDuration(boundNs)}`;
  return `chain ${chain}: ${bound}, budget ${formatDuration(budgetNs)}; age ≥ ${formatDuration(leastNs)}, ${most}${gap}`;
};

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
  if (options.ir !== undefined) return await inspectKernel(path, kernel, { ...options, ir: options.ir }, terminal);
  if (kernel !== undefined) {
    throw new IsochronError("command/kernel", `"${kernel}" names a kernel, and nothing says what to show of it`, {
      help: `isochron inspect ${path} --ir loops "${kernel}"; or --ir llvm, --ir asm`,
    });
  }
  if (options.layers) return await inspectLayers(path, options, terminal);
  switch (extname(path)) {
    case ".iso": {
      const { manifest, bytes } = readArtifact(path);
      terminal.out(options.json ? JSON.stringify(manifest) : showArtifact(bytes));
      return 0;
    }
    case ".isoapp": {
      const { description, artifacts } = readApplication(path);
      terminal.out(
        options.json
          ? JSON.stringify(description)
          : [showDescription(description), ...artifacts.map(showArtifact)].join("\n\n"),
      );
      return 0;
    }
    case ".mcap":
    case ".partial":
      return await inspectMcap(path, options, terminal);
    case ".db3":
    case ".zst":
    case ".zstd":
    case ".yaml":
      return await topicListCommand(path, options, terminal);
    default: {
      if (statSync(path, { throwIfNoEntry: false })?.isDirectory())
        return await topicListCommand(path, options, terminal);
      const laidOut = layOut(await importApplication(path));
      if (options.json) {
        terminal.out(JSON.stringify({ table: laidOut.table, analysis: laidOut.analysis }));
        return 0;
      }
      const { analysis } = laidOut;
      terminal.out(
        [
          printScheduleTable(laidOut.table),
          ...analysis.cores.map(({ core, utilisation }) => `core ${core}: ${(utilisation * 100).toFixed(1)} % used`),
          ...analysis.tasks.map(
            ({ task, responseNs, deadlineNs }) =>
              `task ${task}: response ≤ ${formatDuration(responseNs)}, deadline ${formatDuration(deadlineNs)}`,
          ),
          ...analysis.chains.map(showChain),
          ...laidOut.graphs.map((graph) => `\n${explain(graph, options.target ?? "x86-64-v3")}`),
        ].join("\n"),
      );
      return 0;
    }
  }
}
