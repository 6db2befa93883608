// The folder rule for Rust: a crate may depend only on crates of lower folders, read from `cargo metadata`.
import { execFileSync } from "node:child_process";
import { relative } from "node:path";

const layers = ["kernels", "runtime", "scheduler", "nodes", "sim", "launch"];

const metadata = JSON.parse(
  execFileSync("cargo", ["metadata", "--format-version", "1", "--no-deps", "--locked"], {
    encoding: "utf8",
    maxBuffer: 1 << 26,
  }),
);
const layerOf = new Map(
  metadata.packages.map((each) => [each.name, relative(metadata.workspace_root, each.manifest_path).split("/")[0]]),
);

const broken = metadata.packages.flatMap((each) =>
  each.dependencies
    .filter((dependency) => layerOf.has(dependency.name))
    .filter((dependency) => layers.indexOf(layerOf.get(dependency.name)) >= layers.indexOf(layerOf.get(each.name)))
    .map(
      (dependency) =>
        `${each.name} (${layerOf.get(each.name)}) depends on ${dependency.name} (${layerOf.get(dependency.name)})`,
    ),
);

if (layerOf.size < 5) throw new Error(`cargo metadata names only ${layerOf.size} crates of this workspace`);
if (broken.length > 0) {
  process.stderr.write(`crates that import upwards or sideways:\n  ${broken.join("\n  ")}\n`);
  process.exit(1);
}
process.stdout.write(`crates: ${layerOf.size} keep to the folder rule\n`);
