// `isochron messages`: TypeScript types of message definitions.
import { beginsWith, type FileKind, IsochronError, writeWhole } from "../../kernels/index.ts";
import { Definitions, messageTypes, messageTypesTitle, readMessageFiles } from "../../nodes/index.ts";
import { prepareOutput } from "../output-file.ts";
import type { Terminal } from "../terminal.ts";

const typesFile: FileKind = { name: "a file of message types", begins: beginsWith(messageTypesTitle) };

/** Options of `isochron messages`. */
export interface MessagesOptions {
  readonly output: string;
  readonly package?: string;
  readonly common?: boolean;
}

/** The command: reads definitions, writes the types of all of them and of what they are made of. */
export function messagesCommand(folders: readonly string[], options: MessagesOptions, terminal: Terminal): number {
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
  if (!options.output.endsWith(".ts")) {
    throw new IsochronError("command/output", `"${options.output}" should end in .ts`, {
      help: "isochron messages FOLDER… -o NAME.ts",
    });
  }
  prepareOutput(options.output, typesFile);
  writeWhole(options.output, messageTypes(types, definitions), typesFile);
  terminal.out(
    `${options.output}: ${types.length} message type${types.length === 1 ? "" : "s"} and what they are made of`,
  );
  return 0;
}
