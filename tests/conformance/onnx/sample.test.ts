// One case of ONNX's backend tests for each operator that is imported; `npm run conformance -- onnx` checks all.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../../robot/robot.ts";
import { check } from "./check.ts";
import { sample } from "./sample.ts";

/** Operators with a case: fewer means that one has lost its definition. */
const leastOperators = 195;

describe.skipIf(sample.length === 0)("a case of ONNX's backend tests (needs ../shared)", () => {
  it("is there for every operator that has one, but for those that are always refused", () => {
    expect(sample.length).toBeGreaterThanOrEqual(leastOperators);
  });

  it.each(sample.map(([operator, each]) => [operator, each.name, each] as const))(
    "holds for %s, compiled and interpreted: %s",
    { timeout: 600_000 },
    async (_, __, each) => {
      const { compiled, interpreted, reason } = await check(each, { cacheDir: join(root, ".cache/kernels") });
      const texts = "import/unsupported: texts in machine code";
      expect({ compiled, interpreted, reason }).toEqual(
        reason === texts
          ? { compiled: "notSupported", interpreted: "passed", reason: texts }
          : { compiled: "passed", interpreted: "passed", reason: undefined },
      );
    },
  );
});
