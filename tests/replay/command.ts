// Runs the `isochron` command in a process of its own.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const roadApplication = fileURLToPath(new URL("../../examples/road/app.ts", import.meta.url));

/** What a command did. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

/** Runs `isochron ARGUMENTS…` in the repository's root. */
export const isochron = (...arguments_: string[]): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["launch/bin/isochron.mjs", ...arguments_], { cwd: root });
    let [out, error] = ["", ""];
    child.stdout.on("data", (chunk) => {
      out += chunk;
    });
    child.stderr.on("data", (chunk) => {
      error += chunk;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, out, error }));
  });
