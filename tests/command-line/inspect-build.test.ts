// `isochron inspect` and `isochron build`: every kind of file in text and as JSON, and one file that runs as its source does.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { readArchive } from "../../kernels/index.ts";
import { doubling, type Ended, Workplace } from "./command.ts";

const workplace = new Workplace();
afterAll(() => workplace.remove());

const source = doubling(undefined, `app.chain("through", [value, task], { budget: "20ms" });`);
const schedule = [
  "schedule doubling",
  "  channel /value from external  depth 8, slot 4 B { data: f32[]@0 }",
  "  channel double from task double  depth 2, slot 4 B { y: f32[]@0 }",
  "  task double  every 10 ms  budget 1 ms, deadline 5 ms, LET 5 ms, priority 50, core 0, overrun hold",
  "    (/value.data) → double",
].join("\n");

const whole = ({ code, out, error }: Ended): string => {
  expect({ code, error }).toEqual({ code: 0, error: "" });
  return out.trimEnd();
};
const json = (ended: Ended): unknown => {
  const text = whole(ended);
  expect(text).not.toContain("\n");
  return JSON.parse(text);
};

/** Its pipeline, on RxJS of its own import, throws in every millisecond. */
const throwing = `import { interval } from "rxjs";
${doubling(undefined, `interval(1, app.clock).subscribe(() => { throw new Error("no map"); });`)}`;

let [built, again, ran, recorded, threw] = [] as Ended[];

beforeAll(async () => {
  workplace.write({ "app.ts": source, "throwing.ts": throwing });
  [built, again, recorded, ran] = await workplace.each([
    ["build", "app.ts", "-o", "out/app.isoapp", "--target", "x86-64-v3", "--target", "aarch64", "--json"],
    ["build", "app.ts", "-o", "out/again.isoapp", "--target", "x86-64-v3", "--target", "aarch64"],
    ["run", "app.ts", "-d", "300ms", "--target", "x86-64-v3", "--record", "out/run.mcap", "--json"],
    ["run", "out/app.isoapp", "-d", "300ms", "--target", "x86-64-v3", "--json"],
  ]);
  await workplace.isochron("build", "throwing.ts", "-o", "throwing.isoapp", "--target", "x86-64-v3");
  threw = await workplace.isochron("run", "throwing.isoapp");
});

describe("isochron build", () => {
  it("writes one whole file, and says what is in it", () => {
    const { output, bytes, programs } = z
      .object({
        output: z.string(),
        bytes: z.int(),
        programs: z.array(z.object({ name: z.string(), blake3: z.string() })),
      })
      .parse(json(built!));
    expect(output).toBe("out/app.isoapp");
    expect(programs.map(({ name }) => name)).toEqual(["twice"]);
    expect(whole(again!)).toBe(`out/again.isoapp: ${bytes} bytes, programs twice`);
    expect(readdirSync(workplace.path("out")).sort()).toEqual(["again.isoapp", "app.isoapp", "run.mcap"]);
  });

  it("writes the same bytes each time", () => {
    const [a, b] = ["app", "again"].map((name) => readFileSync(workplace.path(`out/${name}.isoapp`)));
    expect(a!.equals(b!)).toBe(true);
  });

  it("makes a file that runs with the hash of its source", () => {
    const hash = z.object({ hash: z.string(), cycles: z.literal(30) });
    expect(hash.parse(json(ran!))).toEqual(hash.parse(json(recorded!)));
  });
});

describe("a built application", () => {
  it("shares its RxJS with the run, which says what an observer of its own threw", () => {
    const { code, error } = threw!;
    expect(code).toBe(1);
    expect(error).toMatch(/^error\[stream\/observer\]: an observer failed: no map\n/);
    expect(error).not.toMatch(/^\s+at /m);
  });
});

describe("isochron inspect", () => {
  let shown = new Map<string, Ended>();

  beforeAll(async () => {
    const artifact = readArchive(readFileSync(workplace.path("out/app.isoapp")))["artifacts/twice.iso"];
    writeFileSync(workplace.path("out/twice.iso"), artifact!);
    const files = ["app.ts", "out/app.isoapp", "out/twice.iso", "out/run.mcap"];
    const commands = files.flatMap((file) => [
      ["inspect", file],
      ["inspect", file, "--json"],
    ]);
    const ended = await workplace.each(commands);
    shown = new Map(commands.map((command, at) => [command.slice(1).join(" "), ended[at]!]));
  });

  it("shows an application: schedule, analysis, graphs, kernels, memory", () => {
    const text = whole(shown.get("app.ts")!);
    expect(text).toContain(schedule);
    expect(text).toContain(
      "core 0: 10.0 % used\ntask double: response ≤ 1 ms, deadline 5 ms\nchain through: ≤ 15 ms, budget 20 ms",
    );
    expect(text).toContain("graph twice(x: f32) -> (y: f32)\n  %0 = mul(%x, 2) : f32\n  return y=%0");
    expect(text).toContain("kernels for x86-64-v3:\n    0  mul  (→ output y: f32, input x: f32)");
    expect(text).toContain("scratch, 0 bytes:");
    expect(json(shown.get("app.ts --json")!)).toMatchObject({
      table: { name: "doubling" },
      analysis: { chains: [{ chain: "through", boundNs: 15e6, budgetNs: 20e6 }] },
    });
  });

  it("ends quietly where its reader has seen enough", async () => {
    const { child, ended } = workplace.begin("inspect", "app.ts");
    child.stdout!.destroy();
    expect(await ended).toEqual({ code: 141, out: "", error: "" });
  });

  it("shows a built application: schedule, codecs, programs", () => {
    const text = whole(shown.get("out/app.isoapp")!);
    expect(text).toContain(schedule);
    expect(text).toContain("std_msgs/msg/Float32");
    expect(text).toMatch(/program twice {2}blake3 [0-9a-f]{64}/);
    expect(json(shown.get("out/app.isoapp --json")!)).toMatchObject({
      format: "isochron-application",
      name: "doubling",
    });
  });

  it("shows an artifact: signature, weights, targets", () => {
    expect(whole(shown.get("out/twice.iso")!)).toBe(
      [
        "artifact twice(x: f32[]) -> (y: f32[])",
        "  weights 0 bytes, 0 states",
        "  x86-64-v3: 1 kernels, 0 bytes of scratch",
        "  aarch64: 1 kernels, 0 bytes of scratch",
        "",
        "memory on x86-64-v3, 128 bytes",
        "  arena, 0 bytes: states twice, then the scratch of the method that runs",
        "  forward: 64 bytes of inputs, 64 of outputs, 0 of scratch",
        "  weights, 0 bytes",
      ].join("\n"),
    );
    expect(json(shown.get("out/twice.iso --json")!)).toMatchObject({ format: "isochron-artifact", name: "twice" });
  });

  it("shows a recording: what ran, how long, its hash, the schedule", () => {
    const { hash } = z.object({ hash: z.string() }).parse(json(recorded!));
    const text = whole(shown.get("out/run.mcap")!);
    expect(text).toContain("recording of doubling: 300 ms, virtual");
    expect(text).toContain(hash);
    expect(text).toContain(schedule);
    expect(json(shown.get("out/run.mcap --json")!)).toMatchObject({
      application: "doubling",
      mode: "virtual",
      durationNs: 300e6,
      hash,
      lost: 0,
    });
  });
});
