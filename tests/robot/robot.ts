// Packs, installs and runs Isochron as a robot has it: from tarballs, in a folder of its own, outside the repository.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";

export const root = fileURLToPath(new URL("../..", import.meta.url));

const { version } = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(join(root, "package.json"), "utf8")));

/** The file name of a package's tarball. */
export const tarballName = (name: string): string => `${name}-${version}.tgz`;

/** What a program ended with and wrote. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The environment without what npm and vitest put into it for this repository. */
function outsideEnvironment(): NodeJS.ProcessEnv {
  const ours =
    /^(npm_(lifecycle|package)_|npm_config_local_prefix$|INIT_CWD$|NODE_OPTIONS$|NODE_PATH$|VITEST|ISOCHRON_)/;
  const kept = Object.entries(process.env).filter(([key]) => !ours.test(key));
  const paths = (process.env.PATH ?? "").split(delimiter).filter((path) => !`${path}/`.startsWith(root));
  return { ...Object.fromEntries(kept), PATH: paths.join(delimiter) };
}

/** Runs a program in a folder as if the repository did not exist. */
export function runOutside(
  folder: string,
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Ended {
  const ended = spawnSync(command, args, {
    cwd: folder,
    encoding: "utf8",
    env: { ...outsideEnvironment(), ...env },
    maxBuffer: 64e6,
  });
  if (ended.error) throw ended.error;
  return { status: ended.status, stdout: ended.stdout, stderr: ended.stderr };
}

/** Runs `isochron` of the repository. */
export const isochronHere = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Ended =>
  runOutside(root, process.execPath, [join(root, "launch/bin/isochron.mjs"), ...args], env);

/** Runs a step that has to succeed; what it wrote. */
export function succeed(ended: Ended): string {
  if (ended.status !== 0) throw new Error(`ended with ${ended.status}\n${ended.stderr}${ended.stdout}`);
  return ended.stdout;
}

/** Packs the named packages, all where none is named; the tarballs' paths. */
export function pack(folder: string, packages: readonly string[] = []): readonly string[] {
  const args = [join(root, "launch/pack/pack.mjs"), folder, ...packages];
  return succeed(runOutside(root, process.execPath, args))
    .trim()
    .split("\n");
}

/**
 * Installs packed packages, and what they depend on, into a folder; npm takes the platform packages that fit `cpu`.
 * Install scripts do not run.
 */
export function install(
  folder: string,
  tarballs: string,
  packages: { readonly needed: readonly string[]; readonly platform: readonly string[] },
  cpu: string = process.arch,
): void {
  mkdirSync(folder, { recursive: true });
  const files = (names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, `file:${join(tarballs, tarballName(name))}`]));
  const manifest = {
    private: true,
    dependencies: files(packages.needed),
    optionalDependencies: files(packages.platform),
  };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--os=linux", `--cpu=${cpu}`];
  succeed(runOutside(folder, "npm", ["install", ...flags, "--libc=glibc"]));
}

/** The packages of native code for robots; npm installs the one that fits. */
export const runtimePackages: readonly string[] = ["isochron-linux-x64-gnu", "isochron-linux-arm64-gnu"];

/** A robot's folder: Isochron and its runtime for `cpu` from packed tarballs, nothing else. */
export const installRobot = (folder: string, tarballs: string, cpu?: string): void =>
  install(folder, tarballs, { needed: ["isochron"], platform: runtimePackages }, cpu);

/** Builds the road example here. */
export const buildRoad = (file: string): string => succeed(isochronHere(["build", "examples/road/app.ts", "-o", file]));

const runResult = z.object({ cycles: z.number(), hash: z.string() });
/** What `isochron run --json` prints, as far as tests compare it. */
export type RunResult = z.infer<typeof runResult>;
/** What a run that succeeded printed. */
export const ranAs = (ended: Ended): RunResult => runResult.parse(JSON.parse(succeed(ended)));

const replayResult = z.object({
  bitExact: z.boolean(),
  cycles: z.number(),
  kernelCalls: z.number(),
  hash: z.string(),
});
/** What a replay that succeeded printed, as far as tests compare it. */
export const replayedAs = (ended: Ended): z.infer<typeof replayResult> =>
  replayResult.parse(JSON.parse(succeed(ended)));
