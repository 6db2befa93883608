// An arm64 machine for tests: an arm64 Node with the portable runtime module, under qemu's user emulation where this is another.
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Ended, root, runOutside } from "./robot.ts";

/** The runtime module for arm64. */
export const arm64Addon = join(root, "target/portable/isochron.linux-arm64-gnu.node");
const emulatedNode = join(root, ".setup/node-arm64/package/bin/node");
const [emulator, libraries] = ["qemu-aarch64", "/usr/aarch64-linux-gnu"];

/** Whether the set-up has brought both. */
export const hasArm64 = existsSync(arm64Addon) && (process.arch === "arm64" || existsSync(emulatedNode));

/** The command that runs Node on arm64, and its arguments. */
export const arm64Node = (args: readonly string[]): readonly [command: string, args: readonly string[]] =>
  process.arch === "arm64" ? [process.execPath, args] : [emulator, ["-L", libraries, emulatedNode, ...args]];

/** What emulation needs and the set-up has not brought. */
export function missingForArm64(): string[] {
  const inPath = (name: string) => process.env.PATH?.split(delimiter).some((folder) => existsSync(join(folder, name)));
  return [
    ...[arm64Addon, emulatedNode, libraries].filter((path) => !existsSync(path)),
    ...[emulator].filter((name) => !inPath(name)),
  ];
}

/** Runs Node on arm64 in a folder, as if the repository did not exist. */
export const runOnArm64 = (args: readonly string[], folder: string = root): Ended =>
  runOutside(folder, ...arm64Node(args));
