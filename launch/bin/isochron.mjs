#!/usr/bin/env node
// The `isochron` command: from sources through the TypeScript hook, from the npm package as compiled.
import { existsSync } from "node:fs";
import { register } from "node:module";

process.setSourceMapsEnabled(true);
register("../hook/typescript.mjs", import.meta.url);
const source = new URL("../command-line.ts", import.meta.url);
const { main } = await import(existsSync(source) ? source.href : new URL("../command-line.js", import.meta.url).href);
process.exitCode = await main(process.argv.slice(2));
