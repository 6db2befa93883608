// BLAKE3 hashes: by the runtime module where it is installed, in JavaScript where it is not.
import { blake3 } from "@noble/hashes/blake3.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { z } from "zod";
import { IsochronError, loadRuntime } from "../kernels/index.ts";

type Hash = (bytes: Uint8Array) => string;

const binding = z.object({ blake3: z.custom<Hash>((value) => typeof value === "function") });

const inJavaScript: Hash = (bytes) => bytesToHex(blake3(bytes));

/** Artifacts are hashed where nothing native runs, too: on other systems than Linux, and before the module is built. */
function chooseHash(): Hash {
  try {
    return binding.parse(loadRuntime()).blake3;
  } catch (error) {
    if (error instanceof IsochronError) return inJavaScript;
    throw error;
  }
}

let chosen: Hash | undefined;

/** The BLAKE3 hash of some bytes, in hex. */
export function hashOf(bytes: Uint8Array): string {
  chosen ??= chooseHash();
  return chosen(bytes);
}
