// RFB-320, a detector of faces, from the file that is handed around.
import { join } from "node:path";
import { importModel } from "../../../runtime/import/index.ts";
import type { Graph } from "../../../runtime/index.ts";
import { root } from "../../robot/robot.ts";
import { plainGraph } from "../case.ts";

/** RFB-320 as it is handed around: its export, whose batch norms are folded, is the peer's too. */
export async function rfb320(): Promise<Graph> {
  const path = join(root, "../shared/data/onnx/rfb320.onnx");
  const model = await importModel(path);
  if (model.format !== "onnx") throw new Error(`${path} is no ONNX`);
  return plainGraph(model.graph());
}
