// Places in the user's source, whose text is made only when something is said about them.
import { errorAt, isInChunk } from "../../kernels/index.ts";

/** This package's runtime, whose frames are not the user's. */
const folder = new URL("..", import.meta.url);
const isOurs = (frame: string): boolean =>
  isInChunk(frame) || ((frame.includes(folder.href) || frame.includes(folder.pathname)) && !frame.includes(".test."));

/** An error that keeps more frames than usual: operators made of others stand between it and the user. */
function deepError(): Error {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 40;
  const made = new Error();
  Error.stackTraceLimit = stackTraceLimit;
  return made;
}

/** Where it was made: in the first frame of the stack that is not of the runtime's own code. */
export class Place {
  // The engine keeps the frames of an error, and writes them as text when its stack is first read.
  readonly #made = deepError();

  /** file:line:column, or undefined where the stack shows none. */
  get text(): string | undefined {
    const frames = this.#made.stack?.split("\n").slice(1) ?? [];
    const frame = frames.find((line) => !isOurs(line) && /:\d+:\d+/.test(line));
    return /\(?((?:file:\/\/)?\/?[^\s()]+:\d+:\d+)\)?$/.exec(frame ?? "")?.[1]?.replace("file://", "");
  }
}

/** The same error with a place in the user's source, where it has none and one is known. */
export const withPlace = (error: unknown, place: Place): unknown => errorAt(error, place.text);

/** Runs `body`, whose errors then name the place in the user's source from which this was called. */
export function located<T>(body: (place: Place) => T): T {
  const place = new Place();
  try {
    return body(place);
  } catch (error) {
    throw withPlace(error, place);
  }
}
