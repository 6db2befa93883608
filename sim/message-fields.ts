// What worlds and pipelines publish is held to its type: a writer takes a misspelt or ill-typed field for one not given, and writes 0.
import type { MessageDefinition, MessageDefinitionField } from "@foxglove/message-definition";
import { didYouMean, IsochronError, shown } from "../kernels/index.ts";

type Fields = ReadonlyMap<string, MessageDefinitionField>;

/** The fields of a type and of all that it is made of; absent fields are allowed, and have their defaults. */
export class MessageFields {
  readonly #root: string;
  readonly #types: ReadonlyMap<string, Fields>;

  /** `definitions` is a closure: the type itself first. */
  constructor(definitions: readonly MessageDefinition[]) {
    this.#root = definitions[0]?.name ?? "";
    this.#types = new Map(
      definitions.map(({ name = "", definitions: fields }) => [
        name,
        new Map(fields.filter((field) => field.isConstant !== true).map((field) => [field.name, field])),
      ]),
    );
  }

  /** Throws `message/field` where a message holds what its type does not. */
  check(topic: string, message: unknown): void {
    this.#checkMessage(topic, this.#root, message, "");
  }

  #checkMessage(topic: string, type: string, message: unknown, path: string): void {
    const fields = this.#types.get(type);
    if (!fields) return;
    if (typeof message !== "object" || message === null) throw mismatch(topic, path, `a ${type}`, message);
    for (const [name, value] of Object.entries(message)) {
      if (value === undefined) continue;
      const at = path === "" ? name : `${path}.${name}`;
      const field = fields.get(name);
      if (!field) throw unknownField(topic, type, at, [...fields.keys()]);
      if (field.isArray === true) this.#checkArray(topic, field, value, at);
      else this.#checkOne(topic, field, value, at);
    }
  }

  #checkArray(topic: string, field: MessageDefinitionField, value: unknown, at: string): void {
    // The numbers of a typed array are numbers.
    if (ArrayBuffer.isView(value)) return;
    if (!Array.isArray(value)) throw mismatch(topic, at, `an array of ${field.type}`, value);
    value.forEach((each: unknown, index) => {
      this.#checkOne(topic, field, each, `${at}[${index}]`);
    });
  }

  #checkOne(topic: string, field: MessageDefinitionField, value: unknown, at: string): void {
    if (field.isComplex === true) this.#checkMessage(topic, field.type, value, at);
    else if (!isOf(field.type, value)) throw mismatch(topic, at, `a ${field.type}`, value);
  }
}

function isOf(type: string, value: unknown): boolean {
  switch (type) {
    case "string":
    case "wstring":
      return typeof value === "string";
    case "bool":
      return typeof value === "boolean";
    case "int64":
    case "uint64":
      return typeof value === "bigint" || typeof value === "number";
    case "time":
    case "duration":
      return typeof value === "object" && value !== null && typeof (value as { sec?: unknown }).sec === "number";
    default:
      return typeof value === "number";
  }
}

const mismatch = (topic: string, at: string, expected: string, value: unknown): IsochronError =>
  new IsochronError(
    "message/field",
    `what is published on "${topic}" ${at === "" ? "" : `has in ${at} what `}is not ${expected}: ${shown(value)}`,
  );

const unknownField = (topic: string, type: string, at: string, known: readonly string[]): IsochronError =>
  new IsochronError("message/field", `what is published on "${topic}" has a field ${at}, which ${type} has not`, {
    help: didYouMean(at.split(".").at(-1)!, known, `its fields are ${known.join(", ")}`),
  });
