// Reads tokens for the parser: the one at hand and the one after it; keeps count of what is nested in what.
import { type Token, tokensOf } from "./lexer.ts";
import { type Place, sourceError } from "./place.ts";

/** How deep a tree may be, and what is read inside of brackets and blocks, so that whoever walks a tree may recurse. */
export const mostNesting = 200;

/** A name of a token that is shown whole, or cut. */
const shown = ({ kind, text }: Token): string =>
  kind === "line" || kind === "indent" || kind === "dedent" || kind === "end"
    ? text
    : JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);

export class TokenReader {
  readonly file: string;
  readonly #tokens: Generator<Token, undefined>;
  /** How high the tree below a node is; those that are not here have nothing below them. */
  readonly #heights = new WeakMap<object, number>();
  #current: Token;
  #following: Token | undefined;
  #depth = 0;

  constructor(text: string, file: string) {
    this.file = file;
    this.#tokens = tokensOf(text, file);
    this.#current = this.#pull();
  }

  /** The end comes again and again. */
  #pull(): Token {
    return this.#tokens.next().value ?? this.#current;
  }

  get current(): Token {
    return this.#current;
  }

  get following(): Token {
    this.#following ??= this.#pull();
    return this.#following;
  }

  get at(): Place {
    return this.#current.at;
  }

  take(): Token {
    const taken = this.#current;
    this.#current = this.following;
    this.#following = undefined;
    return taken;
  }

  /** Whether the token at hand is this keyword or sign. */
  is(word: string): boolean {
    return this.#current.kind === "word" && this.#current.text === word;
  }

  /** Takes the keyword or sign where it stands here. */
  accept(word: string): boolean {
    const found = this.is(word);
    if (found) this.take();
    return found;
  }

  expect(word: string): void {
    if (!this.accept(word)) this.fail(JSON.stringify(word));
  }

  /** Takes the end of a line, or what begins or ends a block. */
  expectLayout(kind: "line" | "indent" | "dedent", expected: string): void {
    if (this.#current.kind !== kind) this.fail(expected);
    this.take();
  }

  name(expected: string): string {
    if (this.#current.kind !== "name") this.fail(expected);
    return this.take().text;
  }

  string(expected: string): string {
    if (this.#current.kind !== "string") this.fail(expected);
    const { value } = this.#current;
    this.take();
    return value;
  }

  fail(expected: string): never {
    throw sourceError(`expected ${expected}, found ${shown(this.#current)}`, this.file, this.at);
  }

  /** What stands between signs, a comma after each but the last, which may have one. */
  listed<T>(close: string, read: () => T): T[] {
    const items: T[] = [];
    while (!this.accept(close)) {
      items.push(read());
      if (!this.is(close)) this.#comma(close);
    }
    return items;
  }

  #comma(close: string): void {
    if (!this.accept(",")) this.fail(`"," or ${JSON.stringify(close)}`);
  }

  /** Reads what may hold itself. */
  nested<T>(read: () => T): T {
    if (this.#depth === mostNesting) this.#tooDeep(this.at);
    this.#depth++;
    const result = read();
    this.#depth--;
    return result;
  }

  /** A node over those that it is made of: `a.b.c` grows without anything being nested in the source. */
  made<T extends { readonly at: Place }>(node: T, parts: readonly (object | undefined)[]): T {
    let height = 0;
    for (const part of parts) if (part !== undefined) height = Math.max(height, (this.#heights.get(part) ?? 0) + 1);
    if (height > mostNesting) this.#tooDeep(node.at);
    if (height > 0) this.#heights.set(node, height);
    return node;
  }

  #tooDeep(at: Place): never {
    throw sourceError(`expected no more than ${mostNesting} parts, each inside the one before`, this.file, at);
  }
}
