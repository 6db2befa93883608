// `isochron inspect --ir` and `--layers`: kernels of artifacts, built applications and sources, as texts and as times.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { readArchive, runnableTargets } from "../../kernels/index.ts";
import { compile, save, state, tensorType, trace } from "../../runtime/index.ts";
import { root } from "../robot/robot.ts";
import { doubling, type Ended, Workplace } from "./command.ts";

const cacheDir = join(root, ".cache/kernels");
const level = () => state("level", tensorType("f32", [2]));
const forward = trace(
  ({ x }) => {
    const sum = level();
    sum.set(sum.get().add(x));
    return { y: sum.get().mul(3) };
  },
  { x: tensorType("f32", [2]) },
  { name: "level" },
);
const reset = trace(
  ({ to }) => {
    level().set(to);
    return { left: to.neg() };
  },
  { to: tensorType("f32", [2]) },
  { name: "reset" },
);
const workplace = new Workplace();
afterAll(() => workplace.remove());

const whole = ({ code, out, error }: Ended): string => {
  expect({ code, error }).toEqual({ code: 0, error: "" });
  return out.trimEnd();
};

const commands = {
  graph: ["inspect", "level.iso", "--ir", "graph"],
  graphJson: ["inspect", "app.isoapp", "--ir", "graph", "--json"],
  plan: ["inspect", "app.ts", "--ir", "plan"],
  graphOfKernel: ["inspect", "twice.iso", "--ir", "plan", "mul"],
  wrongStage: ["inspect", "twice.iso", "--ir", "loop"],
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
  methods: ["inspect", "level.iso"],
  method: ["inspect", "level.iso", "--method", "reset"],
  listMethods: ["inspect", "level.iso", "--ir", "loops"],
  listMethod: ["inspect", "level.iso", "--ir", "loops", "--method", "reset"],
  layersMethod: ["inspect", "level.iso", "--layers", "--method", "reset"],
  noMethod: ["inspect", "level.iso", "--layers", "--method", "rest"],
} as const;
const shown = {} as Record<keyof typeof commands, Ended>;

beforeAll(async () => {
  workplace.write({ "app.ts": doubling() });
  // A target of either architecture that tests run on.
  whole(await workplace.isochron("build", "app.ts", "-o", "app.isoapp"));
  const artifact = readArchive(readFileSync(workplace.path("app.isoapp")))["artifacts/twice.iso"];
  writeFileSync(workplace.path("twice.iso"), artifact!);
  save(await compile({ forward, reset }, { targets: runnableTargets(), cacheDir }), workplace.path("level.iso"));
  const ended = await workplace.each(Object.values(commands));
  Object.keys(commands).forEach((name, at) => {
    shown[name as keyof typeof commands] = ended[at]!;
  });
});

describe("isochron inspect --ir", () => {
  it("shows the graph that an artifact keeps, and the plan of an application's", () => {
    const heads = whole(shown.graph)
      .split("\n\n")
      .map((text) => text.split("\n")[0]);
    expect(heads).toEqual(["graph level(x: f32[2]) -> (y: f32[2])", "graph reset(to: f32[2]) -> (left: f32[2])"]);
    expect(JSON.parse(whole(shown.graphJson))).toEqual({
      ir: "graph",
      graphs: [{ program: "twice", method: "forward", text: expect.stringMatching(/^graph twice\(/) }],
    });
    expect(whole(shown.plan)).toMatch(/^graph twice\([\s\S]*mul\(/);
  });

  it("refuses a kernel's name beside a stage before there are kernels, and a word that is no stage", () => {
    expect(shown.graphOfKernel).toMatchObject({ code: 1, out: "" });
    expect(shown.graphOfKernel.error).toContain(
      'error[command/kernel]: "mul" names a kernel, and --ir plan shows what is made before there are any',
    );
    expect(shown.wrongStage.code).toBe(1);
    expect(shown.wrongStage.error).toContain("imported, graph, plan, loops, llvm, asm");
  });

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

describe("isochron inspect of several methods", () => {
  it("says what each takes and gives, and the states that it has", () => {
    const lines = whole(shown.methods).split("\n");
    expect(lines.slice(0, 4)).toEqual([
      "artifact level",
      "  method forward(x: f32[2]) -> (y: f32[2]), states level",
      "  method reset(to: f32[2]) -> (left: f32[2]), states level",
      "  weights 64 bytes, 1 states",
    ]);
    expect(lines[4]).toMatch(/^ {2}\S+ forward: 1 kernels, \d+ bytes of scratch$/);
    expect(whole(shown.method).split("\n").slice(0, 2)).toEqual(["artifact level", lines[2]]);
  });

  it("numbers kernels through all methods, and shows those of the one that is named", () => {
    expect(whole(shown.listMethods).split("\n")).toEqual([
      "  level/call_0  add+mul",
      "  level/call_1  reset: neg",
      "  level/call_2  reset: copy level",
    ]);
    expect(whole(shown.listMethod).split("\n")).toEqual(whole(shown.listMethods).split("\n").slice(1));
    expect(whole(shown.layersMethod)).toMatch(
      /^level\/reset on \S+: [\s\S]*call_1 {2}neg\n[\s\S]*call_2 {2}copy level$/,
    );
  });

  it("answers an unknown method with those that there are", () => {
    expect(shown.noMethod).toMatchObject({ code: 1, out: "" });
    expect(shown.noMethod.error).toContain(
      'error[command/method]: no program in level.iso has a method "rest"\n  help: did you mean reset? they have forward, reset',
    );
  });
});
