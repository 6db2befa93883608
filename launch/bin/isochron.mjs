#!/usr/bin/env node
// The `isochron` command: from chunks of the sources as they are, or of the npm package.
import { existsSync } from "node:fs";

// Only who asks for stacks sees them; maps cost at every one that is made.
if (process.env.ISOCHRON_STACK === "1") process.setSourceMapsEnabled(true);
// A reader that has seen enough (`| head`) ends the command quietly, with the exit code of SIGPIPE.
process.stdout.on("error", (error) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(141);
});
const fromSources = new URL("from-sources.mjs", import.meta.url);
const { leftOpen, main } = await import(
  existsSync(fromSources)
    ? await (await import(fromSources.href)).commandLine()
    : new URL("../../dist/launch-command-line.js", import.meta.url).href
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
