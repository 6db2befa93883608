// The npm tarballs: what they hold, and that a machine with them alone runs, records and replays.
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import { Script } from "node:vm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { rosPrefix, rosPython } from "../../launch/setup/ros-environment.mjs";
import {
  buildRoad,
  install,
  installRobot,
  isochronHere,
  pack,
  ranAs,
  replayedAs,
  root,
  runOutside,
  runtimePackages,
  succeed,
  tarballName,
} from "../robot/robot.ts";
import { skipReason } from "../ros/place.ts";
import { Hour } from "./hour.ts";
import { launched } from "./launched.ts";

const folder = mkdtempSync(join(tmpdir(), "isochron-packaging-"));
const tarballs = join(folder, "tarballs");
const unpacked = join(folder, "unpacked");
const robot = join(folder, "robot");
const desk = join(folder, "desk");
const built = join(folder, "road.isoapp");

const runtimes = ["x64", "arm64"].map((arch) => ({
  arch,
  name: `isochron-linux-${arch}-gnu`,
  binary: `isochron.linux-${arch}-gnu.node`,
}));

const compilerBinary = `isochron-compiler.linux-${process.arch}-gnu.node`;

const manifestShape = z.object({
  name: z.string().optional(),
  os: z.array(z.string()).optional(),
  cpu: z.array(z.string()).optional(),
  libc: z.array(z.string()).optional(),
  bin: z.record(z.string(), z.string()).optional(),
  exports: z.record(z.string(), z.union([z.string(), z.object({ types: z.string(), default: z.string() })])).optional(),
  dependencies: z.record(z.string(), z.string()).default({}),
  devDependencies: z.record(z.string(), z.string()).default({}),
  optionalDependencies: z.record(z.string(), z.string()).default({}),
  scripts: z.record(z.string(), z.string()).default({}),
});
const readManifest = (path: string) => manifestShape.parse(JSON.parse(readFileSync(path, "utf8")));
const manifestOf = (name: string) => readManifest(join(unpacked, name, "package/package.json"));

/** The files of an unpacked tarball. */
const filesOf = (name: string): string[] => {
  const base = join(unpacked, name, "package");
  return readdirSync(base, { recursive: true, encoding: "utf8" })
    .filter((file) => statSync(join(base, file)).isFile())
    .sort();
};

const textOf = (name: string, file: string): string => readFileSync(join(unpacked, name, "package", file), "utf8");

/** A module without its ending, so that a `.js` and its `.d.ts` are one. */
const stem = (file: string): string => file.replace(/(\.d\.ts|\.ts|\.m?js)$/, "");

/** The modules of the main package that the modules given lead to: by relative imports and URLs, or by a folder read by name. */
function reached(entries: readonly string[]): Set<string> {
  const modules = filesOf("isochron").filter((file) => /\.m?js$/.test(file));
  const found = new Set<string>();
  const follow = (module: string): void => {
    if (found.has(module)) return;
    found.add(module);
    if (!modules.includes(module)) return;
    const text = textOf("isochron", module);
    for (const [, to = ""] of text.matchAll(/"(\.{1,2}\/[^"]+\.m?js)"(?!, moduleUrl)/g))
      follow(normalize(join(dirname(module), to)));
    for (const [, to = ""] of text.matchAll(/`([\w-]+)\/\$\{\w+\}\.js`/g))
      for (const each of modules) if (dirname(each).endsWith(`/${to}`)) follow(each);
  };
  for (const entry of entries) follow(normalize(entry));
  return found;
}

const versionNumber = (text: string): readonly [number, number] => {
  const [major = 0, minor = 0] = text.split(".").map(Number);
  return [major, minor];
};

beforeAll(() => {
  pack(tarballs);
  for (const name of ["isochron", ...runtimePackages, "isochron-compiler"]) {
    const into = join(unpacked, name);
    cpSync(join(tarballs, tarballName(name)), join(into, "it.tgz"));
    succeed(runOutside(into, "tar", ["-xzf", "it.tgz"]));
  }
  installRobot(robot, tarballs);
  buildRoad(built);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the tarballs", () => {
  it("are the package, its two runtimes and the compiler", () => {
    expect(readdirSync(tarballs).sort()).toEqual(
      ["isochron", ...runtimePackages, "isochron-compiler"].map(tarballName).sort(),
    );
  });

  it("hold of the package chunks of JavaScript with its types, the command and its papers", () => {
    const rest = filesOf("isochron").filter(
      (file) => !/^(dist\/[\w-]+|launch\/report\/client\/[\w-]+)\.js$/.test(file),
    );
    const withoutTypes = rest.filter((file) => !file.endsWith(".d.ts"));
    expect(withoutTypes.filter((file) => !file.startsWith("examples/"))).toEqual([
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "dist/LICENSES.txt",
      "dist/package.json",
      "docs/first-application.md",
      "docs/how-to/from-pytorch.md",
      "docs/how-to/import-a-model.md",
      "docs/how-to/robot.md",
      "docs/library.md",
      "docs/onnx.md",
      "docs/pytorch.md",
      "docs/transports.md",
      "docs/worlds.md",
      "launch/bin/isochron.mjs",
      "launch/hook/register.mjs",
      "launch/hook/typescript.mjs",
      "launch/init/template/app.test.ts",
      "launch/init/template/app.ts",
      "launch/init/template/cart.ts",
      "launch/init/template/controller.test.ts",
      "launch/init/template/controller.ts",
      "launch/init/template/gitignore",
      "launch/init/tsconfig.json",
      "package.json",
    ]);
    expect(withoutTypes).toEqual(expect.arrayContaining(["examples/road/app.ts", "examples/highway/README.md"]));
    const types = rest.filter((file) => file.endsWith(".d.ts"));
    const { exports = {} } = manifestOf("isochron");
    const typed = Object.values(exports).flatMap((each) => (typeof each === "string" ? [] : [normalize(each.types)]));
    expect(typed.filter((file) => !types.includes(file))).toEqual([]);
    expect(types.filter((file) => !existsSync(join(root, `${stem(file)}.ts`)))).toEqual([]);
    const ours = /(^|\/)(tests?|testing|bench|setup|pack)\/|\.(test|long)\./;
    expect(filesOf("isochron").filter((file) => ours.test(file) && !file.startsWith("launch/init/"))).toEqual([]);
  });

  it("hold chunks that import each other, Node's modules and parts of RxJS, so that a start opens few files", () => {
    const chunks = filesOf("isochron").filter((file) => /^dist\/.*\.js$/.test(file));
    const imported = chunks
      .flatMap((file) => [...textOf("isochron", file).matchAll(/^(?:import|export|\}).*? from "([^"]+)";$/gm)])
      .map(([, name = ""]) => name);
    expect(imported.length).toBeGreaterThan(100);
    const others = imported.filter((name) => !isBuiltin(name) && !/^(\.\/[\w-]+\.js|rxjs\/internal\/.+)$/.test(name));
    expect(others).toEqual([]);
    expect(imported).toContain("rxjs/internal/Observable");
  });

  it("say to their users where they come from and how to begin, with links that lead somewhere in the package", () => {
    const pages = filesOf("isochron").filter((file) => /^(README\.md|docs\/.*\.md|examples\/.*\.md)$/.test(file));
    expect(pages).toHaveLength(14);
    for (const page of pages) {
      const links = [...textOf("isochron", page).matchAll(/\]\(([^)#:]+)\)/g)].map(([, to = ""]) => to);
      const files = links.map((to) => normalize(join(dirname(page), to)));
      expect({ page, lost: files.filter((file) => !filesOf("isochron").includes(file)) }).toEqual({ page, lost: [] });
    }
    const text = textOf("isochron", "README.md");
    for (const said of ["npm run pack", "isochron-compiler", "npx isochron init", "isochron/tsconfig.json"])
      expect(text).toContain(said);
    expect(text).not.toMatch(/npm test --|FEATURES\.md|CONTRIBUTING\.md/);
  });

  it("hold no module that neither the exports nor the command lead to", () => {
    const { bin = {}, exports = {} } = manifestOf("isochron");
    const entries = [
      ...Object.values(bin),
      ...Object.values(exports).map((each) => (typeof each === "string" ? each : each.default)),
    ].filter((file) => !file.endsWith(".json"));
    const all = filesOf("isochron").filter((file) => /\.m?js$/.test(file));
    expect([...reached(entries)].sort()).toEqual(all.sort());
  });

  it("name as dependencies what the code imports, no development dependency and no install script", () => {
    const { dependencies, devDependencies, optionalDependencies, scripts } = manifestOf("isochron");
    const code = filesOf("isochron")
      .filter((file) => /(\.m?js|\.d\.ts)$/.test(file))
      .map((file) => textOf("isochron", file));
    const imported = code
      .flatMap((text) => [...text.matchAll(/(?:from|import\() ?"((?:@[\w.-]+\/)?[a-z][\w.:-]*)/g)])
      .map(([, name = ""]) => name)
      .filter((name) => !isBuiltin(name) && name !== "isochron");
    const listed = Object.keys(dependencies);
    expect([...new Set(imported)].filter((name) => !listed.includes(name))).toEqual([]);
    // The page's modules resolve some by name.
    const named = (name: string) => code.some((text) => new RegExp(`["'\`]${name}["'\`/]`).test(text));
    expect(listed.filter((name) => !named(name))).toEqual([]);
    expect(Object.keys(optionalDependencies).sort()).toEqual([...runtimePackages].sort());
    expect(devDependencies).toEqual({});
    expect(scripts).toEqual({});
    const development = Object.keys(readManifest(join(root, "package.json")).devDependencies);
    expect(Object.keys(dependencies).filter((name) => development.includes(name))).toEqual([]);
  });

  it.each(runtimes)("hold one binary for Linux on $arch", ({ arch, name, binary }) => {
    expect(filesOf(name)).toEqual(["LICENSE", "README.md", binary, "package.json"].sort());
    expect(manifestOf(name)).toMatchObject({
      os: ["linux"],
      cpu: [arch],
      libc: ["glibc"],
      dependencies: {},
      scripts: {},
    });
  });

  it("hold of the compiler its binary, with the bundler and the parser as its only dependencies", () => {
    expect(filesOf("isochron-compiler")).toEqual(
      ["LICENSE", "README.md", "index.cjs", compilerBinary, "package.json"].sort(),
    );
    expect(Object.keys(manifestOf("isochron-compiler").dependencies)).toEqual(["esbuild", "oxc-parser"]);
  });
});

describe("the runtime's binary", () => {
  it.each(runtimes)("for $arch is under 10 MB", ({ name, binary }) => {
    expect(statSync(join(unpacked, name, "package", binary)).size).toBeLessThan(10e6);
  });

  it.each(runtimes)("for $arch needs glibc 2.31 or older, and no other library", ({ name, binary }) => {
    const read = (...flags: string[]) =>
      succeed(runOutside(join(unpacked, name, "package"), "readelf", ["--wide", ...flags, binary]));
    const versions = [...read("--version-info").matchAll(/Name: GLIBC_([\d.]+)/g)].map(([, each = ""]) => each);
    expect(versions.length).toBeGreaterThan(0);
    const tooNew = versions.filter((each) => {
      const [major, minor] = versionNumber(each);
      return major > 2 || (major === 2 && minor > 31);
    });
    expect(tooNew).toEqual([]);
    const libraries = [...read("--dynamic").matchAll(/\(NEEDED\).*\[(.+)\]/g)].map(([, each = ""]) => each);
    expect(libraries.length).toBeGreaterThan(0);
    expect(
      libraries.filter((each) => !/^(libc|libm|libpthread|libdl|librt|ld-linux-[\w-]+)\.so\.\d$/.test(each)),
    ).toEqual([]);
  });
});

describe("a robot with the package and its runtime alone", () => {
  // As a unit of systemd starts it; at the desk below it is npx.
  const isochron = (...args: string[]) => runOutside(robot, join(robot, "node_modules/.bin/isochron"), args);

  it("has this machine's runtime, no compiler, no development tool and no source", () => {
    const lock = z.object({ packages: z.record(z.string(), manifestShape) });
    const installed = lock.parse(
      JSON.parse(readFileSync(join(robot, "node_modules/.package-lock.json"), "utf8")),
    ).packages;
    const names = Object.keys(installed).map((path) => path.replace(/^.*node_modules\//, ""));
    expect(names.filter((name) => runtimePackages.includes(name))).toEqual([`isochron-linux-${process.arch}-gnu`]);
    const wanted = new Set(Object.values(installed).flatMap(({ dependencies }) => Object.keys(dependencies)));
    const development = Object.keys(readManifest(join(root, "package.json")).devDependencies);
    const unwanted = ["isochron-compiler", ...development.filter((name) => !wanted.has(name))];
    expect(names.filter((name) => unwanted.includes(name))).toEqual([]);
    const own = readdirSync(join(robot, "node_modules/isochron"), { recursive: true, encoding: "utf8" });
    const shown = /^(examples|launch\/init)\//;
    expect(own.filter((file) => /(?<!\.d)\.m?ts$|\.(rs|ll|o|node)$/.test(file) && !shown.test(file))).toEqual([]);
  });

  it("runs a built application with the repository's hash, records it, and replays it bit for bit", () => {
    const flags = ["--duration", "5s", "--json"];
    const here = ranAs(isochronHere(["run", "examples/road/app.ts", ...flags]));
    const there = ranAs(isochron("run", built, ...flags, "--record", "road.mcap"));
    expect(there).toEqual(here);
    // A frame every 40 ms and a command every 20 ms.
    expect(there.cycles).toBe(125 + 250);
    const replayed = replayedAs(isochron("replay", "road.mcap", "--verify", "--json"));
    expect(replayed).toMatchObject({ bitExact: true, hash: here.hash, cycles: here.cycles });
    expect(replayed.kernelCalls).toBeGreaterThan(here.cycles);
  });

  it("writes the report of a run as a page whose scripts are JavaScript", () => {
    succeed(isochron("run", built, "--duration", "1s", "--report", "road.html"));
    const page = readFileSync(join(robot, "road.html"), "utf8");
    const scripts = [...page.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(([, script = ""]) => script);
    expect(scripts.length).toBeGreaterThan(0);
    for (const script of scripts) expect(() => new Script(script)).not.toThrow();
  });

  it("says which package compiles a TypeScript application, and writes nothing", () => {
    cpSync(join(root, "examples/road"), join(robot, "road"), { recursive: true });
    const before = readdirSync(robot);
    for (const command of [
      ["run", "road/app.ts", "--record", "half.mcap"],
      ["build", "road/app.ts", "-o", "half.isoapp"],
    ]) {
      const { status, stdout, stderr } = isochron(...command);
      expect(stderr).toContain("error[compile/missing-compiler]: ");
      expect(stderr).toContain("help: npm install isochron-compiler");
      expect(stdout).toBe("");
      expect(status).toBe(1);
    }
    expect(readdirSync(robot)).toEqual(before);
  });
});

describe("a desk with the compiler package too", () => {
  beforeAll(() => {
    install(desk, tarballs, { needed: ["isochron", "isochron-compiler"], platform: runtimePackages });
    cpSync(join(root, "examples/road"), join(desk, "road"), { recursive: true });
  });

  const isochron = (...args: string[]) => runOutside(desk, "npx", ["--no", "isochron", ...args]);

  it("runs a TypeScript application with the repository's hash", () => {
    const flags = ["--duration", "1s", "--json"];
    const here = ranAs(isochronHere(["run", built, ...flags]));
    expect(ranAs(isochron("run", "road/app.ts", ...flags))).toEqual(here);
  });

  it("checks an application against the package's types", () => {
    const wrong = readFileSync(join(desk, "road/app.ts"), "utf8").replace("inputs: lane.outputs", "inputs: frame");
    writeFileSync(join(desk, "road/wrong.ts"), wrong);
    // As `isochron init` tells those whose package.json is npm's.
    succeed(runOutside(desk, "npm", ["pkg", "set", "type=module"]));
    const config = { extends: "isochron/tsconfig.json", files: ["road/app.ts", "road/wrong.ts"] };
    writeFileSync(join(desk, "tsconfig.json"), JSON.stringify(config));
    const { status, stdout } = runOutside(desk, join(root, "node_modules/.bin/tsc"), ["--pretty", "false"]);
    expect(stdout).toMatch(/^road\/wrong\.ts\(\d+,\d+\): error TS2739: .* missing .*: offset, heading/);
    expect(stdout.match(/error TS/g)).toHaveLength(1);
    expect(status).toBe(2);
  });

  it("builds the same bytes as the repository", () => {
    succeed(isochron("build", "road/app.ts", "-o", "road.isoapp"));
    expect(existsSync(join(desk, "road.isoapp"))).toBe(true);
    expect(readFileSync(join(desk, "road.isoapp")).equals(readFileSync(built))).toBe(true);
  });

  it("runs an example of the package where it lies, with the repository's hash", () => {
    const flags = ["--duration", "1s", "--json"];
    const here = ranAs(isochronHere(["run", built, ...flags]));
    expect(ranAs(isochron("run", "node_modules/isochron/examples/road/app.ts", ...flags))).toEqual(here);
  });

  it("makes a project by init that installs from the same tarballs, runs, passes its test and its types", () => {
    const said = succeed(isochron("init", "my-robot"));
    expect(said).toContain("next:\n  cd my-robot\n  npm install\n  npx isochron run app.ts");
    const project = join(desk, "my-robot");
    expect(readManifest(join(project, "package.json")).optionalDependencies).toEqual({
      [`isochron-linux-${process.arch}-gnu`]: expect.stringMatching(/^file:.*\.tgz$/),
    });
    const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
    succeed(runOutside(project, "npm", ["install", ...flags]));
    const there = (...args: string[]) => runOutside(project, "npx", ["--no", "--", ...args]);
    const ran = z
      .object({ cycles: z.literal(500) })
      .parse(JSON.parse(succeed(there("isochron", "run", "app.ts", "--duration", "10s", "--json"))));
    expect(ran.cycles).toBe(500);
    expect(succeed(runOutside(project, "npm", ["test"]))).toMatch(/2 passed/);
    expect(succeed(there("tsc", "--noEmit"))).toBe("");
    succeed(runOutside(project, "npm", ["run", "build"]));
    expect(existsSync(join(project, "out/my-robot.isoapp"))).toBe(true);
  });

  describe("a newcomer who has the page on robots alone", () => {
    let hour: Hour | undefined;
    beforeAll(() => {
      if (skipReason === undefined) hour = new Hour(desk);
    });
    afterAll(() => hour?.end());

    it("goes from a policy in a file to a node of ROS 2, its recording and its report", async ({ skip }) => {
      if (!hour) return skip(skipReason);
      await hour.follow(textOf("isochron", "docs/how-to/robot.md"));
      expect(readdirSync(join(hour.folder, "out")).sort()).toEqual(["biped.isoapp", "walk.html", "walk.mcap"]);
      const { topics } = z
        .object({ topics: z.array(z.object({ topic: z.string(), count: z.number() })) })
        .parse(JSON.parse(hour.run("npx isochron topic list out/walk.mcap --json")));
      // The robot sends 250, in five seconds: on a busy machine some of best effort are lost.
      for (const topic of ["/joint_states", "/imu/data", "/joint_commands"])
        expect(topics.find((each) => each.topic === topic)?.count, topic).toBeGreaterThan(125);
    });

    it("has a unit that systemd takes, and a package whose installed node takes what its launch file asks for", ({
      skip,
    }) => {
      if (!hour) return skip(skipReason);
      hour.run("! command -v systemd-analyze || systemd-analyze verify --man=no ./biped.service");
      const { package: name, executable, named, command } = launched(hour, "ros/launch/biped.launch.py");
      hour.run(
        `cmake -S ros -B ros/build -DCMAKE_PREFIX_PATH="${rosPrefix}" -DPython3_EXECUTABLE="${rosPython}" \\
  -DCMAKE_INSTALL_PREFIX="$PWD/installed" && cmake --install ros/build`,
      );
      const given = [...command, "--", "--duration", "500ms", "--ros-args", "--log-level", "legs.policy:=debug"];
      const said = hour.run(`installed/lib/${name}/${executable} ${given.join(" ")} 2>&1`, { BIPED_HOME: hour.folder });
      expect(said).toContain(`${named} goes on rclnodejs`);
      expect(existsSync(join(hour.folder, "walk.mcap"))).toBe(true);
    });
  });
});
