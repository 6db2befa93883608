// The module hook: strips types with oxc-transform, takes imports as tsc and bundlers do, and finds `isochron` and `rxjs` for application files that stand outside a project.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

/** Isochron's own sources: nobody is shown where in them something is, but who asks for stacks. */
const own = /^(?:kernels|runtime|scheduler|nodes|sim|launch)\//;
const root = new URL("../../", import.meta.url).href;
const isMapped = (url) =>
  process.env.ISOCHRON_STACK === "1" || !(url.startsWith(root) && own.test(url.slice(root.length)));

/** oxc-transform, a native module: loaded with the first TypeScript file, so that a robot that runs none loads none. */
let oxc;

/** What an application in a bare folder is lent: Isochron, and the RxJS that its topics are observables of. */
const lent = /^(?:isochron|rxjs)(?:\/|$)/;

/** What tsc writes of a module, and what it may be made of. */
const sources = { ".js": [".ts", ".tsx"], ".mjs": [".mts"], ".cjs": [".cts"], ".jsx": [".tsx"] };
const written = /\.(?:[cm]?js|jsx)$/;

/** The chunks in the place of modules of Isochron that stand for themselves. */
let chunkOf = new Map();

/** Called with what `register` was given. */
export async function initialize({ chunks } = {}) {
  if (chunks === undefined) return;
  const manifest = JSON.parse(await readFile(new URL("package.json", chunks), "utf8"));
  chunkOf = new Map(
    Object.entries(manifest.chunks).map(([source, chunk]) => [new URL(source, root).href, new URL(chunk, chunks).href]),
  );
}

/** Kinds of import that Node 20 does not know: a file's text, and its bytes. */
const plain = new Set(["text", "bytes"]);

/** The TypeScript files that a file of JavaScript may be made of. */
const sourcesOf = (specifier) => {
  const ending = /^(?:\.{0,2}\/|file:)/.test(specifier) ? (written.exec(specifier)?.[0] ?? "") : "";
  return (sources[ending] ?? []).map((source) => specifier.slice(0, -ending.length) + source);
};

/**
 * Resolves as Node does. A file of JavaScript that is not there is the TypeScript that it would be made of, as for tsc; an
 * application in a bare folder finds the Isochron that runs it.
 */
export async function resolve(specifier, context, next) {
  const found = await resolveSource(specifier, context, next);
  const url = chunkOf.get(found.url);
  return url === undefined ? found : { ...found, url, format: "module" };
}

async function resolveSource(specifier, context, next) {
  const type = context.importAttributes?.type;
  if (plain.has(type)) {
    // One file may be imported as both: Node keeps modules by their addresses.
    const { url } = await next(specifier, { ...context, importAttributes: {} });
    return { url: `${url}#${type}`, format: "module", importAttributes: {}, shortCircuit: true };
  }
  try {
    return await next(specifier, context);
  } catch (error) {
    if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
    if (lent.test(specifier)) return next(specifier, { ...context, parentURL: import.meta.url });
    for (const source of sourcesOf(specifier)) {
      try {
        return await next(source, context);
      } catch (missing) {
        if (missing.code !== "ERR_MODULE_NOT_FOUND") throw missing;
      }
    }
    throw error;
  }
}

/** A module whose value is a file's text or bytes. */
async function loadPlain(url, type) {
  const bytes = await readFile(new URL(url.slice(0, url.lastIndexOf("#"))));
  const value =
    type === "text"
      ? JSON.stringify(bytes.toString("utf8"))
      : `Uint8Array.from(atob("${bytes.toString("base64")}"), (each) => each.charCodeAt(0))`;
  return { format: "module", shortCircuit: true, source: `export default ${value};\n` };
}

/** Loads `.ts` and `.mts` modules with their types stripped; lines stay where they are, through an inline source map. */
export async function load(url, context, next) {
  const type = /#(text|bytes)$/.exec(url)?.[1];
  if (type !== undefined) return loadPlain(url, type);
  if (!url.startsWith("file:") || !/\.m?ts$/.test(new URL(url).pathname)) return next(url, context);
  const path = fileURLToPath(url);
  const source = await readFile(path, "utf8");
  oxc ??= import("oxc-transform");
  const { transform } = await oxc;
  const { code, map, errors } = await transform(path, source, { sourcemap: isMapped(url), target: "es2023" });
  if (errors.length > 0) {
    const error = new SyntaxError(errors.map((each) => each.codeframe ?? each.message).join("\n"));
    error.code = "ISOCHRON_SYNTAX";
    throw error;
  }
  if (!map) return { format: "module", shortCircuit: true, source: code };
  const inline = Buffer.from(JSON.stringify(map)).toString("base64");
  return {
    format: "module",
    shortCircuit: true,
    source: `${code}\n//# sourceMappingURL=data:application/json;base64,${inline}\n`,
  };
}
