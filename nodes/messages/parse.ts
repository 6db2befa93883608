// Parses message definitions in the language of .msg files, line by line, so that every error names its file and line.
import type { MessageDefinitionField } from "@foxglove/message-definition";
import { IsochronError } from "../../kernels/index.ts";
import { type Literal, parseList, parseLiteral, withoutComment } from "./literal.ts";
import { shortTypeName } from "./names.ts";

/** A message type's own text, as its `.msg` file has it. */
export interface MessageText {
  /** `package/msg/Name`. */
  readonly type: string;
  readonly text: string;
  /** The file, for errors. */
  readonly file?: string;
  /** The line of the file that the text begins with, where that is not the first. */
  readonly line?: number;
}

/** A field with the line that declares it. */
export interface ParsedField {
  readonly field: MessageDefinitionField;
  readonly place: string;
}

/** How much of a definition counts: all of it, or only what says where the fields of a message lie. */
export type Rigour = "whole" | "fields";

const primitives = new Set([
  "bool",
  "byte",
  "char",
  ...[8, 16, 32, 64].flatMap((bits) => [`int${bits}`, `uint${bits}`]),
  "float32",
  "float64",
  "string",
  "wstring",
]);

/** Types that readers of messages have names of their own for. */
const wireTypes: { readonly [type: string]: string } = {
  byte: "uint8",
  char: "uint8",
  "builtin_interfaces/Time": "time",
  "builtin_interfaces/Duration": "duration",
};

// A type, the bound of a text, an array's size; then a name, and what follows it.
const form = /^([A-Za-z][\w:./]*)(?:<=\s*(\w+))?(\[(?:<=)?\s*\w*\s*\])?\s+([A-Za-z]\w*)\s*(.*)$/;

/**
 * The fields and constants of a definition; names of types without a package are of the definition's own.
 *
 * With `fields`, values that cannot be told are left out: a log's messages lie as they do whatever its constants are.
 * Throws `message/definition`.
 */
export function parseMessage(
  { type, text, file, line: first = 1 }: MessageText,
  rigour: Rigour = "whole",
): ParsedField[] {
  const packageName = type.includes("/") ? type.slice(0, type.indexOf("/")) : "";
  const seen = new Map<string, string>();
  return text.split(/\r\n|\n|\r/).flatMap((line, at): ParsedField[] => {
    const place = `${file ?? type}:${first + at}`;
    const content = withoutComment(line).trim();
    if (content === "") return [];
    const fail = (why: string, cause?: unknown): never => {
      throw new IsochronError("message/definition", `${type}: ${why}`, {
        details: [line.trim()],
        place,
        help: "a line is TYPE NAME, TYPE NAME DEFAULT, TYPE CONSTANT=VALUE or a # comment",
        ...(cause === undefined ? {} : { cause }),
      });
    };
    if (content.startsWith("=")) return fail("a .msg file holds one definition");
    let field: MessageDefinitionField;
    try {
      field = parseLine(content, packageName, rigour);
    } catch (cause) {
      return fail(cause instanceof Error ? cause.message : String(cause), cause);
    }
    const before = seen.get(field.name);
    if (before !== undefined && rigour === "whole") fail(`"${field.name}" is declared twice, first at ${before}`);
    seen.set(field.name, place);
    return [{ field, place }];
  });
}

function parseLine(content: string, packageName: string, rigour: Rigour): MessageDefinitionField {
  const [, written, textBound, size, name, rest = ""] = form.exec(content) ?? [];
  if (written === undefined || name === undefined) throw new Error("this is not a field");
  const own = wireTypes[written] ?? written;
  const isPrimitive = primitives.has(written);
  // ROS 2 has no times of its own, but definitions that come from ROS 1 do.
  const isTime = own === "time" || own === "duration";
  const type = isPrimitive || isTime ? own : within(written, packageName);
  const isComplex = !isPrimitive && !isTime && wireTypes[type] === undefined;
  const upperBound = textBound === undefined ? {} : { upperBound: count(textBound) };
  if (textBound !== undefined && own !== "string" && own !== "wstring")
    throw new Error(`${written} has no bound, only texts have`);
  const value = <T>(read: () => T): T | undefined => {
    if (rigour === "whole") return read();
    try {
      return read();
    } catch {
      return undefined;
    }
  };
  if (rest.startsWith("=")) {
    if (!isPrimitive || size !== undefined)
      throw new Error(`a constant is a number, a truth value or a text, not ${written}${size ?? ""}`);
    if (rigour === "whole" && !/^[A-Z][A-Z0-9_]*$/.test(name))
      throw new Error(`"${name}" is no name for a constant: write it in capitals`);
    const valueText = rest.slice(1).trim();
    if (valueText === "" && own !== "string" && own !== "wstring") throw new Error(`${name} has no value`);
    const constant = value(() => parseLiteral(valueText, written));
    return { type, name, isConstant: true, ...(constant === undefined ? {} : { value: constant }), valueText };
  }
  if (rigour === "whole" && !/^[a-z][a-z0-9_]*$/.test(name)) {
    throw new Error(`"${name}" is no name for a field: a small letter, then small letters, digits and underscores`);
  }
  const array = arrayOf(size);
  const initial =
    rest === ""
      ? undefined
      : value(() => defaultOf(rest, { written, isPrimitive, array, textBound: upperBound.upperBound }));
  return {
    type: wireTypes[type] ?? type,
    name,
    isComplex,
    ...array,
    ...upperBound,
    ...(initial === undefined ? {} : { defaultValue: initial as NonNullable<MessageDefinitionField["defaultValue"]> }),
  };
}

type ArrayForm = Pick<MessageDefinitionField, "isArray" | "arrayLength" | "arrayUpperBound">;

function arrayOf(size: string | undefined): ArrayForm {
  if (size === undefined) return { isArray: false };
  const inside = size.slice(1, -1).trim();
  if (inside === "") return { isArray: true };
  return inside.startsWith("<=")
    ? { isArray: true, arrayUpperBound: count(inside.slice(2).trim()) }
    : { isArray: true, arrayLength: count(inside) };
}

const count = (text: string): number => Number(parseLiteral(text, "uint32"));

interface DefaultOf {
  readonly written: string;
  readonly isPrimitive: boolean;
  readonly array: ArrayForm;
  readonly textBound: number | undefined;
}

function defaultOf(text: string, { written, isPrimitive, array, textBound }: DefaultOf): Literal | Literal[] {
  if (!isPrimitive) throw new Error(`a field of type ${written} has no default`);
  const fits = (each: Literal) => {
    if (typeof each === "string" && textBound !== undefined && Buffer.byteLength(each) > textBound)
      throw new Error(`"${each}" is longer than ${textBound}`);
  };
  if (array.isArray !== true) {
    const one = parseLiteral(text, written);
    fits(one);
    return one;
  }
  const all = parseList(text, written);
  all.forEach(fits);
  const { arrayLength, arrayUpperBound } = array;
  if (arrayLength !== undefined && all.length !== arrayLength)
    throw new Error(`the default has ${all.length} elements, not ${arrayLength}`);
  if (arrayUpperBound !== undefined && all.length > arrayUpperBound)
    throw new Error(`the default has more than ${arrayUpperBound} elements`);
  return all;
}

/** A type's full short name as it is meant in a package: ROS 2 knows no name that is special. */
const within = (type: string, packageName: string): string => {
  const short = shortTypeName(type);
  return short.includes("/") || packageName === "" ? short : `${packageName}/${short}`;
};
