// Where tests beside a real ROS 2 run: its environment, on a network of their own where that can be had.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { noRos, profilesVariable, rosEnvironment } from "../../launch/setup/ros-environment.mjs";

/** Why these tests cannot run here; undefined where they can. */
export const skipReason: string | undefined = noRos();

const inNamespace = ["-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"];

/** Whether processes can be given a network that no other process sees. */
const hasNamespaces = (): boolean => spawnSync("unshare", [...inNamespace, "true"], { stdio: "ignore" }).status === 0;

/** A domain of ROS 2 that hardly anybody else has, for where others share the network. */
const randomDomain = (): string => String(1 + Math.floor(Math.random() * 101));

/** The profile of Fast DDS; nightly, pictures of eight megabytes fit into its shared memory. */
function profile(): string {
  const path = fileURLToPath(new URL("fastdds.xml", import.meta.url));
  if (process.env.ISOCHRON_NIGHTLY !== "1") return path;
  const large = join(mkdtempSync(join(tmpdir(), "isochron-ros-")), "fastdds.xml");
  const text = readFileSync(path, "utf8");
  const grown = text.replace(/(?<=>)\d{7,}(?=<)/g, (bytes) => String(8 * Number(bytes)));
  writeFileSync(large, grown);
  return large;
}

/** Starts a Node process beside ROS 2, with a channel for messages; what it starts has the same network. */
export function startInside(script: string): ChildProcess {
  const alone = hasNamespaces();
  const env = {
    ...process.env,
    ...rosEnvironment(),
    [profilesVariable]: profile(),
    ROS_DOMAIN_ID: alone ? "0" : randomDomain(),
  };
  const command = [process.execPath, script];
  const [program, ...args] = alone ? ["unshare", ...inNamespace, ...command] : command;
  return spawn(program!, args, { env, stdio: ["ignore", "inherit", "inherit", "ipc"] });
}
