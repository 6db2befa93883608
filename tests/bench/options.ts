// What the benchmarks' command is told: its arguments, read and checked.
import { parseArgs } from "node:util";
import { IsochronError, runnableTargets, type TargetName, targetNames } from "../../kernels/index.ts";
import { missingForArm64 } from "../robot/arm64.ts";

/** What to measure, and how. */
export interface BenchOptions {
  readonly suites: readonly string[];
  /** Instruction sets that this machine has, best first; their code is timed. */
  readonly targets: readonly TargetName[];
  /** Others, whose code is emulated: its outputs count. */
  readonly emulated: readonly TargetName[];
  /** What emulation lacks, where it would take place. */
  readonly missing: readonly string[];
  readonly only?: string;
  readonly seconds: number;
  readonly layers: boolean;
  readonly json?: string;
  readonly page?: string;
}

const usage = (suites: readonly string[]): string => `npm run bench -- [SUITE…] [options]

Compares with onnxruntime-node in interleaved runs, one thread each. Suites: ${suites.join(", ")}; all of them unless named.
\`npm run bench -- ros2\` is apart: messages of ROS 2 and back (--help tells its own options).

  --only TEXT      rows whose case holds this text
  --target NAME    this instruction set (again for more) instead of all; aarch64 is emulated here, and only its outputs count
  --seconds N      how long to measure a row; 2 unless given
  --layers         each row's kernels, one by one, beside the machine's limits
  --json FILE      write the rows to a file, once all are measured
  --page FILE      write them as a page; docs/measurements.md is one
  --help`;

const wrong = (message: string, help: string) => new IsochronError("bench/arguments", message, { help });

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        only: { type: "string" },
        target: { type: "string", multiple: true },
        seconds: { type: "string", default: "2" },
        layers: { type: "boolean", default: false },
        json: { type: "string" },
        page: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    const [sentence] = error instanceof Error ? error.message.split(". ") : [String(error)];
    throw wrong(sentence!, "npm run bench -- --help tells the options");
  }
}

/** The targets named, all of them unless named: those to time, best first, and those to emulate. */
function targetsFrom(wanted: readonly string[] | undefined): Pick<BenchOptions, "targets" | "emulated" | "missing"> {
  const runnable = runnableTargets();
  const missing = missingForArm64();
  const possible = [
    ...runnable,
    ...targetNames.filter((name) => name.startsWith("aarch64") && missing.length === 0 && !runnable.includes(name)),
  ];
  for (const name of wanted ?? []) {
    if (possible.some((each) => each === name)) continue;
    const arm64 = name.startsWith("aarch64") && missing.length > 0;
    throw wrong(
      targetNames.some((each) => each === name) ? `this machine cannot run ${name}` : `there is no target "${name}"`,
      arm64 ? `npm run setup brings ${missing.join(" and ")}` : `name one of ${possible.join(", ")}`,
    );
  }
  const named = possible.filter((name) => wanted === undefined || wanted.includes(name));
  return {
    targets: named.filter((name) => runnable.includes(name)),
    emulated: named.filter((name) => !runnable.includes(name)),
    missing: wanted === undefined && !runnable.some((name) => name.startsWith("aarch64")) ? missing : [],
  };
}

/** Reads the arguments; a text where they only ask for help. Throws `bench/arguments`. */
export function readOptions(args: readonly string[], known: readonly string[]): BenchOptions | string {
  const { values, positionals } = parsed(args);
  const { only, target, layers, json, page, help } = values;
  if (help) return usage(known);
  const unknown = positionals.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw wrong(`there is no suite ${unknown.join(", ")}`, `name one of ${known.join(", ")}`);
  const seconds = Number(values.seconds);
  if (!(seconds > 0 && Number.isFinite(seconds))) {
    throw wrong(`"${values.seconds}" seconds cannot be measured`, "--seconds takes a number above 0, such as 0.5");
  }
  const machines = targetsFrom(target);
  return {
    suites: positionals.length > 0 ? [...new Set(positionals)] : known,
    ...machines,
    seconds,
    layers,
    ...(only === undefined ? {} : { only }),
    ...(json === undefined ? {} : { json }),
    ...(page === undefined ? {} : { page }),
  };
}
