// What makes object code of modules of text: for CPUs, LLVM.
import { awaitNative, loadCompiler } from "./base/native.ts";

/** Modules that become one object, in which only the exported symbols are seen. */
export interface BackendRequest {
  readonly modules: readonly { readonly name: string; readonly text: string }[];
  readonly exports: readonly string[];
  /** Where compiled modules are kept; none unless given. */
  readonly cacheDir?: string;
}

/** Makes code of modules in its own language. Each may throw `compile/missing-compiler`, and `codegen/…`. */
export interface Backend {
  compile(request: BackendRequest): Promise<Buffer>;
  /** The assembly of one module, for people. */
  assembly(text: string): Promise<string>;
}

/** LLVM for one kind of CPU, the only backend so far: what it is told stands in the modules too. */
export interface LlvmBackend extends Backend {
  readonly triple: string;
  readonly cpu: string;
  readonly features: string;
}

export function llvm(triple: string, cpu: string, features: string): LlvmBackend {
  const told = { triple, cpu, features };
  return {
    ...told,
    compile: (request) => awaitNative(() => loadCompiler().compile({ ...told, ...request })),
    assembly: (text) => awaitNative(() => loadCompiler().assembly({ ...told, text })),
  };
}
