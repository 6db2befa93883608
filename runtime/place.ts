// Places in the user's source, whose text is made only when something is said about them.

const folder = new URL(".", import.meta.url);
const isOurs = (frame: string): boolean =>
  (frame.includes(folder.href) || frame.includes(folder.pathname)) && !frame.includes(".test.");

/** Where it was made: in the first frame of the stack that is not of this folder's own code. */
export class Place {
  // The engine keeps the frames of an error, and writes them as text when its stack is first read.
  readonly #made = new Error();

  /** file:line:column, or undefined where the stack shows none. */
  get text(): string | undefined {
    const frames = this.#made.stack?.split("\n").slice(1) ?? [];
    const frame = frames.find((line) => !isOurs(line) && /:\d+:\d+/.test(line));
    return /\(?((?:file:\/\/)?\/?[^\s()]+:\d+:\d+)\)?$/.exec(frame ?? "")?.[1]?.replace("file://", "");
  }
}
