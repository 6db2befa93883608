#!/usr/bin/env node
// The `isochron` command: from sources through the TypeScript hook, from the npm package as compiled.
import { existsSync } from "node:fs";
import { register } from "node:module";

process.setSourceMapsEnabled(true);
// A reader that has seen enough (`| head`) ends the command quietly, with the exit code of SIGPIPE.
process.stdout.on("error", (error) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(141);
});
// Whoever reads the output may have read enough (`isochron … | head`).
process.stdout.on("error", (error) => process.exit(error.code === "EPIPE" ? 0 : 1));
register("../hook/typescript.mjs", import.meta.url);
const source = new URL("../command-line.ts", import.meta.url);
const { main } = await import(existsSync(source) ? source.href : new URL("../command-line.js", import.meta.url).href);
process.exitCode = await main(process.argv.slice(2));
