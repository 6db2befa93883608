// Bundles Isochron's modules into chunks, so that a start opens tens of files and not a thousand: of the npm package, and of the command from sources.
import { readFileSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { partsOfRxjs } from "../parts-of-rxjs.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { name, exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** What is imported from outside the chunks: by users, and by the command. */
export const entries = [...Object.values(exports).filter((path) => path.endsWith(".ts")), "./launch/command-line.ts"];
/** And by the repository's own applications in tests. */
export const doors = ["kernels", "runtime", "scheduler", "nodes"].map((folder) => `./${folder}/index.ts`);

/** The chunk that an entry becomes. */
export const chunkOf = (path) => `${path.replace(/^\.\//, "").replace(/\.ts$/, "").replaceAll("/", "-")}.js`;

/** Lets each module find what lies beside it where its source lies, not where its chunk does. */
const ownPlaces = (outdir, base) => ({
  name: "own places",
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      if (!text.includes("import.meta.url")) return { contents: text, loader: "ts" };
      const source = relative(root, path);
      const place = JSON.stringify(relative(outdir, join(base, source)));
      const url = source === "kernels/base/own-code.ts" ? "chunkUrl" : `new URL(${place}, chunkUrl).href`;
      return { contents: `const moduleUrl = ${url};${text}`, loader: "ts" };
    }),
});

/**
 * Writes the chunks into a folder below `base`, which has what lies beside the sources, as a package of their own: whoever imports `isochron` from there has the instances of
 * the command's. Gives the files that they were made of, relative to the repository.
 */
export async function writeChunks(outdir, sources, base = root) {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: sources.map((path) => ({ in: path, out: chunkOf(path).replace(/\.js$/, "") })),
    outdir,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    metafile: true,
    logLevel: "silent",
    external: [name, `${name}/*`, "rxjs/*"],
    define: { "import.meta.url": "moduleUrl" },
    banner: {
      js: 'import { createRequire as requireFrom } from "node:module"; const chunkUrl = import.meta.url; const require = requireFrom(chunkUrl);',
    },
    plugins: [ownPlaces(outdir, base), partsOfRxjs(import.meta.url)],
  });
  writeFileSync(
    join(outdir, "package.json"),
    `${JSON.stringify(
      {
        name,
        type: "module",
        exports: Object.fromEntries(
          Object.entries(exports)
            .filter(([, path]) => path.endsWith(".ts"))
            .map(([key, path]) => [key, `./${chunkOf(path)}`]),
        ),
        /** The chunk of each source that stands for itself. */
        chunks: Object.fromEntries(sources.map((path) => [path.slice(2), chunkOf(path)])),
      },
      null,
      2,
    )}\n`,
  );
  return Object.keys(metafile.inputs).filter((path) => !path.startsWith("rxjs:"));
}
