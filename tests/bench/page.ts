// docs/measurements.md: the rows of one run on one machine, so that no other page has to hold its numbers.
import { availableParallelism, release } from "node:os";
import { beginsWith, type FileKind } from "../../kernels/index.ts";
import type { Machine } from "./machine.ts";
import type { Row } from "./measure.ts";
import { againstOf, noise, voided } from "./table.ts";

const title = "# Measurements";

/** A page that `--page` wrote. */
export const pageFile: FileKind = { name: "a page of measurements", begins: beginsWith(title) };

const ros2 = "## ros2";

/** The part of a page that `npm run bench -- ros2` wrote; the other suites leave it as it is. */
const sectionOf = (text: string): string => {
  const at = text.indexOf(`\n${ros2}\n`);
  return at < 0 ? "" : text.slice(at);
};

/** A page with what was measured beside ROS 2, in the place of what it said of that. */
export function withSection(before: string | undefined, section: string): string {
  const text = before ?? `${title}\n`;
  return `${text.slice(0, text.length - sectionOf(text).length)}\n${ros2}\n\n${section}`;
}

const microseconds = (us: number): string => us.toFixed(us < 10 ? 2 : us < 100 ? 1 : 0);

const heads = ["case", "instruction set", "against", "ours, µs", "theirs, µs", "ratio", "quiet", "p99, µs", "of peak"];

const cells = (row: Row): readonly string[] => [
  row.case,
  row.isa,
  againstOf(row),
  microseconds(row.oursUs),
  microseconds(row.peerUs),
  row.ratio.toFixed(2),
  row.quietRatio.toFixed(2),
  microseconds(row.oursP99Us),
  `${(row.peakShare * 100).toFixed(0)} %`,
];

const line = (each: readonly string[]): string => `| ${each.join(" | ")} |`;

const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;

/** The kernels of a case by name, those that take more than a twentieth of it, with their share of the time and of the peak. */
function layersOf({ case: name, isa, layers = [] }: Row): readonly string[] {
  const kernels = [...new Set(layers.map((each) => each.name))];
  const groups = kernels.map((kernel) => {
    const all = layers.filter((each) => each.name === kernel);
    const share = all.reduce((sum, each) => sum + each.share, 0);
    const peak = all.reduce((sum, each) => sum + each.share * (each.peakShare ?? 0), 0) / share;
    const times = all.length === 1 ? "" : `${all.length} × `;
    const ofPeak = peak < 0.005 ? "" : ` (${percent(peak)} of the peak)`;
    return { share, text: `${times}\`${kernel}\` ${percent(share)}${ofPeak}` };
  });
  const large = groups.filter(({ share }) => share > 1 / 20).sort((one, other) => other.share - one.share);
  return large.length === 0 ? [] : [`- ${name}, ${isa}: ${large.map(({ text }) => text).join(", ")}`];
}

/** The page. */
export function page(
  rows: readonly Row[],
  machine: Machine,
  versions: { readonly [name: string]: string },
  command: string,
  before = "",
): string {
  const limits = Object.entries(machine.limits).map(
    ([name, { gflops }]) => `${gflops.toFixed(0)} GFLOP/s with ${name}`,
  );
  const suites = [...new Set(rows.map(({ suite }) => suite))];
  const layers = rows.flatMap(layersOf);
  return [
    title,
    "",
    `Written by \`npm run bench -- ${command}\` on ${new Date().toISOString().slice(0, 10)}; nothing here is written by hand. ` +
      "What the columns mean is in [kernels.md](kernels.md#measuring).",
    "",
    `- Machine: ${machine.name}, ${machine.cores} cores (${availableParallelism()} for this process), ${process.platform} ${release()}. ` +
      `A core's float32 peak, measured: ${limits.join(", ")}.`,
    `- Versions: ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", ")}.`,
    `- While this was measured ${[noise(rows, machine), ...voided(rows)].join("; ")}.`,
    ...suites.flatMap((suite) => [
      "",
      `## ${suite}`,
      "",
      line(heads),
      line(heads.map((_, at) => (at < 3 ? "---" : "---:"))),
      ...rows.filter((row) => row.suite === suite).map((row) => line(cells(row))),
    ]),
    ...(layers.length === 0 ? [] : ["", "## Where the time goes", "", ...layers]),
    "",
  ]
    .join("\n")
    .concat(sectionOf(before));
}
