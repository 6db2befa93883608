// Runs the `isochron` command in a folder of its own, with application files that the test writes.
import { type ChildProcess, fork, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const root = fileURLToPath(new URL("../..", import.meta.url));
const command = join(root, "launch/bin/isochron.mjs");
const each = fileURLToPath(new URL("each.mjs", import.meta.url));

/** Lines of progress, which long runs write where there is no terminal. */
const progress = /^(reading|building|checking|compiling|replaying|starting|[\d.]+ s of [\d.]+ s).*\n/gm;

const ended = z.object({
  code: z.number().nullable(),
  out: z.string(),
  /** Standard error without progress. */
  error: z.string().transform((text) => text.replace(progress, "")),
});

/** What a command did. */
export type Ended = z.infer<typeof ended>;

/** A command under way. */
export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** A process that runs one command line after the other: it is started once. */
class Shared {
  readonly #child: ChildProcess;
  readonly #waiting: { resolve(ended: Ended): void; reject(error: Error): void }[] = [];
  #said = "";

  constructor(cwd: string, env: NodeJS.ProcessEnv) {
    this.#child = fork(each, { cwd, env, execArgv: [], stdio: ["ignore", "pipe", "pipe", "ipc"] });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on("data", (chunk) => {
        this.#said += chunk;
      });
    this.#child.on("message", (result) => this.#waiting.shift()?.resolve(ended.parse(result)));
    this.#child.on("close", (code) => {
      const error = new Error(`the process that runs commands ended with ${code}: ${this.#said}`);
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    });
  }

  run(arguments_: readonly string[]): Promise<Ended> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#child.send(arguments_);
    });
  }

  end(): void {
    this.#child.kill("SIGKILL");
  }
}

/** A folder to run commands in, removed by `remove`. */
export class Workplace {
  readonly folder = mkdtempSync(join(tmpdir(), "isochron-command-"));
  readonly #env: NodeJS.ProcessEnv;
  #process: Shared | undefined;

  /** Commands see `env` besides the test's own environment; compiled modules are kept where the repository keeps them. */
  constructor(env: Readonly<Record<string, string>> = {}) {
    this.#env = { ...process.env, ...env, ISOCHRON_CACHE: join(root, ".cache/isochron") };
  }

  /** Writes files, by path in the folder. */
  write(files: Readonly<Record<string, string | Uint8Array>>): void {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(this.path(name)), { recursive: true });
      writeFileSync(this.path(name), content);
    }
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Starts `node ARGUMENTS…` in the folder. */
  start(arguments_: readonly string[]): Started {
    const child = spawn(process.execPath, arguments_, { cwd: this.folder, env: this.#env });
    const result = { out: "", error: "" };
    child.stdout.on("data", (chunk) => {
      result.out += chunk;
    });
    child.stderr.on("data", (chunk) => {
      result.error += chunk;
    });
    const closed = new Promise<Ended>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve(ended.parse({ code, ...result })));
    });
    return { child, ended: closed };
  }

  /** Runs `isochron ARGUMENTS…` in a process of its own. */
  isochron(...arguments_: string[]): Promise<Ended> {
    return this.start([command, ...arguments_]).ended;
  }

  /** Starts `isochron ARGUMENTS…`, to be interrupted. */
  begin(...arguments_: string[]): Started {
    return this.start([command, ...arguments_]);
  }

  /**
   * Runs `isochron ARGUMENTS…` in the process that all commands of this kind share here: its start is paid once.
   *
   * An application is loaded once in it, so that another has to have another name.
   */
  shared(...arguments_: string[]): Promise<Ended> {
    this.#process ??= new Shared(this.folder, this.#env);
    return this.#process.run(arguments_);
  }

  /** Runs several command lines one after the other, as `shared` does. */
  each(commands: readonly (readonly string[])[]): Promise<Ended[]> {
    return Promise.all(commands.map((each) => this.shared(...each)));
  }

  remove(): void {
    this.#process?.end();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** An application that doubles a number every 10 ms, with `options` for its task. */
export const doubling = (options = `period: "10ms", budget: "1ms", deadline: "5ms"`, more = ""): string =>
  `import { application, numbers, tensorType, trace } from "isochron";
const twice = trace(({ x }) => ({ y: x.mul(2) }), { x: tensorType("f32", []) }, { name: "twice" });
export default application("doubling", (app) => {
  const value = app.input("/value", numbers("std_msgs/msg/Float32", { data: { field: "data", dtype: "f32" } }));
  const task = app.task("double", twice, { inputs: { x: value }, ${options} });
  ${more}
});
`;
