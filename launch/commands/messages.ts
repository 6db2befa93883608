// `isochron messages`: TypeScript types of message definitions, or the ROS 2 package that a robot builds of them.
import { existsSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { beginsWith, type FileKind, IsochronError, writeWhole } from "../../kernels/index.ts";
import {
  Definitions,
  interfacePackage,
  knownInterfaces,
  messageTypes,
  messageTypesTitle,
  packageTitle,
  readInterfaceFiles,
  readMessageFiles,
} from "../../nodes/index.ts";
import { prepareOutput } from "../output-file.ts";
import type { Terminal } from "../terminal.ts";

const typesFile: FileKind = { name: "a file of message types", begins: beginsWith(messageTypesTitle) };

/** Options of `isochron messages`. */
export interface MessagesOptions {
  readonly output?: string;
  readonly package?: string;
  readonly common?: boolean;
}

/** The command: reads definitions, writes the types of all of them and of what they are made of, or a package of them. */
export function messagesCommand(folders: readonly string[], options: MessagesOptions, terminal: Terminal): number {
  const { output, package: name } = options;
  if (output !== undefined) return writeTypes(folders, output, options, terminal);
  if (name !== undefined) return writePackage(folders, name, terminal);
  throw new IsochronError("command/output", "it is not said what to write", {
    help: "isochron messages FOLDER… -o FILE.ts, or --package DIR/NAME for a ROS 2 package",
  });
}

function writeTypes(folders: readonly string[], output: string, options: MessagesOptions, terminal: Terminal): number {
  const own = folders.flatMap((folder) =>
    readMessageFiles(folder, options.package === undefined ? {} : { package: options.package }),
  );
  const definitions = Definitions.common.with(own);
  const types = options.common ? definitions.allTypes : definitions.ownTypes;
  if (types.length === 0) {
    throw new IsochronError("command/messages", "no message definitions were named", {
      help: "isochron messages FOLDER… -o FILE.ts, or --common for the types of ROS 2 itself",
    });
  }
  if (!output.endsWith(".ts")) {
    throw new IsochronError("command/output", `"${output}" should end in .ts`, {
      help: "isochron messages FOLDER… -o NAME.ts; a ROS 2 package is --package DIR/NAME without -o",
    });
  }
  prepareOutput(output, typesFile);
  writeWhole(output, messageTypes(types, definitions), typesFile);
  terminal.out(`${output}: ${types.length} message type${types.length === 1 ? "" : "s"} and what they are made of`);
  return 0;
}

/** What a folder with our package.xml holds is ours to replace. */
const packageFile: FileKind = { name: "a package", begins: beginsWith(packageTitle) };
const anyOfThePackage: FileKind = { name: "a file of the package", begins: () => true };

function writePackage(folders: readonly string[], folder: string, terminal: Terminal): number {
  const name = basename(resolve(folder));
  const named = folders.flatMap((each) => readInterfaceFiles(each, { package: name }));
  Definitions.common.with(folders.flatMap((each) => readMessageFiles(each, { package: name })));
  const manifest = join(folder, "package.xml");
  prepareOutput(manifest, packageFile);
  const before = existsSync(manifest) ? readFileSync(manifest, "utf8") : undefined;
  const files = interfacePackage(name, folders.length > 0 ? named : knownInterfaces(name), before);
  const inPackage = (path: string): string => join(folder, path);
  // Only a folder with a package.xml of ours has files that are replaced; that one is written last.
  const others = before === undefined ? undefined : anyOfThePackage;
  const kindOf = (path: string): FileKind | undefined => (path === "package.xml" ? packageFile : others);
  for (const { path } of files) prepareOutput(inPackage(path), kindOf(path));
  for (const { path, text } of files.toReversed()) writeWhole(inPackage(path), text, kindOf(path));
  const count = files.length - 2;
  terminal.out(
    `${folder}: a ROS 2 package of ${count} definition${count === 1 ? "" : "s"}; put it into a workspace's src and run colcon build`,
  );
  return 0;
}
