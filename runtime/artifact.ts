// The artifact: a graph compiled for some targets, in one self-contained file.
import { readFileSync } from "node:fs";
import { z } from "zod";
import { checkArgument, dtypes, type FileKind, fileError, IsochronError, writeWhole } from "../kernels/index.ts";
import { beginsAsArchive, changedEntries, readArchive, writeArchive } from "./archive.ts";
import type { Graph, Signature } from "./graph.ts";
import { parseGraph } from "./graph-file.ts";
import { hashOf } from "./hash.ts";

const size = z.int().min(0);
const tensorRow = z.strictObject({ name: z.string(), dtype: z.enum(dtypes), shape: z.array(size), bytes: size });
const hashed = z.strictObject({ file: z.string(), blake3: z.string() });

/** `manifest.json` of an artifact. */
export const manifestSchema = z.strictObject({
  format: z.literal("isochron-artifact"),
  version: z.literal(1),
  name: z.string(),
  provenance: z.record(z.string(), z.string()),
  inputs: z.array(tensorRow),
  outputs: z.array(tensorRow),
  states: z.array(tensorRow.extend({ initial: size })),
  methods: z.record(z.string(), z.strictObject({ symbol: z.string() })),
  graph: hashed,
  weights: hashed.extend({ bytes: size }),
  targets: z.record(
    z.string(),
    hashed.extend({ scratchBytes: size, kernels: z.array(z.strictObject({ symbol: z.string(), name: z.string() })) }),
  ),
});

/** What `manifest.json` of an artifact says: names, types, memory, code and hashes. */
export type Manifest = z.infer<typeof manifestSchema>;

/** An artifact in memory, typed by the signature of the graph it came from. */
export interface Artifact<I extends Signature = Signature, O extends Signature = Signature> {
  readonly manifest: Manifest;
  readonly bytes: Uint8Array;
  /** Only for TypeScript. */
  readonly signature?: { readonly inputs: I; readonly outputs: O };
}

/** What the parts of an artifact are put together from. */
export interface ArtifactParts {
  readonly manifest: Omit<Manifest, "format" | "version" | "graph" | "weights" | "targets">;
  readonly graph: string;
  readonly weights: Uint8Array;
  readonly targets: readonly {
    readonly name: string;
    readonly object: Uint8Array;
    readonly scratchBytes: number;
    readonly kernels: Manifest["targets"][string]["kernels"];
  }[];
}

/** Puts an artifact together. */
export function packArtifact({ manifest: head, graph, weights, targets }: ArtifactParts): Artifact {
  const graphBytes = new TextEncoder().encode(graph);
  const manifest: Manifest = {
    format: "isochron-artifact",
    version: 1,
    ...head,
    graph: { file: "graph.json", blake3: hashOf(graphBytes) },
    weights: { file: "weights.bin", bytes: weights.length, blake3: hashOf(weights) },
    targets: Object.fromEntries(
      targets.map(({ name, object, ...row }) => [name, { file: `code/${name}.o`, blake3: hashOf(object), ...row }]),
    ),
  };
  const bytes = writeArchive([
    ["manifest.json", new TextEncoder().encode(JSON.stringify(manifest, null, 2))],
    ["graph.json", graphBytes],
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
    const parsed = manifestSchema.safeParse(JSON.parse(new TextDecoder().decode(text)));
    if (!parsed.success) return fail(`manifest.json: ${z.prettifyError(parsed.error)}`);
    return { manifest: parsed.data, bytes };
  } catch (error) {
    if (error instanceof IsochronError) throw error;
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

const artifactFile: FileKind = {
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

/** The graph that an artifact was compiled from, to be inspected or compiled again. Throws `artifact/graph`. */
export function graphOf(artifact: Artifact): Graph {
  requireArtifact("artifact", "graphOf", artifact);
  const { "graph.json": graph, "weights.bin": weights } = readArchive(artifact.bytes);
  if (!graph || !weights) {
    throw new IsochronError("artifact/graph", `artifact "${artifact.manifest.name}" holds no graph`, {
      help: "build the artifact again",
    });
  }
  return parseGraph(new TextDecoder().decode(graph), weights);
}
