#!/usr/bin/env node
// Sets a fresh machine up for a profile, showing progress, then runs a command: `setup.mjs PROFILE [-- COMMAND ARGS…]`.
import { spawn } from "node:child_process";
import { appendFileSync, createWriteStream, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { NeedsPerson } from "./debian.mjs";
import { Unavailable } from "./ros.mjs";
import { sideBySide } from "./side-by-side.mjs";
import { root } from "./stamps.mjs";
import { profiles } from "./steps.mjs";

const minimum = [20, 20];
const lockFile = join(root, ".setup/lock");

const say = (line) => process.stderr.write(`${line}\n`);

/** Runs a program with its output in a log, showing its newest line now and then; rejects with the log's end. */
const shell =
  (name, logPath) =>
  (command, args, { env = {} } = {}) =>
    new Promise((resolve, reject) => {
      const log = createWriteStream(logPath, { flags: "a" });
      let tail = "";
      const child = spawn(command, args, {
        cwd: root,
        env: { ...process.env, ...env },
        stdio: ["ignore", "pipe", "pipe"],
      });
      const take = (chunk) => {
        log.write(chunk);
        tail = (tail + chunk).slice(-4000);
      };
      child.stdout.on("data", take);
      child.stderr.on("data", take);
      const started = Date.now();
      const beat = setInterval(() => {
        const line =
          tail
            .trimEnd()
            .split(/[\r\n]/)
            .at(-1)
            ?.slice(0, 100) ?? "";
        say(`      ${name}: ${Math.round((Date.now() - started) / 1000)} s  ${line}`);
      }, 10_000);
      const interrupt = () => child.kill("SIGINT");
      process.once("SIGINT", interrupt);
      const finish = () => {
        clearInterval(beat);
        process.removeListener("SIGINT", interrupt);
        log.end();
      };
      child.on("error", (error) => {
        finish();
        reject(error);
      });
      child.on("close", (code, signal) => {
        finish();
        if (code === 0) resolve();
        else
          reject(
            new Error(
              `${command} ${args.join(" ")} ended with ${signal ?? code}\n\n${tail}\nThe whole log: ${logPath}`,
            ),
          );
      });
    });

const alive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
};

/** One set-up at a time in a checkout: a second one waits for the first. */
const withLock = async (body) => {
  mkdirSync(join(root, ".setup"), { recursive: true });
  for (let told = false; ; ) {
    try {
      writeFileSync(lockFile, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      const owner = Number(readFileSync(lockFile, "utf8"));
      if (owner && !alive(owner)) rmSync(lockFile, { force: true });
      else {
        if (!told) say(`Waiting for another set-up (process ${owner}).`);
        told = true;
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    }
  }
  try {
    await body();
  } finally {
    rmSync(lockFile, { force: true });
  }
};

const setUp = async (profile) => {
  const steps = profiles[profile];
  if (!steps) throw new NeedsPerson(`unknown profile "${profile}"; there are ${Object.keys(profiles).join(" and ")}`);
  if (steps.every((step) => step.isDone())) return;
  await withLock(async () => {
    await sideBySide(steps, async (step) => {
      if (step.isDone()) return;
      const place = `[${steps.indexOf(step) + 1}/${steps.length}]`;
      say(`${place} ${step.name} …`);
      const started = Date.now();
      const log = join(root, `.setup/${step.name.replace(/\W+/g, "-").toLowerCase()}.log`);
      rmSync(log, { force: true });
      try {
        await step.run(shell(step.name, log));
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        say(`${place} ${step.name}: not on this machine, tests that need it are skipped: ${error.message}`);
        return;
      }
      const done = `${step.name}: done in ${((Date.now() - started) / 1000).toFixed(1)} s`;
      appendFileSync(log, `${done}\n`);
      say(`${place} ${done}`);
    });
  });
};

const run = (command, args) => {
  const child = spawn(command, args, { cwd: root, stdio: "inherit" });
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  // A terminal sends Ctrl-C to both; a second one would end the child before it has cleaned up.
  process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT"));
  child.on("error", (error) => {
    say(`setup: ${command}: ${error.message}`);
    process.exit(1);
  });
  child.on("close", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
};

const [profile, dashes, command, ...args] = process.argv.slice(2);
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < minimum[0] || (major === minimum[0] && minor < minimum[1])) {
  say(`setup: Node ${minimum.join(".")} or newer is needed, this is ${process.versions.node}`);
  process.exit(1);
}
try {
  await setUp(profile);
} catch (error) {
  say(`setup: ${error.message}`);
  process.exit(1);
}
if (dashes === "--" && command) run(command, args);
