// Which native module is loaded, what is said when there is none, and what native errors become.
import { describe, expect, it } from "vitest";
import { IsochronError } from "./error.ts";
import { awaitNative, callNative, fromNative, loadCompiler, loadRuntime, type NativeHost } from "./native.ts";

const compiler = { compile: () => {}, assembly: () => {}, llvmVersion: () => "19.1.7" };

/** A host on which these specifiers are installed. */
const host = (installed: Record<string, unknown>, parts: Partial<NativeHost> = {}): NativeHost => ({
  platform: "linux",
  arch: "x64",
  resolve: (specifier) => (specifier in installed ? `/there/${specifier}` : undefined),
  load: (path) => installed[path.slice("/there/".length)],
  ...parts,
});

const errorOf = (body: () => unknown): IsochronError => {
  try {
    body();
  } catch (error) {
    if (error instanceof IsochronError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
};

describe("the loader of native modules", () => {
  it("takes the installed package before the repository's own build", () => {
    const other = { ...compiler };
    const both = { "isochron-compiler": compiler, "../codegen/isochron-compiler.linux-x64-gnu.node": other };
    expect(loadCompiler(host(both))).toBe(compiler);
    expect(loadCompiler(host({ "../codegen/isochron-compiler.linux-x64-gnu.node": other }))).toBe(other);
  });

  it("looks for the machine's own architecture", () => {
    const installed = { "isochron-linux-x64-gnu": "x64", "../../launch/addon/isochron.linux-arm64-gnu.node": "arm64" };
    expect(loadRuntime(host(installed))).toBe("x64");
    expect(loadRuntime(host(installed, { arch: "arm64" }))).toBe("arm64");
  });

  it("says how to get a compiler that is not installed", () => {
    const error = errorOf(() => loadCompiler(host({})));
    expect(error.code).toBe("compile/missing-compiler");
    expect(error.help).toContain("npm install isochron-compiler");
  });

  it("says which package has a runtime that is not installed", () => {
    const error = errorOf(() => loadRuntime(host({}, { arch: "arm64" })));
    expect(error.code).toBe("native/missing-runtime");
    expect(error.help).toContain("isochron-linux-arm64-gnu");
  });

  it.each(["darwin", "win32"])("says on %s that it runs on Linux only", (platform) => {
    for (const load of [loadCompiler, loadRuntime]) {
      const error = errorOf(() => load(host({}, { platform })));
      expect(error.code).toBe("native/platform");
      expect(error.message).toContain(`on Linux only, not on ${platform}`);
    }
  });

  it("names a module that cannot be loaded, with the loader's words, and looks no further", () => {
    const load = () => {
      throw new Error("version `GLIBC_2.36' not found");
    };
    const installed = { "isochron-compiler": compiler, "../codegen/isochron-compiler.linux-x64-gnu.node": compiler };
    const error = errorOf(() => loadCompiler(host(installed, { load })));
    expect(error.code).toBe("native/broken");
    expect(error.message).toContain("/there/isochron-compiler");
    expect(error.details).toEqual(["version `GLIBC_2.36' not found"]);
  });

  it("refuses a compiler that lacks a function", () => {
    const { assembly, compile } = compiler;
    const error = errorOf(() => loadCompiler(host({ "isochron-compiler": { assembly, compile } })));
    expect(error.code).toBe("native/broken");
    expect(error.details[0]).toContain("llvmVersion");
  });
});

describe("an error of native code", () => {
  const text = 'error[codegen/parse]: module "m" is not valid\n  define void\n         ^\nhelp: look there';

  it("becomes one of ours, with its code, details and help", () => {
    const native = new Error(text);
    const error = errorOf(() =>
      callNative(() => {
        throw native;
      }),
    );
    expect(error.code).toBe("codegen/parse");
    expect(error.message).toBe('module "m" is not valid');
    expect(error.details).toEqual(["define void", "       ^"]);
    expect(error.help).toBe("look there");
    expect(error.cause).toBe(native);
  });

  it("becomes one of ours in a promise too", async () => {
    await expect(awaitNative(() => Promise.reject(new Error(text)))).rejects.toMatchObject({ code: "codegen/parse" });
  });

  it("of one line has neither details nor help", () => {
    const parts = { code: "a/b", message: "c", details: [], help: undefined };
    expect(fromNative(new Error("error[a/b]: c"))).toMatchObject(parts);
  });

  it("without a code stays as it is", () => {
    for (const error of [new Error("something else"), new Error("x error[a/b]: c"), "text", undefined]) {
      expect(fromNative(error)).toBe(error);
    }
  });

  it("is not made of a result", async () => {
    expect(callNative(() => 3)).toBe(3);
    expect(await awaitNative(() => Promise.resolve(4))).toBe(4);
  });
});
