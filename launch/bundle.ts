// Bundles an application file, with all that it imports beside isochron itself, into one JavaScript module.
import { createRequire } from "node:module";
import { basename, dirname, resolve } from "node:path";
import { z } from "zod";
import { IsochronError } from "../kernels/index.ts";

interface Bundler {
  build(options: object): Promise<{ readonly outputFiles: readonly { readonly text: string }[] }>;
}

const bundler = z.custom<Bundler>((value) => typeof value === "object" && value !== null && "build" in value);

/** esbuild, which the compiler package brings; in the repository, a development dependency. */
function loadBundler(): Bundler {
  const require = createRequire(import.meta.url);
  for (const from of ["isochron-compiler", import.meta.url]) {
    try {
      const base = from.startsWith("file:") ? from : require.resolve(from);
      return bundler.parse(createRequire(base)("esbuild"));
    } catch {
      // Not installed here: the next place, or the error below.
    }
  }
  throw new IsochronError("compile/missing-compiler", "building an application needs the compiler package", {
    help: "npm install isochron-compiler",
  });
}

/** The JavaScript of an application file; `isochron` itself stays an import, and `rxjs`, which comes with it. */
export async function bundleApplication(path: string): Promise<string> {
  const { outputFiles } = await loadBundler().build({
    // Paths in the bundle's comments are relative to the application, so the bytes do not depend on where one stands.
    absWorkingDir: dirname(resolve(path)),
    entryPoints: [basename(path)],
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "node20",
    // One RxJS for pipelines and runs: what observers throw is reported to the copy that they use.
    external: ["isochron", "isochron/*", "rxjs", "rxjs/*"],
    legalComments: "inline",
    logLevel: "silent",
  });
  return outputFiles[0]?.text ?? "";
}
