// BLAKE3 hashes: by the runtime module where it is installed, in JavaScript where it is not.
import { createRequire } from "node:module";
import { z } from "zod";
import { IsochronError } from "./error.ts";
import { loadRuntime } from "./native.ts";

/** Takes bytes piece by piece. */
interface Hashing {
  update(bytes: Uint8Array): void;
  hex(): string;
}

/** A way of hashing: all at once, or piece by piece. */
interface Way {
  readonly blake3: (bytes: Uint8Array) => string;
  readonly Blake3: new () => Hashing;
}

const isFunction = (value: unknown): boolean => typeof value === "function";
const binding: z.ZodType<Way> = z.object({
  blake3: z.custom<Way["blake3"]>(isFunction),
  Blake3: z.custom<Way["Blake3"]>(isFunction),
});

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Loaded only where it is needed: it makes its tables as it is. */
function hashInJavaScript(): Way {
  const { blake3 } = createRequire(import.meta.url)(
    "@noble/hashes/blake3.js",
  ) as typeof import("@noble/hashes/blake3.js");
  return {
    blake3: (bytes) => hexOf(blake3(bytes)),
    Blake3: class {
      readonly #hash = blake3.create();

      update(bytes: Uint8Array): void {
        this.#hash.update(bytes);
      }

      hex(): string {
        return hexOf(this.#hash.digest());
      }
    },
  };
}

/** Artifacts are hashed where nothing native runs, too: on other systems than Linux, and before the module is built. */
function chooseWay(): Way {
  try {
    return binding.parse(loadRuntime());
  } catch (error) {
    if (error instanceof IsochronError) return hashInJavaScript();
    throw error;
  }
}

let chosen: Way | undefined;

function way(): Way {
  chosen ??= chooseWay();
  return chosen;
}

/** The BLAKE3 hash of some bytes, in hex. */
export const hashOf = (bytes: Uint8Array): string => way().blake3(bytes);

/** The BLAKE3 hash of bytes that come piece by piece. */
export class Hasher {
  readonly #hashing = new (way().Blake3)();

  update(bytes: Uint8Array): void {
    this.#hashing.update(bytes);
  }

  /** The hash of all bytes so far, in hex. Nothing is added behind it. */
  hex(): string {
    return this.#hashing.hex();
  }
}
