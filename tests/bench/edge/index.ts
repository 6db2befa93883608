// `npm run bench -- edge`: what recording, messages and replay take beside what they could; reported, never judged.
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { IsochronError } from "../../../kernels/index.ts";
import type { Terminal } from "../../../launch/terminal.ts";
import { messageRows } from "./messages.ts";
import { recorderRows } from "./recorder.ts";

const usage = `npm run bench -- edge [options]

Messages in and out without JavaScript on the way, beside a bare Rust loop.

  --blocks N    blocks that take turns; 5 unless given
  --seconds N   how long each side of a block is measured; 5 unless given
  --help`;

/** One row: what each block came to, and what it is to be at least and at best. */
export interface EdgeRow {
  readonly name: string;
  readonly unit: string;
  readonly blocks: readonly number[];
  /** What stands beside each block's number. */
  readonly beside?: readonly string[];
  readonly atLeast: number;
  readonly aim: number;
}

/** How long and how often is measured. */
export interface EdgeOptions {
  readonly blocks: number;
  readonly seconds: number;
  readonly onBlock: (block: number) => void;
}

/** Every measurement, one after the other. */
const measurements: readonly ((options: EdgeOptions) => Promise<readonly EdgeRow[]>)[] = [messageRows, recorderRows];

const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
};

/** The command's part; returns its exit code. */
export async function benchEdge(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      blocks: { type: "string", default: "5" },
      seconds: { type: "string", default: "5" },
      help: { type: "boolean", default: false },
    },
  });
  const [blocks, seconds] = [Number(values.blocks), Number(values.seconds)];
  if (values.help) {
    terminal.out(usage);
    return 0;
  }
  if (!Number.isInteger(blocks) || blocks < 1 || !(seconds > 0))
    throw new IsochronError("bench/arguments", "blocks are counted, and seconds are above 0", { help: usage });
  const rows: EdgeRow[] = [];
  for (const measure of measurements) {
    const onBlock = (block: number) => terminal.progress(`block ${block} of ${blocks}`, block / blocks);
    rows.push(...(await measure({ blocks, seconds, onBlock })));
  }
  terminal.progress(undefined);
  for (const { name, unit, blocks: all, beside = [], atLeast, aim } of rows) {
    terminal.out(
      `${name.padEnd(60)} ${median(all).toFixed(2)} ${unit} (${Math.min(...all).toFixed(2)} – ${Math.max(...all).toFixed(2)}; at least ${atLeast}, aim ${aim})`,
    );
    for (const each of beside) terminal.out(`  ${each}`);
  }
  const [load = 0] = loadavg();
  const busy = load > cpus().length / 2 ? "busy with other work" : "quiet";
  terminal.out(
    `While this was measured the machine was ${busy}: the load was ${load.toFixed(1)} on ${cpus().length} cores.`,
  );
  return 0;
}
