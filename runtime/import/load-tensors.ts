// Files of tensors, whichever format they have: safetensors, or what `torch.save` writes.
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { checkArgument, errorAt, fileError, IsochronError } from "../../kernels/index.ts";
import { readTensors } from "./safetensors.ts";
import type { StoredTensors } from "./stored-tensors.ts";
import { isArchive } from "./torch/archive.ts";
import { readStateDict } from "./torch/state-dict.ts";

/** How files of `torch.save` began before PyTorch 1.6: a pickle of this number. */
const oldTorch = Buffer.from("80028a0a6cfc9c46f9206aa85019", "hex");

/**
 * Reads all tensors of a file, whose content says what it is; their elements are copies.
 *
 * Files are safetensors, or `.pt` and `.pth` of `torch.save` with tensors in dictionaries and lists: a tensor's name is then the
 * keys and numbers that lead to it, joined by dots, and numbers and texts beside tensors are metadata. Nothing that a file names
 * is ever run.
 *
 * Throws `file/read`, `tensors/file` where a safetensors file's header and bytes do not fit each other, `import/archive` and
 * `import/pickle` where PyTorch's file is damaged or would have to be run, and `import/unsupported` for files of models.
 *
 * @example
 * ```ts
 * import { loadTensors, saveTensors } from "isochron/import";
 *
 * saveTensors("two.safetensors", { x: { dtype: "f32", shape: [2], data: Float32Array.of(1, 2) } });
 * const { tensors } = await loadTensors("two.safetensors");
 * console.log(tensors.x?.shape.join(), tensors.x?.data.join()); // 2 1,2
 * ```
 */
export async function loadTensors(path: string): Promise<StoredTensors> {
  checkArgument("tensors", "loadTensors", "path", z.string().min(1).describe("a text: the file's path"), path);
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw fileError("read", path, cause);
  });
  try {
    if (isArchive(bytes)) return await readStateDict(bytes, path);
    if (bytes.subarray(0, oldTorch.length).equals(oldTorch))
      throw new IsochronError("import/unsupported", "it is a file of torch.save from before PyTorch 1.6", {
        help: "save it again with a newer PyTorch: torch.save(torch.load(path), other)",
      });
    return readTensors(path, bytes);
  } catch (error) {
    throw errorAt(error, path);
  }
}
