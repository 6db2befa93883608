// The ZIP archives that PyTorch writes: their entries by name, held to what their directory says of them.

import type { Entry, ZipFile } from "yauzl";
import { errorAt, IsochronError } from "../../../kernels/index.ts";

/** Entries of an archive, at most: a file has one for each tensor. */
const mostEntries = 2 ** 17;
/** Bytes that compressed entries, which are source and descriptions, have together when they are decompressed. */
const mostDecompressed = 2 ** 28;
/** Bytes of a local header before its name. */
const localHeaderBytes = 30;

/** The entries of an archive, by their names without the folder that all of them are in. */
export interface TorchArchive {
  /** The folder's name: what the model was called when it was saved. */
  readonly name: string;
  readonly entries: ReadonlyMap<string, Uint8Array>;
}

const damaged = (message: string): IsochronError =>
  new IsochronError("import/archive", message, {
    help: "copy the file again, or save the model again: torch.jit.save, torch.export.save, torch.save",
  });

/** Exported programs of PyTorch before 2.8. */
export const olderLayout = (): IsochronError =>
  new IsochronError(
    "import/unsupported",
    "it is an exported program (.pt2) of the older layout, serialized_exported_program.json",
    { help: "save it again by a later PyTorch: torch.export.save(torch.export.load(path), other)" },
  );

/** Whether bytes begin as a ZIP archive does. */
export const isArchive = (bytes: Uint8Array): boolean =>
  Buffer.from(bytes.subarray(0, 4)).toString("latin1") === "PK\x03\x04";

/**
 * Reads an archive. Entries that are stored are parts of `bytes`, others are decompressed.
 *
 * Checksums are not looked at: PyTorch itself may be told to write none (`torch.serialization.set_crc32_options`).
 * Throws `import/archive`.
 */
export async function readTorchArchive(bytes: Uint8Array, path: string): Promise<TorchArchive> {
  try {
    const budget = { decompressed: mostDecompressed };
    const archive = await archiveOf(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), budget);
    const entries = new Map(archive.entries);
    for (const path of pickledIn(archive)) {
      const inner = archive.entries.get(path);
      if (!inner || !isArchive(inner)) continue;
      const { entries: parts } = await archiveOf(Buffer.from(inner.buffer, inner.byteOffset, inner.byteLength), budget);
      for (const [name, part] of parts) entries.set(`${path}/${name}`, part);
      if (entries.size > mostEntries) throw damaged(`its ZIP archive has more than ${mostEntries} entries`);
    }
    return { name: archive.name, entries };
  } catch (error) {
    if (error instanceof IsochronError) throw errorAt(error, path);
    throw errorAt(damaged(`its ZIP archive is damaged: ${error instanceof Error ? error.message : error}`), path);
  }
}

/** The entries that are files of torch.save themselves: what the configurations of torch.export say is pickled. */
function pickledIn({ entries }: TorchArchive): readonly string[] {
  return [...entries].flatMap(([name, bytes]) => {
    const [, folder] = /^(data\/(?:weights|constants))\/[^/]*_config\.json$/.exec(name) ?? [];
    if (folder === undefined) return [];
    const text = Buffer.from(bytes).toString("utf8");
    // The reader of the program says what is wrong with a configuration.
    const paths = [...text.matchAll(/"path_name":\s*"([^"\\]+)",\s*"use_pickle":\s*true/g)].map((each) => each[1]!);
    return paths.map((path) => `${folder}/${path}`);
  });
}

async function archiveOf(bytes: Buffer, budget: { decompressed: number }): Promise<TorchArchive> {
  const { default: yauzl } = await import("yauzl");
  const file = await yauzl.fromBufferPromise(bytes, { lazyEntries: true, strictFileNames: true });
  if (file.entryCount > mostEntries)
    throw damaged(`its ZIP archive has ${file.entryCount} entries, and ${mostEntries} may be`);
  const entries: Entry[] = [];
  for await (const entry of file.eachEntry()) entries.push(entry);
  requireApart(entries);
  if (entries.some(({ fileName }) => fileName === "serialized_exported_program.json")) throw olderLayout();
  const read = new Map<string, Uint8Array>();
  let folder: string | undefined;
  for (const entry of entries) {
    const { fileName, compressionMethod, uncompressedSize } = entry;
    if (fileName.endsWith("/")) continue;
    const slash = fileName.indexOf("/");
    folder ??= fileName.slice(0, Math.max(slash, 0));
    if (slash < 1 || fileName.slice(0, slash) !== folder)
      throw damaged(`entry "${fileName}" of its ZIP archive is not in the folder "${folder}", as the first is`);
    const name = fileName.slice(slash + 1);
    if (read.has(name)) throw damaged(`entry "${fileName}" stands twice in its ZIP archive`);
    if (compressionMethod !== 0) budget.decompressed -= uncompressedSize;
    if (budget.decompressed < 0)
      throw damaged(`compressed entries of its ZIP archive have more than ${mostDecompressed} bytes`);
    read.set(name, await dataOf(file, entry, bytes));
  }
  return { name: folder ?? "", entries: read };
}

/** The content of an entry. */
async function dataOf(file: ZipFile, entry: Entry, bytes: Buffer): Promise<Uint8Array> {
  if (entry.compressionMethod === 0 && !entry.isEncrypted()) {
    const { fileDataStart } = await file.readLocalFileHeaderPromise(entry, { minimal: true });
    return bytes.subarray(fileDataStart, fileDataStart + entry.uncompressedSize);
  }
  const stream = await file.openReadStreamPromise(entry);
  return Buffer.concat((await stream.toArray()) as Buffer[]);
}

/** Refuses entries that share bytes: a small file of them could be read as much. */
function requireApart(entries: readonly Entry[]): void {
  const sorted = [...entries].sort((one, other) => one.relativeOffsetOfLocalHeader - other.relativeOffsetOfLocalHeader);
  for (const [at, entry] of sorted.entries()) {
    const { fileName, relativeOffsetOfLocalHeader, compressedSize } = entry;
    const next = sorted[at + 1];
    const end = relativeOffsetOfLocalHeader + localHeaderBytes + Buffer.byteLength(fileName) + compressedSize;
    if (next !== undefined && end > next.relativeOffsetOfLocalHeader)
      throw damaged(`entries "${fileName}" and "${next.fileName}" of its ZIP archive overlap`);
  }
}
