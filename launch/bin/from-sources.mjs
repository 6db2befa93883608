// The command line of the sources as they are: bundled into `.cache/start`, and anew as soon as a file has changed.
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const cache = join(root, ".cache/start");
const listFile = join(cache, "list.json");

/** What chunks depend on besides the files that they are made of. */
const besides = [
  "package.json",
  "launch/pack/chunks.mjs",
  "launch/parts-of-rxjs.mjs",
  "launch/bin/from-sources.mjs",
  "node_modules/esbuild/package.json",
  "node_modules/rxjs/package.json",
];

/** A file as the system knows it: what is written, replaced or touched is another. */
const identity = (path) => {
  const { ino, size, mtimeNs, ctimeNs } = statSync(join(root, path), { bigint: true });
  return { made: Number(ctimeNs / 1_000_000n), text: `${ino} ${size} ${mtimeNs} ${ctimeNs}` };
};

/** The folder of chunks that was made of the files as they are; undefined where one has changed. */
function found() {
  try {
    const { folder, files } = JSON.parse(readFileSync(listFile, "utf8"));
    if (!Object.entries(files).every(([path, text]) => identity(path).text === text)) return undefined;
    return statSync(folder).isDirectory() ? folder : undefined;
  } catch {
    return undefined;
  }
}

/** Several processes may do so at once: each makes a folder of its own, and the last one's is kept. */
async function make() {
  const { doors, entries, writeChunks } = await import("../pack/chunks.mjs");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "chunks-"));
  const began = Date.now();
  const inputs = await writeChunks(folder, [...entries, ...doors]);
  const files = [...besides, ...inputs].map((path) => {
    const { made, text } = identity(path);
    // What was written just before, or meanwhile, may be written again within the same tick of the system's clock: looked at again.
    return [path, made < began - 100 ? text : ""];
  });
  const list = join(folder, "list.json");
  writeFileSync(list, JSON.stringify({ folder, files: Object.fromEntries(files) }));
  renameSync(list, listFile);
  return folder;
}

/** Removes chunks that no process can still be running from. */
function removeOld(kept) {
  const longAgo = Date.now() - 7 * 24 * 3600 * 1000;
  for (const each of readdirSync(cache)) {
    const path = join(cache, each);
    const found = statSync(path, { throwIfNoEntry: false });
    if (path !== kept && found !== undefined && found.mtimeMs < longAgo) rmSync(path, { recursive: true, force: true });
  }
}

/** The folder of the chunks of the sources as they are. */
async function chunks() {
  const there = found();
  if (there !== undefined) return there;
  const made = await make();
  removeOld(made);
  return made;
}

/**
 * The address of the command line's module. Who asks for stacks gets the sources' own lines, through the hook; so does a
 * checkout where no chunks can be made: it cannot be written, or a file of it is wrong, which the hook then says.
 */
export async function commandLine() {
  const folder = process.env.ISOCHRON_STACK === "1" ? undefined : await chunks().catch(() => undefined);
  if (folder !== undefined) return pathToFileURL(join(folder, "launch-command-line.js")).href;
  await import("../hook/register.mjs");
  return new URL("../command-line.ts", import.meta.url).href;
}
