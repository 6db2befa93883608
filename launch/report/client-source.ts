// The page's script: the modules of client/ joined into one, their types stripped, and uPlot before them.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/** The chart library that a page carries, as its script sees it. */
export type Uplot = typeof import("uplot");

/** In the order of their imports; they import each other and nothing else, so names are all that joins them. */
const modules = ["format", "view", "draw", "timeline", "charts", "main"];

/** uPlot, which defines one global, and its style sheet. */
export function readUplot(): { readonly script: string; readonly style: string } {
  const require = createRequire(import.meta.url);
  const read = (file: string) => readFileSync(require.resolve(`uplot/dist/${file}`), "utf8");
  return { script: read("uPlot.iife.min.js"), style: read("uPlot.min.css") };
}

/** The page's own script: from the sources, or in the npm package from what they were compiled to. */
export function readClient(): string {
  return `(() => {\n"use strict";\n${modules.map(readModule).join("\n")}\n})();`;
}

function readModule(name: string): string {
  const source = fileURLToPath(new URL(`client/${name}.ts`, import.meta.url));
  const code = existsSync(source)
    ? stripTypes(source)
    : readFileSync(fileURLToPath(new URL(`client/${name}.js`, import.meta.url)), "utf8");
  return code
    .replace(/^import\s[^;]*;$/gm, "")
    .replace(/^export\s+(?=(?:async\s+)?(?:const|let|class|function)\b)/gm, "")
    .replace(/^export\s*\{\s*\};?$/gm, "")
    .replace(/^\/\/# sourceMappingURL=.*$/gm, "");
}

function stripTypes(path: string): string {
  const { transformSync } = createRequire(import.meta.url)("oxc-transform") as typeof import("oxc-transform");
  const { code, errors } = transformSync(path, readFileSync(path, "utf8"), { target: "es2023" });
  const [first] = errors;
  if (first) throw new SyntaxError(first.codeframe ?? first.message);
  return code;
}
