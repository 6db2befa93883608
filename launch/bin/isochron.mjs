#!/usr/bin/env node
// The `isochron` command: from sources through the TypeScript hook, from the npm package as compiled.
import { existsSync } from "node:fs";

// Only who asks for stacks sees them; maps cost at every one that is made.
if (process.env.ISOCHRON_STACK === "1") process.setSourceMapsEnabled(true);
// A reader that has seen enough (`| head`) ends the command quietly, with the exit code of SIGPIPE.
process.stdout.on("error", (error) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(141);
});
const source = new URL("../command-line.ts", import.meta.url);
const fromSources = existsSync(source);
if (fromSources) await import("../hook/register.mjs");
const { leftOpen, main } = await import(
  fromSources ? source.href : new URL("../command-line.js", import.meta.url).href
);
process.exitCode = await main(process.argv.slice(2));
// What is still open is the application's: it gets a second to end by itself.
let waits = 0;
setInterval(() => {
  const said = leftOpen(process.getActiveResourcesInfo());
  if (said === undefined && ++waits < 10) return;
  process.stderr.write(said ?? "");
  process.exit();
}, 1000).unref();
