// `isochron run`: what it prints, records and reports; overruns on purpose; Ctrl-C.
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { openArtifact } from "../../runtime/index.ts";
import { readRecording } from "../../sim/index.ts";
import { doubling, type Ended, Workplace } from "./command.ts";

const workplace = new Workplace();
afterAll(() => workplace.remove());

/** A world feeds one task on arrival, which feeds a periodic one; both under one overrun policy, both with a state. */
const relay = (policy: "hold" | "skip"): string => `import { writeFileSync } from "node:fs";
import { application, numbers, state, tensorType, trace } from "isochron";
const mixer = (name: string, factor: number) =>
  trace(({ x }) => {
    const memory = state("memory", tensorType("f32", []), 0);
    const next = memory.get().mul(0.75).add(x.mul(factor)).tanh();
    memory.set(next);
    return { y: next };
  }, { x: tensorType("f32", []) }, { name });
export default application("relay", (app) => {
  const value = app.input("/value", numbers("std_msgs/msg/Float32", { data: { field: "data", dtype: "f32" } }));
  const limits = { budget: "200us", deadline: "3ms", onOverrun: "${policy}" } as const;
  const near = app.task("near", mixer("near", 0.7), { inputs: { x: value }, on: value, minInterval: "4ms", ...limits });
  const far = app.task("far", mixer("far", 1.3), { inputs: { x: near.outputs.y }, period: "5ms", ...limits });
  app.output("/far", "std_msgs/msg/Float32", { data: far.outputs.y });
  app.chain("through", [value, near, far], { budget: "20ms" });
  app.world(() => {
    let sum = 0;
    return {
      name: "swing",
      periodNs: 5e6,
      step(time: number, io: { publish(topic: string, message: object): void; latest(topic: string): unknown }) {
        const command = io.latest("/far") as { data: number } | undefined;
        sum += Math.abs(command?.data ?? 0);
        io.publish("/value", { data: Math.sin(time / 1e8) });
        if (time === 1e8) writeFileSync("under-way", "");
      },
      summary: () => ({ maxTrackingError: sum, rmsTrackingError: sum / 2 }),
    };
  });
});
`;

const finding = z.strictObject({
  kind: z.string(),
  where: z.string(),
  count: z.int(),
  of: z.int().nullable(),
  first: z.strictObject({ timeNs: z.number().nullable(), reason: z.string() }),
});
const result = z.strictObject({
  application: z.string(),
  mode: z.enum(["virtual", "live"]),
  durationNs: z.number(),
  cycles: z.int(),
  world: z.record(z.string(), z.unknown()).nullable(),
  tasks: z.array(z.looseObject({ name: z.string(), released: z.int(), onTime: z.int() })),
  chains: z.array(z.looseObject({ name: z.string(), overBudget: z.union([z.int(), z.literal("not measured")]) })),
  drops: z.array(finding),
  faults: z.array(finding),
  verdicts: z.array(z.object({ about: z.string(), status: z.string(), text: z.string() })),
  deadlineMisses: z.int().nullable(),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  recording: z.string().optional(),
  report: z.string().optional(),
  interrupted: z.literal(true).optional(),
});
const replayed = z.object({ bitExact: z.boolean(), cycles: z.int(), kernelCalls: z.int(), hash: z.string() });
const report = z.object({
  mode: z.string(),
  durationNs: z.number(),
  hash: z.string(),
  tasks: z.array(
    z.object({ name: z.string(), released: z.int(), onTime: z.int(), overrun: z.int(), skipped: z.int() }),
  ),
});

const parse = <T>(schema: z.ZodType<T>, { code, out, error }: Ended, exit = 0): T => {
  expect({ code, error }).toEqual({ code: exit, error: "" });
  return schema.parse(JSON.parse(out));
};

const readReport = (name: string): z.infer<typeof report> =>
  report.parse(JSON.parse(readFileSync(workplace.path(name), "utf8")));

beforeAll(() => {
  workplace.write({ "small.ts": doubling(), "hold.ts": relay("hold"), "skip.ts": relay("skip") });
});

describe("isochron run in virtual time", () => {
  let [first, again, longer, text] = [] as Ended[];

  beforeAll(async () => {
    [first, again, longer, text] = await workplace.each([
      ["run", "hold.ts", "--duration", "1s", "--record", "out/a.mcap", "--report", "out/a.json", "--json"],
      ["run", "hold.ts", "--duration", "1s", "--json"],
      ["run", "hold.ts", "-d", "1.5 s", "--json"],
      ["run", "small.ts", "--duration", "100ms"],
    ]);
  });

  it("--json prints one object: cycles, tasks, chains, what was dropped, verdicts, the world's numbers, the hash", () => {
    const { cycles, deadlineMisses, recording, world, tasks, chains, drops, faults, verdicts } = parse(result, first!);
    expect({ cycles, deadlineMisses, recording, drops, faults }).toEqual({
      cycles: 400,
      deadlineMisses: null,
      recording: "out/a.mcap",
      drops: [],
      faults: [],
    });
    expect(world).toEqual({ maxTrackingError: expect.any(Number), rmsTrackingError: expect.any(Number) });
    expect(tasks.map(({ name, released, onTime }) => [name, released, onTime])).toEqual([
      ["near", 200, 200],
      ["far", 200, 200],
    ]);
    expect(chains).toMatchObject([{ name: "through", overBudget: 0, age: { count: expect.any(Number) } }]);
    expect(verdicts.map(({ about }) => about)).toContain("chain");
    expect(first!.out.trimEnd()).not.toContain("\n");
  });

  it("two runs have one hash, a longer one another", () => {
    expect(parse(result, again!).hash).toBe(parse(result, first!).hash);
    expect(parse(result, longer!).hash).not.toBe(parse(result, first!).hash);
    expect(parse(result, longer!).cycles).toBe(600);
  });

  it("--record and --report write whole files of that run, making their folder", async () => {
    expect(readdirSync(workplace.path("out")).sort()).toEqual(["a.json", "a.mcap"]);
    const { hash } = parse(result, first!);
    expect(readReport("out/a.json")).toMatchObject({
      mode: "virtual",
      durationNs: 1e9,
      hash,
      tasks: [
        { name: "near", released: 200, onTime: 200, overrun: 0, skipped: 0 },
        { name: "far", released: 200, onTime: 200, overrun: 0, skipped: 0 },
      ],
    });
    const replay = await workplace.shared("replay", "out/a.mcap", "--verify", "--json");
    expect(parse(replayed, replay)).toMatchObject({ bitExact: true, cycles: 400, hash });
  });

  it("a recording takes the programs along for every machine", async () => {
    const { artifacts } = await readRecording(workplace.path("out/a.mcap"));
    // Code that only adds dot products of bytes is for graphs that have some.
    const everywhere = ["x86-64-v3", "x86-64-v4", "aarch64"];
    expect(artifacts.map((each) => Object.keys(openArtifact(each).manifest.targets))).toEqual([everywhere, everywhere]);
  });

  it("without --json the result is text, ended by the hash", () => {
    expect(text!).toMatchObject({ code: 0, error: "" });
    expect(text!.out).toContain("doubling: 100 ms of virtual time");
    expect(text!.out).toMatch(/\n {2}hash {15}[0-9a-f]{64}\n$/);
  });
});

describe.each(["hold", "skip"] as const)("overruns under %s", (policy) => {
  const stalls = ["--stall", "near:7:6ms", "--stall", "far:11:9ms"];

  it("by --stall in virtual time are recorded as faults, and replay bit for bit", async () => {
    const [run, plain, replay, inspect] = await workplace.each([
      [
        "run",
        `${policy}.ts`,
        "-d",
        "2s",
        ...stalls,
        "--record",
        `${policy}.mcap`,
        "--report",
        `${policy}.json`,
        "--json",
      ],
      ["run", `${policy}.ts`, "-d", "2s", "--json"],
      ["replay", `${policy}.mcap`, "--verify", "--json"],
      ["inspect", `${policy}.mcap`, "--json"],
    ]);
    const { hash } = parse(result, run!);
    expect(hash).not.toBe(parse(result, plain!).hash);
    expect(parse(replayed, replay!)).toMatchObject({ bitExact: true, hash });
    expect(inspect!.code).toBe(0);
    const overruns = readReport(`${policy}.json`).tasks.map((task) => task.overrun);
    expect(Math.min(...overruns)).toBeGreaterThan(10);
    const { events } = await readRecording(workplace.path(`${policy}.mcap`));
    expect(events.filter(({ kind }) => kind === "fault").length).toBeGreaterThan(10);
  });

  it("of a live run, at least 20 of them, replay bit for bit in virtual time", async () => {
    const live = `${policy}-live`;
    const [run, replay] = await workplace.each([
      [
        "run",
        `${policy}.ts`,
        "--realtime",
        "-d",
        "2s",
        ...stalls,
        "--record",
        `${live}.mcap`,
        "--report",
        `${live}.json`,
        "--json",
      ],
      ["replay", `${live}.mcap`, "--verify", "--json"],
    ]);
    const { hash, deadlineMisses } = parse(result, run!);
    expect(deadlineMisses).toBeGreaterThanOrEqual(20);
    const { mode, tasks } = readReport(`${live}.json`);
    expect(mode).toBe("live");
    expect(tasks.reduce((sum, task) => sum + task.overrun, 0)).toBeGreaterThanOrEqual(20);
    expect(parse(replayed, replay!)).toMatchObject({ bitExact: true, hash });
  });
});

/** Sends signals once the run is under way, by what its world has written. */
async function interrupt(file: string, mode: readonly string[], signals: readonly NodeJS.Signals[]): Promise<Ended> {
  rmSync(workplace.path("under-way"), { force: true });
  const { child, ended } = workplace.begin("run", "hold.ts", "-d", "100000s", "--record", file, "--json", ...mode);
  while (!existsSync(workplace.path("under-way")) && child.exitCode === null)
    await new Promise((resolve) => setTimeout(resolve, 20));
  for (const signal of signals) child.kill(signal);
  return await ended;
}

describe("Ctrl-C", () => {
  it.each([
    ["in virtual time", []],
    ["live", ["--realtime"]],
  ])(
    "ends a run %s where it is: the recording is whole and replays, the result is printed, the exit code 130",
    async (name, mode) => {
      const file = `interrupted ${name}.mcap`;
      const run = parse(result, await interrupt(file, mode, ["SIGINT"]), 130);
      expect(run).toMatchObject({ interrupted: true, recording: file });
      expect(run.cycles).toBeGreaterThan(0);
      expect(existsSync(workplace.path(`${file}.partial`))).toBe(false);
      const replay = await workplace.shared("replay", file, "--verify", "--json");
      expect(parse(replayed, replay)).toMatchObject({ bitExact: true, cycles: run.cycles, hash: run.hash });
    },
  );

  it("twice ends the process at once, and what was recorded stays", async () => {
    // Stopped meanwhile, so that the second signal is there before the first is answered; either may be heard first.
    const { code, out } = await interrupt("twice.mcap", [], ["SIGSTOP", "SIGINT", "SIGTERM", "SIGCONT"]);
    expect([130, 143]).toContain(code);
    expect(out).toBe("");
    expect(readdirSync(workplace.folder).filter((name) => name.startsWith("twice"))).toEqual(["twice.mcap.partial"]);
    const replay = await workplace.shared("replay", "twice.mcap.partial", "--verify", "--json");
    expect(JSON.parse(replay.out)).toMatchObject({ bitExact: true });
  });
});
