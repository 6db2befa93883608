// Pages whose code blocks are run: files are written, commands executed, and what they print compared with what the page shows.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A code block: its language, the file that it is, if it is one, and its text. */
interface Block {
  readonly language: string;
  readonly file: string | undefined;
  readonly text: string;
}

/** The code blocks of a page, in order. */
export const blocksOf = (markdown: string): Block[] =>
  [...markdown.matchAll(/^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(([, language = "", file, text = ""]) => ({
    language,
    file,
    text,
  }));

/** What a page shows of a program's output: whole lines, with … for what differs from one machine to another. */
const matches = (shown: string, line: string): boolean => {
  const parts = shown.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(line);
};

/** Every line that a page shows is one of those printed, in order. */
export function expectShown(shown: string, said: string): void {
  const lines = said.split("\n");
  let at = 0;
  for (const each of shown.trimEnd().split("\n")) {
    while (at < lines.length && !matches(each, lines[at]!)) at++;
    if (at++ >= lines.length) throw new Error(`nothing printed was ${JSON.stringify(each)}:\n${said}`);
  }
}

/** A shelf of pages: a folder with `npx`, `npm install` and packages that are this repository's, and in it one for each page. */
export class Shelf {
  readonly folder = mkdtempSync(join(tmpdir(), "isochron-pages-"));
  readonly tools = join(this.folder, "tools");

  constructor() {
    mkdirSync(this.tools);
    const modules = join(this.folder, "node_modules");
    mkdirSync(modules);
    symlinkSync(root, join(modules, "isochron"));
    for (const name of ["vitest", "typescript", "@types", "rxjs"])
      symlinkSync(join(root, "node_modules", name), join(modules, name));
    writeFileSync(join(this.folder, "package.json"), JSON.stringify({ type: "module" }));
    writeFileSync(join(this.folder, "tsconfig.json"), JSON.stringify({ extends: "isochron/tsconfig.json" }));
    this.#tool(
      "npx",
      `if [ "$1" = isochron ]; then shift; exec node "${root}/launch/bin/isochron.mjs" "$@"; fi
if [ "$1" = tsc ]; then shift; exec "${root}/node_modules/typescript-7/bin/tsc" "$@"; fi
name=$1; shift; exec "${root}/node_modules/.bin/$name" "$@"`,
    );
    this.#tool(
      "npm",
      `case "$1" in install) exit 0;; test) exec npx vitest run;; *) echo "npm $1?" >&2; exit 1;; esac`,
    );
  }

  #tool(name: string, script: string): void {
    writeFileSync(join(this.tools, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(this.tools, name), 0o755);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Runs a script of a page, or tells what it said. */
export function runIn(shelf: Shelf, cwd: string, script: string): string {
  const { status, stdout, stderr } = spawnSync("sh", ["-ec", script], {
    cwd,
    encoding: "utf8",
    env: { ...process.env, PATH: `${shelf.tools}:${process.env.PATH}`, ISOCHRON_CACHE: join(root, ".cache/isochron") },
  });
  if (status !== 0) throw new Error(`ended with ${status}:\n${script}\n${stdout}${stderr}`);
  return stdout;
}

/** Follows one page to the letter. */
export class Reader {
  readonly #shelf: Shelf;
  /** Where the reader stands: `cd` moves it. */
  #cwd: string;
  #said = "";

  constructor(shelf: Shelf, page: string) {
    this.#shelf = shelf;
    this.#cwd = join(shelf.folder, page);
    mkdirSync(this.#cwd);
  }

  /** Follows one block; throws with what was said where a command fails or shows something else. */
  follow({ language, file, text }: Block): void {
    if (file !== undefined) {
      const path = join(this.#cwd, file);
      if (!existsSync(path)) writeFileSync(path, text);
      else if (readFileSync(path, "utf8") !== text) throw new Error(`the page shows another ${file} than there is`);
    } else if (language === "sh") this.#run(text);
    else if (language === "text") expectShown(text, this.#said);
    else throw new Error(`nobody runs this block of ${language}: give it the name of a file`);
  }

  #run(script: string): void {
    const place = join(this.#shelf.folder, "place");
    this.#said = runIn(this.#shelf, this.#cwd, `${script}\npwd > "${place}"`);
    this.#cwd = readFileSync(place, "utf8").trim();
  }
}
