// Loads what `isochron run` and `build` are given: a TypeScript or JavaScript application file, or a built `.isoapp`.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { IsochronError, type TargetName } from "../kernels/index.ts";
import type { World } from "../sim/index.ts";
import type { Application } from "./application.ts";
import { type BuildOptions, type BuiltApplication, buildApplication, readApplication } from "./build.ts";

/** A built application and its world, ready to run. */
export interface LoadedApplication extends BuiltApplication {
  readonly createWorld: (() => World) | undefined;
}

const isApplication = (value: unknown): value is Application =>
  typeof value === "object" && value !== null && "kind" in value && value.kind === "application";

/** Imports an application file's default export. Throws `application/load`. */
export async function importApplication(path: string): Promise<Application> {
  const full = resolve(path);
  if (!existsSync(full))
    throw new IsochronError("application/load", `there is no file ${path}`, {
      help: "name an application file (.ts, .js) or a built one (.isoapp)",
    });
  let module: { readonly default?: unknown };
  try {
    module = (await import(pathToFileURL(full).href)) as { readonly default?: unknown };
  } catch (cause) {
    if (cause instanceof IsochronError) throw cause;
    throw new IsochronError(
      "application/load",
      `${path} cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
  if (isApplication(module.default)) return module.default;
  throw new IsochronError("application/load", `${path} does not export an application`, {
    help: "export default application(NAME, (app) => { … })",
  });
}

/** Where compiled modules are kept between runs: beside the project, unless ISOCHRON_CACHE says otherwise. */
export const cacheDirectory = (): string => process.env.ISOCHRON_CACHE ?? join(process.cwd(), ".cache", "isochron");

/** Loads an application; one in source form is compiled for `targets`. */
export async function loadApplication(
  path: string,
  options: BuildOptions & { readonly targets?: readonly TargetName[] } = {},
): Promise<LoadedApplication> {
  if (extname(path) === ".isoapp") {
    const { bundle, ...built } = readApplication(path);
    const application = await importBundle(bundle);
    return { ...built, createWorld: application.declarations.worldFactory };
  }
  const application = await importApplication(path);
  const built = await buildApplication(application, { cacheDir: cacheDirectory(), ...options });
  return { ...built, createWorld: application.declarations.worldFactory };
}

/** Imports bundled JavaScript through a file of its own, so that it resolves `isochron` as any module does. */
async function importBundle(bundle: string): Promise<Application> {
  const folder = mkdtempSync(join(tmpdir(), "isochron-"));
  try {
    const file = join(folder, "application.mjs");
    writeFileSync(file, bundle);
    return await importApplication(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
