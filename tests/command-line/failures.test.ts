// The recording of a failure is the one that is wanted: whatever ends a run, recording and report hold it up to there.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auditRecording, readRecording, replay } from "../../sim/index.ts";
import { type Ended, Workplace } from "./command.ts";

const workplace = new Workplace();
afterAll(() => {
  spawnSync("umount", [workplace.path("small-disk")]);
  workplace.remove();
});

const command = fileURLToPath(new URL("../../launch/bin/isochron.mjs", import.meta.url));

/** Two tasks with states, one on arrival and one periodic; the world says something every 5 ms. `step` and `more` may fail. */
const relay = (
  step = "",
  more = "",
): string => `import { application, numbers, state, tensorType, trace } from "isochron";
import { interval, map } from "rxjs";
const float = numbers("std_msgs/msg/Float32", { data: { field: "data", dtype: "f32" } });
const mixer = (name, factor) =>
  trace(({ x }) => {
    const memory = state("memory", tensorType("f32", []), 0);
    const next = memory.get().mul(0.75).add(x.mul(factor)).tanh();
    memory.set(next);
    return { y: next };
  }, { x: tensorType("f32", []) }, { name });
export default application("relay", (app) => {
  const value = app.input("/value", float);
  const limits = { budget: "200us", deadline: "3ms", onOverrun: "hold" };
  const near = app.task("near", mixer("near", 0.7), { inputs: { x: value }, on: value, minInterval: "4ms", ...limits });
  const far = app.task("far", mixer("far", 1.3), { inputs: { x: near.outputs.y }, period: "5ms", ...limits });
  app.output("/far", "std_msgs/msg/Float32", { data: far.outputs.y });
  ${more}
  app.world(() => ({
    name: "hill",
    periodNs: 5e6,
    step(time, io) {
      ${step}
      io.publish("/value", { data: Math.sin(time / 1e8) });
    },
    summary: () => ({}),
  }));
});
`;

/** What fails at 0.5 s, the error that names it, and how the run is made. */
const failing: Readonly<
  Record<string, { readonly source: string; readonly error: RegExp; readonly options?: string[] }>
> = {
  "a world that throws": {
    source: relay(`if (time >= 500e6) throw new Error("fell off");`),
    error: /error\[world\/failed\]: the world "hill" failed at 0\.5 s: fell off\n {2}--> .*app\.js:\d+:\d+/,
  },
  "a pipeline that throws": {
    source: relay(
      "",
      `app.source(interval(10, app.clock).pipe(map((n) => { if (n === 49) throw new Error("no plan"); return { data: n }; })), float, { topic: "/plan" });`,
    ),
    error: /error\[stream\/failed\]: the pipeline that feeds "\/plan" failed: no plan/,
  },
  "a pipeline that feeds what is no message": {
    source: relay("", `app.source(interval(500, app.clock).pipe(map(() => ({ dta: 1 }))), float, { topic: "/plan" });`),
    error: /error\[message\/field\]: .*"\/plan"/,
  },
  "a timer that throws": {
    source: relay("", `app.clock.schedule(() => { throw new Error("no time"); }, 500);`),
    error: /error\[stream\/failed\]: .*no time/,
  },
  "a promise that is rejected": {
    source: relay(`if (time === 500e6) Promise.reject(new Error("no answer"));`),
    error: /error\[application\/failed\]: a promise was rejected: no answer\n {2}--> .*app\.js:\d+:\d+/,
  },
  "a callback that throws, live": {
    source: relay(`if (time === 500e6) setTimeout(() => { throw new Error("no hands"); }, 1);`),
    error: /error\[application\/failed\]: a callback failed: no hands\n {2}--> .*app\.js:\d+:\d+/,
    options: ["--realtime"],
  },
  "a world that throws, live": {
    source: relay(`if (time >= 500e6) throw new Error("fell off");`),
    error: /error\[world\/failed\]: the world "hill" failed at \d\.\d+ s: fell off/,
    options: ["--realtime"],
  },
  "a summary that throws": {
    source: relay("", `app.summary(() => { throw new Error("no numbers"); });`),
    error: /error\[application\/failed\]: the summary failed: no numbers/,
  },
};

interface Replayed {
  readonly bitExact: boolean;
  readonly cycles: number;
  readonly durationNs: number;
  readonly cut?: { readonly why: string; readonly at?: number };
}

const replayed = ({ code, out, error }: Ended): Replayed => {
  expect(code, `${out}${error}`).toBe(0);
  return JSON.parse(out) as Replayed;
};

describe("a run that fails leaves a whole recording and report up to there:", () => {
  const found = new Map<
    string,
    { readonly run: Ended; readonly replay: Ended; readonly report: Ended; readonly verdicts: unknown[] }
  >();

  beforeAll(async () => {
    const names = Object.keys(failing);
    const all = await Promise.all(
      [0, 1].map(async (half) => {
        const chosen = names.filter((_, at) => at % 2 === half);
        for (const name of chosen) workplace.write({ [`${names.indexOf(name)}/app.js`]: failing[name]!.source });
        const commands = chosen.flatMap((name) => {
          const at = names.indexOf(name);
          const files = ["--record", `${at}.mcap`, "--report", `${at}.json`];
          return [
            ["run", `${at}/app.js`, "-d", "1s", ...files, ...(failing[name]!.options ?? [])],
            ["replay", `${at}.mcap`, "--verify", "--json"],
            ["report", `${at}.mcap`, "--json"],
          ];
        });
        return { chosen, ended: await workplace.each(commands) };
      }),
    );
    for (const { chosen, ended } of all) {
      chosen.forEach((name, at) => {
        const [run, replay, report] = ended.slice(3 * at, 3 * at + 3);
        const written = JSON.parse(readFileSync(workplace.path(`${names.indexOf(name)}.json`), "utf8"));
        found.set(name, { run: run!, replay: replay!, report: report!, verdicts: written.verdicts });
      });
    }
  }, 300_000);

  it.each(Object.keys(failing))("%s", (name) => {
    const { run, replay, report, verdicts } = found.get(name)!;
    expect(run.error).toMatch(failing[name]!.error);
    expect(run.code).toBe(1);
    const { bitExact, cycles, durationNs, cut } = replayed(replay);
    expect({ bitExact, cut }).toEqual({ bitExact: true, cut: undefined });
    const ends = name.includes("summary") ? 1e9 : 500e6;
    if (!name.includes("live") && !name.includes("promise")) {
      expect(durationNs).toBe(ends);
      expect(cycles).toBe((2 * ends) / 5e6);
    } else {
      // A callback is heard of a moment later, as the machine has time.
      expect(durationNs).toBeGreaterThanOrEqual(500e6);
      expect(cycles).toBeGreaterThan(50);
    }
    const same = { about: "run", status: "bad", text: expect.stringMatching(/^the run ended at .* by an error: /) };
    expect(JSON.parse(report.out).durationNs).toBe(durationNs);
    if (name.includes("summary")) return;
    expect(verdicts).toContainEqual(same);
    expect(JSON.parse(report.out).verdicts).toContainEqual(same);
    expect(run.error).toMatch(/\d\.mcap and \d\.json hold it up to there/);
  });

  it("and nothing is left beside them", () => {
    expect(readdirSync(workplace.folder).filter((name) => /\.(partial|tmp)$/.test(name))).toEqual([]);
  });
});

describe("an observer that fails", () => {
  it("lets the run go on to its end, is named, and gives exit code 1", async () => {
    const observe = `app.on("/far").subscribe(({ data }) => { if (data > 0.5) throw new Error("cannot plot"); });`;
    workplace.write({ "observer.js": relay("", observe) });
    const [run, replay] = await workplace.each([
      ["run", "observer.js", "-d", "1s", "--record", "observer.mcap"],
      ["replay", "observer.mcap", "--verify", "--json"],
    ]);
    expect(run!.code).toBe(1);
    expect(run!.error).toMatch(/^error\[stream\/observer\]: an observer failed: cannot plot\n/);
    expect(run!.error).toMatch(/\n\d+ errors of observers; the first is above\n$/);
    expect(replayed(replay!)).toMatchObject({ bitExact: true, cycles: 400, durationNs: 1e9 });
  }, 120_000);
});

describe("a disk that takes no more", () => {
  const isEnded = async (run: Ended, file: string, why: RegExp) => {
    expect(run.code).toBe(1);
    expect(run.error).toMatch(why);
    expect(existsSync(workplace.path(`${file}.partial`))).toBe(false);
    const [replay, report] = await workplace.each([
      ["replay", file, "--verify", "--json"],
      ["report", file, "--json"],
    ]);
    const { bitExact, cycles, durationNs, cut } = replayed(replay!);
    expect({ bitExact, cut }).toEqual({ bitExact: true, cut: { why: expect.stringMatching(why) } });
    expect(cycles).toBeGreaterThan(100);
    expect(replay!.error).toContain(`${file} ends at `);
    expect(JSON.parse(report!.out)).toMatchObject({ durationNs, cut: expect.stringMatching(why) });
    expect(JSON.parse(report!.out).tasks.every((task: { conserved: boolean }) => task.conserved)).toBe(true);
  };

  it("ends the run with the recording of what fitted: a limit on the size of files", async () => {
    workplace.write({ "long.js": relay() });
    // Ignored, the signal becomes an error of the write.
    const script = `trap '' XFSZ; ulimit -f 1600; exec "$0" "$@"`;
    const run = await workplace.start(["-e", start(script)]).ended;
    await isEnded(run, "limited.mcap", /it would become larger than files may be here/);
    expect(statSync(workplace.path("limited.mcap")).size).toBeLessThanOrEqual(1600 * 1024);
  }, 240_000);

  /** A program for `node -e` that runs the command under a shell's limits. */
  const start = (script: string) => `
    const { spawnSync } = require("node:child_process");
    const args = ["-c", ${JSON.stringify(script)}, process.execPath, ${JSON.stringify(command)}];
    const run = ["run", "long.js", "-d", "100s", "--record", "limited.mcap"];
    const { status } = spawnSync("bash", [...args, ...run], { stdio: "inherit" });
    process.exit(status);`;

  const folder = workplace.path("small-disk");
  mkdirSync(folder);
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", folder]).status === 0;

  it.skipIf(!mounted)(
    "ends the run with the recording of what fitted: a full file system (needs to be root)",
    async () => {
      workplace.write({ "long.js": relay() });
      const [run] = await workplace.each([["run", "long.js", "-d", "100s", "--record", "small-disk/full.mcap"]]);
      await isEnded(run!, "small-disk/full.mcap", /the disk is full/);
    },
    240_000,
  );

  it.skipIf(!mounted)(
    "ends the recording of a live run, not the run (needs to be root)",
    async () => {
      workplace.write({ "long.js": relay() });
      // What a second or two of the run take is left.
      rmSync(join(folder, "full.mcap"), { force: true });
      writeFileSync(join(folder, "others"), new Uint8Array(1200 * 1024));
      const [run] = await workplace.each([
        ["run", "long.js", "--realtime", "-d", "5s", "--record", "small-disk/live.mcap", "--report", "live.json"],
      ]);
      await isEnded(run!, "small-disk/live.mcap", /the disk is full/);
      expect(JSON.parse(readFileSync(workplace.path("live.json"), "utf8")).durationNs).toBeGreaterThanOrEqual(5e9);
    },
    240_000,
  );
});

describe("a run that is killed", () => {
  /** How often, in each kind of time; every other time its recording has parts. */
  const times = 10;
  /** Starts a run, and kills it when it has recorded something more than the time before; what it leaves. */
  const kill = async (at: number, mode: readonly string[]): Promise<string> => {
    const isSplit = at % 2 === 1;
    const name = `killed ${mode.join("")} ${at}`;
    const file = isSplit ? name : `${name}.mcap`;
    const options = ["-d", "100000s", "--record", file, ...(isSplit ? ["--split", "500KB"] : []), ...mode];
    const { child, ended } = workplace.begin("run", "killed.js", ...options);
    const left = isSplit ? file : `${file}.partial`;
    const size = () => {
      const found = statSync(workplace.path(left), { throwIfNoEntry: false });
      if (!found?.isDirectory()) return found?.size ?? 0;
      const sizes = readdirSync(workplace.path(left)).map(
        (each) => statSync(join(workplace.path(left), each), { throwIfNoEntry: false })?.size ?? 0,
      );
      return sizes.reduce((sum, each) => sum + each, 0);
    };
    const until = async (there: () => boolean) => {
      while (!there() && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    await until(() => size() > 0);
    const first = size();
    // The first is killed at its very beginning, the others when they have recorded something, however slow the machine is.
    await until(() => size() - first >= at * 10_000);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 200));
    child.kill("SIGKILL");
    await ended;
    if (!isSplit) expect(existsSync(workplace.path(file))).toBe(false);
    return left;
  };

  it(`leaves a recording that verifies up to its end, at ${2 * times} random moments`, async () => {
    workplace.write({ "killed.js": relay() });
    let cycles = 0;
    let read = 0;
    for (let at = 0; at < times; at++) {
      for (const left of await Promise.all([kill(at, []), kill(at, ["--realtime"])])) {
        const recording = await readRecording(workplace.path(left)).catch((error: unknown) => error as Error);
        if (recording instanceof Error) {
          expect(recording.message).toMatch(/before anything of a run|is a folder without parts/);
          continue;
        }
        expect(recording, left).toMatchObject({ damage: [], cut: { why: expect.any(String) } });
        const result = replay(recording);
        expect(result, left).toMatchObject({ bitExact: true });
        expect(auditRecording(recording), left).toMatchObject({ legal: true });
        cycles += result.cycles;
        read++;
      }
    }
    expect(read).toBeGreaterThanOrEqual(2 * times - 4);
    expect(cycles).toBeGreaterThan(100);
  }, 900_000);

  it("leaves what the commands take", async () => {
    const left = `killed  ${times - 2}.mcap.partial`;
    const [replay, report] = await workplace.each([
      ["replay", left, "--verify", "--json"],
      ["report", left],
    ]);
    expect(replayed(replay!)).toMatchObject({
      bitExact: true,
      cut: { why: expect.any(String), at: expect.any(Number) },
    });
    expect(replay!.error).toContain(`${left} ends at `);
    expect(report).toMatchObject({ code: 0 });
    expect(existsSync(workplace.path(`killed  ${times - 2}.report.html`))).toBe(true);
  }, 120_000);
});

describe("a signal while a chunk is written", () => {
  it("saves the last of the run, or ends it, and what is written is whole", async () => {
    workplace.write({ "signalled.js": relay() });
    const { child, ended } = workplace.begin(
      ...["run", "signalled.js", "--realtime", "-d", "100000s", "--record", "ring", "--last", "600s"],
    );
    const saved = () => readdirSync(workplace.path("ring"));
    const isWhole = (name: string) => /^saved-\d+-request\.mcap$/.test(name);
    const until = async (there: () => boolean) => {
      while (!there() && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 20));
    };
    // One after the other, until two have been written: those before the run begins save nothing.
    await until(() => existsSync(workplace.path("ring")));
    for (let count = 0; count < 2 && child.exitCode === null; count = saved().filter(isWhole).length) {
      child.kill("SIGUSR2");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    // What is being written when the run ends is written whole.
    child.kill("SIGUSR2");
    child.kill("SIGINT");
    const { code, out } = await ended;
    expect(code).toBe(130);
    expect(out).toMatch(/\n {2}saved {14}ring\/saved-0001-request\.mcap, ring\/saved-0002-request\.mcap/);
    expect(saved().every(isWhole)).toBe(true);
    for (const name of saved()) {
      const recording = await readRecording(workplace.path(`ring/${name}`));
      expect(recording).toMatchObject({ damage: [], cut: { why: "it was saved while the run went on: request" } });
      expect(replay(recording)).toMatchObject({ bitExact: true });
    }
  }, 240_000);
});
