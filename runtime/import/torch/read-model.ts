// Reads a model that PyTorch saved: TorchScript, or an exported program. Loaded where a file is one: its operators are many.
import type { Graph } from "../../graph/graph.ts";
import { readTorchArchive } from "./archive.ts";
import { ExportedModel } from "./exported/model.ts";
import { isExported } from "./exported/program.ts";
import { requireProgram, TorchModel } from "./model.ts";

/**
 * The model of an archive; `onGraph` is told of each graph that is made of it.
 *
 * Throws `import/archive`, `import/pickle` and `import/torch-source` for damaged files, `import/unsupported` for archives of others.
 */
export async function readTorchModel(
  bytes: Uint8Array,
  path: string,
  onGraph: (options: object, graph: Graph) => void,
): Promise<TorchModel | ExportedModel> {
  const archive = await readTorchArchive(bytes, path);
  if (isExported(archive)) return new ExportedModel(archive, bytes.length, path, onGraph);
  return new TorchModel(requireProgram(archive), bytes.length, path, onGraph);
}
