// Builds an application: its graphs compiled, its description fixed; and writes and reads it as one file, `.isoapp`.
import { readFileSync } from "node:fs";
import { z } from "zod";
import {
  beginsAsArchive,
  changedEntries,
  compilerSchemas,
  type FileKind,
  fileError,
  functionSchema,
  hashOf,
  IsochronError,
  optionsOf,
  readArchive,
  type TargetName,
  writeArchive,
} from "../kernels/index.ts";
import { compile, openArtifact } from "../runtime/index.ts";
import { type ApplicationDescription, applicationDescription } from "../sim/index.ts";
import type { Application } from "./application.ts";
import { type Bundle, carriedFolder } from "./carried-files.ts";
import { layOut } from "./lay-out.ts";

/** A built application: what a robot needs, without sources or compiler. */
export interface BuiltApplication {
  readonly description: ApplicationDescription;
  /** One per program index. */
  readonly artifacts: readonly Uint8Array[];
}

/** Options of a build. */
export interface BuildOptions {
  readonly targets?: readonly TargetName[];
  readonly cacheDir?: string;
  readonly signal?: AbortSignal;
  /** Called before each program is compiled. */
  readonly onProgram?: (name: string, index: number, count: number) => void;
}

const checkBuild = optionsOf<BuildOptions>("application", "buildApplication", () => ({
  ...compilerSchemas(),
  onProgram: functionSchema.optional(),
}));

/** Lays an application out, refuses what cannot be met, and compiles its graphs. */
export async function buildApplication(
  application: Application,
  options: BuildOptions = {},
): Promise<BuiltApplication> {
  checkBuild(options);
  const {
    table,
    chains,
    inputs,
    outputs,
    publications,
    calls,
    parameters,
    transforms,
    messages,
    programs: declared,
  } = layOut(application);
  const artifacts: Uint8Array[] = [];
  const programs: ApplicationDescription["programs"] = [];
  const { onProgram, ...compileOptions } = options;
  for (const [at, { name, methods }] of declared.entries()) {
    onProgram?.(name, at, declared.length);
    const artifact = await compile(methods, compileOptions);
    artifacts.push(artifact.bytes);
    programs.push({ name, blake3: hashOf(artifact.bytes) });
  }
  const description = applicationDescription.parse({
    format: "isochron-application",
    version: 1,
    name: application.name,
    table,
    inputs,
    outputs,
    publications,
    calls,
    parameters,
    transforms,
    chains: chains.map(({ place: _, ...chain }) => chain),
    messages,
    programs,
  });
  return { description, artifacts };
}

const descriptionFile = "application.json";
const bundleFile = "application.mjs";
/** What `isochron build` writes, and may replace. */
export const builtFile: FileKind = {
  name: "a built application",
  begins: beginsAsArchive(descriptionFile, "isochron-application"),
};
const artifactFile = (name: string): string => `artifacts/${name}.iso`;

/** The bytes of an `.isoapp`; `bundle` is the application's JavaScript, which holds its world, and the files that it reads. */
export const packApplication = ({ description, artifacts }: BuiltApplication, { code, files }: Bundle): Uint8Array =>
  writeArchive([
    [descriptionFile, Buffer.from(JSON.stringify(description, null, 2))],
    [bundleFile, Buffer.from(code)],
    ...description.programs.map(({ name }, at) => [artifactFile(name), artifacts[at]!] as const),
    ...[...files].sort(([a], [b]) => (a < b ? -1 : 1)),
  ]);

/** The value of some JSON, or undefined where it is none. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Reads an `.isoapp`. Throws `file/read`, or `application/file` for anything else and for one that was changed. */
export function readApplication(path: string): BuiltApplication & { readonly bundle: Bundle } {
  const fail = (why: string, cause?: unknown): never => {
    throw new IsochronError("application/file", `${path} is not a built application: ${why}`, {
      help: "name a file that `isochron build` wrote",
      ...(cause === undefined ? {} : { cause }),
    });
  };
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw fileError("read", path, cause);
  }
  let files: Readonly<Record<string, Uint8Array>>;
  let changed: string | undefined;
  try {
    files = readArchive(bytes);
    [changed] = changedEntries(bytes);
  } catch (cause) {
    return fail(cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (changed !== undefined) return fail(`${changed} in it is not what was written`);
  const text = (name: string): string => new TextDecoder().decode(files[name] ?? fail(`it has no ${name}`));
  const parsed = applicationDescription.safeParse(parseJson(text(descriptionFile)));
  if (!parsed.success) return fail(`${descriptionFile}: ${z.prettifyError(parsed.error)}`);
  const artifacts = parsed.data.programs.map(({ name, blake3 }) => {
    const bytes = files[artifactFile(name)] ?? fail(`it has no ${artifactFile(name)}`);
    if (hashOf(bytes) !== blake3) fail(`the program "${name}" has been changed`);
    openArtifact(bytes, path);
    return bytes;
  });
  const carried = Object.entries(files).filter(([name]) => name.startsWith(carriedFolder) && !name.endsWith("/"));
  const outside = carried.find(([name]) => name.split("/").some((part) => part === "" || /^\.+$/.test(part)));
  if (outside) fail(`it holds a file called ${outside[0]}`);
  return { description: parsed.data, artifacts, bundle: { code: text(bundleFile), files: new Map(carried) } };
}
