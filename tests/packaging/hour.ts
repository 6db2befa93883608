// Follows the page on robots in an installed folder: files are written, commands run, what a terminal goes on with ends by Ctrl-C.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { profilesVariable, rosEnvironment, rosFolder } from "../../launch/setup/ros-environment.mjs";
import { blocksOf, expectShown } from "../docs/page.ts";
import { root, runOutside, succeed } from "../robot/robot.ts";

/** What the page calls the terminal whose command goes on. */
const terminal = "first-terminal";

/** Somebody who follows the page, from a folder in which the packages are installed. */
export class Hour {
  readonly #env: Readonly<Record<string, string>>;
  readonly #place: string;
  #cwd: string;
  #said = "";
  #running: { readonly child: ChildProcess; said: string } | undefined;

  constructor(folder: string) {
    const tools = join(folder, "tools");
    mkdirSync(tools);
    this.#cwd = folder;
    this.#place = join(tools, "place");
    const { NODE_PATH: _, PATH: __, ...ros } = rosEnvironment();
    const outside = succeed(runOutside(folder, "sh", ["-c", 'printf %s "$PATH"']));
    const tool = (name: string, script: string): void => {
      writeFileSync(join(tools, name), `#!/bin/sh\n${script}\n`);
      chmodSync(join(tools, name), 0o755);
    };
    // npm's own start would be half of the time; the bytes of rclnodejs are those that set-up has built.
    tool("npx", 'command=$1; shift; exec "node_modules/.bin/$command" "$@"');
    tool(
      "npm",
      `[ "$2" = rclnodejs@2.2.0 ] && exec ln -s "${rosFolder}/js/node_modules/rclnodejs" node_modules/rclnodejs
PATH=\${PATH#*:} exec npm "$@" --ignore-scripts --no-audit --no-fund --prefer-offline`,
    );
    this.#env = {
      ...ros,
      PATH: [tools, join(rosFolder, "venv/bin"), outside].join(":"),
      [profilesVariable]: join(root, "tests/ros/fastdds.xml"),
      ROS_DOMAIN_ID: String(1 + Math.floor(Math.random() * 101)),
    };
  }

  /** The folder that the page has led to. */
  get folder(): string {
    return this.#cwd;
  }

  /** What the last commands printed. */
  get said(): string {
    return this.#said;
  }

  /** Follows a page to its end. */
  async follow(page: string): Promise<void> {
    for (const { language, file, text } of blocksOf(page)) {
      if (file === terminal) await (language === "sh" ? this.#start(text) : this.#interrupt(text));
      else if (file !== undefined) this.#write(file, text);
      else if (language === "sh") this.run(text);
      else if (language === "text") expectShown(text, this.#said);
      else throw new Error(`nobody runs this block of ${language}: give it the name of a file`);
    }
  }

  /** Runs a script where the page has led to. */
  run(script: string, env: Readonly<Record<string, string>> = {}): string {
    const all = `${script}\npwd > "${this.#place}"`;
    // A limit for what hangs: nobody else would end it.
    this.#said = succeed(runOutside(this.#cwd, "timeout", ["900", "sh", "-ec", all], { ...this.#env, ...env }));
    this.#cwd = readFileSync(this.#place, "utf8").trim();
    return this.#said;
  }

  /** Ends what still goes on. */
  end(): void {
    const pid = this.#running?.child.pid;
    if (pid === undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // It has ended.
    }
  }

  #write(file: string, text: string): void {
    const path = join(this.#cwd, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { flag: "wx" });
  }

  async #start(command: string): Promise<void> {
    const env = { ...process.env, ...this.#env, NODE_OPTIONS: "" };
    // A terminal's processes have their own group, which Ctrl-C reaches.
    const child = spawn("sh", ["-c", `exec 2>&1; exec ${command}`], {
      ...{ cwd: this.#cwd, env, detached: true },
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child, "spawn");
    const running = { child, said: "" };
    child.stdout!.on("data", (chunk) => {
      running.said += chunk;
    });
    this.#running = running;
  }

  async #interrupt(shown: string): Promise<void> {
    const running = this.#running;
    if (!running) throw new Error("nothing goes on in the first terminal");
    process.kill(-running.child.pid!, "SIGINT");
    if (running.child.exitCode === null) await once(running.child, "close");
    this.#running = undefined;
    expectShown(shown, running.said);
  }
}
