// Builds the runtime module for robots, x64 and arm64, against glibc 2.31; needs zig and cargo-zigbuild on the PATH.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const glibc = "2.31";
const platforms = [
  { arch: "x64", triple: "x86_64-unknown-linux-gnu" },
  { arch: "arm64", triple: "aarch64-unknown-linux-gnu" },
];

process.chdir(fileURLToPath(new URL("../..", import.meta.url)));
mkdirSync("target/portable", { recursive: true });
for (const { arch, triple } of platforms) {
  const args = ["zigbuild", "--release", "--locked", "-p", "isochron-addon", "--target", `${triple}.${glibc}`];
  const { status, error } = spawnSync("cargo", args, { stdio: "inherit" });
  if (error || status !== 0) {
    process.stderr.write(`build-portable: cargo ${args.join(" ")} failed${error ? `: ${error.message}` : ""}\n`);
    process.exit(1);
  }
  copyFileSync(`target/${triple}/release/libisochron_addon.so`, `target/portable/isochron.linux-${arch}-gnu.node`);
}
