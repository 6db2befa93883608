// Lets Node 20 run TypeScript files as they are: `node --import …/register.mjs app.ts`, or imported first by the command line.
import { register } from "node:module";

register("./typescript.mjs", import.meta.url);
