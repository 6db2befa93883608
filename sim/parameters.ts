// Parameters: scalars that are set from outside while an application runs, each an input whose messages are its values.
import { didYouMean, IsochronError, shown } from "../kernels/index.ts";
import type { NodeParameter } from "../nodes/index.ts";
import type { ApplicationDescription } from "./application.ts";

/** A value of a parameter. */
export type ParameterValue = number | boolean;

type Declared = ApplicationDescription["parameters"][number];

/** What a value must be, by the type of the message that carries it. */
const kindOf = (type: string): NodeParameter["type"] =>
  type.endsWith("/Bool") ? "bool" : type.includes("/Float") ? "double" : "integer";

const takes = { bool: "true or false", integer: "a whole number", double: "a number" } as const;

/** The parameters of an application. */
export class Parameters {
  readonly #application: ApplicationDescription;
  readonly #topics: ReadonlySet<string>;

  constructor(application: ApplicationDescription) {
    this.#application = application;
    this.#topics = new Set(application.parameters.map(({ input }) => application.inputs[input]!.topic));
  }

  /** Whether a topic carries values of a parameter. */
  carries(topic: string): boolean {
    return this.#topics.has(topic);
  }

  /** The parameters as a node shows them. */
  offered(values: Readonly<Record<string, ParameterValue>>): NodeParameter[] {
    return this.#application.parameters.map(({ input, value, ...declared }) => {
      const type = kindOf(this.#application.inputs[input]!.type);
      return { ...declared, type, value: values[declared.name] ?? value };
    });
  }

  /** The first values: those given, else those declared. Throws as `message` does. */
  initial(values: Readonly<Record<string, ParameterValue>>): { readonly topic: string; readonly message: object }[] {
    for (const name of Object.keys(values)) this.#find(name);
    return this.#application.parameters.map(({ name, value }) => this.message(name, values[name] ?? value));
  }

  /** The message that sets a parameter. Throws `parameter/unknown`, `parameter/value`, `parameter/range`. */
  message(name: string, value: ParameterValue): { readonly topic: string; readonly message: object } {
    const { input, min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = this.#find(name);
    const { topic, type } = this.#application.inputs[input]!;
    const kind = kindOf(type);
    const fits =
      kind === "bool"
        ? typeof value === "boolean"
        : typeof value === "number" && (kind === "integer" ? Number.isSafeInteger(value) : Number.isFinite(value));
    if (!fits)
      throw new IsochronError("parameter/value", `the parameter "${name}" cannot be ${shown(value)}`, {
        help: `it takes ${takes[kind]}`,
      });
    if (typeof value === "number" && !(value >= min && value <= max))
      throw new IsochronError("parameter/range", `the parameter "${name}" cannot be ${value}`, {
        help: `it takes ${takes[kind]} ${rangeText(min, max)}`,
      });
    return { topic, message: { data: type.endsWith("Int64") ? BigInt(value) : value } };
  }

  #find(name: string): Declared {
    const { parameters } = this.#application;
    const found = parameters.find((each) => each.name === name);
    if (found) return found;
    const names = parameters.map((each) => each.name);
    throw new IsochronError("parameter/unknown", `the application has no parameter "${name}"`, {
      help:
        names.length === 0 ? "declare it with app.parameter()" : didYouMean(name, names, `it has ${names.join(", ")}`),
    });
  }
}

function rangeText(min: number, max: number): string {
  if (max === Number.POSITIVE_INFINITY) return `of ${min} at least`;
  return min === Number.NEGATIVE_INFINITY ? `of ${max} at most` : `from ${min} to ${max}`;
}
