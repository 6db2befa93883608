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
  "isochron-addon",
].flatMap((name) => ["-p", name]);

/** Runs one command with its output shown; returns its exit code and what it wrote. */
const run = (title, command, args, env = {}) =>
  new Promise((resolve) => {
    process.stdout.write(`\n── ${title}\n`);
    const started = Date.now();
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
      process.stdout.write(chunk);
    });
    child.on("error", (error) => resolve({ title, code: 1, output: String(error) }));
    child.on("close", (code) => {
      process.stdout.write(
        `── ${title}: ${code === 0 ? "ok" : "FAILED"} in ${((Date.now() - started) / 1000).toFixed(1)} s\n`,
      );
      resolve({ title, code: code ?? 1, output });
    });
  });

const bin = (name) => `node_modules/.bin/${name}`;

mkdirSync("out/test", { recursive: true });
rmSync(report, { force: true });

const checks = [
  ["biome", bin("biome"), ["check", "--error-on-warnings", "."]],
  ["TypeScript", bin("tsc"), ["--noEmit"]],
  [
    "folder rule",
    bin("depcruise"),
    ["--config", ".dependency-cruiser.cjs", "kernels", "runtime", "scheduler", "nodes", "sim", "launch", "examples"],
  ],
  ["folder rule of crates", process.execPath, ["tests/crates.mjs"]],
  ["API reference", bin("typedoc"), ["--emit", "none"]],
  ["rustfmt", "cargo", ["fmt", "--all", "--check"]],
  ["clippy", "cargo", ["clippy", "--locked", "--quiet", "--all-targets", ...crates, "--", "-D", "warnings"]],
];

const results = [];
for (const [title, command, args] of checks) results.push(await run(title, command, args));
const cargo = await run("Rust tests", "cargo", [
  "test",
  "--locked",
  "--quiet",
  "--no-fail-fast",
  ...crates,
  "--",
  "--format=pretty",
]);
const vitest = await run("TypeScript tests", bin("vitest"), [
  "run",
  "--reporter=default",
  "--reporter=json",
  `--outputFile.json=${report}`,
]);

const rustTests = [...cargo.output.matchAll(/^test (.+?)(?: - should panic)? \.\.\. (ok|FAILED|ignored)/gm)].map(
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

const features = checkFeatures(readFileSync("FEATURES.md", "utf8"), [...rustTests, ...scriptTests]);
process.stdout.write(
  `\n── FEATURES.md: ${features.rows} rows, ${features.problems.length} problems, ${features.skipped.length} tests skipped here\n`,
);
for (const problem of features.problems) process.stdout.write(`  ${problem}\n`);
for (const each of features.skipped) process.stdout.write(`  skipped: ${each}\n`);

const all = [...rustTests, ...scriptTests];
const count = (status) => all.filter((each) => each.status === status).length;
const broken = [...results, cargo, vitest].filter((each) => each.code !== 0).map((each) => each.title);
if (features.problems.length > 0) broken.push("FEATURES.md");
if (broken.length > 0) process.stdout.write(`\nFAILED: ${broken.join(", ")}\n`);
process.stdout.write(
  `\n${count("passed")} passed, ${count("failed") + (broken.length > 0 && count("failed") === 0 ? broken.length : 0)} failed, ${count("skipped")} skipped\n`,
);
process.exit(broken.length > 0 || count("passed") === 0 ? 1 : 0);
