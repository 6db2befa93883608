import { linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { beginsWith, type FileKind, placeNew, replaces, writeWhole } from "./output-file.ts";

const folder = mkdtempSync(join(tmpdir(), "isochron-output-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string): string => join(folder, name);
const list: FileKind = { name: "a list", begins: beginsWith("list:") };

beforeEach(() => {
  for (const name of readdirSync(folder)) rmSync(path(name), { recursive: true });
});

describe("a file that is written", () => {
  it("stands where nothing stood, and in the place of one with the same mark", () => {
    writeWhole(path("a"), "list: 1", list);
    writeWhole(path("a"), "list: 2", list);
    expect(readFileSync(path("a"), "utf8")).toBe("list: 2");
    expect(readdirSync(folder)).toEqual(["a"]);
  });

  it.each(["", "lis", "my own text", "\0list:"])("is refused where %j stands, which stays", (content) => {
    writeFileSync(path("a"), content);
    expect(() => writeWhole(path("a"), "list: 2", list)).toThrow(/a is not replaced: it is not a list that Isochron/);
    expect(readFileSync(path("a"), "utf8")).toBe(content);
    expect(readdirSync(folder)).toEqual(["a"]);
  });

  it("does not follow a link, nor replace it", () => {
    writeFileSync(path("a"), "list: 1");
    symlinkSync("a", path("b"));
    symlinkSync("nowhere", path("c"));
    expect(() => writeWhole(path("b"), "list: 2", list)).toThrow(/b is not replaced: it is a link to a$/);
    expect(() => writeWhole(path("c"), "list: 2", list)).toThrow(/c is not replaced: it is a link to nowhere$/);
    expect(readFileSync(path("a"), "utf8")).toBe("list: 1");
  });

  it("leaves the other names of the file that it replaces what they had", () => {
    writeFileSync(path("a"), "list: 1");
    linkSync(path("a"), path("b"));
    writeWhole(path("a"), "list: 2", list);
    expect(readFileSync(path("b"), "utf8")).toBe("list: 1");
  });

  it("replaces nothing without a kind, and says what to do", () => {
    writeFileSync(path("a"), "list: 1");
    expect(() => replaces(path("a"), undefined, "say --force")).toThrow(
      expect.objectContaining({ code: "file/exists", help: "say --force" }),
    );
  });
});

describe("a name that nothing may have yet", () => {
  const withoutLinks = () => {
    throw Object.assign(new Error("not here"), { code: "EPERM" });
  };

  it.each([
    ["by a hard link", linkSync],
    ["where the file system has none", withoutLinks],
  ])("is given once, %s", (_, link) => {
    writeFileSync(path("first"), "first");
    writeFileSync(path("second"), "second");
    placeNew(path("first"), path("a"), link);
    expect(() => placeNew(path("second"), path("a"), link)).toThrow(expect.objectContaining({ code: "EEXIST" }));
    expect(readFileSync(path("a"), "utf8")).toBe("first");
    expect(readdirSync(folder).sort()).toEqual(["a", "second"]);
  });
});
