// Begins the longest test files first, so that all workers end together; also where nothing has been measured yet.
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The files that take longest on a quiet machine, the longest first. */
export const longest = [
  "runtime/operators/operators.test.ts",
  "tests/packaging/packaging.test.ts",
  "tests/docs/pages.test.ts",
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const at = longest.findIndex((name) => moduleId.endsWith(`/${name}`));
      return at < 0 ? longest.length : at;
    };
    // What is in no list keeps its order: failed files, then long ones, as far as the last run has measured them.
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}
