// Loads rclnodejs where it can be loaded, and otherwise says what is missing: it would begin to build itself, or end the process.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { IsochronError } from "../../../kernels/index.ts";
import { resolveOptional } from "../optional-package.ts";
import type { EventCallbacks, Rclnodejs, RclnodejsModules } from "./api.ts";

/** The version that is known to work. */
const known = "2.2.0";

const missing = (what: string, help: string, details: readonly string[] = [], cause?: unknown): IsochronError =>
  new IsochronError("transport/missing", what, { help, details, cause });

/** Distributions that are installed where ROS's packages are. */
function installed(): string[] {
  try {
    return readdirSync("/opt/ros").sort();
  } catch {
    return [];
  }
}

function requireEnvironment(): string {
  const { ROS_DISTRO: distribution, AMENT_PREFIX_PATH: prefixes } = process.env;
  if (distribution && prefixes) return distribution;
  const name = installed().at(-1);
  throw missing(
    "no ROS 2 is sourced in this shell",
    name === undefined
      ? "install ROS 2 (https://docs.ros.org), source its setup file, and run the same command again"
      : `source /opt/ros/${name}/setup.bash, and run the same command again`,
  );
}

/** The package's folder, looked for beside Isochron and beside what runs it. */
function packageFolder(): string {
  const manifest = resolveOptional("rclnodejs/package.json");
  if (manifest !== undefined) return dirname(manifest);
  throw missing(
    "rclnodejs is not installed",
    `with ROS 2 sourced: npm install rclnodejs@${known}, which builds itself (a minute, with g++ and make) or brings a binary`,
  );
}

/** The binary that rclnodejs would load; its own for this distribution and system, or what was built here. */
function binary(folder: string, distribution: string): string {
  const built = join(folder, "build/Release/rclnodejs.node");
  const codename = /^VERSION_CODENAME=(.*)$/m.exec(readOr("/etc/os-release", ""))?.[1]?.trim();
  const brought = `${distribution}-${codename}-${process.arch}-node-rclnodejs.node`;
  const prebuilt = join(folder, `prebuilds/${process.platform}-${process.arch}`, brought);
  const found = [prebuilt, built].find(existsSync);
  if (found !== undefined) return found;
  throw missing(
    "rclnodejs has no binary for this system",
    `npm rebuild rclnodejs, with ROS 2 ${distribution} sourced`,
    [`neither ${brought}, nor one that was built here, is in ${folder}`],
  );
}

const readOr = (path: string, otherwise: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return otherwise;
  }
};

/** Loads rclnodejs. Throws `transport/missing` with what is missing, and how to get it. */
export async function loadRclnodejs(): Promise<RclnodejsModules> {
  const distribution = requireEnvironment();
  const folder = packageFolder();
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string };
  if (!version.startsWith("2."))
    throw missing(`rclnodejs ${version} is not one that is known`, `npm install rclnodejs@${known}`);
  if (process.env.RCLNODEJS_FORCE_BUILD === "1")
    throw missing("RCLNODEJS_FORCE_BUILD would build rclnodejs each time that it is loaded", "unset it");
  const path = binary(folder, distribution);
  try {
    // Where this fails, rclnodejs would delete its build and begin another.
    createRequire(import.meta.url)(path);
  } catch (cause) {
    throw missing(
      "rclnodejs's binary does not load",
      `source the ROS 2 that it was built for, or npm rebuild rclnodejs with ${distribution} sourced`,
      [path, cause instanceof Error ? cause.message : String(cause)],
      cause,
    );
  }
  if (!existsSync(join(folder, "generated/generator.json")))
    throw missing("rclnodejs has not made its messages", `npm rebuild rclnodejs, with ROS 2 ${distribution} sourced`);
  const load = async <T>(name: string): Promise<T> => (await import(pathToFileURL(join(folder, name)).href)) as T;
  const { default: rcl } = await load<{ default: Rclnodejs }>("index.js");
  // Ctrl-C ends a run in order, and the run ends the node.
  rcl.removeSignalHandlers();
  if (distribution === "humble" || distribution === "iron") return { rcl };
  const { PublisherEventCallbacks: publisher, SubscriptionEventCallbacks: subscription } = await load<{
    PublisherEventCallbacks: new () => EventCallbacks;
    SubscriptionEventCallbacks: new () => EventCallbacks;
  }>("lib/event_handler.js");
  return { rcl, events: { publisher, subscription } };
}
