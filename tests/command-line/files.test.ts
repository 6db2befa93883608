// No command destroys a file: what is no file of its own stays as it was, whatever options name it.
import { spawnSync } from "node:child_process";
import { linkSync, lstatSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { doubling, type Ended, Workplace } from "./command.ts";

const workplace = new Workplace();
afterAll(() => workplace.remove());

const mine = "what somebody wrote\n";
const foreignLog = Buffer.concat([
  Buffer.from("\x89MCAP0\r\n\x01", "latin1"),
  Buffer.from([20, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0]),
  Buffer.from("ros2"),
  Buffer.from([8, 0, 0, 0]),
  Buffer.from("recorder"),
]);

/** Everything in the folder, by name: bytes, or what kind of thing it is. */
const everything = () =>
  Object.fromEntries(
    readdirSync(workplace.folder, { recursive: true, encoding: "utf8" })
      .filter((name) => !name.startsWith(".cache"))
      .sort()
      .map((name) => {
        const stats = lstatSync(workplace.path(name));
        return [name, stats.isFile() ? readFileSync(workplace.path(name)).toString("latin1") : stats.mode];
      }),
  );

const run = ["run", "app.ts", "-d", "50ms"];
const isRefused = ({ code, out, error }: Ended, text: string | RegExp) => {
  expect(error).toMatch(text);
  expect({ code, out }).toEqual({ code: 1, out: "" });
};

/** What is in the way, and the command lines that would destroy it. */
const attempts: Readonly<Record<string, readonly string[]>> = {
  "the application's own source": [...run, "--record", "app.ts"],
  "the application's own source, with --force": [...run, "--force", "--record", "app.ts"],
  "a recording": [...run, "--record", "kept.mcap"],
  "another program's log, with --force": [...run, "--force", "--record", "robot.mcap"],
  "an empty file": [...run, "--record", "empty.mcap"],
  "a link to a recording, with --force": [...run, "--force", "--record", "link.mcap"],
  "a pipe, with --force": [...run, "--force", "--record", "pipe"],
  "a device, with --force": [...run, "--force", "--record", "device"],
  "what another run records, with --force": [...run, "--force", "--record", "running.mcap"],
  "a page that is no report": [...run, "--report", "mine.html"],
  "numbers that are no report": [...run, "--report", "mine.json"],
  "a pipe named as a report": ["report", "kept.mcap", "-o", "pipe.html"],
  "a page that is no report, by report": ["report", "kept.mcap", "-o", "mine.html"],
  "numbers that are no report, beside the recording": ["report", "beside.mcap"],
  "another kind of archive": ["build", "app.ts", "-o", "mine.isoapp"],
  "a source file, by messages": ["messages", "--common", "-o", "app.ts"],
  "somebody's package, by messages": ["messages", "--package", "theirs/tf2_msgs"],
  "a definition in a folder without a package, by messages": ["messages", "--package", "loose/tf2_msgs"],
};

describe("no file is destroyed:", () => {
  let before: ReturnType<typeof everything> = {};
  let ended = new Map<string, Ended>();

  beforeAll(async () => {
    workplace.write({ "app.ts": doubling() });
    const [recorded] = await workplace.each([[...run, "--record", "kept.mcap"]]);
    expect(recorded).toMatchObject({ code: 0, error: "" });
    const recording = readFileSync(workplace.path("kept.mcap"));
    workplace.write({
      "robot.mcap": foreignLog,
      "empty.mcap": "",
      "running.mcap.partial": recording.subarray(0, 100),
      "mine.html": mine,
      "mine.json": mine,
      "mine.isoapp": mine,
      "beside.mcap": recording,
      "beside.report.json": mine,
      "theirs/tf2_msgs/package.xml": mine,
      "loose/tf2_msgs/msg/TFMessage.msg": mine,
    });
    symlinkSync("kept.mcap", workplace.path("link.mcap"));
    for (const name of ["pipe", "pipe.html"]) spawnSync("mkfifo", [workplace.path(name)]);
    // Only root may make one; the kind of thing in the way is all that counts.
    if (spawnSync("mknod", [workplace.path("device"), "c", "1", "3"]).status !== 0)
      spawnSync("mkfifo", [workplace.path("device")]);
    before = everything();
    const names = Object.keys(attempts);
    const all = await workplace.each(names.map((name) => attempts[name]!));
    ended = new Map(names.map((name, at) => [name, all[at]!]));
  }, 120_000);

  it.each(Object.keys(attempts))("%s", (name) =>
    isRefused(ended.get(name)!, /^error\[file\/exists\]: .* is not replaced/),
  );

  it("and all is as it was", () => {
    expect(everything()).toEqual(before);
  });

  it("the refusal says how a recording is replaced, and where another one is being made", () => {
    expect(ended.get("a recording")!.error).toBe(
      "error[file/exists]: kept.mcap is not replaced: it is there already\n  help: record under another name, or replace a recording: --force\n",
    );
    expect(ended.get("what another run records, with --force")!.error).toMatch(
      /^error\[file\/exists\]: running\.mcap\.partial is not replaced: it is what another run records, or recorded\n {2}help: /,
    );
  });
});

describe("files of one command", () => {
  it("are told apart: nothing is read and written, or written twice, under whatever names", async () => {
    workplace.write({ "app.ts": doubling() });
    const [made] = await workplace.each([[...run, "--record", "log.mcap"]]);
    expect(made).toMatchObject({ code: 0 });
    symlinkSync("log.mcap", workplace.path("log-link.mcap"));
    const [log, linked, twice] = await workplace.each([
      [...run, "--log", "log.mcap", "--record", "./log.mcap", "--force"],
      [...run, "--log", "log-link.mcap", "--record", "log.mcap", "--force"],
      [...run, "--record", "same.json", "--report", "same.json"],
    ]);
    isRefused(log!, /^error\[command\/output\]: --log and --record name the same file, \.\/log\.mcap/);
    isRefused(linked!, /^error\[command\/output\]: --log and --record name the same file, log\.mcap/);
    isRefused(twice!, /^error\[command\/output\]: --record and --report name the same file, same\.json/);
  }, 120_000);
});

describe("files of its own", () => {
  it("are replaced by the command that writes them, and a recording with --force; other names of it keep what they had", async () => {
    workplace.write({ "app.ts": doubling() });
    const commands = [
      [...run, "--force", "--record", "again.mcap", "--report", "again.html"],
      ["run", "app.ts", "-d", "80ms", "--force", "--record", "again.mcap", "--report", "again.html"],
      ["report", "again.mcap"],
      ["report", "again.mcap", "-o", "again.html"],
      ["build", "app.ts", "-o", "again.isoapp", "--target", "x86-64-v3"],
      ["messages", "--common", "-o", "again.ts"],
      ["messages", "--package", "again/tf2_msgs"],
    ];
    const [first] = await workplace.each(commands.slice(0, 1));
    expect(first).toMatchObject({ code: 0, error: "" });
    linkSync(workplace.path("again.mcap"), workplace.path("other-name.mcap"));
    const other = readFileSync(workplace.path("other-name.mcap"));
    for (const each of await workplace.each([...commands.slice(1), ...commands.slice(1)]))
      expect(each).toMatchObject({ code: 0, error: "" });
    expect(readFileSync(workplace.path("other-name.mcap"))).toEqual(other);
    const [replayed] = await workplace.each([["replay", "again.mcap", "--verify", "--json"]]);
    expect(JSON.parse(replayed!.out)).toMatchObject({ bitExact: true, cycles: 8 });
  }, 120_000);

  it("are written by one of two runs that record under one name at the same time, and it is whole", async () => {
    workplace.write({ "app.ts": doubling() });
    const one = ["run", "app.ts", "-d", "3s", "--record", "race.mcap"] as const;
    const both = await Promise.all([workplace.isochron(...one), workplace.isochron(...one)]);
    expect(both.map(({ code }) => code).sort()).toEqual([0, 1]);
    expect(both.find(({ code }) => code === 1)!.error).toMatch(/^error\[file\/exists\]: race\.mcap/);
    const replayed = await workplace.shared("replay", "race.mcap", "--verify", "--json");
    expect(JSON.parse(replayed.out)).toMatchObject({ bitExact: true, cycles: 300 });
    expect(readdirSync(workplace.folder).filter((name) => name.startsWith("race"))).toEqual(["race.mcap"]);
  }, 120_000);
});
