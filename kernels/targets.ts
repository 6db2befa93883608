// The named instruction sets that code is generated for.
import { type Schedules, schedulesOf } from "./schedules/index.ts";

/** A target: what LLVM is told, what a schedule may count on, and who chooses it. */
export interface Target {
  readonly name: TargetName;
  readonly triple: string;
  readonly cpu: string;
  readonly features: string;
  /** Width of a vector register in bytes. */
  readonly vectorBytes: number;
  readonly vectorRegisters: number;
  /** The instruction that adds dot products of four bytes to 32-bit sums, where there is one. */
  readonly dot?: "vnni" | "dotprod";
  readonly schedules: Schedules;
}

export const targetNames = ["x86-64-v3", "x86-64-v4", "x86-64-v4+vnni", "aarch64", "aarch64+dotprod"] as const;
export type TargetName = (typeof targetNames)[number];

const table: { readonly [name in TargetName]: Omit<Target, "schedules"> } = {
  "x86-64-v3": {
    name: "x86-64-v3",
    triple: "x86_64-unknown-linux-gnu",
    cpu: "x86-64-v3",
    features: "",
    vectorBytes: 32,
    vectorRegisters: 16,
  },
  "x86-64-v4": {
    name: "x86-64-v4",
    triple: "x86_64-unknown-linux-gnu",
    cpu: "x86-64-v4",
    features: "-prefer-256-bit",
    vectorBytes: 64,
    vectorRegisters: 32,
  },
  "x86-64-v4+vnni": {
    name: "x86-64-v4+vnni",
    triple: "x86_64-unknown-linux-gnu",
    cpu: "x86-64-v4",
    features: "-prefer-256-bit,+avx512vnni",
    vectorBytes: 64,
    vectorRegisters: 32,
    dot: "vnni",
  },
  aarch64: {
    name: "aarch64",
    triple: "aarch64-unknown-linux-gnu",
    cpu: "generic",
    features: "+neon",
    vectorBytes: 16,
    vectorRegisters: 32,
  },
  "aarch64+dotprod": {
    name: "aarch64+dotprod",
    triple: "aarch64-unknown-linux-gnu",
    cpu: "generic",
    features: "+neon,+dotprod",
    vectorBytes: 16,
    vectorRegisters: 32,
    dot: "dotprod",
  },
};

/** Whether a target differs from its base only in dot products of bytes, so that code without them gains nothing by it. */
export const addsDotOnly = (name: TargetName): boolean => table[name].dot !== undefined;

/** The target of that name, with the schedules measured for it unless others are given. */
export const target = (name: TargetName, schedules: Schedules = schedulesOf(name)): Target => ({
  ...table[name],
  schedules,
});
