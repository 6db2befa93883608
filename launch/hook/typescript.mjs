// The module hook: strips types with oxc-transform, and finds `isochron` and `rxjs` for application files that stand outside a project.
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

/** Resolves as Node does; an application in a bare folder finds the Isochron that runs it. */
export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (error) {
    if (!lent.test(specifier) || error.code !== "ERR_MODULE_NOT_FOUND") throw error;
    return next(specifier, { ...context, parentURL: import.meta.url });
  }
}

/** Loads `.ts` and `.mts` modules with their types stripped; lines stay where they are, through an inline source map. */
export async function load(url, context, next) {
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
