// Which operators the source of a TorchScript model calls, and where.
import type { TorchProgram } from "./program.ts";
import { placeText } from "./source/place.ts";
import { type Expression, qualifiedName, type Statement } from "./source/syntax.ts";

/** One call in the source. */
interface CalledOperator {
  /** Without `torch.`: `linear`, `prim.dtype`, `quantized.linear_dynamic`. */
  readonly name: string;
  readonly place: string;
}

/** All that lies in a statement or an expression, whatever it is called. */
function* within(value: unknown): Generator<Statement | Expression> {
  if (Array.isArray(value)) for (const each of value) yield* within(each);
  else if (typeof value === "object" && value !== null) {
    if ("kind" in value) yield value as Statement | Expression;
    for (const each of Object.values(value)) yield* within(each);
  }
}

/** Calls of operators, in the order of the files. */
export function calledOperators({ classes, functions }: TorchProgram): CalledOperator[] {
  const bodies = [
    ...[...classes.values()].flatMap(({ definition, file }) =>
      definition.kind === "class" ? definition.methods.map(({ body }) => ({ body, file })) : [],
    ),
    ...[...functions.values()].map(({ definition, file }) => ({ body: definition.body, file })),
  ];
  return bodies.flatMap(({ body, file }) =>
    [...within(body)].flatMap((each) => {
      if (each.kind !== "call") return [];
      const [, name] = /^(?:torch|ops)\.(.+)$/.exec(qualifiedName(each.callee) ?? "") ?? [];
      return name === undefined ? [] : [{ name: name.replace(/^aten\./, ""), place: placeText(file, each.at) }];
    }),
  );
}
