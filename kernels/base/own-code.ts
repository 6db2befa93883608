// The folder of chunks that Isochron's modules are bundled into, where they are: the npm package, and the command from sources.

/** This module's own place, which bundling leaves to the chunk's. */
const here = import.meta.url;

/** The address of the folder; undefined where modules run each from its own file. */
export const chunkFolder: string | undefined = /\/own-code\.[jt]s$/.test(new URL(here).pathname)
  ? undefined
  : new URL("./", here).href;

/** Whether a path, or a line of a stack, is in a chunk. */
export const isInChunk = (frame: string): boolean =>
  chunkFolder !== undefined && (frame.includes(chunkFolder) || frame.includes(new URL(chunkFolder).pathname));
