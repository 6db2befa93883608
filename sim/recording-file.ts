// What the file of a recording is called while it is written, and how it is told from others.
import { type FileKind, IsochronError } from "../kernels/index.ts";

const magic = "\x89MCAP0\r\n";

/** What `--force` may replace: an MCAP file whose header names this library. */
export const recordingFile: FileKind = {
  name: "a recording",
  begins: (start) => {
    const text = Buffer.from(start).toString("latin1");
    // Magic, then the header's kind and length, its profile and its library, each text after its length.
    return text.startsWith(`${magic}\x01`) && text.startsWith("\x04\0\0\0ros2\x08\0\0\0isochron", 17);
  },
};

/** Where a recording stands until it is finished. */
export const partialOf = (path: string): string => `${path}.partial`;

/** `file/exists` where another recording is, or was, being written under the name. */
export const partialExists = (path: string, cause: unknown): IsochronError =>
  new IsochronError("file/exists", `${partialOf(path)} is not replaced: it is what another run records, or recorded`, {
    help: `isochron report ${partialOf(path)} shows what a run that was killed has left; record under another name, or move it away`,
    cause,
  });
