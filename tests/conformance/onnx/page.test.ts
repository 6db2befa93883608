// docs/onnx.md is the page of the operators that there are.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { definitions } from "../../../runtime/import/onnx/operators/index.ts";
import { root } from "../../robot/robot.ts";
import { operatorsOfOnnx } from "./page.ts";

const lines = readFileSync(join(root, "docs/onnx.md"), "utf8").split("\n");
const cellsOf = (line: string): string[] => line.split(" | ").map((each) => each.replace(/^\| | \|$/g, ""));
const rows = new Map(
  lines
    .slice(lines.findIndex((line) => line.startsWith("| operator |")) + 2)
    .filter((line) => line.startsWith("|"))
    .map((line) => [cellsOf(line)[0]!.replace(" (deprecated)", ""), cellsOf(line)] as const),
);

describe("the page on ONNX", () => {
  it("has every operator of the specification, with its versions, and says which are imported", () => {
    for (const [operator, { versions }] of Object.entries(operatorsOfOnnx)) {
      const [, versionsText, , imported] = rows.get(operator) ?? [];
      expect([operator, versionsText, imported]).toEqual([
        operator,
        versions.join(", "),
        definitions.has(operator) ? "yes" : "no",
      ]);
    }
  });

  it("counts no case that fails", () => {
    expect(lines.join("\n")).toMatch(/Of 1905 cases, 18\d\d pass in machine code and 1\d\d\d interpreted; 0 fail\./);
  });
});
