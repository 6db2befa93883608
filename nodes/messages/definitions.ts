// Message definitions without a ROS installation: the common interfaces, and those that an application brings.
import { createRequire } from "node:module";
import type { MessageDefinition } from "@foxglove/message-definition";
import { z } from "zod";
import { checkArgument, IsochronError, nearest } from "../../kernels/index.ts";
import { builtIn } from "./built-in.ts";
import { wholeOf } from "./interfaces.ts";
import { fullTypeName, shortTypeName } from "./names.ts";
import { type MessageText, parseMessage } from "./parse.ts";

/** The common interfaces; required, since to import CommonJS is to search it for names first. */
const { ros2humble } = createRequire(import.meta.url)(
  "@foxglove/rosmsg-msgs-common",
) as typeof import("@foxglove/rosmsg-msgs-common");

/** Types that the parser has names of its own for. */
const wireName: { readonly [type: string]: string } = {
  time: "builtin_interfaces/Time",
  duration: "builtin_interfaces/Duration",
};

/** The message types that something knows: immutable, and passed to whatever needs them. */
export class Definitions {
  readonly #known: ReadonlyMap<string, MessageDefinition>;
  readonly #own: ReadonlyMap<string, MessageText>;

  private constructor(known: ReadonlyMap<string, MessageDefinition>, own: ReadonlyMap<string, MessageText>) {
    this.#known = known;
    this.#own = own;
  }

  /**
   * Those of ROS 2 Humble's common interfaces (`tf2_msgs` among them), `ackermann_msgs`, `vision_msgs`, and the information
   * about calls in service events.
   */
  static readonly common: Definitions = new Definitions(
    new Map([
      ...Object.entries(ros2humble as Record<string, MessageDefinition>),
      ...builtIn.map((each) => {
        const name = shortTypeName(each.type);
        return [name, { name, definitions: parseMessage(each).map(({ field }) => field) }] as const;
      }),
    ]),
    new Map(),
  );

  /**
   * These and more, given as texts; where a name is known already, the text counts.
   *
   * Throws `message/definition`, `message/duplicate-type`, `message/missing-type` and `message/recursive-type`.
   */
  with(texts: readonly MessageText[]): Definitions {
    const known = new Map(this.#known);
    const own = new Map(this.#own);
    const parsed = texts.map((text) => ({ text, fields: parseMessage(text) }));
    for (const { text, fields } of parsed) {
      const name = shortTypeName(text.type);
      const other = texts.find((each) => shortTypeName(each.type) === name);
      if (other && other.text !== text.text) throw duplicate(text, other);
      known.set(name, { name, definitions: fields.map(({ field }) => field) });
      own.set(name, text);
    }
    for (const { text, fields } of parsed) {
      for (const { field, place } of fields) {
        if (field.isComplex === true && !known.has(field.type)) throw missing(text, field.type, place);
      }
    }
    const result = new Definitions(known, own);
    for (const { text } of parsed) result.#refuseRecursion(text.type);
    return result;
  }

  /**
   * These and more, parsed already: the definitions of a log, whose type is `type`.
   *
   * Throws `message/missing-type` and `message/recursive-type`.
   */
  withParsed(definitions: readonly MessageDefinition[], type: string): Definitions {
    const known = new Map(this.#known);
    for (const each of definitions) known.set(each.name ?? "", each);
    const result = new Definitions(known, this.#own);
    result.#refuseRecursion(type);
    return result;
  }

  /** Whether a type is known, by either of its names. */
  has(type: string): boolean {
    return this.#known.has(shortTypeName(type));
  }

  /** The definition of one message type. Throws `message/unknown-type`. */
  of(type: string): MessageDefinition {
    const found = this.#known.get(shortTypeName(type));
    if (found) return found;
    throw new IsochronError("message/unknown-type", `there is no message type "${fullTypeName(type)}"`, {
      help: this.#helpFor(shortTypeName(type)),
    });
  }

  /** The type that was meant: its whole name nearly, its own name in another package, or those of its package. */
  #helpFor(type: string): string {
    const [packageName, name = type] = type.split("/");
    const known = [...this.#known.keys()];
    const ofPackage = known.filter((each) => each.startsWith(`${packageName}/`));
    const own = nearest(
      name,
      ofPackage.map((each) => each.split("/").at(-1)!),
    );
    const meant = own === undefined ? nearest(type, known) : `${packageName}/${own}`;
    if (meant !== undefined) return `did you mean ${fullTypeName(meant)}?`;
    const elsewhere = known.filter((each) => each.endsWith(`/${name}`));
    const near = [...elsewhere, ...ofPackage].slice(0, 6).map(fullTypeName);
    return near.length > 0
      ? `known are ${near.join(", ")}`
      : "write it as package/msg/Name, and give the folder of its definitions: app.messages(FOLDER)";
  }

  /** A type and all that it is made of, the type first. */
  closure(type: string): MessageDefinition[] {
    const all = new Map<string, MessageDefinition>();
    const collect = (name: string) => {
      if (all.has(shortTypeName(name))) return;
      const definition = this.of(name);
      all.set(shortTypeName(name), definition);
      for (const field of definition.definitions) if (field.isComplex === true) collect(field.type);
    };
    collect(type);
    return [...all.values()];
  }

  /** The definition as text, dependencies included, in the form of a `ros2msg` schema. */
  schemaText(type: string): string {
    return this.closure(type)
      .map((definition, at) =>
        at === 0
          ? definitionText(definition)
          : `${"=".repeat(80)}\nMSG: ${definition.name}\n${definitionText(definition)}`,
      )
      .join("\n");
  }

  /** The types that were given as texts, by their full names. */
  get ownTypes(): string[] {
    return [...this.#own.keys()].map(fullTypeName);
  }

  /** The parts of a service or an action that were given as texts, by their full names. */
  ownPartsOf(type: string): string[] {
    return this.ownTypes.filter((each) => wholeOf(each) === type);
  }

  /** Every known type, by its full name. */
  get allTypes(): string[] {
    return [...this.#known.keys()].map(fullTypeName);
  }

  /** The texts that `types` need besides the common definitions: what a built application carries. */
  textsOf(types: readonly string[]): MessageText[] {
    const needed = new Set(types.flatMap((type) => this.closure(type).map(({ name = "" }) => name)));
    return [...this.#own].flatMap(([name, { type, text }]) => (needed.has(name) ? [{ type, text }] : []));
  }

  #refuseRecursion(type: string, above: readonly string[] = [], done: Set<string> = new Set()): void {
    const name = shortTypeName(type);
    if (above.includes(name)) {
      throw new IsochronError("message/recursive-type", `${fullTypeName(name)} contains itself`, {
        details: [[...above, name].map(fullTypeName).join(" → ")],
        help: "a message has a finite size; refer to other messages by an index or a name",
      });
    }
    if (done.has(name)) return;
    for (const field of this.of(name).definitions) {
      if (field.isComplex === true) this.#refuseRecursion(field.type, [...above, name], done);
    }
    done.add(name);
  }
}

const duplicate = (text: MessageText, other: MessageText): IsochronError =>
  new IsochronError("message/duplicate-type", `${fullTypeName(text.type)} is defined twice, and differently`, {
    details: [text, other].flatMap(({ file }) => (file === undefined ? [] : [file])),
    help: "keep one of the definitions",
  });

const missing = (text: MessageText, type: string, place: string): IsochronError =>
  new IsochronError(
    "message/missing-type",
    `${fullTypeName(text.type)} needs ${fullTypeName(type)}, which is not defined`,
    {
      place,
      help: type.endsWith("/Header")
        ? "ROS 2 knows no Header but by its package: write std_msgs/Header"
        : `give the folder of ${type.split("/")[0]}'s definitions too`,
    },
  );

/** A definition in the language of .msg files. */
export function definitionText({ definitions }: MessageDefinition): string {
  const length = (field: MessageDefinition["definitions"][number]): string => {
    if (field.isArray !== true) return "";
    return `[${field.arrayLength ?? (field.arrayUpperBound === undefined ? "" : `<=${field.arrayUpperBound}`)}]`;
  };
  return definitions
    .map((field) => {
      const bound = field.upperBound === undefined ? "" : `<=${field.upperBound}`;
      const value = field.isConstant === true ? `=${String(field.valueText ?? field.value)}` : "";
      return `${wireName[field.type] ?? field.type}${bound}${length(field)} ${field.name}${value}`;
    })
    .join("\n");
}

const definitionsSchema = z.custom((given) => given instanceof Definitions).describe("Definitions");

/** Refuses what is no set of definitions. Throws `message/argument`. */
export const requireDefinitions = (what: string, given: unknown): void =>
  checkArgument("message", what, "definitions", definitionsSchema, given);

/** A type and all that it is made of, the type first. */
export function definitionsOf(type: string, definitions: Definitions = Definitions.common): MessageDefinition[] {
  requireDefinitions("definitionsOf", definitions);
  return definitions.closure(type);
}

/** The definition as a `ros2msg` schema. */
export function schemaText(type: string, definitions: Definitions = Definitions.common): string {
  requireDefinitions("schemaText", definitions);
  return definitions.schemaText(type);
}
