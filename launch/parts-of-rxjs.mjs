// Imports of RxJS's parts, one by one, in the place of the whole, for bundles that leave RxJS outside.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** What a module of the whole exports, and from which of its parts. */
const exported = /^export \{ (.*) \} from '\.\.?\/(internal\/[\w/]+)';$/gm;

/**
 * A plugin of esbuild; RxJS is found from `from`. The parts are the modules that the whole is made of, so there is one
 * RxJS, whoever imports it and how; of its two hundred files those are opened that are used.
 */
export const partsOfRxjs = (from) => ({
  name: "parts of RxJS",
  setup: ({ onResolve, onLoad }) => {
    const folder = dirname(createRequire(from).resolve("rxjs/package.json"));
    const part = (path, pluginData) => ({ path, pluginData, namespace: "rxjs", sideEffects: false });
    onResolve({ filter: /^rxjs(\/operators)?$/ }, ({ path, kind }) =>
      kind === "import-statement" ? part(path) : { path, external: true },
    );
    // Each part is a module of the bundle, so that what of them nobody uses is left away.
    onResolve({ filter: /^internal\//, namespace: "rxjs" }, ({ path, with: { names } }) => part(`${path} ${names}`));
    onLoad({ filter: /^rxjs/, namespace: "rxjs" }, ({ path }) => {
      const whole = readFileSync(join(folder, "dist/esm", path.replace("rxjs", ""), "index.js"), "utf8");
      const parts = [...whole.matchAll(exported)].map(
        ([, names, module]) => `export { ${names} } from "${module}" with { names: "${names}" };`,
      );
      return { contents: parts.join("\n"), loader: "js" };
    });
    onLoad({ filter: /^internal/, namespace: "rxjs" }, ({ path }) => {
      const [module, ...names] = path.split(" ");
      return { contents: `export { ${names.join(" ")} } from "rxjs/${module}";`, loader: "js" };
    });
  },
});
