// Every operator, by name: what tracers build, interpreters mean and compilers lower.
import * as contraction from "./contraction.ts";
import * as elementwise from "./elementwise.ts";
import type { Operator } from "./operator.ts";
import * as reduction from "./reduction.ts";
import * as structure from "./structure.ts";

const { kindOf: _kind, ...elementwiseOperators } = elementwise;
const { convolutionAttributes: _attributes, ...contractionOperators } = contraction;

/** All operators; names are those of the exports, since a few reductions share a name with an elementwise operator. */
export const operators = {
  ...elementwiseOperators,
  ...structure,
  ...reduction,
  ...contractionOperators,
} as const satisfies {
  readonly [name: string]: Operator;
};

export type { Nd, Operator } from "./operator.ts";
