// The one loader of native modules: LLVM for the desk, the runtime for everywhere.
import { createRequire } from "node:module";
import { z } from "zod";
import type { TargetName } from "../targets.ts";
import { IsochronError } from "./error.ts";

/** What the compiler module does; every call may reject with an error whose message starts with `error[codegen/…]`. */
export interface CompilerBinding {
  compile(request: {
    readonly triple: string;
    readonly cpu: string;
    readonly features: string;
    readonly modules: readonly { readonly name: string; readonly text: string }[];
    readonly exports: readonly string[];
    readonly cacheDir?: string;
  }): Promise<Buffer>;
  assembly(request: {
    readonly triple: string;
    readonly cpu: string;
    readonly features: string;
    readonly text: string;
  }): Promise<string>;
  llvmVersion(): string;
}

const isFunction = z.custom<(...args: never[]) => unknown>((value) => typeof value === "function");
const compilerShape = z.object({ compile: isFunction, assembly: isFunction, llvmVersion: isFunction });

/** The machine and the module system that native modules are looked up with. */
export interface NativeHost {
  readonly platform: string;
  readonly arch: string;
  /** The path that a specifier stands for, or undefined where nothing is installed under it. */
  resolve(specifier: string): string | undefined;
  load(path: string): unknown;
}

const requireHere = createRequire(import.meta.url);

const thisHost: NativeHost = {
  platform: process.platform,
  arch: process.arch,
  resolve: (specifier) => {
    try {
      return requireHere.resolve(specifier);
    } catch {
      return undefined;
    }
  },
  load: (path) => requireHere(path),
};

/** The platform's name as napi-rs writes it, as in "linux-x64-gnu". */
const platformName = (host: NativeHost): string => {
  if (host.platform !== "linux") {
    throw new IsochronError("native/platform", `this part of Isochron runs on Linux only, not on ${host.platform}`, {
      help: "compile and run on a Linux machine or in a container; the interpreters and inspect work here",
    });
  }
  return `linux-${host.arch}-gnu`;
};

const broken = (path: string, detail: string, cause?: unknown): IsochronError =>
  new IsochronError("native/broken", `${path} cannot be used`, {
    details: [detail],
    help: "reinstall the package for this machine and this Node version, or build it again (npm run setup)",
    ...(cause === undefined ? {} : { cause }),
  });

interface Found {
  readonly path: string;
  readonly module: unknown;
}

/** The first of several modules that is installed, or undefined; one that is there but cannot be loaded throws. */
function firstInstalled(host: NativeHost, specifiers: readonly string[]): Found | undefined {
  for (const specifier of specifiers) {
    const path = host.resolve(specifier);
    if (path === undefined) continue;
    try {
      return { path, module: host.load(path) };
    } catch (cause) {
      throw broken(path, cause instanceof Error ? cause.message : String(cause), cause);
    }
  }
  return undefined;
}

const isCompiler = (module: unknown): module is CompilerBinding => compilerShape.safeParse(module).success;

/** The compiler module. Throws `compile/missing-compiler` where it is not installed. */
export function loadCompiler(host: NativeHost = thisHost): CompilerBinding {
  const name = platformName(host);
  const found = firstInstalled(host, ["isochron-compiler", `../codegen/isochron-compiler.${name}.node`]);
  if (found === undefined) {
    throw new IsochronError(
      "compile/missing-compiler",
      "compiling needs LLVM, and the compiler is not installed here",
      { help: "npm install isochron-compiler, or compile at the desk (isochron build) and run the .isoapp here" },
    );
  }
  if (!isCompiler(found.module)) {
    throw broken(found.path, "it lacks one of the functions compile, assembly, llvmVersion");
  }
  return found.module;
}

/** The runtime module; each folder declares the part of it that it uses. Throws `native/missing-runtime` where it is not installed. */
export function loadRuntime(host: NativeHost = thisHost): unknown {
  const name = platformName(host);
  const found = firstInstalled(host, [`isochron-${name}`, `../../launch/addon/isochron.${name}.node`]);
  if (found === undefined) {
    throw new IsochronError("native/missing-runtime", `the native runtime for ${name} is not installed`, {
      help: `npm install isochron (with optional dependencies), which brings isochron-${name}`,
    });
  }
  return found.module;
}

const targetsShape = z.object({ targets: z.custom<() => TargetName[]>((value) => typeof value === "function") });

/** The targets that this machine runs, best first. Throws `native/missing-runtime`. */
export const runnableTargets = (): TargetName[] => targetsShape.parse(loadRuntime()).targets();

/** Turns an error of native code (`error[code]: message`) into an IsochronError. */
export function fromNative(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const match = /^error\[([\w-]+\/[\w-]+)\]: ([^\n]*)\n?([\s\S]*)$/.exec(error.message);
  if (!match) return error;
  const [, code = "", message = "", rest = ""] = match;
  const lines = rest
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "");
  const isHelp = (line: string) => /^ *help: /.test(line);
  const help = lines.find(isHelp)?.replace(/^ *help: /, "");
  const kept = lines.filter((line) => !isHelp(line));
  // Only the margin goes: LLVM marks a column on the line below.
  const margin = Math.min(...kept.map((line) => line.search(/[^ ]/)));
  const details = kept.map((line) => line.slice(margin));
  return new IsochronError(code, message, { details, cause: error, ...(help === undefined ? {} : { help }) });
}

/** Calls native code, its errors made ours. */
export function callNative<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw fromNative(error);
  }
}

/** Awaits native code, its errors made ours. */
export async function awaitNative<T>(body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw fromNative(error);
  }
}
