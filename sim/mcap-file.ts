// An open file as MCAP readers take it, with what a damaged file asks for checked first.
import type { FileHandle } from "node:fs/promises";
import type { IReadable } from "@mcap/core";

/** Reads parts of a file; a part that the file does not have is an error, however large (Node ends the process over 2 GiB). */
export class McapFile implements IReadable {
  readonly #file: FileHandle;
  #size: bigint | undefined;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async size(): Promise<bigint> {
    this.#size ??= (await this.#file.stat({ bigint: true })).size;
    return this.#size;
  }

  async read(offset: bigint, length: bigint): Promise<Uint8Array> {
    const size = await this.size();
    if (offset < 0n || length < 0n || offset + length > size || length > mostAtOnce) {
      throw new Error(`it asks for ${length} bytes at ${offset} of ${size}`);
    }
    const buffer = new Uint8Array(Number(length));
    for (let read = 0; read < buffer.length; ) {
      const { bytesRead } = await this.#file.read(buffer, read, buffer.length - read, Number(offset) + read);
      if (bytesRead === 0) throw new Error(`the file ended at ${Number(offset) + read}`);
      read += bytesRead;
    }
    return buffer;
  }
}

/** What Node reads at once. */
const mostAtOnce = 2n ** 31n - 1n;
