// The artifact: a graph compiled for some targets, in one self-contained file.
import { z } from "zod";
import {
  type ArchiveEntry,
  archiveFile,
  archiveOf,
  beginsAsArchive,
  changedEntries,
  checkArgument,
  didYouMean,
  type FileKind,
  Hasher,
  hashOf,
  IsochronError,
  mostArchiveBytes,
  putArchive,
  readArchive,
  readWhole,
  shown,
  storedEntries,
  writeArchive,
  writeWhole,
} from "../../kernels/index.ts";
import type { Graph } from "../graph/graph.ts";
import { keptFile, parseGraph } from "../graph/graph-file.ts";
import { forward, type Methods } from "../graph/method-graphs.ts";
import type { Block } from "../graph/weights.ts";
import { type Manifest, type MethodRow, parseManifest } from "./manifest.ts";

/** An artifact in memory, typed by the signatures of its methods. */
export interface Artifact<M extends Methods = Methods> {
  readonly manifest: Manifest;
  readonly bytes: Uint8Array;
  /** Only for TypeScript. */
  readonly signatures?: M;
}

/** What the parts of an artifact are put together from. */
export interface ArtifactParts {
  readonly manifest: Pick<Manifest, "name" | "provenance" | "states">;
  /** The text of a method's graph says the hash of the constants beside the weights. */
  readonly methods: readonly (Omit<MethodRow, "graph"> & {
    readonly name: string;
    readonly graph: (keptHash: string) => string;
  })[];
  readonly weights: Block;
  /** The constants of graphs that are not among the weights. */
  readonly kept: Block;
  readonly targets: readonly {
    readonly name: string;
    readonly object: Uint8Array;
    readonly methods: Manifest["targets"][string]["methods"];
  }[];
}

const textBytes = (text: string): Uint8Array => new TextEncoder().encode(text);
/** Stands in texts for a hash that is not known yet, and is as long as one. */
const unknownHash = "0".repeat(64);

/** The entries of an artifact, and its manifest, which is whole once they are filled: from the last to the first. */
function entriesOf({ manifest: head, methods, weights, kept, targets }: ArtifactParts) {
  const hashes = new Map<string, string>();
  const hashIn = (file: string): string => hashes.get(file) ?? unknownHash;
  const entry = (name: string, size: number, pieces: ArchiveEntry["pieces"]): ArchiveEntry => ({
    name,
    size,
    *pieces() {
      const hasher = new Hasher();
      for (const piece of pieces()) {
        hasher.update(piece);
        yield piece;
      }
      hashes.set(name, hasher.hex());
    },
  });
  /** What says the hashes of others behind it. */
  const text = (name: string, made: () => string): ArchiveEntry =>
    entry(name, textBytes(made()).length, () => [textBytes(made())]);
  const graphFile = (method: string): string => `graphs/${method}.json`;
  const weightsFile = "weights.bin";
  const codeFile = (target: string): string => `code/${target}.o`;
  const manifest = (): Manifest => ({
    format: "isochron-artifact",
    version: 2,
    ...head,
    methods: Object.fromEntries(
      methods.map(({ name, graph: _, ...row }) => {
        const file = graphFile(name);
        return [name, { ...row, graph: { file, blake3: hashIn(file) } }];
      }),
    ),
    weights: { file: weightsFile, bytes: weights.size, blake3: hashIn(weightsFile) },
    targets: Object.fromEntries(
      targets.map(({ name, object: _, ...row }) => {
        const file = codeFile(name);
        return [name, { file, blake3: hashIn(file), ...row }];
      }),
    ),
  });
  const entries = [
    text("manifest.json", () => JSON.stringify(manifest(), null, 2)),
    ...methods.map(({ name, graph }) => text(graphFile(name), () => graph(hashIn(keptFile)))),
    ...(kept.size === 0 ? [] : [entry(keptFile, kept.size, () => kept.pieces())]),
    entry(weightsFile, weights.size, () => weights.pieces()),
    ...targets.map(({ name, object }) => entry(codeFile(name), object.length, () => [object])),
  ];
  return { entries, manifest };
}

/** Refuses an artifact that is larger than its file can be. Throws `artifact/size`. */
export function requireArtifactSize(bytes: number, most: number = mostArchiveBytes): void {
  if (bytes <= most) return;
  throw new IsochronError("artifact/size", `the weights take ${bytes} bytes, and an artifact may have ${most}`, {
    help: "divide the model in two programs, or store its weights in smaller types, such as f16 or i8",
  });
}

/** Puts an artifact together, in memory. */
export function packArtifact(parts: ArtifactParts): Artifact {
  const { entries, manifest } = entriesOf(parts);
  const bytes = archiveOf(entries);
  return { manifest: manifest(), bytes };
}

/** Writes an artifact into an open file, one part after the other; its manifest. */
export function writeArtifact(parts: ArtifactParts, file: number): Manifest {
  const { entries, manifest } = entriesOf(parts);
  putArchive(entries, archiveFile(file));
  return manifest();
}

/** Reads an artifact's manifest; the engine checks the rest when it loads. Throws `artifact/not-an-artifact`. */
export function openArtifact(bytes: Uint8Array, place?: string): Artifact {
  checkArgument(
    "artifact",
    "openArtifact",
    "bytes",
    z.instanceof(Uint8Array).describe("the bytes of an artifact"),
    bytes,
  );
  const fail = (why: string, cause?: unknown): never => {
    throw new IsochronError("artifact/not-an-artifact", `this is not an Isochron artifact: ${why}`, {
      help: "name a file that `isochron build` or save() wrote",
      ...(place === undefined ? {} : { place }),
      ...(cause === undefined ? {} : { cause }),
    });
  };
  try {
    const text = readArchive(bytes, (name) => name === "manifest.json")["manifest.json"];
    if (!text) return fail("it has no manifest.json");
    return { manifest: parseManifest(JSON.parse(new TextDecoder().decode(text))), bytes };
  } catch (error) {
    if (error instanceof IsochronError) throw error;
    if (error instanceof z.ZodError) return fail(`manifest.json: ${z.prettifyError(error)}`, error);
    return fail(error instanceof Error ? error.message : String(error), error);
  }
}

/**
 * An artifact whose weights were changed after it was packed, with the hash of the weights that it holds now.
 *
 * For verification alone, to show where changed weights make a difference; changed code stays refused.
 */
export function acceptWeights(bytes: Uint8Array, place?: string): Uint8Array {
  const { manifest } = openArtifact(bytes, place);
  const { "weights.bin": weights, ...rest } = readArchive(bytes);
  if (!weights) return bytes;
  const accepted = { ...manifest, weights: { ...manifest.weights, blake3: hashOf(weights) } };
  return writeArchive(
    Object.entries({
      ...rest,
      "manifest.json": new TextEncoder().encode(JSON.stringify(accepted, null, 2)),
      "weights.bin": weights,
    }),
  );
}

export const artifactFile: FileKind = {
  name: "an artifact",
  begins: beginsAsArchive("manifest.json", "isochron-artifact"),
};

const artifactSchema = z
  .custom((value) => typeof value === "object" && value !== null && "manifest" in value && "bytes" in value)
  .describe("an artifact, which compile() makes");
const pathSchema = z.string().min(1).describe("a text: the path of a file");

/** Refuses what is no artifact; `area` is whose error it is. */
export const requireArtifact = (area: string, what: string, given: unknown): void =>
  checkArgument(area, what, "artifact", artifactSchema, given);

/** Writes an artifact to a file, in the place of another artifact or where nothing stands. Throws `file/exists`, `file/write`. */
export function save(artifact: Artifact, path: string): void {
  requireArtifact("artifact", "save", artifact);
  checkArgument("artifact", "save", "path", pathSchema, path);
  writeWhole(path, artifact.bytes, artifactFile);
}

/** Reads an artifact from a file. Throws `file/read`, `artifact/not-an-artifact` or `artifact/changed`. */
export function readArtifact(path: string): Artifact {
  checkArgument("artifact", "readArtifact", "path", pathSchema, path);
  const bytes = readWhole(path);
  const changed = firstChangedEntry(bytes);
  if (changed === undefined) return openArtifact(bytes, path);
  throw new IsochronError("artifact/changed", `${changed} in ${path} is not what was written`, {
    help: "the file was changed or damaged; copy it again, or build it again",
  });
}

/** The entry whose data is not what was written; of what is no archive `openArtifact` says so. */
function firstChangedEntry(bytes: Uint8Array): string | undefined {
  try {
    return changedEntries(bytes)[0];
  } catch {
    return undefined;
  }
}

/** What an artifact's manifest says of a method. Throws `AREA/method`, where it has none of that name. */
export function methodRow({ manifest }: Artifact, method: string, area: string): MethodRow {
  const row = Object.hasOwn(manifest.methods, method) ? manifest.methods[method] : undefined;
  if (row) return row;
  const names = Object.keys(manifest.methods);
  throw new IsochronError(`${area}/method`, `"${manifest.name}" has no method ${shown(method)}`, {
    help: didYouMean(String(method), names, `it has ${names.join(", ")}`),
  });
}

const constantsOfGraph = z.object({ constantsFile: z.object({ file: z.string(), blake3: z.string() }).optional() });

/**
 * Refuses an artifact whose graphs' constants are not what was written: no program reads them, so that nobody would notice
 * before it is compiled for another target. Throws `artifact/changed`.
 */
export function requireKept({ manifest, bytes }: Artifact): void {
  const entries = storedEntries(bytes);
  const found = new Map<string, string>();
  for (const { graph } of Object.values(manifest.methods)) {
    const text = entries[graph.file];
    // The engine says what is wrong with a graph's file.
    const { constantsFile: named } = text ? constantsOfGraph.parse(JSON.parse(new TextDecoder().decode(text))) : {};
    if (!named) continue;
    const hash = found.get(named.file) ?? hashOf(entries[named.file] ?? new Uint8Array());
    found.set(named.file, hash);
    if (hash === named.blake3) continue;
    throw new IsochronError("artifact/changed", `${named.file} of "${manifest.name}" is not what was written`, {
      help: "the artifact was changed or damaged; copy it again, or build it again",
    });
  }
}

/** The graph that a method of an artifact was compiled from, to be inspected or compiled again. Throws `artifact/graph`, `artifact/method`. */
export function graphOf(artifact: Artifact, method: string = forward): Graph {
  requireArtifact("artifact", "graphOf", artifact);
  const { file } = methodRow(artifact, method, "artifact").graph;
  const { [file]: graph, ...entries } = storedEntries(artifact.bytes);
  if (!graph || !entries["weights.bin"]) {
    throw new IsochronError("artifact/graph", `artifact "${artifact.manifest.name}" holds no graph`, {
      help: "build the artifact again",
    });
  }
  return parseGraph(new TextDecoder().decode(graph), entries);
}
