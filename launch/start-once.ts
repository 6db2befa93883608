// Starts a built application once in a process and a folder of its own, before anybody takes it to a robot.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { IsochronError } from "../kernels/index.ts";

const command = fileURLToPath(new URL("bin/isochron.mjs", import.meta.url));
/** How long a start may take, milliseconds: only what hangs takes so long. */
const limit = 300_000;

/** Throws `build/start` where the application does not start in an empty folder; `shown` is its name in the error. */
export async function startOnce(bytes: Uint8Array, shown: string, signal: AbortSignal): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "isochron-start-"));
  try {
    const file = join(folder, "application.isoapp");
    writeFileSync(file, bytes);
    const cwd = mkdtempSync(join(folder, "empty-"));
    const child = spawn(process.execPath, [command, "start", file], {
      cwd,
      signal,
      timeout: limit,
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    const ended = await new Promise<{ readonly code: number | null }>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ code }));
    });
    if (ended.code === 0) return;
    const lines = said.replaceAll(file, shown).trimEnd().split("\n");
    throw new IsochronError("build/start", `${shown} does not start where its sources are not`, {
      details: ended.code === null ? [...lines, `it was ended after ${limit / 1000} s`] : lines,
      help: 'name the files that it reads: new URL("FILE", import.meta.url); --no-start where it needs what only the robot has',
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
