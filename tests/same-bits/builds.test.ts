// Two builds of one graph are the same bytes, whatever its kernels are, in which process, folder, language and time zone they are made.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { openArtifact, operators } from "../../runtime/index.ts";
import { root } from "../robot/robot.ts";
import { operatorsOfEveryKernel } from "./operator.ts";

const folder = mkdtempSync(join(tmpdir(), "isochron-builds-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The artifact that a process of its own makes, from nothing, in a folder of its own. */
function built(name: string, env: NodeJS.ProcessEnv): Buffer {
  const own = join(folder, name);
  mkdirSync(own);
  const script = fileURLToPath(new URL("build.ts", import.meta.url));
  const hook = join(root, "launch/hook/register.mjs");
  execFileSync(process.execPath, ["--import", hook, script, "all.iso"], { cwd: own, env: { ...process.env, ...env } });
  return readFileSync(join(own, "all.iso"));
}

describe("a graph of every kind of kernel", () => {
  it("is built to the same bytes by two processes", () => {
    const first = built("first", { LANG: "C", TZ: "UTC" });
    const second = built("second", { LANG: "de_DE.UTF-8", TZ: "Asia/Tokyo" });
    expect(second.equals(first)).toBe(true);
    const { targets } = openArtifact(first).manifest;
    expect(Object.keys(targets)).toEqual(["x86-64-v4+vnni", "aarch64"]);
    const kernels = targets.aarch64!.methods.forward!.kernels.map(({ name }) => name.split(/[+ ]/)[0]);
    // What is element-wise is computed within the operator behind it.
    const own = operatorsOfEveryKernel().filter((name) => !/pointwise|source/.test(operators[name].lowering.kind));
    expect(kernels).toEqual(expect.arrayContaining(own));
  });
});
