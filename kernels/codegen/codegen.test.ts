// The compiler module as Node sees it: objects for every target, errors, and a cache that processes share.
import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { awaitNative, callNative, loadCompiler, loadRuntime } from "../base/native.ts";
import { type Target, target, targetNames } from "../targets.ts";

const compiler = loadCompiler();

const caller = `
declare hidden void @scale(ptr)
define void @kernel(ptr noalias %b0) nounwind "no-builtins" {
  call void @scale(ptr %b0)
  %x = load <4 x float>, ptr %b0, align 64
  %y = fadd <4 x float> %x, <float 0.5, float 1.5, float 2.5, float 3.5>
  store <4 x float> %y, ptr %b0, align 64
  ret void
}`;
const callee = `
define hidden void @scale(ptr %b0) nounwind noinline "no-builtins" {
  %x = load <4 x float>, ptr %b0, align 64
  %y = fmul <4 x float> %x, <float 3.0, float 5.0, float 7.0, float 9.0>
  store <4 x float> %y, ptr %b0, align 64
  ret void
}`;

const request = ({ backend: { triple, cpu, features } }: Target, texts: readonly string[] = [caller, callee]) => ({
  triple,
  cpu,
  features,
  modules: texts.map((text, at) => ({ name: `m${at}`, text })),
  exports: ["kernel"],
});

const compile = (to: Target, texts?: readonly string[]) => awaitNative(() => compiler.compile(request(to, texts)));

const symbolTable = 2;
const globalBinding = 1;

/** The machine and the symbols of a 64-bit little-endian ELF relocatable, read by the layout of the ELF specification. */
function readElf(object: Buffer) {
  const u64 = (at: number) => Number(object.readBigUInt64LE(at));
  const headers = u64(40);
  const headerBytes = object.readUInt16LE(58);
  const sections = Array.from({ length: object.readUInt16LE(60) }, (_, index) => {
    const at = headers + index * headerBytes;
    return {
      type: object.readUInt32LE(at + 4),
      offset: u64(at + 24),
      bytes: u64(at + 32),
      link: object.readUInt32LE(at + 40),
    };
  });
  const textAt = (at: number) => object.toString("latin1", at, object.indexOf(0, at));
  const symbols = sections
    .filter((section) => section.type === symbolTable)
    .flatMap(({ offset, bytes, link }) =>
      Array.from({ length: bytes / 24 }, (_, index) => {
        const at = offset + index * 24;
        return {
          name: textAt(sections[link]!.offset + object.readUInt32LE(at)),
          isGlobal: object.readUInt8(at + 4) >> 4 === globalBinding,
          section: object.readUInt16LE(at + 6),
        };
      }),
    );
  return {
    magic: object.subarray(0, 6).toString("latin1"),
    type: object.readUInt16LE(16),
    machine: object.readUInt16LE(18),
    symbols,
  };
}

describe("the compiler module", () => {
  it("has LLVM 19 inside", () => {
    expect(compiler.llvmVersion()).toMatch(/^19\.\d+\.\d+$/);
  });

  it.each(targetNames)("makes one relocatable object for %s with every symbol resolved inside", async (name) => {
    const elf = readElf(await compile(target(name)));
    expect(elf).toMatchObject({ magic: "\x7fELF\x02\x01", type: 1, machine: name.startsWith("aarch64") ? 183 : 62 });
    const [empty, ...symbols] = elf.symbols;
    expect(empty).toEqual({ name: "", isGlobal: false, section: 0 });
    expect(symbols.filter((symbol) => symbol.section === 0)).toEqual([]);
    expect(symbols.map((symbol) => symbol.name)).toContain("scale");
    expect(symbols.filter((symbol) => symbol.isGlobal).map((symbol) => symbol.name)).toEqual(["kernel"]);
  });

  it.each(targetNames)("gives the same bytes again for %s", async (name) => {
    const [first, second] = await Promise.all([compile(target(name)), compile(target(name))]);
    expect(first.equals(second)).toBe(true);
  });

  it("merges code that runs: calls between modules and constants of both arrive", async () => {
    const shape = z.object({
      runKernel: z.custom<(object: Buffer, symbol: string, buffers: readonly Uint8Array[]) => number>(
        (value) => typeof value === "function",
      ),
      targets: z.custom<() => (typeof targetNames)[number][]>((value) => typeof value === "function"),
    });
    const runtime = shape.parse(loadRuntime());
    for (const name of runtime.targets()) {
      const object = await compile(target(name));
      const aligned = new Float32Array([1, 2, 3, 4]);
      callNative(() => runtime.runKernel(object, "kernel", [new Uint8Array(aligned.buffer)]));
      expect([...aligned]).toEqual([3.5, 11.5, 23.5, 39.5]);
    }
  });

  it("lists assembly", async () => {
    const { triple, cpu, features } = target("aarch64").backend;
    const listing = await awaitNative(() => compiler.assembly({ triple, cpu, features, text: callee }));
    expect(listing).toMatch(/fmul\s+v\d+\.4s/);
  });

  it.each([
    ["IR that does not parse", ["nonsense"], "codegen/parse"],
    ["IR that breaks a rule", ["define i32 @kernel() {\n  ret i64 0\n}"], "codegen/parse"],
    ["a symbol that no module defines", [caller], "codegen/symbol"],
    ["an export that no module defines", [callee], "codegen/symbol"],
    ["a variable", [`${callee}\n@kernel = global i32 1`], "codegen/object"],
    ["no module", [], "codegen/empty"],
  ])("rejects %s", async (_, texts, code) => {
    await expect(compile(target("x86-64-v3"), texts)).rejects.toMatchObject({ name: "IsochronError", code });
  });

  it.each(targetNames)("rejects an unknown processor and an unknown feature of %s", async (name) => {
    for (const part of [{ cpu: "abacus" }, { features: "+abacus" }, { triple: "abacus-unknown-linux-gnu" }]) {
      const to = target(name);
      const error = compile({ ...to, backend: { ...to.backend, ...part } });
      await expect(error).rejects.toMatchObject({ code: "codegen/target", message: expect.stringContaining("abacus") });
    }
  });

  it("goes on after what is fatal to LLVM", async () => {
    const fatal = `
declare <2 x i64> @llvm.x86.aesni.aesenc(<2 x i64>, <2 x i64>)
define <2 x i64> @kernel(<2 x i64> %a) {
  %r = call <2 x i64> @llvm.x86.aesni.aesenc(<2 x i64> %a, <2 x i64> %a)
  ret <2 x i64> %r
}`;
    const before = await compile(target("x86-64-v3"));
    await expect(compile(target("x86-64-v3"), [fatal])).rejects.toMatchObject({
      code: "codegen/fatal",
      message: expect.stringContaining("Cannot select"),
    });
    expect((await compile(target("x86-64-v3"))).equals(before)).toBe(true);
  });
});

describe("the cache of compiled modules", () => {
  let cacheDir = "";
  beforeAll(async () => {
    cacheDir = await mkdtemp(join(tmpdir(), "isochron-cache-"));
  });
  afterAll(() => rm(cacheDir, { recursive: true, force: true }));

  it("is shared by processes that build at once, and each gets what one alone gets", async () => {
    const many = Array.from({ length: 12 }, (_, at) => callee.replaceAll("@scale", `@scale_${at}`));
    const wanted = request(target("x86-64-v4"), [caller, callee, ...many]);
    const alone = await awaitNative(() => compiler.compile(wanted));
    const script = `
      import { loadCompiler } from ${JSON.stringify(new URL("../base/native.ts", import.meta.url).href)};
      const object = await loadCompiler().compile(${JSON.stringify({ ...wanted, cacheDir })});
      process.stdout.write(object.toString("hex"));`;
    const hook = new URL("../../launch/hook/register.mjs", import.meta.url).href;
    const run = () =>
      promisify(execFile)(process.execPath, ["--import", hook, "--input-type=module", "--eval", script], {
        maxBuffer: 1 << 24,
      });
    for (const { stdout } of await Promise.all([run(), run(), run()])) expect(stdout).toBe(alone.toString("hex"));
    const files = await readdir(cacheDir);
    expect(files).toHaveLength(14);
    expect(files.every((file) => /^[0-9a-f]{64}\.o$/.test(file))).toBe(true);
  });
});
