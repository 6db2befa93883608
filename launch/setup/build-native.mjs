// Builds the native modules in release mode with napi-rs: `build-native.mjs addon|compiler`.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const folders = { addon: "launch/addon", compiler: "kernels/codegen" };

const folder = folders[process.argv[2]];
if (!folder) {
  process.stderr.write(`usage: build-native.mjs ${Object.keys(folders).join("|")}\n`);
  process.exit(1);
}
process.chdir(fileURLToPath(new URL("../..", import.meta.url)));
const args = ["build", "--platform", "--release", "--no-js", "--manifest-path", `${folder}/Cargo.toml`];
args.push(
  "--config-path",
  `${folder}/napi.json`,
  "--output-dir",
  folder,
  "--dts",
  "../../target/native.d.ts",
  "--",
  "--locked",
);
const { status, error } = spawnSync("node_modules/.bin/napi", args, { stdio: "inherit" });
if (error || status !== 0) {
  process.stderr.write(`build-native: ${folder} could not be built${error ? `: ${error.message}` : ""}\n`);
  process.exit(1);
}
