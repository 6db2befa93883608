// Lets Node 20 run TypeScript files as they are: `node --import …/register.mjs app.ts`, or imported first by the command line.
import { register } from "node:module";

/** The folder of chunks that the command runs from: whoever imports Isochron's modules is to have the command's. */
const chunks = new URL(import.meta.url).searchParams.get("chunks") ?? undefined;

register("./typescript.mjs", import.meta.url, { data: { chunks } });
