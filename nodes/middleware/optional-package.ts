// Packages that a transport needs and Isochron does not bring: looked for beside Isochron, and beside what runs it.
import { createRequire } from "node:module";
import { join } from "node:path";

/** Resolves a name in an optional package; undefined where the package is not installed. */
export function resolveOptional(name: string): string | undefined {
  for (const from of [import.meta.url, join(process.cwd(), "package.json")]) {
    try {
      return createRequire(from).resolve(name);
    } catch {
      // It may be at the next place.
    }
  }
  return undefined;
}
