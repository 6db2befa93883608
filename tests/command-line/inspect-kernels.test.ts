// `isochron inspect --ir` and `--layers`: kernels of artifacts, built applications and sources, as texts and as times.
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { readArchive } from "../../runtime/index.ts";
import { doubling, type Ended, Workplace } from "./command.ts";

const workplace = new Workplace();
afterAll(() => workplace.remove());

const whole = ({ code, out, error }: Ended): string => {
  expect({ code, error }).toEqual({ code: 0, error: "" });
  return out.trimEnd();
};

const commands = {
  list: ["inspect", "twice.iso", "--ir", "loops"],
  listJson: ["inspect", "app.ts", "--ir", "loops", "--json"],
  loops: ["inspect", "twice.iso", "--ir", "loops", "mul"],
  llvm: ["inspect", "app.isoapp", "--ir", "llvm", "twice/call_0"],
  wide: ["inspect", "app.ts", "--ir", "llvm", "0", "--target", "aarch64"],
  asm: ["inspect", "app.isoapp", "--ir", "asm", "call_0", "--json"],
  unknown: ["inspect", "twice.iso", "--ir", "asm", "div"],
  stray: ["inspect", "twice.iso", "mul"],
  layers: ["inspect", "twice.iso", "--layers"],
  layersJson: ["inspect", "app.isoapp", "--layers", "--json"],
} as const;
const shown = {} as Record<keyof typeof commands, Ended>;

beforeAll(async () => {
  workplace.write({ "app.ts": doubling() });
  // A target of either architecture that tests run on.
  whole(await workplace.isochron("build", "app.ts", "-o", "app.isoapp"));
  const artifact = readArchive(readFileSync(workplace.path("app.isoapp")))["artifacts/twice.iso"];
  writeFileSync(workplace.path("twice.iso"), artifact!);
  const ended = await workplace.each(Object.values(commands));
  Object.keys(commands).forEach((name, at) => {
    shown[name as keyof typeof commands] = ended[at]!;
  });
});

describe("isochron inspect --ir", () => {
  it("lists the kernels where none is named", () => {
    expect(whole(shown.list)).toBe("  twice/call_0  mul");
    expect(JSON.parse(whole(shown.listJson))).toEqual({
      target: "x86-64-v3",
      kernels: [{ program: "twice", method: "forward", symbol: "call_0", name: "mul" }],
    });
  });

  it("shows the loops of a kernel of an artifact", () => {
    expect(whole(shown.loops)).toBe("kernel k0_mul(y: write f32[1], x: read f32[1])\n  y[0] = (x[0] * 2:f32)");
  });

  it("shows the LLVM IR for the target asked for, of a built application as of a source", () => {
    expect(whole(shown.llvm)).toContain("define void @k0_mul(ptr noalias nocapture align 64 writeonly %b0");
    expect(whole(shown.llvm)).toContain('"target-cpu"="x86-64-v3"');
    expect(whole(shown.wide)).toContain('target triple = "aarch64-unknown-linux-gnu"');
  });

  it("shows assembly", () => {
    const result = z.object({ symbol: z.string(), ir: z.literal("asm"), text: z.string() });
    const { symbol, text } = result.parse(JSON.parse(whole(shown.asm)));
    expect(symbol).toBe("call_0");
    expect(text).toMatch(/k0_mul:[\s\S]*v(add|mul)ss[\s\S]*ret/);
  });

  it("answers an unknown name with the kernels that there are", () => {
    expect(shown.unknown).toMatchObject({ code: 1, out: "" });
    expect(shown.unknown.error).toContain('error[command/kernel]: there is no kernel "div" in twice.iso');
    expect(shown.unknown.error).toContain("twice/call_0  mul");
  });

  it("asks what to show of a kernel that is named alone", () => {
    expect(shown.stray.code).toBe(1);
    expect(shown.stray.error).toContain('isochron inspect twice.iso --ir loops "mul"');
  });
});

describe("isochron inspect --layers", () => {
  it("prints each kernel's time beside what it computes and moves, and the machine's limits", () => {
    const [head, limits, columns, row] = whole(shown.layers).split("\n");
    expect(head).toMatch(/^twice on (x86-64-v[34]|aarch64): [\d.]+ µs in 1 kernels, medians of \d+ runs$/);
    expect(limits).toMatch(/^one core: [\d.]+ GFLOP\/s, reads [\d.]+ GB\/s of memory$/);
    expect(columns!.trim().split(/ {2,}/)).toEqual([
      "µs",
      "step",
      "GFLOP/s",
      "of peak",
      "kB",
      "GB/s",
      "of memory",
      "kernel",
    ]);
    expect(row).toMatch(/call_0 {2}mul$/);
  });

  it("gives the same as JSON", () => {
    const layer = z.object({
      symbol: z.literal("call_0"),
      name: z.literal("mul"),
      us: z.number().min(0),
      share: z.number(),
      flops: z.literal(1),
      bytes: z.literal(8),
    });
    const { programs } = z
      .object({
        programs: z.array(
          z.object({
            program: z.literal("twice"),
            runs: z.int().min(31),
            peak: z.object({ gflops: z.number().positive(), gigabytes: z.number().positive() }),
            layers: z.array(layer),
          }),
        ),
      })
      .parse(JSON.parse(whole(shown.layersJson)));
    expect(programs[0]!.layers).toHaveLength(1);
  });
});
