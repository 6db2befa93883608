// The named instruction sets that code is generated for.
import { type LlvmBackend, llvm } from "./backend.ts";
import { type Schedules, schedulesOf } from "./schedules/index.ts";

/** What a machine has, as far as schedules count on it: they choose by it, and change no bit. */
export interface Machine {
  /** Width of a vector register in bytes. */
  readonly vectorBytes: number;
  readonly vectorRegisters: number;
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
    machine: { vectorBytes: 32, vectorRegisters: 16 },
  },
  "x86-64-v4": {
    name: "x86-64-v4",
    backend: llvm("x86_64-unknown-linux-gnu", "x86-64-v4", "-prefer-256-bit"),
    machine: { vectorBytes: 64, vectorRegisters: 32 },
  },
  "x86-64-v4+vnni": {
    name: "x86-64-v4+vnni",
    backend: llvm("x86_64-unknown-linux-gnu", "x86-64-v4", "-prefer-256-bit,+avx512vnni"),
    machine: { vectorBytes: 64, vectorRegisters: 32, dot: "vnni" },
  },
  aarch64: {
    name: "aarch64",
    backend: llvm("aarch64-unknown-linux-gnu", "generic", "+neon"),
    machine: { vectorBytes: 16, vectorRegisters: 32 },
  },
  "aarch64+dotprod": {
    name: "aarch64+dotprod",
    backend: llvm("aarch64-unknown-linux-gnu", "generic", "+neon,+dotprod"),
    machine: { vectorBytes: 16, vectorRegisters: 32, dot: "dotprod" },
  },
};

/** Whether a target differs from its base only in dot products of bytes, so that code without them gains nothing by it. */
export const addsDotOnly = (name: TargetName): boolean => table[name].machine.dot !== undefined;

/** The target of that name, with the schedules measured for it unless others are given. */
export const target = (name: TargetName, schedules: Schedules = schedulesOf(name)): Target => ({
  ...table[name],
  schedules,
});
