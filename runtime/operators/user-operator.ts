// Operators that users define: what TypeScript has not checked is checked here, which the many of our own need not pay for.
import { z } from "zod";
import { functionSchema, optionsOf } from "../../kernels/index.ts";
import { operator as made, type Operator, type OperatorDefinition } from "./operator.ts";

/** What users may say of an operator: all but how many elements a bounded dimension has, which only our own can be made to keep. */
type UserDefinition<A> = Omit<OperatorDefinition<A>, "count">;

const checkDefinition = optionsOf<UserDefinition<unknown>>("operator", "operator", () => ({
  name: z.string().min(1),
  attributes: z.instanceof(z.ZodType).describe("a schema of zod"),
  infer: functionSchema,
  evaluate: functionSchema,
  errorUlp: z.number().min(0),
  magnitude: functionSchema.optional(),
  moves: z.literal(true).optional(),
  axes: z.object({ kept: functionSchema, blocked: functionSchema }).optional(),
  bounded: functionSchema.optional(),
  known: functionSchema.optional(),
  lowering: z.looseObject({ kind: z.string() }).describe('what it is lowered to: { kind: "pointwise", … }'),
}));

/** Makes an operator of a definition. Throws `operator/option`. */
export function operator<A>(definition: UserDefinition<A>): Operator<A> {
  checkDefinition(definition);
  return made(definition);
}
