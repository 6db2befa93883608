// `isochron init`: writes a project that runs, with an application, its world and a test.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { fileError, IsochronError } from "../../kernels/index.ts";
import { prepareFolder } from "../output-file.ts";
import type { Terminal } from "../terminal.ts";

/** Options of `isochron init`. */
export interface InitOptions {
  readonly json?: boolean;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const template = fileURLToPath(new URL("../init/template", import.meta.url));

/** What a project's own tests and types take, as this version of Isochron was tested with them. */
export const tools = { "@types/node": "20.19.0", typescript: "6.0.3", vitest: "4.1.12" };

const lock = z.object({ packages: z.record(z.string(), z.object({ resolved: z.string().optional() })) });

/**
 * Where a project has Isochron's packages from: the version, or where this very one was installed from, a tarball or the
 * repository, as a path from the project's folder.
 */
function sources(folder: string, version: string): ReadonlyMap<string, string> {
  const fileIn = (path: string) => `file:${relative(folder, path)}`;
  const modules = dirname(resolve(root));
  if (basename(modules) !== "node_modules") return new Map([["isochron", fileIn(root)]]);
  const found = new Map([
    ["isochron", version],
    ["isochron-compiler", version],
  ]);
  const installed = join(modules, ".package-lock.json");
  if (!existsSync(installed)) return found;
  const { packages } = lock.parse(JSON.parse(readFileSync(installed, "utf8")));
  for (const [path, { resolved }] of Object.entries(packages)) {
    const name = /^node_modules\/(isochron(?:-[\w-]+)?)$/.exec(path)?.[1];
    if (name !== undefined && resolved?.startsWith("file:"))
      found.set(name, fileIn(resolve(dirname(modules), resolved.slice("file:".length))));
  }
  return found;
}

/** A package's name from the folder's. */
const packageName = (folder: string): string =>
  basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+|-+$/g, "") || "robot";

const asJson = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;

function manifestFor(folder: string): object {
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(readFileSync(join(root, "package.json"), "utf8")));
  const found = sources(folder, version);
  const of = (wanted: (name: string) => boolean) => Object.fromEntries([...found].filter(([name]) => wanted(name)));
  const platform = of((name) => name.startsWith("isochron-linux-"));
  const name = packageName(folder);
  return {
    name,
    version: "0.1.0",
    private: true,
    type: "module",
    scripts: {
      start: "isochron run app.ts",
      test: "vitest run",
      check: "tsc --noEmit",
      build: `isochron build app.ts -o out/${name}.isoapp`,
    },
    dependencies: of((each) => each === "isochron"),
    ...(Object.keys(platform).length === 0 ? {} : { optionalDependencies: platform }),
    // LLVM and the tools stay at the desk: `npm install --omit=dev` on the robot.
    devDependencies: { ...tools, ...of((each) => each === "isochron-compiler") },
  };
}

/** The files of a project, by name. */
function filesFor(folder: string): ReadonlyMap<string, string> {
  const own = readdirSync(template).map(
    (name) => [name === "gitignore" ? ".gitignore" : name, readFileSync(join(template, name), "utf8")] as const,
  );
  return new Map([
    ["package.json", asJson(manifestFor(folder))],
    ["tsconfig.json", asJson({ extends: "isochron/tsconfig.json" })],
    ...own,
  ]);
}

/** Writes files that are not there yet; all of them or none. */
function writeNew(folder: string, files: ReadonlyMap<string, string>): void {
  const written: string[] = [];
  try {
    for (const [name, text] of files) {
      const path = join(folder, name);
      try {
        writeFileSync(path, text, { flag: "wx" });
      } catch (cause) {
        throw fileError("write", path, cause);
      }
      written.push(path);
    }
  } catch (error) {
    for (const path of written) rmSync(path);
    throw error;
  }
}

/** The command: refuses what would take the place of a file, writes the rest, and says how to go on. */
export function initCommand(given: string, options: InitOptions, terminal: Terminal): number {
  const folder = resolve(given);
  prepareFolder(join(folder, "package.json"));
  const files = new Map(filesFor(folder));
  // Who has installed Isochron in the folder has a package.json already: it stays as it is.
  const hasManifest = existsSync(join(folder, "package.json"));
  if (hasManifest) files.delete("package.json");
  const there = [...files.keys()].filter((name) => existsSync(join(folder, name)));
  if (there.length > 0) {
    throw new IsochronError("command/init", `${given} has files of the same names: ${there.join(", ")}`, {
      help: "name a new folder, isochron init FOLDER; what is there is never replaced",
    });
  }
  writeNew(folder, files);
  const install = hasManifest
    ? [
        `npm pkg set type=module scripts.test="vitest run"`,
        `npm install --save-dev ${Object.entries(tools)
          .map((each) => each.join("@"))
          .join(" ")}`,
      ]
    : ["npm install"];
  const path = relative(process.cwd(), folder);
  const steps = [
    ...(path === "" ? [] : [`cd ${/\s/.test(path) ? `"${path}"` : path}`]),
    ...install,
    "npx isochron run app.ts --record out/cart.mcap --report out/cart.html",
    "npx isochron replay out/cart.mcap --verify",
    hasManifest ? "npx vitest run" : "npm test",
    "npx tsc --noEmit",
  ];
  const names = [...files.keys()];
  terminal.out(
    options.json
      ? JSON.stringify({ folder, files: names, steps })
      : [`${given}: ${names.join(", ")}`, "next:", ...steps.map((step) => `  ${step}`)].join("\n"),
  );
  return 0;
}
