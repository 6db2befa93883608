// `npm run bench -- ros2`: how fast messages of rclpy reach a task and come back, beside a plain node; reported, never judged.
import { existsSync, readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { IsochronError, writeWhole } from "../../../kernels/index.ts";
import type { Terminal } from "../../../launch/terminal.ts";
import { skipReason, startInside } from "../../ros/place.ts";
import { pageFile, withSection } from "../page.ts";
import { type Answers, type BlockOptions, type Kind, kinds, type Told } from "./blocks.ts";

const usage = `npm run bench -- ros2 [options]

Messages of rclpy to a task's release and back to rclpy, beside a node of rclnodejs that sends back what comes.

  --blocks N       blocks that take turns; 5 unless given
  --seconds N      how long each side of a block answers each kind of message; 2 unless given
  --installed DIR  run the tarballs that are installed there, not the sources, whose start takes longer
  --page FILE      put the rows into a page that --page of the other suites wrote
  --help`;

/** One row: what was measured, and the median of each block. */
interface Row {
  readonly name: string;
  readonly blocks: readonly number[];
}

const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
};

/** The rows of a kind: medians of the ways, and how far the slowest hundredth lies behind. */
function rowsOf(kind: Kind, all: readonly Answers[]): Row[] {
  const of = (side: Answers["side"], way: "round" | "release" | "back", share: number): number[] =>
    all.filter((each) => each.kind === kind && each.side === side).map((each) => quantile(each[way], share));
  const jitter = (side: Answers["side"], way: "round" | "release"): number[] =>
    of(side, way, 0.99).map((late, block) => late - of(side, way, 0.5)[block]!);
  const { name, deadlineMs } = kinds[kind];
  return [
    { name: `${name}: to the release`, blocks: of("ours", "release", 0.5) },
    { name: `${name}: to the release, jitter (p99 − median)`, blocks: jitter("ours", "release") },
    { name: `${name}: from the publication back`, blocks: of("ours", "back", 0.5) },
    { name: `${name}: there and back, with the deadline of ${deadlineMs} ms`, blocks: of("ours", "round", 0.5) },
    { name: `${name}: there and back, jitter`, blocks: jitter("ours", "round") },
    { name: `${name}: there and back by rclnodejs alone`, blocks: of("plain", "round", 0.5) },
    { name: `${name}: there and back by rclnodejs alone, jitter`, blocks: jitter("plain", "round") },
  ];
}

const shown = (ms: number): string => ms.toFixed(ms < 100 ? 2 : 0);
const cells = ({ name, blocks }: Row): readonly string[] => [
  name,
  shown(quantile(blocks, 0.5)),
  `${shown(Math.min(...blocks))} – ${shown(Math.max(...blocks))}`,
];

function optionsOf(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      blocks: { type: "string", default: "5" },
      seconds: { type: "string", default: "2" },
      installed: { type: "string" },
      page: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const [blocks, seconds] = [Number(values.blocks), Number(values.seconds)];
  if (!Number.isInteger(blocks) || blocks < 1 || !(seconds > 0))
    throw new IsochronError("bench/arguments", "blocks are counted, and seconds are above 0", { help: usage });
  const { page, help, installed } = values;
  return { blocks, seconds, page, help, ...(installed === undefined ? {} : { installed: resolve(installed) }) };
}

async function measured(options: BlockOptions, terminal: Terminal) {
  const child = startInside(fileURLToPath(new URL("inside.mjs", import.meta.url)));
  const starts: { readonly start: number; readonly node: number }[] = [];
  const answers: Answers[] = [];
  const failed = await new Promise<string | undefined>((resolve) => {
    child.on("message", (told: Told) => {
      if ("start" in told) starts.push(told);
      else if ("answers" in told) answers.push(told.answers);
      else resolve("error" in told ? told.error : undefined);
      terminal.progress(`block ${starts.length} of ${options.blocks}`, answers.length / (4 * options.blocks));
    });
    child.on("exit", (code, signal) => resolve(`the process ended: ${signal ?? code}`));
    child.send(options);
  });
  terminal.progress(undefined);
  if (failed !== undefined) throw new IsochronError("bench/ros2", "ROS 2 was not measured", { details: [failed] });
  return { starts, answers };
}

/** The command's part; returns its exit code. */
export async function benchRos2(args: readonly string[], terminal: Terminal): Promise<number> {
  const options = optionsOf(args);
  if (options.help || skipReason !== undefined) {
    terminal.out(options.help ? usage : `not measured: ${skipReason}`);
    return options.help ? 0 : 1;
  }
  const { starts, answers } = await measured(options, terminal);
  const rows: Row[] = [
    {
      name: "first release after the start of a built application (examples/g1, --ros)",
      blocks: starts.map(({ start }) => start),
    },
    { name: "start and end of Node itself, beside it", blocks: starts.map(({ node }) => node) },
    ...(["joints", "picture"] as const).flatMap((kind) => rowsOf(kind, answers)),
  ];
  const missing = answers.reduce((sum, { sent, round }) => sum + sent - round.length, 0);
  const sent = answers.reduce((sum, each) => sum + each.sent, 0);
  const [load = 0] = loadavg();
  const busy = load > cpus().length / 2 ? `the machine was busy with other work` : `the machine was quiet`;
  const note = `${sent - missing} of ${sent} messages were answered. While this was measured ${busy}: the load was ${load.toFixed(1)} on ${cpus().length} cores.`;
  const heading = ["", "median, ms", "of the blocks"];
  for (const [name, median, spread] of [heading, ...rows.map(cells)])
    terminal.out(`${name!.padEnd(76)}${median!.padStart(12)}  ${spread}`);
  terminal.out(note);
  if (options.page === undefined) return 0;
  const section = [
    `Written by \`npm run bench -- ros2 --blocks ${options.blocks} --seconds ${options.seconds}\`, of the ${options.installed === undefined ? "sources" : "installed tarballs"}, on ${new Date().toISOString().slice(0, 10)}: ` +
      `medians of ${options.blocks} blocks in turns, and the least and the greatest of them. ${note}`,
    "",
    "| what | median, ms | of the blocks, ms |",
    "| --- | ---: | ---: |",
    ...rows.map((row) => `| ${cells(row).join(" | ")} |`),
    "",
  ].join("\n");
  const before = existsSync(options.page) ? readFileSync(options.page, "utf8") : undefined;
  writeWhole(options.page, withSection(before, section), pageFile);
  return 0;
}
