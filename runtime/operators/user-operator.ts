// Operators that users define: what TypeScript has not checked is checked here, which the many of our own need not pay for.
import { z } from "zod";
import { functionSchema, optionsOf } from "../../kernels/index.ts";
import { operator as made, type Operator, type OperatorDefinition } from "./operator.ts";

const checkDefinition = optionsOf<OperatorDefinition<unknown>>("operator", "operator", () => ({
  name: z.string().min(1),
  attributes: z.instanceof(z.ZodType).describe("a schema of zod"),
  infer: functionSchema,
  evaluate: functionSchema,
  errorUlp: z.number().min(0),
  magnitude: functionSchema.optional(),
  moves: z.literal(true).optional(),
  axes: z.object({ kept: functionSchema, blocked: functionSchema }).optional(),
  bounded: functionSchema.optional(),
  count: functionSchema.optional(),
  known: functionSchema.optional(),
  lowering: z.looseObject({ kind: z.string() }).describe('what it is lowered to: { kind: "pointwise", … }'),
}));

/** Makes an operator of a definition. Throws `operator/option`. */
export function operator<A>(definition: OperatorDefinition<A>): Operator<A> {
  checkDefinition(definition);
  return made(definition);
}
