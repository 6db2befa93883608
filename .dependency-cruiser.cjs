// The folder rule: launch → sim → nodes → scheduler → runtime → kernels, doors only, no cycles.
const layers = ["kernels", "runtime", "scheduler", "nodes", "sim", "launch"];

/** A lower folder may not import a higher one. */
const upward = layers.slice(0, -1).map((layer, at) => ({
  name: `${layer}-imports-nothing-above`,
  severity: "error",
  from: { path: `^${layer}/` },
  to: { path: `^(${layers.slice(at + 1).join("|")}|examples|tests)/` },
}));

/** Nothing reaches past another folder's index.ts. */
const doors = layers.map((layer) => ({
  name: `${layer}-has-one-door`,
  severity: "error",
  from: { path: `^(?!${layer}/|tests/|examples/)[^/]+/` },
  to: { path: `^${layer}/`, pathNot: `^${layer}/(index|functional|import/index)\\.ts$|\\.node$` },
}));

/** Examples are written as a user's applications are: they import what the package exports. */
const exported = Object.values(require("./package.json").exports).map((file) => file.replace("./", ""));
const examples = {
  name: "examples-import-what-the-package-exports",
  severity: "error",
  from: { path: "^examples/" },
  to: { path: `^(${layers.join("|")})/`, pathNot: `^(${exported.join("|")})$` },
};

module.exports = {
  forbidden: [
    ...upward,
    ...doors,
    examples,
    {
      name: "no-cycles",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    { name: "everything-resolves", severity: "error", from: {}, to: { couldNotResolve: true } },
    {
      name: "no-development-packages-in-the-product",
      severity: "error",
      from: {
        path: "^(kernels|runtime|scheduler|nodes|sim|launch)/",
        pathNot: "\\.test\\.ts$|/testing/|^launch/(setup|pack|build)/|\\.long\\.ts$",
      },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "\\.node$|^target/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "types", "node", "default"] },
  },
};
