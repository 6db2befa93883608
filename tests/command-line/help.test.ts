// What the command says of itself, and to whom it does not understand.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Ended, Workplace } from "./command.ts";

const workplace = new Workplace();
afterAll(() => workplace.remove());

/** Names in a section of a help text, each with its description. */
const section = (help: string, title: string): Map<string, string> => {
  const lines = help.split("\n");
  const from = lines.indexOf(`${title}:`);
  const rows = new Map<string, string>();
  if (from < 0) return rows;
  let name = "";
  for (const line of lines.slice(from + 1)) {
    if (line === "") break;
    const first = /^ {2}(\S.*?)(?: {2,}(.*))?$/.exec(line);
    if (first) name = first[1]!;
    rows.set(name, `${rows.get(name) ?? ""} ${first ? (first[2] ?? "") : line.trim()}`.trim());
  }
  return rows;
};

describe("the command's help", () => {
  let overview = "";
  let commands: string[] = [];
  let helps: Ended[] = [];

  beforeAll(async () => {
    const [help] = await workplace.each([["--help"]]);
    overview = help!.out;
    commands = [...section(overview, "Commands").keys()]
      .map((row) => row.split(" ")[0]!)
      .filter((name) => name !== "help");
    helps = await workplace.each(commands.map((name) => [name, "--help"]));
  });

  it("lists the commands, each with what it does", () => {
    expect(commands).toEqual(expect.arrayContaining(["run", "replay", "build", "inspect"]));
    for (const text of section(overview, "Commands").values()) expect(text.length).toBeGreaterThan(10);
  });

  it("says of each command how it is called, what it takes, and what each option does", () => {
    commands.forEach((name, at) => {
      const { code, out, error } = helps[at]!;
      expect({ name, code, error }).toEqual({ name, code: 0, error: "" });
      expect(out).toMatch(new RegExp(`^Usage: isochron ${name} `));
      const rows = [...section(out, "Arguments"), ...section(out, "Options"), ...section(out, "Commands")];
      expect(rows.length).toBeGreaterThan(1);
      for (const [row, text] of rows) expect(`${row}: ${text}`).toMatch(/: \S.{5,}/);
    });
  });

  it("run names every option", () => {
    const options = [...section(helps[commands.indexOf("run")]!.out, "Options").keys()];
    expect(options).toEqual(
      expect.arrayContaining([
        "-r, --record <file>",
        "--report <file>",
        "-d, --duration <time>",
        "--realtime",
        "--stall <task:every:duration>",
        "--target <name>",
        "--json",
      ]),
    );
  });
});

describe("the command", () => {
  it("says its version", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
      readonly version: string;
    };
    expect(await workplace.isochron("--version")).toEqual({ code: 0, out: `${version}\n`, error: "" });
  });

  it("refuses what it does not know, naming it, with exit code 1", async () => {
    const hint = "(isochron COMMAND --help shows what it takes)\n";
    expect(
      await workplace.each([
        ["drive"],
        ["run"],
        ["run", "a.ts", "--durations"],
        ["build", "a.ts"],
        ["run", "a.ts", "--target", "z80"],
      ]),
    ).toEqual([
      { code: 1, out: "", error: `error: unknown command 'drive'\n${hint}` },
      { code: 1, out: "", error: `error: missing required argument 'app'\n${hint}` },
      { code: 1, out: "", error: `error: unknown option '--durations'\n(Did you mean --duration?)\n${hint}` },
      { code: 1, out: "", error: `error: required option '-o, --output <file>' not specified\n${hint}` },
      {
        code: 1,
        out: "",
        error: `error: option '--target <name>' argument 'z80' is invalid. It is one of x86-64-v3, x86-64-v4, x86-64-v4+vnni, aarch64, aarch64+dotprod.\n${hint}`,
      },
    ]);
  });

  it("shows its help on standard error when it is called with nothing", async () => {
    const { code, out, error } = await workplace.isochron();
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(error).toContain("Usage: isochron");
  });
});
