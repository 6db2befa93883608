// The one loader of native modules: LLVM for the desk, the runtime for everywhere.
import { createRequire } from "node:module";
import { z } from "zod";
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

const require = createRequire(import.meta.url);

const isFunction = z.custom<(...args: never[]) => unknown>((value) => typeof value === "function");
const compilerShape = z.object({ compile: isFunction, assembly: isFunction, llvmVersion: isFunction });

const platform = (): string => {
  if (process.platform !== "linux") {
    throw new IsochronError("native/platform", `this part of Isochron runs on Linux only, not on ${process.platform}`, {
      help: "compile and run on a Linux machine or in a container; the interpreters and inspect work here",
    });
  }
  return `linux-${process.arch}-gnu`;
};

/** The first of several modules that is installed, or undefined; a module that is there but broken throws. */
function firstInstalled(specifiers: readonly string[]): unknown {
  for (const specifier of specifiers) {
    let path: string;
    try {
      path = require.resolve(specifier);
    } catch {
      continue;
    }
    try {
      return require(path);
    } catch (cause) {
      throw new IsochronError("native/broken", `${path} cannot be loaded`, {
        details: [cause instanceof Error ? cause.message : String(cause)],
        help: "reinstall the package for this machine and this Node version",
        cause,
      });
    }
  }
  return undefined;
}

/** The compiler module. Throws `compile/missing-compiler` where it is not installed. */
export function loadCompiler(): CompilerBinding {
  const name = platform();
  const found = firstInstalled(["isochron-compiler", `./codegen/isochron-compiler.${name}.node`]);
  if (found === undefined) {
    throw new IsochronError(
      "compile/missing-compiler",
      "compiling needs LLVM, and the compiler is not installed here",
      {
        help: "npm install isochron-compiler, or compile at the desk (isochron build) and run the .isoapp here",
      },
    );
  }
  compilerShape.parse(found);
  return found as CompilerBinding;
}

/** The runtime module; each folder declares the part of it that it uses. Throws `native/missing-runtime` where it is not installed. */
export function loadRuntime(): unknown {
  const name = platform();
  const found = firstInstalled([`isochron-${name}`, `../launch/addon/isochron.${name}.node`]);
  if (found === undefined) {
    throw new IsochronError("native/missing-runtime", `the native runtime for ${name} is not installed`, {
      help: `npm install isochron (with optional dependencies), which brings isochron-${name}`,
    });
  }
  return found;
}

/** Turns an error of native code (`error[code]: message`) into an IsochronError. */
export function fromNative(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const match = /^error\[([\w-]+\/[\w-]+)\]: ([^\n]*)\n?([\s\S]*)$/.exec(error.message);
  if (!match) return error;
  const lines = match[3]!
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const help = lines.find((line) => line.startsWith("help: "))?.slice("help: ".length);
  const details = lines.filter((line) => !line.startsWith("help: "));
  return new IsochronError(match[1]!, match[2]!, { details, cause: error, ...(help === undefined ? {} : { help }) });
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
