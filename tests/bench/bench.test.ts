// The benchmarks' command on a suite of tiny cases: what it writes, and that nothing wrong is timed.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { addsDotOnly, runnableTargets } from "../../kernels/index.ts";
import { exportOnnx } from "../../runtime/import/index.ts";
import { constant, forLoop, tensorType, trace } from "../../runtime/index.ts";
import { missingForArm64 } from "../robot/arm64.ts";
import { main } from "./bench.ts";
import { type BenchCase, numbers, type OwnCase, plainGraph, type Suites } from "./case.ts";
import { withSection } from "./page.ts";

const folder = mkdtempSync(join(tmpdir(), "isochron-bench-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A product with a weight; the peer's may be another. */
function product(name: string, theirs: (weight: Float32Array) => Float32Array): BenchCase {
  const weight = numbers(64, 3);
  const graphOf = (data: Float32Array) =>
    trace(
      ({ a }) => ({ c: a.matmul(constant(data, "f32", [8, 8], "b")) }),
      { a: tensorType("f32", [4, 8]) },
      { name: "product" },
    );
  return {
    name,
    graph: plainGraph(graphOf(weight)),
    model: () => exportOnnx(graphOf(theirs(weight))),
    flops: 512,
    atLeast: 1e-6,
    aim: 1e6,
  };
}

/** A loop of three doublings, and the same without a loop, by a factor. */
function doublings(name: string, factor: number): OwnCase {
  const inputs = { x: tensorType("f32", [8]) };
  const looped = trace(({ x }) => ({ y: forLoop(3, (_, { y }) => ({ y: y.mul(2) }), { y: x }).y }), inputs, {
    name: "looped",
  });
  const straight = trace(({ x }) => ({ y: x.mul(factor) }), inputs, { name: "straight" });
  return { name, graph: plainGraph(looped), straight: plainGraph(straight), flops: 24, atLeast: 1e-6 };
}

const suites: Suites = {
  right: [
    {
      name: "a product whose name is longer than any column",
      threads: 1e-6,
      nativeCalls: 200,
      make: (name) => product(name, (weight) => weight),
    },
  ],
  networks: [
    {
      name: "a product",
      peerThreads: 2,
      everyMs: 1,
      cold: true,
      memory: true,
      compileTime: true,
      make: (name) => product(name, (weight) => weight),
    },
  ],
  loops: [{ name: "three doublings", make: (name) => doublings(name, 8) }],
  wrong: [
    { name: "three doublings by seven", make: (name) => doublings(name, 7) },
    { name: "a weight that differs", make: (name) => product(name, (weight) => weight.with(5, weight[5]! + 0.01)) },
    { name: "a weight that is the same", make: (name) => product(name, (weight) => weight) },
  ],
};

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

async function bench(args: readonly string[], signal = new AbortController().signal): Promise<Ended> {
  const [out, error]: [string[], string[]] = [[], []];
  const terminal = {
    out: (text: string) => void out.push(text),
    error: (text: string) => void error.push(text),
    progress: () => {},
    signal,
  };
  const code = await main(["--seconds", "0.01", ...args], suites, terminal);
  return { code, out: out.join("\n"), error: error.join("\n") };
}

const positive = z.number().positive();
const fileSchema = z.object({
  machine: z.object({ name: z.string(), cores: positive, load: z.number(), limits: z.record(z.string(), z.unknown()) }),
  versions: z.record(z.enum(["isochron", "node", "llvm", "onnxruntime-node"]), z.string().min(1)),
  rows: z.array(
    z.object({
      suite: z.string(),
      case: z.string(),
      isa: z.string(),
      threads: positive,
      peer: z.string(),
      oursUs: positive,
      peerUs: positive,
      ratio: positive,
      oursP99Us: positive,
      peerP99Us: positive,
      runs: z.number().min(30),
      gflops: positive,
      peakShare: positive,
      atLeast: positive.optional(),
      aim: positive.optional(),
    }),
  ),
});

const networksSchema = z.object({
  rows: z.array(
    z.object({
      isa: z.string(),
      threads: positive,
      everyMs: positive.optional(),
      cold: z.literal(true).optional(),
      blocks: positive,
      voidBlocks: z.number().min(0),
    }),
  ),
  footprints: z.tuple([
    z.object({ ownBytes: positive, weightBytes: positive, peerBytes: z.number() }),
    z.object({
      coldMs: positive,
      coldCpuMs: positive,
      cachedMs: positive,
      artifactBytes: positive,
      packedBytes: positive,
    }),
  ]),
});

describe("npm run bench", () => {
  it("writes rows against the peer, against one thread and against native calls", async () => {
    const json = join(folder, "new", "rows.json");
    const { code, out, error } = await bench(["right", "--json", json, "--layers"]);
    expect({ code, error }).toEqual({ code: 0, error: "" });
    const { rows, machine } = fileSchema.parse(JSON.parse(readFileSync(json, "utf8")));
    const best = rows.filter(({ isa }) => isa === rows[0]!.isa).map(({ peer, threads }) => [peer, threads]);
    expect(best[0]).toEqual(["onnxruntime-node", 1]);
    if (machine.cores > 1) expect(best[1]).toEqual(["isochron, 1 thread", 2]);
    expect(best.at(-1)).toEqual(["isochron, native call", 1]);
    for (const { ratio, oursUs, peerUs } of rows) expect(ratio).toBeCloseTo(peerUs / oursUs, 9);
    expect(out).toMatch(/a product whose name is longer than any column {2}(x86-64-v[34]|aarch64) +onnxruntime/);
    expect(out).toMatch(/call_0 {2}matmul/);
    const emulated = /name is longer than any column {2}aarch64 +emulated: outputs within [\d.e+-]+ of their range/;
    if (process.arch === "x64" && missingForArm64().length === 0) expect(out).toMatch(emulated);
    expect(out).toMatch(/of 200 calls from JavaScript the median takes -?[\d.]+ µs more/);
    expect(out).toMatch(/the machine was (busy|quiet): medians lie/);
  });

  it("writes rows of networks with two threads on each side, once a millisecond and with cold caches, and what they take", async () => {
    const json = join(folder, "networks.json");
    const target = runnableTargets().find((name) => !addsDotOnly(name))!;
    const { code, out, error } = await bench(["networks", "--json", json, "--target", target]);
    expect({ code, error }).toEqual({ code: 0, error: "" });
    const { rows, footprints } = networksSchema.parse(JSON.parse(readFileSync(json, "utf8")));
    const best = rows.filter(({ isa }) => isa === rows[0]!.isa);
    expect(best.map(({ threads, everyMs, cold }) => [threads, everyMs, cold])).toEqual([
      [1, undefined, undefined],
      [2, undefined, undefined],
      [1, 1, undefined],
      [1, undefined, true],
    ]);
    for (const { blocks, voidBlocks } of best) expect(voidBlocks).toBeLessThanOrEqual(blocks);
    // A product of [8,8] has 256 bytes of weights.
    expect(footprints[0]!.weightBytes).toBe(256);
    expect(footprints[1]!.artifactBytes).toBeGreaterThan(256);
    expect(out).toMatch(/a product +\S+ +ort, 2 threads .*\n.* ort, 1 ms .*\n.* ort, cold /);
    expect(out).toMatch(/memory: arena [\d.]+ MB, weights 0\.0 MB; onnxruntime's process grew by [\d.]+ MB/);
    expect(out).toMatch(/compiled in [\d.]+ s \([\d.]+ s of processor time\), from the cache in [\d.]+ s; artifact /);
    expect(out).toMatch(/\d+ of \d+ blocks were void: another process took over 5 % of a core/);
  });

  it("compares control flow with the same computation without it", async () => {
    const json = join(folder, "loops.json");
    const { code, out, error } = await bench(["loops", "--json", json]);
    expect({ code, error }).toEqual({ code: 0, error: "" });
    const { rows } = fileSchema.parse(JSON.parse(readFileSync(json, "utf8")));
    expect(new Set(rows.map(({ peer }) => peer))).toEqual(new Set(["isochron, without control flow"]));
    expect(out).toMatch(/three doublings {2}\S+ +straight /);
  });

  it("times nothing that is wrong, goes on, and ends with 1", async () => {
    const json = join(folder, "wrong.json");
    const { code, out } = await bench(["wrong", "--json", json]);
    expect(code).toBe(1);
    expect(out).toMatch(
      /a weight that differs .*FAILED: output "c" differs by 0\.0\d+ of its range; 0\.0001 is allowed/,
    );
    expect(out).toMatch(/three doublings by seven .*FAILED: output "y" is not that without control flow, bit for bit/);
    const { rows } = fileSchema.parse(JSON.parse(readFileSync(json, "utf8")));
    expect(new Set(rows.map((row) => row.case))).toEqual(new Set(["a weight that is the same"]));
  });

  it("writes a page of its rows, in place of a page alone", async () => {
    const file = join(folder, "measurements.md");
    const { code, error } = await bench(["right", "--page", file, "--layers"]);
    expect({ code, error }).toEqual({ code: 0, error: "" });
    const text = readFileSync(file, "utf8");
    expect(text).toMatch(/^# Measurements\n\nWritten by `npm run bench -- --seconds 0\.01 right --layers` on \d{4}-/);
    expect(text).toMatch(
      /\| a product whose name is longer than any column \| \S+ \| onnxruntime \| [\d.]+ \| [\d.]+ \|/,
    );
    expect(text).toMatch(/## Where the time goes\n\n- a product whose name [^\n]*`matmul` \d+ %/);
    expect(text).toMatch(/the machine was (busy|quiet): medians lie/);
    // What was measured beside ROS 2 stands in the same page: either leaves what the other wrote.
    writeFileSync(file, withSection(withSection(text, "before\n"), "beside ROS 2\n"));
    expect((await bench(["right", "--page", file])).code).toBe(0);
    expect(readFileSync(file, "utf8")).toMatch(
      /^# Measurements\n\nWritten by[\s\S]*\n## right\n[^#]*\n## ros2\n\nbeside ROS 2\n$/,
    );
    writeFileSync(file, "# Something of the user's own\n");
    expect((await bench(["right", "--page", file])).error).toMatch(/is not a page of measurements/);
  });

  it("writes nothing when it is interrupted", async () => {
    const json = join(folder, "interrupted.json");
    const interruption = new AbortController();
    interruption.abort();
    const { code, error } = await bench(["right", "--json", json], interruption.signal);
    expect(code).toBe(1);
    expect(error).toBe(`stopped before all 1 cases were measured; ${json} was not written`);
    expect(existsSync(json)).toBe(false);
  });

  it("names an argument that is wrong, and the way out", async () => {
    const text = async (...args: string[]) => (await bench(args)).error;
    expect(await text("core")).toBe(
      "error[bench/arguments]: there is no suite core\n  help: name one of right, networks, loops, wrong",
    );
    expect(await text("--fast")).toBe(
      "error[bench/arguments]: Unknown option '--fast'\n  help: npm run bench -- --help tells the options",
    );
    expect(await text("--target", "avx")).toMatch(/there is no target "avx"\n {2}help: name one of /);
    expect(await text("--only", "sum")).toMatch(
      /no case of right, networks, loops, wrong has "sum" in its name\n {2}right: a product/,
    );
  });
});
