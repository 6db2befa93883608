// A case of ONNX's backend tests for each operator that is imported.
import { existsSync, statSync } from "node:fs";
import { fromBinary } from "@bufbuild/protobuf";
import {
  TensorProto_DataType as DataType,
  type GraphProto,
  ModelProtoSchema,
} from "../../../runtime/import/onnx/format/onnx_pb.ts";
import { definitions } from "../../../runtime/import/onnx/operators/index.ts";
import { fullName } from "../../../runtime/import/onnx/scope.ts";
import { bytesAt, type Case, casesOf, defaultData } from "./cases.ts";

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

/** The cases by operator; none where the data is not there. */
export const sample: readonly (readonly [operator: string, each: Case])[] = existsSync(defaultData)
  ? [...smallest()]
  : [];
