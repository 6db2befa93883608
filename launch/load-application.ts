// Loads what `isochron run` and `build` are given: a TypeScript or JavaScript application file, or a built `.isoapp`.
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, extname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import {
  chunkFolder,
  type ErrorParts,
  IsochronError,
  runnableTargets,
  shown,
  type TargetName,
} from "../kernels/index.ts";
import type { MessageText, StreamHub } from "../nodes/index.ts";
import { checkWorld, type World } from "../sim/index.ts";
import type { Application } from "./application.ts";
import { type BuildOptions, type BuiltApplication, buildApplication, readApplication } from "./build.ts";
import type { Bundle } from "./carried-files.ts";
import type { Facts } from "./declared.ts";
import { settled } from "./settled.ts";
import { userPlace } from "./user-place.ts";
import { watch } from "./watchdog.ts";

/** A built application with its world and its streams, ready to run. */
export interface LoadedApplication extends BuiltApplication {
  readonly createWorld: (() => World) | undefined;
  readonly streams: StreamHub;
  /** What the application says of a run at its end. */
  readonly facts: () => Facts;
  /** Closes what the application opened. */
  readonly close: Application["close"];
}

const isApplication = (value: unknown): value is Application =>
  typeof value === "object" && value !== null && "kind" in value && value.kind === "application";

const applicationFiles = [".ts", ".mts", ".js", ".mjs", ".cjs"];
const takes = "name an application file (.ts, .js) or a built one (.isoapp)";

const refusal = (message: string, parts: ErrorParts = {}): IsochronError =>
  new IsochronError("application/load", message, parts);

/** Options of an import. */
export interface ImportOptions {
  /** The message definitions of a built application. */
  readonly carried?: readonly MessageText[];
  readonly signal?: AbortSignal;
}

/**
 * Imports an application file's default export, called `shown` in errors. Throws `application/load`, also where its
 * top-level `await` can never end; where it may, it says that it waits.
 */
export async function importApplication(
  path: string,
  shown = path,
  { carried, signal }: ImportOptions = {},
): Promise<Application> {
  const full = resolve(path);
  const found = statSync(full, { throwIfNoEntry: false });
  if (!found) throw refusal(`there is no file ${shown}`, { help: takes });
  if (found.isDirectory()) throw refusal(`${shown} is a folder`, { help: takes });
  if (!applicationFiles.includes(extname(path))) throw refusal(`${shown} is not an application file`, { help: takes });
  let module: { readonly default?: unknown };
  try {
    // Only what keeps the event loop from turning counts: modules may take their time, above all on a busy machine.
    let ended = watch(`the loading of ${shown}`);
    const turning = setInterval(() => {
      ended();
      ended = watch(`the loading of ${shown}`);
    }, 100).unref();
    try {
      module = (await settled(import(pathToFileURL(full).href), shown, signal)) as { readonly default?: unknown };
    } finally {
      clearInterval(turning);
      ended();
    }
    if (isApplication(module.default)) {
      const application = carried ? module.default.carrying(carried) : module.default;
      // Declared now, so that an error of the application's own is one of loading it.
      void application.declarations;
      return application;
    }
  } catch (cause) {
    throw cause instanceof IsochronError || signal?.aborted === true ? cause : explain(cause, shown);
  }
  throw refusal(`${shown} does not export an application`, {
    help: "export default application(NAME, (app) => { … })",
  });
}

/** Why a module could not be imported, and where in which file. */
function explain(cause: unknown, shown: string): IsochronError {
  if (!(cause instanceof Error)) return refusal(`${shown} cannot be loaded: it throws ${String(cause)}`, { cause });
  const syntax = syntaxError(cause, shown);
  if (syntax) return syntax;
  const missing = /^Cannot find (module|package) '(.*?)'.* imported from (.*)$/s.exec(cause.message);
  if (missing) {
    const [, kind, name, importer] = missing;
    return refusal(`${shown} cannot be loaded: there is no ${kind} ${name}`, {
      details: [`imported from ${importer}`],
      help: kind === "package" ? `npm install ${name}` : "import a file that exists, with its ending (.ts)",
      cause,
    });
  }
  // A SyntaxError of Node's own (an export that is not there) begins its stack with the place.
  const place = userPlace(cause.stack);
  return refusal(`${shown} cannot be loaded: ${cause.message}`, { cause, ...(place === undefined ? {} : { place }) });
}

/** What the TypeScript hook says of a file that it cannot read: the reason, and the lines around it. */
function syntaxError(cause: Error, shown: string): IsochronError | undefined {
  const lines = cause.message.split("\n");
  const place = /^\s*[,╭]-?─?\[(.+:\d+:\d+)\]\s*$/m.exec(cause.message)?.[1];
  if (place === undefined) return undefined;
  const why = lines.find((line) => /^\s*[x×]\s/.test(line))?.replace(/^\s*[x×]\s+/, "") ?? "a syntax error";
  const details = lines.filter((line) => /^\s*(\d+\s*[|│]|[:·])/.test(line));
  return refusal(`${shown} cannot be loaded: ${why}`, { details, place, cause });
}

/** Where compiled modules are kept between runs: beside the project, unless ISOCHRON_CACHE says otherwise. */
export const cacheDirectory = (): string => process.env.ISOCHRON_CACHE ?? join(process.cwd(), ".cache", "isochron");

/**
 * What code is made for that is to run here and nowhere else: the best that this machine runs. Where the environment forces a target,
 * it is made for all, and the executive answers.
 */
export function targetsHere(): Pick<BuildOptions, "targets"> {
  if (process.env.ISOCHRON_TARGET) return {};
  const [best] = runnableTargets();
  return best === undefined ? {} : { targets: [best] };
}

/** Builds an application that has been imported, with what stays JavaScript. */
export const readyToRun = async (application: Application, options: BuildOptions): Promise<LoadedApplication> => ({
  ...(await buildApplication(application, { cacheDir: cacheDirectory(), ...options })),
  ...runningParts(application),
});

/** Loads an application; one in source form is compiled for `targets`. */
export async function loadApplication(
  path: string,
  options: BuildOptions & { readonly targets?: readonly TargetName[] } = {},
): Promise<LoadedApplication> {
  if (extname(path) === ".isoapp") {
    const { bundle, ...built } = readApplication(path);
    const { signal } = options;
    const application = await importBundle(bundle, path, {
      carried: built.description.messages,
      ...(signal === undefined ? {} : { signal }),
    });
    return { ...built, ...runningParts(application) };
  }
  const { signal } = options;
  const application = await importApplication(path, path, signal === undefined ? {} : { signal });
  try {
    return await readyToRun(application, options);
  } catch (error) {
    // What is wrong is the error; closing is only tried.
    await application.close().catch(() => undefined);
    throw error;
  }
}

/** Runs code of the application's own; what it throws is an error of the application. Throws `application/failed`. */
export function ofApplication<T>(what: string, body: () => T): T {
  const ended = watch(what);
  try {
    return body();
  } catch (cause) {
    if (cause instanceof IsochronError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new IsochronError("application/failed", `${what} failed: ${why}`, { cause });
  } finally {
    ended();
  }
}

/** Refuses a summary that is no object. Throws `application/summary`. */
export function requireFacts(facts: unknown, whose: string): void {
  if (typeof facts === "object" && facts !== null && !Array.isArray(facts)) return;
  throw new IsochronError("application/summary", `the summary of ${whose} is ${shown(facts)}`, {
    help: "give an object of numbers, texts, true or false, or null by their names; {} says nothing",
  });
}

/** What stays JavaScript in a run. */
const runningParts = ({ close, declarations: { worldFactory, streams, summaries } }: Application) => ({
  close,
  createWorld: worldFactory && (() => checkWorld(ofApplication("making the world", worldFactory))),
  streams,
  facts: (): Facts =>
    ofApplication(
      "the summary",
      () =>
        Object.assign(
          {},
          ...summaries.map((each) => {
            const facts: unknown = each();
            requireFacts(facts, "the application");
            return facts;
          }),
        ) as Facts,
    ),
});

/**
 * Imports bundled JavaScript through a folder of its own, which has the files that it reads, this very package as
 * `isochron`, and its RxJS. The folder stays until the process ends: files may be read at any time.
 */
async function importBundle({ code, files }: Bundle, path: string, options: ImportOptions): Promise<Application> {
  const folder = mkdtempSync(join(tmpdir(), "isochron-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "application.mjs");
  writeFileSync(file, code);
  for (const [name, bytes] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  }
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(fileURLToPath(chunkFolder ?? new URL("..", import.meta.url)), join(folder, "node_modules/isochron"));
  const rxjs = dirname(createRequire(import.meta.url).resolve("rxjs/package.json"));
  symlinkSync(rxjs, join(folder, "node_modules/rxjs"));
  return await importApplication(file, path, options);
}
