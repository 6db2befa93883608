// The artifact: a graph compiled for some targets, in one self-contained file.
import { readFileSync } from "node:fs";
import { z } from "zod";
import {
  beginsAsArchive,
  changedEntries,
  checkArgument,
  didYouMean,
  type FileKind,
  fileError,
  hashOf,
  IsochronError,
  readArchive,
  shown,
  writeArchive,
  writeWhole,
} from "../../kernels/index.ts";
import type { Graph } from "../graph/graph.ts";
import { keptFile, parseGraph } from "../graph/graph-file.ts";
import { forward, type Methods } from "../graph/method-graphs.ts";
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
  readonly methods: readonly (Omit<MethodRow, "graph"> & { readonly name: string; readonly graph: string })[];
  readonly weights: Uint8Array;
  /** The constants of graphs that are not among the weights. */
  readonly kept: Uint8Array;
  readonly targets: readonly {
    readonly name: string;
    readonly object: Uint8Array;
    readonly methods: Manifest["targets"][string]["methods"];
  }[];
}

/** Puts an artifact together. */
export function packArtifact({ manifest: head, methods, weights, kept, targets }: ArtifactParts): Artifact {
  const graphs = methods.map(({ name, graph }) => [`graphs/${name}.json`, new TextEncoder().encode(graph)] as const);
  const manifest: Manifest = {
    format: "isochron-artifact",
    version: 2,
    ...head,
    methods: Object.fromEntries(
      methods.map(({ name, graph: _, ...row }, at) => {
        const [file, bytes] = graphs[at]!;
        return [name, { ...row, graph: { file, blake3: hashOf(bytes) } }];
      }),
    ),
    weights: { file: "weights.bin", bytes: weights.length, blake3: hashOf(weights) },
    targets: Object.fromEntries(
      targets.map(({ name, object, ...row }) => [name, { file: `code/${name}.o`, blake3: hashOf(object), ...row }]),
    ),
  };
  const bytes = writeArchive([
    ["manifest.json", new TextEncoder().encode(JSON.stringify(manifest, null, 2))],
    ...graphs,
    ...(kept.length === 0 ? [] : [[keptFile, kept] as const]),
    ["weights.bin", weights],
    ...targets.map(({ name, object }) => [`code/${name}.o`, object] as const),
  ]);
  return { manifest, bytes };
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
    const text = readArchive(bytes)["manifest.json"];
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
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw fileError("read", path, cause);
  }
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

/** The graph that a method of an artifact was compiled from, to be inspected or compiled again. Throws `artifact/graph`, `artifact/method`. */
export function graphOf(artifact: Artifact, method: string = forward): Graph {
  requireArtifact("artifact", "graphOf", artifact);
  const { file } = methodRow(artifact, method, "artifact").graph;
  const { [file]: graph, ...entries } = readArchive(artifact.bytes);
  if (!graph || !entries["weights.bin"]) {
    throw new IsochronError("artifact/graph", `artifact "${artifact.manifest.name}" holds no graph`, {
      help: "build the artifact again",
    });
  }
  return parseGraph(new TextDecoder().decode(graph), entries);
}
