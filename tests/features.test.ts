// The check of FEATURES.md: what is proved, what is missing, and what this machine could not run.
import { describe, expect, it } from "vitest";
import { checkFeatures } from "./features.mjs";

const table = (...rows: readonly string[]) => ["| feature | proved by |", "| --- | --- |", ...rows].join("\n");
const passed = (name: string) => ({ name, status: "passed" });
const failed = (name: string) => ({ name, status: "failed" });
const skipped = (name: string) => ({ name, status: "skipped" });

describe("the check of FEATURES.md", () => {
  it("passes rows whose tests passed", () => {
    const rows = table("| It adds | `add adds` |", "| It takes \\| | `take takes \\|`, `add adds` |");
    expect(checkFeatures(rows, [passed("add adds"), passed("take takes |")])).toEqual({
      rows: 2,
      problems: [],
      skipped: [],
    });
  });

  it("names rows without a test, with one that does not exist, and with one that failed", () => {
    const rows = table("| It adds | soon |", "| It divides | `divide divides` |", "| It halves | `halve halves` |");
    expect(checkFeatures(rows, [failed("halve halves")]).problems).toEqual([
      '"It adds" names no test',
      '"It divides": no test is called "divide divides"',
      '"It halves": "halve halves" failed',
    ]);
  });

  it("tells tests that were skipped from those that ran, where name or row says what they need", () => {
    const rows = table("| It drives | `drive drives (needs ../shared)` |", "| It flies (needs wings) | `fly flies` |");
    const tests = [skipped("drive drives (needs ../shared)"), skipped("fly flies")];
    expect(checkFeatures(rows, tests)).toEqual({
      rows: 2,
      problems: [],
      skipped: ['"It drives": "drive drives (needs ../shared)"', '"It flies (needs wings)": "fly flies"'],
    });
  });

  it("takes a test that was skipped without a need for a row that nothing proves", () => {
    const rows = table("| It swims | `swim swims` |");
    expect(checkFeatures(rows, [skipped("swim swims")]).problems).toEqual([
      '"It swims": "swim swims" was skipped, and neither it nor the row says "(needs …)"',
    ]);
  });
});
