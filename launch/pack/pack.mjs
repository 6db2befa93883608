#!/usr/bin/env node
// Writes the npm tarballs: `npm run pack -- DIR [PACKAGE…]` (the package, its platform binaries, and the compiler).
import { spawnSync } from "node:child_process";
import {
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import "../hook/register.mjs";
import { chunkOf, entries, writeChunks } from "./chunks.mjs";

const { place } = await import("../../kernels/index.ts");

const root = fileURLToPath(new URL("../..", import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const { name, version, description, license, engines } = manifest;
const common = { version, license, engines };
const platforms = ["x64", "arm64"];
const platformPackage = (arch) => `${name}-linux-${arch}-gnu`;
const compilerPackage = `${name}-compiler`;
/** What is loaded where it is asked for and installed: the compiler, and what transports need. */
const peers = {
  [compilerPackage]: version,
  rclnodejs: "^2.2.0",
  zeromq: `^${manifest.devDependencies.zeromq}`,
};

const writeJson = (path, value) => writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
const copyInto = (folder, file) => {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  copyFileSync(join(root, file), join(folder, file));
};

/** Runs a program in the repository; what it wrote, or an error with it. */
function run(command, args) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: "utf8" });
  if (error || status !== 0)
    throw new Error(`${command} ${args.join(" ")} failed\n${error?.message ?? ""}${stdout}${stderr}`);
  return stdout.trim();
}

/**
 * The dependencies that the modules below a folder name: imported, or resolved by name.
 * Fails for an import that package.json does not list.
 */
function usedDependencies(folder) {
  const files = readdirSync(folder, { recursive: true }).filter((file) => /\.(m?js|d\.ts)$/.test(file));
  const texts = files.map((file) => readFileSync(join(folder, file), "utf8"));
  const imports = texts.flatMap((text) =>
    [...text.matchAll(/^(?:import|export|\}).* from "((?:@[^/"]+\/)?[^./"][^/"]*)/gm)].map(([, each]) => each),
  );
  const known = Object.keys(manifest.dependencies);
  const unlisted = imports.find((each) => !isBuiltin(each) && each !== name && !known.includes(each));
  if (unlisted !== undefined) throw new Error(`${unlisted} is imported, and is no dependency in package.json`);
  const named = (each) => texts.some((text) => new RegExp(`["'\`]${each}["'\`/]`).test(text));
  return Object.fromEntries(Object.entries(manifest.dependencies).filter(([each]) => named(each)));
}

/** The pages that users read; the others are for those who build Isochron. */
const papers = [
  "first-application",
  "library",
  "worlds",
  "transports",
  "how-to/import-a-model",
  "how-to/from-pytorch",
  "how-to/robot",
  "onnx",
  "pytorch",
].map((page) => `docs/${page}.md`);

/** Examples go without their tests, which need the repository; the test of a new project is part of it. */
const isOurTest = (file) => file.startsWith("examples/") && file.endsWith(".test.ts");

const filesBelow = (folder) =>
  readdirSync(join(root, folder), { recursive: true })
    .map((file) => join(folder, file))
    .filter((file) => statSync(join(root, file)).isFile());

/** The licences of the packages whose modules are in chunks. */
function licencesOf(modules) {
  const packages = [...new Set(modules.map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]))];
  return packages
    .filter((each) => each !== undefined)
    .sort()
    .map((each) => {
      const folder = join(root, "node_modules", each);
      const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
      const { version, license, author } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      const whose = typeof author === "string" ? author : (author?.name ?? "");
      const text = file ? readFileSync(join(folder, file), "utf8").trim() : `${license}\n${whose}`.trim();
      return `${each} ${version}\n\n${text}\n`;
    })
    .join(`\n${"-".repeat(80)}\n\n`);
}

/** What is read as a file, and goes as compiled: the modules of a report's page. */
const isReadAsFile = (file) => file.startsWith("launch/report/client/");

/** `isochron`: chunks of JavaScript with their types, the command, pages, examples, and what `isochron init` writes. */
async function fillMain(folder) {
  run(join(root, "node_modules/typescript-7/bin/tsc"), ["-p", "tsconfig.build.json", "--outDir", folder]);
  for (const file of readdirSync(folder, { recursive: true }))
    if (file.endsWith(".js") && !isReadAsFile(file)) rmSync(join(folder, file));
  const modules = await writeChunks(join(folder, "dist"), entries, folder);
  writeFileSync(join(folder, "dist/LICENSES.txt"), licencesOf(modules));
  for (const file of [
    "launch/bin/isochron.mjs",
    "launch/hook/register.mjs",
    "launch/hook/typescript.mjs",
    "CHANGELOG.md",
    ...papers,
    ...["launch/init", "examples"].flatMap(filesBelow).filter((file) => !isOurTest(file)),
  ])
    copyInto(folder, file);
  copyFileSync(join(root, "launch/pack/README.md"), join(folder, "README.md"));
  const exports = Object.fromEntries(
    Object.entries(manifest.exports).map(([key, path]) =>
      path.endsWith(".ts")
        ? [key, { types: path.replace(/\.ts$/, ".d.ts"), default: `./dist/${chunkOf(path)}` }]
        : [key, path],
    ),
  );
  writeJson(join(folder, "package.json"), {
    name,
    ...common,
    description,
    type: "module",
    bin: manifest.bin,
    exports,
    // One RxJS with the user's, wherever theirs fits.
    dependencies: { ...usedDependencies(folder), rxjs: `^${manifest.dependencies.rxjs}` },
    optionalDependencies: Object.fromEntries(platforms.map((arch) => [platformPackage(arch), version])),
    peerDependencies: peers,
    peerDependenciesMeta: Object.fromEntries(Object.keys(peers).map((each) => [each, { optional: true }])),
  });
}

/** A package that holds one binary, installed by npm only where it can run. */
function fillPlatform(folder, arch) {
  const binary = `isochron.linux-${arch}-gnu.node`;
  copyFileSync(join(root, "target/portable", binary), join(folder, binary));
  writeFileSync(
    join(folder, "README.md"),
    `# ${platformPackage(arch)}\n\nThe native part of \`isochron\` for Linux on ${arch} with glibc. Installed by npm when it fits; not for direct use.\n`,
  );
  writeJson(join(folder, "package.json"), {
    name: platformPackage(arch),
    ...common,
    description: `The native part of isochron for linux-${arch} (glibc)`,
    main: binary,
    files: [binary],
    os: ["linux"],
    cpu: [arch],
    libc: ["glibc"],
  });
}

/** `isochron-compiler`: LLVM, and the bundler of `isochron build`, for this machine. */
function fillCompiler(folder) {
  const binary = `isochron-compiler.linux-${process.arch}-gnu.node`;
  copyFileSync(join(root, "kernels/codegen", binary), join(folder, binary));
  writeFileSync(
    join(folder, "index.cjs"),
    "// LLVM for the isochron package; the bundler and the parser of `isochron build` are found from here.\n" +
      `module.exports = require("./${binary}");\n`,
  );
  writeFileSync(
    join(folder, "README.md"),
    `# ${compilerPackage}\n\nLLVM for \`isochron run\` from sources and \`isochron build\`: for the desk, not for the robot.\n`,
  );
  writeJson(join(folder, "package.json"), {
    name: compilerPackage,
    ...common,
    description: "LLVM inside Node, for isochron: needed where graphs are compiled, not where they run",
    main: "index.cjs",
    files: ["index.cjs", binary],
    os: ["linux"],
    cpu: [process.arch],
    libc: ["glibc"],
    dependencies: Object.fromEntries(["esbuild", "oxc-parser"].map((each) => [each, manifest.devDependencies[each]])),
  });
}

/** Tarballs of a package, which another of it may replace. */
const tarballOf = (package_, path) => ({
  name: `a tarball of ${package_}`,
  begins: () => {
    try {
      return gunzipSync(readFileSync(path)).includes(`"name": ${JSON.stringify(package_)},`);
    } catch {
      return false;
    }
  },
});

const packages = new Map([
  [name, fillMain],
  ...platforms.map((arch) => [platformPackage(arch), (folder) => fillPlatform(folder, arch)]),
  [compilerPackage, fillCompiler],
]);

const [destination, ...named] = process.argv.slice(2);
const unknown = named.filter((each) => !packages.has(each));
if (!destination || destination.startsWith("-") || unknown.length > 0) {
  const fault = unknown.length > 0 ? `pack: there is no package ${unknown.join(", ")}\n` : "";
  process.stderr.write(
    `${fault}usage: npm run pack -- DIR [PACKAGE…]\n  writes npm tarballs into DIR, of all packages or of those named: ${[...packages.keys()].join(", ")}\n`,
  );
  process.exit(destination === "--help" ? 0 : 1);
}
const directory = resolve(process.env.INIT_CWD ?? process.cwd(), destination);

mkdirSync(directory, { recursive: true });
const staging = mkdtempSync(join(tmpdir(), "isochron-pack-"));
try {
  for (const each of named.length > 0 ? named : packages.keys()) {
    const folder = join(staging, each);
    mkdirSync(folder);
    copyInto(folder, "LICENSE");
    await packages.get(each)(folder);
    const file = run("npm", ["pack", "--silent", "--pack-destination", staging, folder]);
    if (!existsSync(join(staging, file))) throw new Error(`npm pack wrote no ${file}`);
    const path = join(directory, file);
    const temporary = `${path}.${process.pid}.tmp`;
    // Copied to where it can be renamed: the folder may lie on another file system.
    copyFileSync(join(staging, file), temporary, constants.COPYFILE_EXCL);
    try {
      place(temporary, path, tarballOf(each, path));
    } finally {
      rmSync(temporary, { force: true });
    }
    process.stdout.write(`${path}\n`);
  }
} catch (error) {
  process.stderr.write(`pack: ${error.message.trimEnd()}\n`);
  process.exitCode = 1;
} finally {
  rmSync(staging, { recursive: true, force: true });
}
