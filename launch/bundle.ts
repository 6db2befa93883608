// Bundles an application file, with all that it imports beside isochron itself, into one JavaScript module, and takes along the files that it names.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, extname, relative, resolve } from "node:path";
import { z } from "zod";
import { hashOf, IsochronError } from "../kernels/index.ts";
import type { RecordedModel } from "../runtime/index.ts";
import { importingModule, isModelFile } from "./built-models.ts";
import { type Bundle, CarriedFiles, type ParsedModule } from "./carried-files.ts";
import { partsOfRxjs } from "./parts-of-rxjs.mjs";

interface OnLoad {
  onLoad(
    options: { readonly filter: RegExp; readonly namespace: string },
    callback: (file: { readonly path: string }) => Promise<object | undefined>,
  ): void;
}

interface OnResolve {
  onResolve(
    options: { readonly filter: RegExp },
    callback: (named: { readonly path: string; readonly namespace: string }) => object,
  ): void;
}

interface Bundler {
  build(options: object): Promise<{ readonly outputFiles: readonly { readonly text: string }[] }>;
}

interface Parser {
  parseSync(
    path: string,
    text: string,
  ): { readonly program: ParsedModule["program"]; readonly module: { readonly hasModuleSyntax: boolean } };
}

const having = <T>(method: keyof T & string) =>
  z.custom<T>((value) => typeof value === "object" && value !== null && method in value);

/** A package that the compiler package brings; in the repository, a development dependency. */
function loadTool<T>(name: string, shape: z.ZodType<T>): T {
  const require = createRequire(import.meta.url);
  for (const from of ["isochron-compiler", import.meta.url]) {
    try {
      const base = from.startsWith("file:") ? from : require.resolve(from);
      return shape.parse(createRequire(base)(name));
    } catch {
      // Not installed here: the next place, or the error below.
    }
  }
  throw new IsochronError("compile/missing-compiler", "building an application needs the compiler package", {
    help: "npm install isochron-compiler",
  });
}

/** What the bundler says of what it cannot bundle. */
const bundlerErrors = z.object({
  errors: z
    .array(
      z.object({
        text: z.string(),
        location: z.object({ file: z.string(), line: z.number(), column: z.number(), lineText: z.string() }).nullable(),
      }),
    )
    .min(1),
});

const loaderOf = (path: string): "ts" | "tsx" | "js" | "jsx" =>
  /^\.[cm]?ts$/.test(extname(path)) ? "ts" : extname(path) === ".tsx" ? "tsx" : extname(path) === ".jsx" ? "jsx" : "js";

/** The JavaScript of an application file; `isochron` itself stays an import, and `rxjs`, which comes with it. Models that it imports are in it by their types. */
export async function bundleApplication(path: string, models: readonly RecordedModel[] = []): Promise<Bundle> {
  const bundler = loadTool("esbuild", having<Bundler>("build"));
  const parser = loadTool("oxc-parser", having<Parser>("parseSync"));
  const parse = (file: string, text: string): ParsedModule => {
    const { program, module } = parser.parseSync(file, text);
    return { program, isModule: module.hasModuleSyntax };
  };
  const base = dirname(resolve(path));
  const carried = new CarriedFiles(parse);
  /** `open` are the modules being bundled: a worker may start another, and not itself. */
  const bundleModule = async (file: string, open: readonly string[]): Promise<string> => {
    if (open.includes(file)) {
      throw new IsochronError("build/unresolved", `${relative(base, file)} names itself as a module to start`, {
        help: "put what a worker runs into a module of its own",
      });
    }
    let refusal: unknown;
    const takeFiles = {
      name: "files",
      setup: ({ onLoad }: OnLoad) =>
        onLoad({ filter: /\.[cm]?[jt]sx?$/, namespace: "file" }, async ({ path: module }) => {
          try {
            const text = await readFile(module, "utf8");
            const contents = await carried.take(module, text, (other) => bundleModule(other, [...open, file]));
            return contents === undefined ? undefined : { contents, loader: loaderOf(module) };
          } catch (error) {
            refusal ??= error;
            return { errors: [{ text: "refused" }] };
          }
        }),
    };
    try {
      const { outputFiles } = await bundler.build({
        // Paths in the bundle's comments are relative to the application, so the bytes do not depend on where one stands.
        absWorkingDir: base,
        entryPoints: [`./${relative(base, file)}`],
        bundle: true,
        write: false,
        format: "esm",
        platform: "node",
        target: "node20",
        // One RxJS for pipelines and runs: what observers throw is reported to the copy that they use.
        external: ["isochron", "isochron/*", "rxjs/*"],
        legalComments: "inline",
        logLevel: "silent",
        plugins: [takeFiles, partsOfRxjs(import.meta.url), ...(models.length > 0 ? [carryModels(models)] : [])],
      });
      return outputFiles[0]?.text ?? "";
    } catch (cause) {
      throw refusal ?? explain(cause, base);
    }
  };
  const code = await bundleModule(resolve(path), []);
  const isModel = isModelFile(models);
  const files = new Map([...carried.files].filter(([name, bytes]) => !isModel(name, hashOf(bytes))));
  return { code, files };
}

/** Puts a module that knows the models of an application in the place of the importer. */
const carryModels = (models: readonly RecordedModel[]) => ({
  name: "models",
  setup: ({ onResolve, onLoad }: OnResolve & OnLoad) => {
    onResolve({ filter: /^isochron\/import$/ }, ({ path, namespace }) =>
      namespace === "models" ? { path, external: true, sideEffects: false } : { path, namespace: "models" },
    );
    onLoad({ filter: /^/, namespace: "models" }, () =>
      Promise.resolve({ contents: importingModule(models), loader: "js" }),
    );
  },
});

/** Why a module cannot be bundled, and where. */
function explain(cause: unknown, base: string): unknown {
  const { data } = bundlerErrors.safeParse(cause);
  if (!data) return cause;
  const [{ text, location }] = data.errors as [(typeof data.errors)[number]];
  return new IsochronError("build/bundle", `the application cannot be bundled: ${text}`, {
    details: location ? [location.lineText.trim()] : [],
    ...(location ? { place: `${resolve(base, location.file)}:${location.line}:${location.column + 1}` } : {}),
    cause,
  });
}
