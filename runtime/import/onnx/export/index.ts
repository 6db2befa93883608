// Writes graphs as ONNX models.
import { create, toBinary } from "@bufbuild/protobuf";
import { z } from "zod";
import { checkArgument, optionsOf } from "../../../../kernels/index.ts";
import { Graph } from "../../../graph/graph.ts";
import { located } from "../../../graph/place.ts";
import { ModelProtoSchema } from "../format/onnx_pb.ts";
import { Exporter } from "./exporter.ts";
import { GraphWriter } from "./writer.ts";

/** Options of `exportOnnx`. */
export interface ExportOptions {
  /** The version of ONNX's operators, 18 to 26; 22 unless given. */
  readonly opset?: number;
}

const checkExport = optionsOf<ExportOptions>("export", "exportOnnx", () => ({
  opset: z.int().min(18).max(26).describe("a whole number from 18 to 26").optional(),
}));

/** The version of the format that came with each operator set. */
const irVersions: { readonly [opset: number]: number } = {
  18: 8,
  19: 9,
  20: 9,
  21: 10,
  22: 10,
  23: 11,
  24: 12,
  25: 13,
  26: 13,
};

/**
 * The bytes of an ONNX model that computes what a graph does: operator by operator where ONNX has the same, else of the operators
 * that it is made of.
 *
 * A state NAME becomes an input NAME and an output NAME_next, so that whoever runs the model keeps it between steps; what it begins
 * with is not in the file. What ONNX leaves open is up to what runs it: integers by zero or too large, floats that become integers
 * which do not hold them, NaN among extremes, and loops that would run too often.
 * Throws `export/unsupported`, which names the operator, for what ONNX cannot say.
 *
 * @example
 * ```ts
 * import { tensorType, trace } from "isochron";
 * import { exportOnnx } from "isochron/import";
 *
 * const graph = trace(({ x }) => ({ y: x.softmax(1) }), { x: tensorType("f32", [1, 10]) }, { name: "shares" });
 * const bytes = exportOnnx(graph, { opset: 20 });
 * console.log(bytes.length > 0); // true
 * ```
 */
export function exportOnnx(graph: Graph, options: ExportOptions = {}): Uint8Array {
  checkArgument("export", "exportOnnx", "graph", z.instanceof(Graph).describe("a graph, as trace makes it"), graph);
  checkExport(options);
  const { opset = 22 } = options;
  const writer = new GraphWriter(graph.name);
  const exporter = new Exporter(opset, writer);
  for (const { name, value } of [...graph.inputs, ...graph.states])
    exporter.give(value, writer.input(name, value.type));
  located(() => exporter.nodes(graph));
  for (const { name, value } of graph.outputs) writer.output(name, value.type, exporter.written(value));
  for (const { name, value, next } of graph.states) writer.output(`${name}_next`, value.type, exporter.written(next));
  const model = create(ModelProtoSchema, {
    irVersion: BigInt(irVersions[opset]!),
    producerName: "isochron",
    graph: writer.proto(),
    opsetImport: [{ domain: "", version: BigInt(opset) }],
  });
  return toBinary(ModelProtoSchema, model);
}
