// Measures in blocks that take turns: our application and the plain node, each started anew, answer the same messages.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { rosPython } from "../../../launch/setup/ros-environment.mjs";
import { type Started, Workplace } from "../../command-line/command.ts";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** What is sent: how many a second, and how long after its release an answer of ours stands, milliseconds. */
export const kinds = {
  joints: { name: "JointState at 500 Hz", hz: 500, deadlineMs: 0.5 },
  picture: { name: "1 MB Image at 25 Hz", hz: 25, deadlineMs: 5 },
} as const;
export type Kind = keyof typeof kinds;

/** Who answers. */
export type Side = "ours" | "plain";

/** How to measure. */
export interface BlockOptions {
  readonly blocks: number;
  /** Of each kind, side and block. */
  readonly seconds: number;
  /** A folder where the tarballs are installed, which is run; unless given the sources are, which start later. */
  readonly installed?: string;
}

/** Times of one side's answers in one block, milliseconds. */
export interface Answers {
  readonly side: Side;
  readonly kind: Kind;
  readonly sent: number;
  /** From sending to the answer. */
  readonly round: readonly number[];
  /** Of ours: from sending to the task's release. */
  readonly release: readonly number[];
  /** Of ours: from the answer's publication to its arrival. */
  readonly back: readonly number[];
}

/** What the process tells. */
export type Told =
  | { readonly answers: Answers }
  /** Milliseconds from the start of the process to the first release, and that a process of Node takes to do nothing. */
  | { readonly start: number; readonly node: number }
  | { readonly done: true }
  | { readonly error: string };

type Ping = (topic: string, kind: Kind, count: number) => Promise<[sent: number, stamp: number, came: number][]>;

type Run = (...args: readonly string[]) => Started;

/** Milliseconds from spawning a built application as a node to logical 0, at which its first jobs are released. */
async function firstRelease(run: Run): Promise<number> {
  const began = Date.now();
  const { out, error } = await run("run", "start.isoapp", "--ros", "--duration", "50ms", "--json").ended;
  if (out === "") throw new Error(error);
  const { epochNs } = JSON.parse(out) as { readonly epochNs: string };
  return Number(BigInt(epochNs) / 1000n) / 1e3 - began;
}

async function nothing(place: Workplace): Promise<number> {
  const began = performance.now();
  await place.start(["-e", "0"]).ended;
  return performance.now() - began;
}

async function answered(side: Side, kind: Kind, seconds: number, ping: Ping): Promise<Answers> {
  const { hz, deadlineMs } = kinds[kind];
  const sent = Math.round(seconds * hz);
  const times = await ping(`/${side}/${kind}`, kind, sent);
  const ms = (from: number, to: number): number => (to - from) / 1e6;
  const ours = side === "ours";
  return {
    ...{ side, kind, sent },
    round: times.map(([began, , came]) => ms(began, came)),
    // A published stamp is that of publication, a deadline after the release.
    release: ours ? times.map(([began, stamp]) => ms(began, stamp) - deadlineMs) : [],
    back: ours ? times.map(([, stamp, came]) => ms(stamp, came)) : [],
  };
}

/** Measures, and tells of each part as it is there. */
export async function measureBlocks(options: BlockOptions, tell: (told: Told) => void): Promise<void> {
  const { blocks, seconds, installed } = options;
  const place = new Workplace();
  const run: Run = (...args) =>
    installed === undefined
      ? place.begin(...args)
      : place.start([join(installed, "node_modules/isochron/launch/bin/isochron.mjs"), ...args]);
  const python = spawn(rosPython, [here("ping.py")], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
  const ping: Ping = async (topic, kind, count) => {
    python.stdin.write(`${JSON.stringify({ topic, kind, count, period: 1 / kinds[kind].hz })}\n`);
    const { value, done } = await lines.next();
    if (done === true) throw new Error("the process of Python has ended");
    return JSON.parse(value);
  };
  const start = (side: Side): ChildProcess =>
    (side === "ours" ? run("run", "echo.isoapp", "--ros", "--json") : place.start([here("plain.mjs")])).child;
  try {
    for (const [from, to] of [
      ["echo.ts", "echo.isoapp"],
      ["../../../examples/g1/app.ts", "start.isoapp"],
    ] as const) {
      const { code, error } = await place.isochron("build", here(from), "-o", to, "--no-start");
      if (code !== 0) throw new Error(error);
    }
    for (let block = 0; block < blocks; block++) {
      tell({ node: await nothing(place), start: await firstRelease(run) });
      const sides: readonly Side[] = block % 2 === 0 ? ["ours", "plain"] : ["plain", "ours"];
      for (const side of sides) {
        const child = start(side);
        try {
          for (const kind of ["joints", "picture"] as const)
            tell({ answers: await answered(side, kind, seconds, ping) });
        } finally {
          child.kill("SIGTERM");
          if (child.exitCode === null) await once(child, "exit");
        }
      }
    }
  } finally {
    python.stdin.end();
    place.remove();
  }
}
