// `isochron build`: one file that runs an application where there is neither compiler nor source.
import { extname } from "node:path";
import { IsochronError, type TargetName, writeWhole } from "../../kernels/index.ts";
import { recordModels } from "../../runtime/index.ts";
import { buildApplication, builtFile, packApplication } from "../build.ts";
import { bundleApplication } from "../bundle.ts";
import { cacheDirectory, importApplication } from "../load-application.ts";
import { prepareOutput } from "../output-file.ts";
import { startOnce } from "../start-once.ts";
import type { Terminal } from "../terminal.ts";

/** Options of `isochron build`. */
export interface BuildCommandOptions {
  readonly output: string;
  readonly target: readonly TargetName[];
  /** Whether what was made is started once, in an empty folder. */
  readonly start: boolean;
  readonly json?: boolean;
}

/** The command: compiles, bundles, starts what it made once, writes. */
export async function buildCommand(path: string, options: BuildCommandOptions, terminal: Terminal): Promise<number> {
  if (extname(options.output) !== ".isoapp") {
    throw new IsochronError("command/output", `"${options.output}" should end in .isoapp`, {
      help: "isochron build APP -o NAME.isoapp",
    });
  }
  prepareOutput(options.output, builtFile);
  const [application, models] = await recordModels(() => importApplication(path));
  const built = await buildApplication(application, {
    cacheDir: cacheDirectory(),
    signal: terminal.signal,
    onProgram: (name, index, count) => terminal.progress(`compiling ${name} (${index + 1} of ${count})`),
    ...(options.target.length === 0 ? {} : { targets: options.target }),
  });
  await application.close(terminal.error);
  const bundle = await bundleApplication(path, models);
  const bytes = packApplication(built, bundle);
  if (options.start) {
    terminal.progress("starting it once, without its sources");
    await startOnce(bytes, options.output, terminal.signal);
  }
  writeWhole(options.output, bytes, builtFile);
  terminal.progress(undefined);
  const programs = built.description.programs.map((each) => each.name);
  terminal.out(
    options.json
      ? JSON.stringify({
          output: options.output,
          bytes: bytes.length,
          programs: built.description.programs,
          files: [...bundle.files.keys()].sort(),
        })
      : `${options.output}: ${bytes.length} bytes, programs ${programs.join(", ")}${carriedText(bundle.files.size)}`,
  );
  return 0;
}

const carriedText = (count: number): string =>
  count === 0 ? "" : `, and ${count} file${count === 1 ? "" : "s"} that it reads`;
