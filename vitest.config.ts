import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{kernels,runtime,scheduler,nodes,sim,launch,examples,tests}/**/*.test.ts"],
    testTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
