// BLAKE3 hashes: by the runtime module where it is installed, in JavaScript where it is not.
import { createRequire } from "node:module";
import { z } from "zod";
import { IsochronError } from "./error.ts";
import { loadRuntime } from "./native.ts";

type Hash = (bytes: Uint8Array) => string;

const binding = z.object({ blake3: z.custom<Hash>((value) => typeof value === "function") });

/** Loaded only where it is needed: it makes its tables as it is. */
function hashInJavaScript(): Hash {
  const { blake3 } = createRequire(import.meta.url)(
    "@noble/hashes/blake3.js",
  ) as typeof import("@noble/hashes/blake3.js");
  return (bytes) => Buffer.from(blake3(bytes)).toString("hex");
}

/** Artifacts are hashed where nothing native runs, too: on other systems than Linux, and before the module is built. */
function chooseHash(): Hash {
  try {
    return binding.parse(loadRuntime()).blake3;
  } catch (error) {
    if (error instanceof IsochronError) return hashInJavaScript();
    throw error;
  }
}

let chosen: Hash | undefined;

/** The BLAKE3 hash of some bytes, in hex. */
export function hashOf(bytes: Uint8Array): string {
  chosen ??= chooseHash();
  return chosen(bytes);
}
