// The file of a recording while it is written, which ends with whole records even where the disk does not take all of it.
import { type FileHandle, open } from "node:fs/promises";
import type { IWritable } from "@mcap/core";
import { type FileKind, fileError, IsochronError } from "../kernels/index.ts";

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

/** Ends of whole records that are kept in mind, to go back to. */
const keptEnds = 8;

/** Bytes in order; every write is one or several whole records. */
export class RecordingFile implements IWritable {
  readonly #file: FileHandle;
  #position = 0;
  /** Where whole records end, the newest last. */
  #ends: number[] = [];

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Throws `file/exists` where another recording is, or was, being written under the name; `file/write`. */
  static async create(path: string): Promise<RecordingFile> {
    const partial = partialOf(path);
    try {
      return new RecordingFile(await open(partial, "wx"));
    } catch (cause) {
      if (!(cause instanceof Error && "code" in cause && cause.code === "EEXIST"))
        throw fileError("write", path, cause);
      throw new IsochronError(
        "file/exists",
        `${partial} is not replaced: it is what another run records, or recorded`,
        {
          help: `isochron report ${partial} shows what a run that was killed has left; record under another name, or move it away`,
          cause,
        },
      );
    }
  }

  position(): bigint {
    return BigInt(this.#position);
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    await this.#put(bytes);
    this.#ends = [...this.#ends.slice(1 - keptEnds), this.#position];
  }

  /** From here on the file may be shortened, not before. */
  keep(): void {
    this.#ends = [this.#position];
  }

  /**
   * After a write that failed: cuts what it left, and ends the file with `bytes`; where there is no room even for them, in
   * the place of the last whole records. False where that does not help either.
   */
  async endWith(bytes: Uint8Array): Promise<boolean> {
    for (const end of this.#ends.toReversed()) {
      try {
        await this.#file.truncate(end);
        this.#position = end;
        await this.#put(bytes);
        return true;
      } catch {
        // Tried again with less.
      }
    }
    await this.#file.truncate(this.#ends.at(-1) ?? 0).catch(() => undefined);
    return false;
  }

  /** Waits until the bytes are on the disk, and closes the file. */
  async close(): Promise<void> {
    try {
      await this.#file.datasync();
    } finally {
      await this.#file.close();
    }
  }

  /** Closes the file as it is. */
  async abandon(): Promise<void> {
    await this.#file.close().catch(() => undefined);
  }

  async #put(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, at, bytes.length - at, this.#position);
      at += bytesWritten;
      this.#position += bytesWritten;
    }
  }
}
