// The named instruction sets that code is generated for.
import { type LlvmBackend, llvm } from "./backend.ts";
import { type Schedules, schedulesOf } from "./schedules/index.ts";

/** What the caches of a core are good for. */
export interface Caches {
  /** Bytes of a product's left rows that stay in the second level beside a panel. */
  readonly rowBytes: number;
  /** Blocks of a product's columns that are copied at a time. */
  readonly mostBlocks: number;
  /** Longest k whose panel and tile of rows stay in the second level. */
  readonly mostDepth: number;
  /** Rows so many bytes apart, or a multiple, fall into the same lines of the first level. */
  readonly aliasBytes: number;
  /** Bytes of transformed tiles and their products, in Winograd's algorithm, that stay beside weights which stay too. */
  readonly tileBytes: number;
  /** Larger weights do not stay: they are read again for every block of tiles. */
  readonly weightBytes: number;
  /** Bytes of a block of tiles beside such weights. */
  readonly farTileBytes: number;
  /** Bytes of the largest block of tiles that is measured at all. */
  readonly mostTileBytes: number;
}

/** Those of machines of which nothing else is known: half a megabyte or more in the second level. */
const usualCaches: Caches = {
  rowBytes: 384 * 1024,
  mostBlocks: 16,
  mostDepth: 4096,
  aliasBytes: 4096,
  tileBytes: 0.6 * 2 ** 20,
  weightBytes: 2 ** 20,
  farTileBytes: 2.5 * 2 ** 20,
  mostTileBytes: 6 * 2 ** 20,
};

/** What a machine has, as far as schedules count on it: they choose by it, and change no bit. */
export interface Machine {
  /** Width of a vector register in bytes. */
  readonly vectorBytes: number;
  readonly vectorRegisters: number;
  readonly caches: Caches;
  /** The instruction that adds dot products of four bytes to 32-bit sums, where there is one. */
  readonly dot?: "vnni" | "dotprod";
}

/** What code is made for: what makes it, the machine that it is made for, and who chooses schedules. */
export interface Target {
  readonly name: TargetName;
  readonly backend: LlvmBackend;
  readonly machine: Machine;
  readonly schedules: Schedules;
}

export const targetNames = ["x86-64-v3", "x86-64-v4", "x86-64-v4+vnni", "aarch64", "aarch64+dotprod"] as const;
export type TargetName = (typeof targetNames)[number];

const table: { readonly [name in TargetName]: Omit<Target, "schedules"> } = {
  "x86-64-v3": {
    name: "x86-64-v3",
    backend: llvm("x86_64-unknown-linux-gnu", "x86-64-v3", ""),
    machine: { vectorBytes: 32, vectorRegisters: 16, caches: usualCaches },
  },
  "x86-64-v4": {
    name: "x86-64-v4",
    backend: llvm("x86_64-unknown-linux-gnu", "x86-64-v4", "-prefer-256-bit"),
    machine: { vectorBytes: 64, vectorRegisters: 32, caches: usualCaches },
  },
  "x86-64-v4+vnni": {
    name: "x86-64-v4+vnni",
    backend: llvm("x86_64-unknown-linux-gnu", "x86-64-v4", "-prefer-256-bit,+avx512vnni"),
    machine: { vectorBytes: 64, vectorRegisters: 32, caches: usualCaches, dot: "vnni" },
  },
  aarch64: {
    name: "aarch64",
    backend: llvm("aarch64-unknown-linux-gnu", "generic", "+neon"),
    machine: { vectorBytes: 16, vectorRegisters: 32, caches: usualCaches },
  },
  "aarch64+dotprod": {
    name: "aarch64+dotprod",
    backend: llvm("aarch64-unknown-linux-gnu", "generic", "+neon,+dotprod"),
    machine: { vectorBytes: 16, vectorRegisters: 32, caches: usualCaches, dot: "dotprod" },
  },
};

/** Whether a target differs from its base only in dot products of bytes, so that code without them gains nothing by it. */
export const addsDotOnly = (name: TargetName): boolean => table[name].machine.dot !== undefined;

/** The target of that name, with the schedules measured for it unless others are given. */
export const target = (name: TargetName, schedules: Schedules = schedulesOf(name)): Target => ({
  ...table[name],
  schedules,
});
