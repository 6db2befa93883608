// What set-up steps remember: hashes of what they read, kept in `.setup/` under a name.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const stamps = join(root, ".setup");

const filesBelow = (path) => {
  const full = join(root, path);
  if (!existsSync(full)) return [];
  if (statSync(full).isFile()) return [path];
  return readdirSync(full, { withFileTypes: true })
    .filter((entry) => entry.name !== "node_modules" && entry.name !== "target")
    .flatMap((entry) => filesBelow(join(path, entry.name)));
};

/** A hash over the names and bytes of files, so that a step runs again exactly when something it reads has changed. */
export const contentHash = (paths, keep = () => true) => {
  const hash = createHash("sha256");
  for (const path of paths.flatMap(filesBelow).filter(keep).sort()) {
    hash.update(`${path}\0`);
    hash.update(readFileSync(join(root, path)));
  }
  return hash.digest("hex");
};

export const stamped = (name, hash) => {
  const file = join(stamps, `${name}.stamp`);
  return existsSync(file) && readFileSync(file, "utf8") === hash;
};

export const stamp = (name, hash) => {
  mkdirSync(stamps, { recursive: true });
  writeFileSync(join(stamps, `${name}.stamp`), hash);
};
