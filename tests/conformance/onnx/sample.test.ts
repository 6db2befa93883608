// One case of ONNX's backend tests for each operator that is imported; `npm run conformance -- onnx` checks all.
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  TensorProto_DataType as DataType,
  type GraphProto,
  ModelProtoSchema,
} from "../../../runtime/import/onnx/format/onnx_pb.ts";
import { definitions } from "../../../runtime/import/onnx/operators/index.ts";
import { fullName } from "../../../runtime/import/onnx/scope.ts";
import { root } from "../../robot/robot.ts";
import { bytesAt, type Case, casesOf, defaultData } from "./cases.ts";
import { check } from "./check.ts";

/** Whether a graph is given texts, which no step computes with. */
const takesTexts = ({ input }: GraphProto): boolean =>
  input.some(({ type }) => type?.value.case === "tensorType" && type.value.value.elemType === DataType.STRING);

/** What has a definition that only says why not. */
const refused = new Set(["ImageDecoder", "ai.onnx.preview.training::Gradient"]);

/** Of each operator, the case with the fewest nodes, of several the one with the smallest file; with texts only where there is no other. */
function smallest(): Map<string, Case> {
  const best = new Map<string, { readonly each: Case; readonly cost: readonly number[] }>();
  for (const each of casesOf(defaultData)) {
    const graph = fromBinary(ModelProtoSchema, bytesAt(each.model)).graph!;
    const cost = [Number(takesTexts(graph)), graph.node.length, statSync(each.model).size];
    for (const operator of new Set(graph.node.map(fullName))) {
      const known = best.get(operator)?.cost;
      const differs = known?.findIndex((other, at) => other !== cost[at]) ?? 0;
      const isSmaller = !known || (differs >= 0 && cost[differs]! < known[differs]!);
      if (isSmaller && definitions.has(operator) && !refused.has(operator)) best.set(operator, { each, cost });
    }
  }
  return new Map(
    [...best].map(([operator, { each }]) => [operator, each] as const).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

const sample = existsSync(defaultData) ? [...smallest()] : [];

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
