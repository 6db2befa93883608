// Runs the `isochron` command in a folder of its own, with application files that the test writes.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const root = fileURLToPath(new URL("../..", import.meta.url));
const command = join(root, "launch/bin/isochron.mjs");
const each = fileURLToPath(new URL("each.mjs", import.meta.url));

/** Lines of progress, which long runs write where there is no terminal. */
const progress = /^(compiling|replaying|starting|[\d.]+ s of [\d.]+ s).*\n/gm;

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

/** A folder to run commands in, removed by `remove`. */
export class Workplace {
  readonly folder = mkdtempSync(join(tmpdir(), "isochron-command-"));
  readonly #env: Readonly<Record<string, string>>;

  /** Commands see `env` besides the test's own environment. */
  constructor(env: Readonly<Record<string, string>> = {}) {
    this.#env = env;
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

  /** Starts `node ARGUMENTS…` in the folder; compiled modules are kept where the repository keeps them. */
  start(arguments_: readonly string[]): Started {
    const env = { ...process.env, ...this.#env, ISOCHRON_CACHE: join(root, ".cache/isochron") };
    const child = spawn(process.execPath, arguments_, { cwd: this.folder, env });
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

  /** Runs several command lines one after the other; the process's start is paid once. */
  async each(commands: readonly (readonly string[])[]): Promise<Ended[]> {
    const { code, out, error } = await this.start([each, JSON.stringify(commands)]).ended;
    if (code !== 0) throw new Error(`the commands could not be run: ${error}`);
    return z.array(ended).parse(JSON.parse(out));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** An application that doubles a number every 10 ms, with `options` for its task. */
export const doubling = (options = `period: "10ms", budget: "1ms", deadline: "5ms"`, more = ""): string =>
  `import { application, numbers, tensor, trace } from "isochron";
const twice = trace(({ x }) => ({ y: x.mul(2) }), { x: tensor("f32", []) }, { name: "twice" });
export default application("doubling", (app) => {
  const value = app.input("/value", numbers("std_msgs/msg/Float32", { data: { field: "data", dtype: "f32" } }));
  const task = app.task("double", twice, { inputs: { x: value }, ${options} });
  ${more}
});
`;
