// Finds the files that an application's modules name beside themselves, and takes them along: `new URL("FILE", import.meta.url)`.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { isBuiltin } from "node:module";
import { basename, dirname, extname, join, relative, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { hashOf, IsochronError } from "../kernels/index.ts";

/** What is bundled: the application's JavaScript, and the files that it names, by their paths beside it. */
export interface Bundle {
  readonly code: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Where carried files lie in a built application, and beside its JavaScript when it runs. */
export const carriedFolder = "files/";

/** A node of a module's syntax tree, as the parser makes it. */
export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

/** A module's syntax tree, and whether it is an ECMAScript module. */
export interface ParsedModule {
  readonly program: SyntaxNode;
  readonly isModule: boolean;
}

/** Parses a module; the parser comes with the compiler package. */
export type ParseModule = (path: string, text: string) => ParsedModule;

/** Makes one module of another and all that it imports. */
export type BundleModule = (path: string) => Promise<string>;

/** What `import.meta` says of where a module lies. */
const placeFields = ["url", "dirname", "filename", "resolve"];
const equalities = ["===", "!==", "==", "!="];
const code = /\.[cm]?[jt]sx?$/;

const isNode = (value: unknown): value is SyntaxNode =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";

/** A node with those around it, the nearest first. */
interface Found {
  readonly node: SyntaxNode;
  readonly around: readonly SyntaxNode[];
}

function* nodesBelow(node: SyntaxNode, around: readonly SyntaxNode[] = []): Generator<Found> {
  yield { node, around };
  const inside = [node, ...around];
  for (const value of Object.values(node))
    for (const each of Array.isArray(value) ? (value as readonly unknown[]) : [value])
      if (isNode(each)) yield* nodesBelow(each, inside);
}

const nameOf = (value: unknown): string | undefined =>
  isNode(value) && value.type === "Identifier" && typeof value.name === "string" ? value.name : undefined;

/** The text that a literal stands for. */
function textOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === "Literal") return typeof node.value === "string" ? node.value : undefined;
  if (node.type !== "TemplateLiteral" || !Array.isArray(node.quasis) || node.quasis.length !== 1) return undefined;
  const { value } = node.quasis[0] as { readonly value?: { readonly cooked?: unknown } };
  return typeof value?.cooked === "string" ? value.cooked : undefined;
}

/** Whether a module only asks whether it is the one that was started, which a built one never is. */
function comparesOnly(around: readonly SyntaxNode[]): boolean {
  const [parent, grandparent] = around;
  const compares = (node: SyntaxNode | undefined) =>
    node?.type === "BinaryExpression" && equalities.includes(String(node.operator));
  return compares(parent) || (parent?.type === "CallExpression" && compares(grandparent));
}

/**
 * Whether a module makes itself a `require` for what is everywhere: Node's own modules. What else it would load lies in a
 * folder that a built application does not have.
 */
function requiresOnlyBuiltins(program: SyntaxNode, [call, declared]: readonly SyntaxNode[]): boolean {
  if (call?.type !== "CallExpression" || nameOf(call.callee) !== "createRequire") return false;
  const name = declared?.type === "VariableDeclarator" ? nameOf(declared.id) : undefined;
  if (name === undefined) return false;
  return [...nodesBelow(program)]
    .filter(({ node }) => nameOf(node) === name && node !== declared?.id)
    .every(({ node, around: [user] }) => {
      const [wanted] = Array.isArray(user?.arguments) ? (user.arguments as readonly unknown[]) : [];
      return user?.type === "CallExpression" && user.callee === node && isBuiltin(textOf(wanted) ?? ".");
    });
}

/** A place of a module where it says where it lies. */
interface Use {
  readonly node: SyntaxNode;
  /** The name of the file, where it is written there as it is. */
  readonly named?: { readonly text: string; readonly start: number; readonly end: number };
}

/** Every place where a module asks where it lies, but where it only asks whether it was started. */
function usesOf(program: SyntaxNode): Use[] {
  const uses: Use[] = [];
  for (const { node, around } of nodesBelow(program)) {
    if (node.type !== "MetaProperty" || nameOf(node.meta) !== "import") continue;
    const [member, parent] = around;
    const field =
      member?.type === "MemberExpression" ? (nameOf(member.property) ?? textOf(member.property)) : undefined;
    if (member === undefined || field === undefined) {
      uses.push({ node });
      continue;
    }
    if (!placeFields.includes(field) || comparesOnly(around.slice(1))) continue;
    if (requiresOnlyBuiltins(program, around.slice(1))) continue;
    const args = Array.isArray(parent?.arguments) ? (parent.arguments as readonly unknown[]) : [];
    const named = args[0];
    const text = textOf(named);
    const isUrl = parent?.type === "NewExpression" && nameOf(parent.callee) === "URL" && args[1] === member;
    uses.push(
      field === "url" && isUrl && isNode(named) && text !== undefined
        ? { node: parent, named: { text, start: named.start, end: named.end } }
        : { node: member },
    );
  }
  return uses;
}

/** A CommonJS module's own names for where it lies, but where it asks whether there are such. */
function commonNames(program: SyntaxNode): Use[] {
  const names = [...nodesBelow(program)].filter(({ node }) => /^__(dir|file)name$/.test(nameOf(node) ?? ""));
  const asks = names.some(({ around: [parent] }) => parent?.type === "UnaryExpression" && parent.operator === "typeof");
  return asks ? [] : names.map(({ node }) => ({ node }));
}

const lineAndColumn = (text: string, at: number): string => {
  const before = text.slice(0, at).split("\n");
  return `${before.length}:${(before.at(-1) ?? "").length + 1}`;
};

/** Collects what an application takes along. */
export class CarriedFiles {
  /** By their path in the built application, `files/HASH/NAME`; of a folder, each file that is below it. */
  readonly files = new Map<string, Uint8Array>();
  readonly #parse: ParseModule;

  constructor(parse: ParseModule) {
    this.#parse = parse;
  }

  /**
   * The text of a module in which each file that it names is the one taken along; undefined where it names none. A module
   * that it names (for a worker) is taken along as `bundle` makes it.
   *
   * Throws `build/unresolved` where it asks where it lies in another way, `build/missing-file`, and `build/folder` for a
   * folder that holds the module itself.
   */
  async take(path: string, text: string, bundle: BundleModule): Promise<string | undefined> {
    const common = /\b__(dir|file)name\b/.test(text);
    if (!text.includes("import.meta") && !common) return undefined;
    const { program, isModule } = this.#parse(path, text);
    const uses = isModule ? usesOf(program) : commonNames(program);
    if (uses.length === 0) return undefined;
    let result = "";
    let end = 0;
    for (const { node, named } of uses.sort((a, b) => a.node.start - b.node.start)) {
      const place = `${path}:${lineAndColumn(text, node.start)}`;
      if (!named) {
        const shown = text.slice(node.start, node.end);
        throw new IsochronError(
          "build/unresolved",
          `a built application does not lie where its sources do: "${shown}" cannot be resolved`,
          {
            place,
            help: 'name each file as it is: new URL("FILE", import.meta.url), or import it: import data from "./FILE.json" with { type: "json" }',
          },
        );
      }
      const taken = await this.#file(path, named.text, place, bundle);
      if (taken === undefined) continue;
      result += text.slice(end, named.start) + JSON.stringify(taken);
      end = named.end;
    }
    return result + text.slice(end);
  }

  /** Takes a file, a folder, or a module that is started by its name; what it is called from now on. */
  async #file(module: string, name: string, place: string, bundle: BundleModule): Promise<string | undefined> {
    const url = new URL(name, pathToFileURL(module));
    // Addresses and absolute paths are the same wherever one stands.
    if (url.protocol !== "file:" || name.startsWith("/") || name.startsWith("file:")) return undefined;
    const path = fileURLToPath(new URL(url.pathname, "file:"));
    const found = statSync(path, { throwIfNoEntry: false });
    if (!found) {
      throw new IsochronError("build/missing-file", `there is no file ${name} to take along`, {
        details: [`looked for ${path}`],
        place,
        help: 'a file that the application writes is named from where it is started: "out/FILE"',
      });
    }
    const suffix = `${url.search}${url.hash}`;
    if (found.isDirectory()) return `${this.#folder(module, path, place)}${suffix}`;
    const bytes = code.test(path) ? Buffer.from(await bundle(path)) : readFileSync(path);
    const stored = code.test(path) ? `${basename(path, extname(path))}.mjs` : basename(path);
    return `${this.#store(hashOf(bytes), stored, bytes)}${suffix}`;
  }

  #folder(module: string, path: string, place: string): string {
    if (`${module}${sep}`.startsWith(path.endsWith(sep) ? path : `${path}${sep}`)) {
      throw new IsochronError(
        "build/folder",
        `the folder ${relative(dirname(module), path) || "."} holds the module itself`,
        {
          place,
          help: "keep what is read in a folder of its own, or name each file",
        },
      );
    }
    const files = readdirSync(path, { recursive: true, encoding: "utf8" })
      .filter((each) => statSync(join(path, each)).isFile())
      .sort()
      .map((each) => [each, readFileSync(join(path, each))] as const);
    const hash = hashOf(Buffer.from(JSON.stringify(files.map(([each, bytes]) => [each, hashOf(bytes)]))));
    for (const [each, bytes] of files) this.#store(hash, `${basename(path)}/${each}`, bytes);
    return `./${carriedFolder}${hash.slice(0, 16)}/${encodeURIComponent(basename(path))}/`;
  }

  #store(hash: string, name: string, bytes: Uint8Array): string {
    const stored = `${carriedFolder}${hash.slice(0, 16)}/${name}`;
    this.files.set(stored, bytes);
    return `./${stored.split("/").map(encodeURIComponent).join("/")}`;
  }
}
