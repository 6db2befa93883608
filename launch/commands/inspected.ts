// What `isochron inspect` takes a file for.
import { statSync } from "node:fs";
import { extname } from "node:path";

/** An application's source, what is built of one, a program, a recording (or any log in its format), any other log, or a model. */
export type Inspected = "source" | "application" | "artifact" | "recording" | "log" | "model";

const kinds: { readonly [ending: string]: Inspected } = {
  ".iso": "artifact",
  ".isoapp": "application",
  ".mcap": "recording",
  ".partial": "recording",
  ".db3": "log",
  ".zst": "log",
  ".zstd": "log",
  ".yaml": "log",
};

/** The kind of a file, by its ending; a folder is a bag, and what has no ending of these is a model, which its content says. */
export function inspectedAs(path: string): Inspected {
  const known = kinds[extname(path)];
  if (known) return known;
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return "log";
  return /\.[cm]?[jt]s$/.test(path) ? "source" : "model";
}
