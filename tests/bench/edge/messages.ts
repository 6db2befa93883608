// Messages in and out beside a bare Rust loop with the same sleeps and copies, the event loop of ours blocked for 20 ms of every 100.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { IsochronError } from "../../../kernels/index.ts";
import type { EdgeOptions, EdgeRow } from "./index.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const times = z.object({ count: z.int().min(1), medianNs: z.number(), p99Ns: z.number() });
const measured = z.object({ sent: z.int(), round: times });
const bare = z.object({ beat: times });
const ours = z.object({
  scheduling: z.string(),
  departures: z.array(z.object({ topic: z.string(), left: z.int(), medianNs: z.number(), p99Ns: z.number() })),
});

/** Builds the loop; its path. */
function loop(): string {
  const folder = join(here, "../../../.cache/bench");
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "loop");
  const built = spawnSync("rustc", ["-O", "--edition", "2024", "-o", path, join(here, "loop.rs")], {
    encoding: "utf8",
  });
  if (built.status === 0) return path;
  throw new IsochronError("bench/edge", "the bare loop could not be built", { details: [built.stderr] });
}

/** What a process prints, once it has ended. */
const printed = (child: ChildProcess, of: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let [out, error] = ["", ""];
    child.stdout?.on("data", (data) => {
      out += String(data);
    });
    child.stderr?.on("data", (data) => {
      error += String(data);
    });
    child.on("close", (code) =>
      code === 0
        ? resolve(out)
        : reject(new IsochronError("bench/edge", `${of} ended with ${code}`, { details: [error] })),
    );
  });

/** One side of a block: what came back to who measures, and what the side says of itself. */
async function side(path: string, kind: "bare" | "ours", seconds: number) {
  const dir = mkdtempSync(join(tmpdir(), "isochron-edge-"));
  try {
    const measuring = spawn(path, ["measure", dir, String(seconds)]);
    const came = printed(measuring, "who measures");
    await new Promise((resolve) => measuring.stdout.once("data", resolve));
    // Longer than it is measured: the first hundred messages come before.
    const length = String(seconds + 3);
    const answering =
      kind === "bare"
        ? spawn(path, ["bare", dir, length])
        : spawn(process.execPath, [join(here, "ours.mjs"), dir, length]);
    const said = await printed(answering, kind);
    const { round } = measured.parse(JSON.parse((await came).replace("ready\n", "")));
    return { round, said: JSON.parse(said) as unknown };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The rows: 99th percentiles of each block, and their ratios. */
export async function messageRows({ blocks, seconds, onBlock }: EdgeOptions): Promise<readonly EdgeRow[]> {
  const path = loop();
  const [rounds, beats]: [[number, number][], [number, number][]] = [[], []];
  for (let block = 0; block < blocks; block++) {
    const theirs = await side(path, "bare", seconds);
    const own = await side(path, "ours", seconds);
    const beat = ours.parse(own.said).departures.find(({ topic }) => topic === "/beat");
    rounds.push([own.round.p99Ns, theirs.round.p99Ns]);
    beats.push([beat?.p99Ns ?? Number.NaN, bare.parse(theirs.said).beat.p99Ns]);
    onBlock(block + 1);
  }
  const row = (name: string, pairs: readonly (readonly [number, number])[]): EdgeRow => ({
    name,
    unit: "times the bare loop's",
    blocks: pairs.map(([own, other]) => own / other),
    beside: pairs.map(([own, other]) => `${(own / 1e3).toFixed(0)} µs against ${(other / 1e3).toFixed(0)} µs`),
    atLeast: 1.5,
    aim: 1.2,
  });
  return [
    row("message in, release, job, bytes out at completion: p99", rounds),
    row("publication instant to bytes out: p99", beats),
  ];
}
