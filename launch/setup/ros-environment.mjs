// The real ROS 2 that tests run beside: where set-up puts it, and what its processes need in their environment.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./stamps.mjs";

/** Jazzy, or what ISOCHRON_ROS names: Kilted. */
export const rosDistribution = process.env.ISOCHRON_ROS || "jazzy";

/** What the folder and the stamps of the distribution are called. */
export const rosName = rosDistribution === "jazzy" ? "ros" : `ros-${rosDistribution}`;

/** The variable that names Fast DDS's profiles: later distributions warn of the older name. */
export const profilesVariable =
  rosDistribution === "jazzy" ? "FASTRTPS_DEFAULT_PROFILES_FILE" : "FASTDDS_DEFAULT_PROFILES_FILE";

/** Everything of it is below this folder: `venv` (also ROS's prefix), `js`, `interfaces`. */
export const rosFolder = join(root, ".setup", rosName);
export const rosPrefix = join(rosFolder, "venv");
export const rosPython = join(rosPrefix, "bin/python");
/** The prefix of the interface packages that are built besides. */
export const rosInterfaces = join(rosFolder, "interfaces");
/** Why there is none, where set-up could not get it. */
export const missingFile = join(rosFolder, "missing.txt");

/** The folder `python3.N` of a prefix's packages. */
const sitePackages = (prefix) => {
  const lib = join(prefix, "lib");
  const name = existsSync(lib) ? readdirSync(lib).find((each) => /^python3\.\d+$/.test(each)) : undefined;
  return name === undefined ? undefined : join(lib, name, "site-packages");
};

/** `3.N` of the Python that the wheels are for. */
export const rosPythonVersion = () => /python(3\.\d+)/.exec(sitePackages(rosPrefix) ?? "")?.[1];

/** What sourcing an installation's setup file sets, and no more: the folders of the wheels, and of the packages built besides. */
export const rosEnvironment = () => {
  const packages = sitePackages(rosPrefix) ?? "";
  const own = sitePackages(rosInterfaces);
  const bundled = existsSync(packages)
    ? readdirSync(packages)
        .filter((name) => name.startsWith("ros_") && name.endsWith(".libs"))
        .map((name) => join(packages, name))
    : [];
  const prefixes = [rosInterfaces, rosPrefix];
  return {
    AMENT_PREFIX_PATH: prefixes.join(":"),
    ROS_DISTRO: rosDistribution,
    RMW_IMPLEMENTATION: "rmw_fastrtps_cpp",
    ROS_AUTOMATIC_DISCOVERY_RANGE: "LOCALHOST",
    PATH: `${join(rosPrefix, "bin")}:${process.env.PATH}`,
    LD_LIBRARY_PATH: [...prefixes.map((prefix) => join(prefix, "lib")), ...bundled].join(":"),
    ...(own === undefined ? {} : { PYTHONPATH: own }),
    NODE_PATH: join(rosFolder, "js/node_modules"),
    // The wheels would start Python a second time to set the library path that stands here.
    _ROS_WHEELS_BOOTSTRAP_COMPLETE: "1",
  };
};

/** Why tests beside a real ROS 2 cannot run here; undefined where they can. */
export const noRos = () => {
  const built = join(rosFolder, "js/node_modules/rclnodejs/build/Release/rclnodejs.node");
  if ([rosPython, built, join(rosInterfaces, "share")].every((path) => existsSync(path))) return undefined;
  return existsSync(missingFile) ? readFileSync(missingFile, "utf8").trim() : "it is not set up: npm run setup";
};
