#!/usr/bin/env node
// Writes the npm tarballs: `npm run pack -- DIR` (the package, its platform binaries, and the compiler).
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const staging = join(root, "target/pack");
const [destination] = process.argv.slice(2);
if (!destination || destination.startsWith("-")) {
  process.stderr.write(
    "usage: npm run pack -- DIR\n  writes the npm tarballs of isochron, its platform packages and isochron-compiler into DIR\n",
  );
  process.exit(destination === "--help" ? 0 : 1);
}
const directory = resolve(process.env.INIT_CWD ?? process.cwd(), destination);

const setup = spawnSync(process.execPath, [join(root, "launch/setup/setup.mjs"), "test"], { stdio: "inherit" });
if (setup.status !== 0) process.exit(1);

const { name, version, description, license, engines, dependencies, exports } = JSON.parse(
  readFileSync(join(root, "package.json"), "utf8"),
);
const common = { version, license, engines };
const writeJson = (path, value) => writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);

/** An empty folder for one package, with its licence. */
const stage = (packageName) => {
  const folder = join(staging, packageName);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(root, "LICENSE"), join(folder, "LICENSE"));
  return folder;
};

/** A package that holds one binary, installed by npm only where it can run. */
const stagePlatform = (packageName, arch, binary, source) => {
  const folder = stage(packageName);
  copyFileSync(source, join(folder, binary));
  writeFileSync(
    join(folder, "README.md"),
    `# ${packageName}\n\nThe native part of \`isochron\` for Linux on ${arch} with glibc. Installed by npm when it fits; not for direct use.\n`,
  );
  writeJson(join(folder, "package.json"), {
    name: packageName,
    ...common,
    description: `The native part of isochron for linux-${arch} (glibc)`,
    main: binary,
    files: [binary],
    os: ["linux"],
    cpu: [arch],
    libc: ["glibc"],
  });
  return folder;
};

const platforms = ["x64", "arm64"];
const runtimeFolders = platforms.map((arch) =>
  stagePlatform(
    `${name}-linux-${arch}-gnu`,
    arch,
    `isochron.linux-${arch}-gnu.node`,
    join(root, `target/portable/isochron.linux-${arch}-gnu.node`),
  ),
);

const main = stage(name);
execFileSync(join(root, "node_modules/.bin/tsc"), ["-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
for (const folder of ["launch/bin", "launch/hook"]) cpSync(join(root, folder), join(main, folder), { recursive: true });
rmSync(join(main, "launch/bin/demo.mjs"), { force: true });
for (const file of ["README.md", "CHANGELOG.md"]) copyFileSync(join(root, file), join(main, file));
const published = Object.fromEntries(
  Object.entries(exports).map(([key, path]) =>
    path.endsWith(".ts")
      ? [key, { types: path.replace(/\.ts$/, ".d.ts"), default: path.replace(/\.ts$/, ".js") }]
      : [key, path],
  ),
);
writeJson(join(main, "package.json"), {
  name,
  ...common,
  description,
  type: "module",
  bin: { isochron: "launch/bin/isochron.mjs" },
  exports: published,
  dependencies,
  optionalDependencies: Object.fromEntries(platforms.map((arch) => [`${name}-linux-${arch}-gnu`, version])),
  peerDependencies: { "isochron-compiler": version },
  peerDependenciesMeta: { "isochron-compiler": { optional: true } },
});

const hostArch = process.arch;
const compilerBinary = `isochron-compiler.linux-${hostArch}-gnu.node`;
const compiler = stage("isochron-compiler");
copyFileSync(join(root, "kernels/codegen", compilerBinary), join(compiler, compilerBinary));
writeFileSync(
  join(compiler, "index.cjs"),
  "// Loads LLVM, and the bundler that `isochron build` uses, for the isochron package.\n" +
    `module.exports = { ...require(\`./isochron-compiler.linux-\${process.arch}-gnu.node\`), bundler: () => require("esbuild") };\n`,
);
writeFileSync(
  join(compiler, "README.md"),
  "# isochron-compiler\n\nLLVM for `isochron compile`, `run` from sources and `build`: for the desk, not for the robot.\n",
);
writeJson(join(compiler, "package.json"), {
  name: "isochron-compiler",
  ...common,
  description: "LLVM inside Node, for isochron: needed where graphs are compiled, not where they run",
  main: "index.cjs",
  files: ["index.cjs", compilerBinary],
  os: ["linux"],
  cpu: [hostArch],
  libc: ["glibc"],
  dependencies: { esbuild: JSON.parse(readFileSync(join(root, "package.json"), "utf8")).devDependencies.esbuild },
});

mkdirSync(directory, { recursive: true });
for (const folder of [main, ...runtimeFolders, compiler]) {
  const file = execFileSync("npm", ["pack", "--silent", "--pack-destination", directory, folder], {
    encoding: "utf8",
  }).trim();
  if (!existsSync(join(directory, file))) throw new Error(`npm pack wrote no ${file}`);
  process.stdout.write(`${join(directory, file)}\n`);
}
