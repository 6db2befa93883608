// `npm test`: style, folder rules, Rust tests, TypeScript tests and the check of FEATURES.md, with one closing count.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { checkFeatures } from "./features.mjs";

const report = "out/test/vitest.json";
const crates = [
  "isochron-codegen",
  "isochron-engine",
  "isochron-executive",
  "isochron-transport",
  "isochron-recorder",
  "isochron-addon",
].flatMap((name) => ["-p", name]);

/** Runs one command, its output shown as it comes, or at its end; returns its exit code and what it wrote to standard output. */
const run = ([title, command, args], atEnd = false) =>
  new Promise((resolve) => {
    const started = Date.now();
    let held = "";
    const show = (text) => {
      if (atEnd) held += text;
      else process.stdout.write(text);
    };
    const end = (code, output) => {
      const seconds = ((Date.now() - started) / 1000).toFixed(1);
      process.stdout.write(`${held}── ${title}: ${code === 0 ? "ok" : "FAILED"} in ${seconds} s\n`);
      resolve({ title, code: code ?? 1, output });
    };
    show(`\n── ${title}\n`);
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
      show(chunk);
    });
    child.stderr.on("data", show);
    child.on("error", (error) => end(1, String(error)));
    child.on("close", (code) => end(code, output));
  });

const bin = (name) => `node_modules/.bin/${name}`;

mkdirSync("out/test", { recursive: true });
rmSync(report, { force: true });

const rustTests = "Rust tests";

/** The longest first: two run side by side. */
const checks = [
  ["API reference", bin("typedoc"), ["--emit", "none"]],
  [rustTests, "cargo", ["test", "--locked", "--quiet", "--no-fail-fast", ...crates, "--", "--format=pretty"]],
  [
    "TypeScript",
    "node_modules/typescript-7/bin/tsc",
    ["--noEmit", "--incremental", "--tsBuildInfoFile", ".cache/tsc.tsbuildinfo"],
  ],
  ["clippy", "cargo", ["clippy", "--locked", "--quiet", "--all-targets", ...crates, "--", "-D", "warnings"]],
  ["biome", bin("biome"), ["check", "--error-on-warnings", "."]],
  [
    "folder rule",
    bin("depcruise"),
    ["--config", ".dependency-cruiser.cjs", "kernels", "runtime", "scheduler", "nodes", "sim", "launch", "examples"],
  ],
  ["folder rule of crates", process.execPath, ["tests/crates.mjs"]],
  ["rustfmt", "cargo", ["fmt", "--all", "--check"]],
];

const results = [];
const waiting = [...checks];
const lane = async () => {
  for (let next = waiting.shift(); next; next = waiting.shift()) results.push(await run(next, true));
};
await Promise.all([lane(), lane()]);
const vitest = await run([
  "TypeScript tests",
  bin("vitest"),
  ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`],
]);

const cargo = results.find(({ title }) => title === rustTests);
const crateTests = [...cargo.output.matchAll(/^test (.+?)(?: - should panic)? \.\.\. (ok|FAILED|ignored)/gm)].map(
  (match) => ({
    name: match[1],
    status: match[2] === "ok" ? "passed" : match[2] === "ignored" ? "skipped" : "failed",
  }),
);
const readReport = () => {
  try {
    return JSON.parse(readFileSync(report, "utf8"));
  } catch {
    return { testResults: [] };
  }
};
const scriptTests = readReport().testResults.flatMap((file) =>
  file.assertionResults.map((each) => ({
    file: file.name,
    name: each.fullName,
    status: each.status === "passed" ? "passed" : each.status === "failed" ? "failed" : "skipped",
  })),
);

const features = checkFeatures(readFileSync("FEATURES.md", "utf8"), [...crateTests, ...scriptTests]);
process.stdout.write(
  `\n── FEATURES.md: ${features.rows} rows, ${features.problems.length} problems, ${features.skipped.length} tests skipped here\n`,
);
for (const problem of features.problems) process.stdout.write(`  ${problem}\n`);
for (const each of features.skipped) process.stdout.write(`  skipped: ${each}\n`);

const all = [...crateTests, ...scriptTests];
const count = (status) => all.filter((each) => each.status === status).length;
const broken = [...results, vitest].filter((each) => each.code !== 0).map((each) => each.title);
if (features.problems.length > 0) broken.push("FEATURES.md");
if (broken.length > 0) process.stdout.write(`\nFAILED: ${broken.join(", ")}\n`);
process.stdout.write(
  `\n${count("passed")} passed, ${count("failed") + (broken.length > 0 && count("failed") === 0 ? broken.length : 0)} failed, ${count("skipped")} skipped\n`,
);
process.exit(broken.length > 0 || count("passed") === 0 ? 1 : 0);
