// Begins the longest test files first, so that all workers end together; also where nothing has been measured yet.
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The files that take longest on a quiet machine, the longest first. */
export const longest: readonly string[] = [
  "runtime/operators/operators.test.ts",
  "tests/packaging/packaging.test.ts",
  "tests/docs/pages.test.ts",
  "tests/command-line/hangs.test.ts",
  "tests/same-bits/same-bits.test.ts",
  "sim/logs/cuts.test.ts",
  "kernels/generators/convolutions.test.ts",
  "kernels/generators/generators.test.ts",
  "tests/command-line/failures.test.ts",
  "examples/highway/run.test.ts",
  "tests/ros/ros.test.ts",
  "tests/arm64/arm64.test.ts",
  "kernels/generators/gemm.test.ts",
  "tests/arm64/pictures.test.ts",
  "kernels/generators/grouped.test.ts",
  "tests/report/page.test.ts",
  "runtime/program/threads.test.ts",
  "tests/same-bits/builds.test.ts",
  "tests/command-line/run.test.ts",
  "tests/realtime/discipline.test.ts",
  "tests/logs/met-cases.test.ts",
  "kernels/functions/accuracy.test.ts",
  "tests/determinism/determinism.test.ts",
  "runtime/compiler/placement.test.ts",
  "tests/replay/older.test.ts",
  "runtime/passes/tolerance.test.ts",
  "tests/command-line/bad-input.test.ts",
  "tests/command-line/files.test.ts",
  "runtime/operators/small-sizes.test.ts",
  "kernels/functions/agreement.test.ts",
  "tests/replay/cuts.test.ts",
];

/** The order of test files: those that are known to be long, then the others by what the last run has measured. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const at = longest.findIndex((name) => moduleId.endsWith(`/${name}`));
      return at < 0 ? longest.length : at;
    };
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}
