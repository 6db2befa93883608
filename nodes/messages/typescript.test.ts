// Generated TypeScript: it compiles as it is, means what readers give and writers take, and says so of every common type.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { Definitions } from "./definitions.ts";
import { messageTypes } from "./index.ts";

const own = Definitions.common.with([
  {
    type: "highway_msgs/msg/Line",
    text: 'uint8 NONE=0\nuint8 PAINTED=1\nint64 FAR=9007199254740993\nstring UNIT="px"\nfloat32 intercept\nfloat32 slope',
  },
  {
    type: "highway_msgs/msg/Header",
    text: [
      "std_msgs/Header header",
      "Line[2] lines",
      "int64 total",
      "uint64[] counts",
      "bool[<=3] flags",
      "string<=5 name",
      "std_msgs/Empty nothing",
      "builtin_interfaces/Duration age",
      "wstring[] labels",
    ].join("\n"),
  },
]);

/** What tsc says of files, strictly. */
function complaints(files: Readonly<Record<string, string>>): string[] {
  const folder = mkdtempSync(join(tmpdir(), "isochron-types-"));
  try {
    mkdirSync(folder, { recursive: true });
    const paths = Object.entries(files).map(([name, text]) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    });
    const program = ts.createProgram(paths, {
      strict: true,
      noEmit: true,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      allowImportingTsExtensions: true,
      types: [],
      lib: ["lib.es2022.d.ts"],
      skipLibCheck: true,
    });
    return ts
      .getPreEmitDiagnostics(program)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe("generated message types", () => {
  it("are what readers give: bigint for 64 bits, typed arrays for numbers, constants by name", () => {
    const types = messageTypes(own.ownTypes, own);
    const use = `
      import { Line, type HighwayMsgsHeader, type StdMsgsHeader, type Messages } from "./messages.ts";
      const line: Line = { intercept: 1, slope: 2 };
      const far: 9007199254740993n = Line.FAR;
      const unit: "px" = Line.UNIT;
      const stdHeader: StdMsgsHeader = { stamp: { sec: 1, nanosec: 2 }, frame_id: "a" };
      const all: Messages["highway_msgs/msg/Header"] = {
        header: stdHeader, lines: [line, line], total: 5n, counts: new BigUint64Array(3), flags: [true],
        name: "a", nothing: {}, age: { sec: 0, nanosec: 0 }, labels: ["x"],
      } satisfies HighwayMsgsHeader;
      export const ok = [far, unit, all];
    `;
    expect(complaints({ "messages.ts": types, "use.ts": use })).toEqual([]);
    const wrong = use.replace("total: 5n", "total: 5").replace("new BigUint64Array(3)", "[1n]").replace("sec: 1,", "");
    const found = complaints({ "messages.ts": types, "use.ts": wrong }).join("\n");
    for (const complaint of [
      "Type 'number' is not assignable to type 'bigint'",
      "Type 'bigint[]' is missing the following properties from type 'BigUint64Array",
      "Property 'sec' is missing in type",
    ]) {
      expect(found).toContain(complaint);
    }
  });

  it("compile for every common type, two of one name told apart by their packages", () => {
    const text = messageTypes(Definitions.common.allTypes, Definitions.common);
    expect(complaints({ "messages.ts": text })).toEqual([]);
    for (const name of ["ActionMsgsGoalStatus", "ActionlibMsgsGoalStatus", "JointState"]) {
      expect(text).toContain(`export interface ${name} {`);
    }
    expect(text).toBe(messageTypes([...Definitions.common.allTypes].reverse(), Definitions.common));
  });
});
