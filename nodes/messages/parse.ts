// Parses one message definition, line by line, so that every error names its file and line.
import type { MessageDefinitionField } from "@foxglove/message-definition";
import { parse } from "@foxglove/rosmsg";
import { IsochronError } from "../../kernels/index.ts";
import { shortTypeName } from "./names.ts";

/** A message type's own text, as its `.msg` file has it. */
export interface MessageText {
  /** `package/msg/Name`. */
  readonly type: string;
  readonly text: string;
  /** The file, for errors. */
  readonly file?: string;
}

/** A field with the line that declares it. */
export interface ParsedField {
  readonly field: MessageDefinitionField;
  readonly place: string;
}

/** The fields and constants of a definition; names of types without a package are of the definition's own. Throws `message/definition`. */
export function parseMessage({ type, text, file }: MessageText): ParsedField[] {
  const [packageName = ""] = type.split("/");
  const seen = new Map<string, string>();
  return text.split(/\r?\n/).flatMap((line, at): ParsedField[] => {
    const place = `${file ?? type}:${at + 1}`;
    const fail = (why: string, cause?: unknown): never => {
      throw new IsochronError("message/definition", `${type}: ${why}`, {
        details: [line.trim()],
        place,
        help: "a line is TYPE NAME, TYPE NAME DEFAULT, TYPE CONSTANT=VALUE or a # comment",
        ...(cause === undefined ? {} : { cause }),
      });
    };
    if (/^\s*=/.test(line)) return fail("a .msg file holds one definition");
    let fields: readonly MessageDefinitionField[];
    try {
      fields = parse(line, { ros2: true, skipTypeFixup: true })[0]?.definitions ?? [];
    } catch (cause) {
      return fail(cause instanceof Error ? cause.message : String(cause), cause);
    }
    return fields.map((field) => {
      const before = seen.get(field.name);
      if (before !== undefined) fail(`"${field.name}" is declared twice, first at ${before}`);
      seen.set(field.name, place);
      return { field: field.isComplex === true ? { ...field, type: within(field.type, packageName) } : field, place };
    });
  });
}

/** A type's full short name as it is meant in a package. */
function within(type: string, packageName: string): string {
  if (type === "Header") return "std_msgs/Header";
  return type.includes("/") ? shortTypeName(type) : `${packageName}/${type}`;
}
