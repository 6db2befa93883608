// What bad input gets: one message that names the thing, the place and what would help; exit code 1; nothing half-written.
import { readdirSync, readFileSync } from "node:fs";
import { McapWriter, TempBuffer } from "@mcap/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { doubling, type Ended, Workplace } from "./command.ts";

const workplace = new Workplace();
afterAll(() => workplace.remove());

const readHelp = "  help: name a file that exists";
const writeHelp = "  help: name a file in a folder that can be written";
const applicationHelp = "  help: name an application file (.ts, .js) or a built one (.isoapp)";
const recordingHelp = "  help: name a file that `isochron run --record` wrote";
const builtHelp = "  help: name a file that `isochron build` wrote";
const cutHelp = "  help: the run may have been killed while recording; record it again";

const applications = {
  "good.ts": doubling(),
  "notes.txt": "not an application\n",
  "not-typescript.ts": `import { application } from "isochron";\nexport default application("x" (app) => {});\n`,
  "no-default.ts": "export const speed = 10;\n",
  "fails.ts": "const limits: { speed?: { top: number } } = {};\nexport default limits.speed!.top;\n",
  "no-module.ts": `import { road } from "./road.ts";\nexport default road;\n`,
  "no-package.ts": `import { road } from "no-such-package";\nexport default road;\n`,
  "no-export.ts": `import { aplication } from "isochron";\nexport default aplication;\n`,
  "shapes.ts": `import { application, tensorType, trace } from "isochron";
const sum = trace(({ a, b }) => ({ c: a.add(b) }), { a: tensorType("f32", [3]), b: tensorType("f32", [4]) }, { name: "sum" });
export default application("shapes", () => console.log(sum));
`,
  "wiring.ts": `import { application, image, tensorType, trace } from "isochron";
const darken = trace(({ x }) => ({ y: x.cast("f32").sum() }), { x: tensorType("u8", [2, 3]) }, { name: "darken" });
export default application("wiring", (app) => {
  const picture = app.input("/picture", image("mono8", [4, 5]));
  app.task("darken", darken, { inputs: { x: picture }, period: "10ms", budget: "1ms", deadline: "5ms" });
});
`,
  "operator.ts": `import { application, apply, operator, tensorType, trace } from "isochron";
import { z } from "${import.meta.resolve("zod")}";
const cubeRoot = operator({
  name: "cubeRoot",
  attributes: z.strictObject({}),
  errorUlp: 1,
  infer: ([x]) => x!,
  evaluate: () => undefined,
  lowering: { kind: "interpreted", why: "it has a meaning only" },
});
const root = trace(({ x }) => ({ y: apply<"f32">(cubeRoot, [x]) }), { x: tensorType("f32", [1]) }, { name: "root" });
export default application("operator", (app) => {
  const other = app.task("other", trace(() => ({ y: tensorOf() }), {}, { name: "one" }), { inputs: {}, period: "1s", budget: "1ms", deadline: "5ms" });
  app.task("root", root, { inputs: { x: other.outputs.y }, period: "10ms", budget: "1ms", deadline: "5ms" });
});
function tensorOf() { return constant([1], "f32", [1]); }
import { constant } from "isochron";
`,
  "utilisation.ts": doubling(`period: "10ms", budget: "12ms", deadline: "10ms"`),
  "chain.ts": doubling(undefined, `app.chain("through", [value, task], { budget: "14ms" });`),
  "untriggered.ts": doubling(`budget: "1ms", deadline: "5ms"`),
  "misspelled.ts": doubling(`period: "10ms", budget: "1ms", deadline: "5ms", onOverun: "skip"`),
  "compares.ts": `import { application, tensorType, trace } from "isochron";
const clip = trace(({ x }) => (x > 0 ? { y: x } : { y: x.mul(0) }), { x: tensorType("f32", [3]) }, { name: "clip" });
export default application("compares", () => console.log(clip));
`,
  "duration.ts": doubling(`period: "10 fortnights" as "10ms", budget: "1ms", deadline: "5ms"`),
  "message.ts": doubling(undefined, `app.output("/y", "nav_msgs/msg/Balloon", task.outputs);`),
  "world.ts": doubling(
    undefined,
    `app.world(() => ({ name: "hill", periodNs: 10e6, step: (t) => { if (t > 5e8) throw new Error("fell off"); }, summary: () => ({}) }));`,
  ),
  "no-world.ts": doubling(undefined, `app.world(() => { throw new Error("no map"); });`),
  "summary.ts": doubling(undefined, `app.summary(() => { throw new Error("no numbers"); });`),
  "nested.ts": doubling(undefined, `app.summary(() => ({ lanes: [1, 2] }) as never);`),
  "topic.ts": doubling(
    undefined,
    `app.world(() => ({ name: "hill", periodNs: 10e6, step: (t, io) => io.publish("/valve", {}), summary: () => ({}) }));`,
  ),
};

/** The message of a refusal, the folder's name left out; every refusal exits with 1 and shows no stack. */
const message = ({ code, error }: Ended): string => {
  expect(code).toBe(1);
  expect(error).not.toMatch(/^\s+at |defect|Invalid input|internal\//m);
  return error.replaceAll(`${workplace.folder}/`, "").trimEnd();
};

const lines = (...parts: string[]): string => parts.join("\n");

/** By name: the command line, and the whole message. */
const refusals: { readonly [name: string]: readonly [arguments_: string, message: string | RegExp] } = {
  "an application file that is not there": [
    "run road.ts",
    lines("error[application/load]: there is no file road.ts", applicationHelp),
  ],
  "a folder for an application": ["run folder", lines("error[application/load]: folder is a folder", applicationHelp)],
  "a folder named as a built application": [
    "run folder.isoapp",
    lines("error[file/read]: folder.isoapp cannot be read: it is a folder", readHelp),
  ],
  "another kind of file for an application": [
    "run notes.txt",
    lines("error[application/load]: notes.txt is not an application file", applicationHelp),
  ],
  "another kind of file for a built application": [
    "run notes.isoapp",
    lines("error[application/file]: notes.isoapp is not a built application: invalid zip data", builtHelp),
  ],
  "a syntax error": [
    "run not-typescript.ts",
    /^error\[application\/load\]: not-typescript\.ts cannot be loaded: Expected .*\n( {2}.*\n)*.*export default application\("x" \(app\).*\n( {2}.*\n)* {2}--> not-typescript\.ts:2:\d+$/,
  ],
  "a file without a default export": [
    "run no-default.ts",
    lines(
      "error[application/load]: no-default.ts does not export an application",
      "  help: export default application(NAME, (app) => { … })",
    ),
  ],
  "a file that throws": [
    "run fails.ts",
    lines(
      "error[application/load]: fails.ts cannot be loaded: Cannot read properties of undefined (reading 'top')",
      "  --> fails.ts:2:30",
    ),
  ],
  "an import of a file that is not there": [
    "run no-module.ts",
    lines(
      "error[application/load]: no-module.ts cannot be loaded: there is no module road.ts",
      "  imported from no-module.ts",
      "  help: import a file that exists, with its ending (.ts)",
    ),
  ],
  "an import of a package that is not installed": [
    "run no-package.ts",
    lines(
      "error[application/load]: no-package.ts cannot be loaded: there is no package no-such-package",
      "  imported from no-package.ts",
      "  help: npm install no-such-package",
    ),
  ],
  "an import of a name that Isochron does not have": [
    "run no-export.ts",
    lines(
      "error[application/load]: no-export.ts cannot be loaded: The requested module 'isochron' does not provide an export named 'aplication'",
      "  --> no-export.ts:1",
    ),
  ],
  "shapes that do not go together in a graph": [
    "run shapes.ts",
    lines(
      "error[operator/shape]: add of f32[3] and f32[4]: the shapes do not broadcast",
      "  --> shapes.ts:2:41",
      "  help: [3] and [4] must agree from the right, or be 1",
    ),
  ],
  "shapes that do not go together between tasks": [
    "run wiring.ts",
    lines(
      'error[application/wiring]: task "darken": input "x" is u8[2,3], but "/picture.data" is u8[4,5]',
      "  --> wiring.ts:5:7",
      '  help: connect a tensor of that type, or trace "darken" with u8[4,5]',
    ),
  ],
  "an operator that cannot be compiled": [
    "run operator.ts",
    /^error\[compile\/operator\]: cubeRoot cannot be compiled: it has a meaning only\n( {2}.*\n)* {2}--> operator\.ts:11:\d+(\n {2}help: .*)?$/,
  ],
  "a core that is asked for more than its time": [
    "run utilisation.ts",
    lines(
      "error[schedule/utilisation]: core 0 is asked for 120 % of its time",
      "  double       budget 12 ms every 10 ms: 120 %",
      "  --> utilisation.ts:5:20",
      '  help: give "double" a budget of at most 10 ms, or a period of at least 12 ms',
    ),
  ],
  "a chain that cannot keep its budget": [
    "build chain.ts -o chain.isoapp",
    lines(
      'error[schedule/chain-budget]: chain "through" can take 15 ms, its budget is 14 ms',
      "  double   sampling 10 ms + deadline 5 ms",
      "  --> chain.ts:6:7",
      '  help: release "double" on arrival of /value, or allow 15 ms',
    ),
  ],
  "a task that nothing releases": [
    "run untriggered.ts",
    lines(
      'error[application/trigger]: task "double" has neither a period nor what it is released on',
      "  --> untriggered.ts:5:20",
      '  help: say when it is released: period: "20ms", or on: INPUT with minInterval: "20ms"',
    ),
  ],
  "a misspelled option": [
    "build misspelled.ts -o misspelled.isoapp",
    lines(
      'error[application/option]: task "double": there is no option "onOverun"',
      "  --> misspelled.ts:5:20",
      "  help: did you mean onOverrun? it takes inputs, method, period, phase, on, minInterval, tolerance, early, budget, deadline, priority, core, onOverrun",
    ),
  ],
  "a tensor that is compared as a value": [
    "inspect compares.ts",
    lines(
      "error[trace/value]: a tensor has no value while it is traced",
      "  --> compares.ts:2:32",
      "  help: compute with a.add(1), compare with a.greater(0), and choose with where(condition, a, b)",
    ),
  ],
  "a period that is no duration": [
    "inspect duration.ts",
    lines(
      'error[application/option]: task "double": period cannot be "10 fortnights"',
      "  --> duration.ts:5:20",
      '  help: it takes a duration above 0: a number with ns, us, ms, s or min, as in "20ms", or whole nanoseconds',
    ),
  ],
  "an output of a message type that is not known": [
    "run message.ts",
    /^error\[message\/[\w-]+\]: .*nav_msgs\/msg\/Balloon.*\n( {2}.*\n)* {2}--> message\.ts:6:7\n {2}help: .+$/,
  ],
  "a world that throws": [
    "run world.ts",
    lines(
      "the run has ended at 510 ms, by an error",
      'error[world/failed]: the world "hill" failed at 0.51 s: fell off',
      "  --> world.ts:6:86",
    ),
  ],
  "a world that cannot be made": [
    "run no-world.ts --record world.mcap",
    lines("error[application/failed]: making the world failed: no map", "  --> no-world.ts:6:27"),
  ],
  "a summary that fails": [
    "run summary.ts --duration 10ms",
    lines("error[application/failed]: the summary failed: no numbers", "  --> summary.ts:6:29"),
  ],
  "a summary that no report can hold": [
    "run nested.ts --duration 10ms",
    lines(
      'error[application/summary]: a summary gives object for "lanes"',
      "  help: give numbers, texts, true or false, or null",
    ),
  ],
  "a world that publishes to no input": [
    "run topic.ts --record topic.mcap",
    lines(
      'error[world/topic]: the application has no input "/valve"',
      "  --> topic.ts:6:72",
      "  help: did you mean /value? it has /value",
    ),
  ],
  "a duration that is none": [
    "run good.ts --duration soon",
    lines(
      'error[schedule/duration]: "soon" is not a duration',
      '  help: write a number and a unit (ns, us, ms, s, min), as in "20ms", or whole nanoseconds',
    ),
  ],
  "a run of no time": [
    "run good.ts --duration 0s",
    lines("error[command/duration]: a run of no time at all does nothing", "  help: --duration 30s"),
  ],
  "a stall that is none": [
    "run good.ts --stall double:often",
    lines(
      'error[command/stall]: "double:often" is not TASK:EVERY:DURATION',
      "  help: for example --stall lane:10:25ms, every tenth job 25 ms longer",
    ),
  ],
  "a stall of a task that is not there": [
    "run good.ts --stall triple:2:1ms",
    lines('error[command/stall]: there is no task "triple"', "  help: the tasks are double"),
  ],
  "a recording over a folder": [
    "run good.ts --record folder",
    lines("error[file/write]: folder cannot be written: it is a folder", writeHelp),
  ],
  "a recording below a file": [
    "run good.ts --record notes.txt/road.mcap",
    lines(
      "error[file/write]: notes.txt/road.mcap cannot be written: a part of its path is a file, not a folder",
      writeHelp,
    ),
  ],
  "a recording where nobody can write": [
    "run good.ts --record /proc/isochron/road.mcap",
    lines("error[file/write]: /proc/isochron/road.mcap cannot be written: there is no such file or folder", writeHelp),
  ],
  "a report over a folder, said before the run": [
    "run good.ts --record good.mcap --report folder.json",
    lines("error[file/write]: folder.json cannot be written: it is a folder", writeHelp),
  ],
  "a built application over a folder": [
    "build good.ts -o folder.isoapp",
    lines("error[file/write]: folder.isoapp cannot be written: it is a folder", writeHelp),
  ],
  "a built application with another ending": [
    "build good.ts -o good.zip",
    lines('error[command/output]: "good.zip" should end in .isoapp', "  help: isochron build APP -o NAME.isoapp"),
  ],
  "a recording that is not there": [
    "replay road.mcap",
    lines("error[file/read]: road.mcap cannot be read: there is no such file or folder", readHelp),
  ],
  "a folder for a recording": [
    "replay folder",
    lines(
      "error[recording/foreign]: folder is a folder without parts of a recording",
      "  help: name a file or a folder that `isochron run --record` wrote",
    ),
  ],
  "another kind of file for a recording": [
    "replay notes.txt --verify",
    lines(
      "error[recording/foreign]: notes.txt is not a recording of Isochron: it does not begin as an MCAP file does",
      recordingHelp,
    ),
  ],
  "a log of another program for a recording": [
    "replay foreign.mcap --verify",
    lines(
      "error[recording/foreign]: foreign.mcap is not a recording of Isochron: it has no attachment application.json",
      recordingHelp,
    ),
  ],
  "an empty recording": [
    "replay empty.mcap",
    lines(
      "error[recording/truncated]: empty.mcap is cut off or damaged: it has 0 bytes, before anything of a run",
      cutHelp,
    ),
  ],
  "an artifact that is not there": [
    "inspect lane.iso",
    lines("error[file/read]: lane.iso cannot be read: there is no such file or folder", readHelp),
  ],
  "another kind of file for an artifact": [
    "inspect notes.iso",
    lines(
      "error[artifact/not-an-artifact]: this is not an Isochron artifact: invalid zip data",
      "  --> notes.iso",
      "  help: name a file that `isochron build` or save() wrote",
    ),
  ],
};

/** A log as another program writes it. */
async function foreignLog(): Promise<Uint8Array> {
  const buffer = new TempBuffer();
  const writer = new McapWriter({ writable: buffer });
  await writer.start({ profile: "", library: "another" });
  await writer.end();
  return buffer.get();
}

describe("bad input is refused:", () => {
  const found = new Map<string, Ended>();
  let before: string[] = [];

  beforeAll(async () => {
    workplace.write({
      ...applications,
      "notes.isoapp": "not an archive",
      "notes.iso": "not an archive",
      "empty.mcap": "",
      "foreign.mcap": await foreignLog(),
      "folder/kept": "",
      "folder.isoapp/kept": "",
      "folder.json/kept": "",
    });
    before = readdirSync(workplace.folder, { recursive: true, encoding: "utf8" }).sort();
    const names = Object.keys(refusals);
    const ended = await workplace.each(names.map((name) => refusals[name]![0].split(" ")));
    for (const [at, name] of names.entries()) found.set(name, ended[at]!);
  });

  it.each(Object.keys(refusals))("%s", (name) => {
    const expected = refusals[name]![1];
    const said = message(found.get(name)!);
    if (typeof expected === "string") expect(said).toBe(expected);
    else expect(said).toMatch(expected);
    expect(found.get(name)!.out).toBe("");
  });

  it("and nothing is written, not even in part", () => {
    expect(readdirSync(workplace.folder, { recursive: true, encoding: "utf8" }).sort()).toEqual(before);
  });
});

describe("a damaged file is refused:", () => {
  let recording = new Uint8Array();
  let built = new Uint8Array();

  beforeAll(async () => {
    workplace.write({ "small.ts": doubling() });
    const ended = await workplace.each([
      ["run", "small.ts", "--duration", "200ms", "--record", "small.mcap"],
      ["build", "small.ts", "-o", "small.isoapp", "--target", "x86-64-v3"],
    ]);
    expect(ended.map(({ code, error }) => ({ code, error }))).toEqual([
      { code: 0, error: "" },
      { code: 0, error: "" },
    ]);
    recording = readFileSync(workplace.path("small.mcap"));
    built = readFileSync(workplace.path("small.isoapp"));
  });

  it("a recording cut off before anything of its run", async () => {
    const cuts = [1, 7, 8, 9, 60, 1000];
    for (const cut of cuts) workplace.write({ [`cut-${cut}.mcap`]: recording.subarray(0, cut) });
    const ended = await workplace.each(cuts.map((cut) => ["replay", `cut-${cut}.mcap`, "--verify"]));
    cuts.forEach((cut, at) => {
      const [first, ...rest] = message(ended[at]!).split("\n");
      expect(first).toMatch(new RegExp(`^error\\[recording/truncated\\]: cut-${cut}\\.mcap is cut off or damaged: .+`));
      expect(rest).toEqual([cutHelp]);
    });
  });

  it("a built application or artifact with any byte of its content changed, naming the entry", async () => {
    const text = Buffer.from(built).toString("latin1");
    const marks = {
      "application.json": '"periodNs"',
      "application.mjs": "doubling",
      "artifacts/twice.iso": '"isochron-artifact"',
    };
    const changed = Object.values(marks).map((mark, at) => {
      const bytes = Uint8Array.from(built);
      const position = text.indexOf(mark, mark === "doubling" ? text.indexOf("application.mjs") : 0);
      expect(position).toBeGreaterThan(0);
      bytes[position + 1]! ^= 1;
      workplace.write({ [`changed-${at}.isoapp`]: bytes });
      return `changed-${at}.isoapp`;
    });
    const ended = await workplace.each(changed.map((file) => ["run", file]));
    Object.keys(marks).forEach((entry, at) => {
      expect(message(ended[at]!)).toBe(
        lines(
          `error[application/file]: ${changed[at]} is not a built application: ${entry} in it is not what was written`,
          builtHelp,
        ),
      );
    });
  });

  it("a built application cut off anywhere", async () => {
    const cuts = [0, 1, 100, built.length >> 1, built.length - 1];
    for (const cut of cuts) workplace.write({ [`cut-${cut}.isoapp`]: built.subarray(0, cut) });
    const ended = await workplace.each(cuts.map((cut) => ["run", `cut-${cut}.isoapp`]));
    cuts.forEach((cut, at) => {
      const [first, ...rest] = message(ended[at]!).split("\n");
      expect(first).toMatch(
        new RegExp(`^error\\[application/file\\]: cut-${cut}\\.isoapp is not a built application: .+`),
      );
      expect(rest).toEqual([builtHelp]);
    });
  });
});

describe("without the compiler", () => {
  it("run, build and inspect of a built application say what to install, or need none", async () => {
    workplace.write({
      "good.ts": doubling(),
      "without-compiler.cjs": `const { Module } = require("node:module");
const resolve = Module._resolveFilename;
Module._resolveFilename = function (request, ...rest) {
  if (request.includes("isochron-compiler")) throw Object.assign(new Error("hidden"), { code: "MODULE_NOT_FOUND" });
  return resolve.call(this, request, ...rest);
};
`,
    });
    const hidden = (...arguments_: string[]): Promise<Ended> => {
      const bin = new URL("../../launch/bin/isochron.mjs", import.meta.url).pathname;
      return workplace.start(["-r", "./without-compiler.cjs", bin, ...arguments_]).ended;
    };
    const [run, inspect] = await Promise.all([hidden("run", "good.ts"), hidden("inspect", "good.ts")]);
    expect(message(run)).toBe(
      lines(
        "error[compile/missing-compiler]: compiling needs LLVM, and the compiler is not installed here",
        "  help: npm install isochron-compiler, or compile at the desk (isochron build) and run the .isoapp here",
      ),
    );
    expect(inspect).toMatchObject({ code: 0, error: "" });
  });
});
