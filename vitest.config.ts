import { defineConfig } from "vitest/config";
import { LongestFirst } from "./tests/longest-first.ts";

export default defineConfig({
  test: {
    include: ["{kernels,runtime,scheduler,nodes,sim,launch,examples,tests}/**/*.test.ts"],
    // Limits are for what hangs: a busy machine may be ten times as slow as a quiet one.
    testTimeout: 1_800_000,
    hookTimeout: 1_800_000,
    // Every recording that a test makes is held to the rules of the schedule as it is finished.
    env: { ISOCHRON_AUDIT: "1" },
    pool: "forks",
    maxWorkers: 2,
    // Files share a worker's modules: loading them takes longer than most files' tests.
    isolate: false,
    experimental: { fsModuleCache: true, fsModuleCachePath: ".cache/vitest" },
    sequence: { sequencer: LongestFirst },
  },
});
