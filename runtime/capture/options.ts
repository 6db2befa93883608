// The checks of what operators are given beside their operands: options, arguments, and operands that are none.
import { z } from "zod";
import { checkArgument, dtypes, IsochronError, type OptionCheck, optionsOf, shown } from "../../kernels/index.ts";
import { type Dimension, isDimension } from "../graph/dimension.ts";
import type { Value } from "../graph/graph.ts";
import { Place, withPlace } from "../graph/place.ts";
import { operandError } from "../operators/operand-error.ts";
import { isTensor } from "./methods/symbolic.ts";
import type { Operand, Tensor } from "./tensor.ts";

/** Errors of `body` name the user's line; only they cost the search for it. */
export function placed<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw withPlace(error, new Place());
  }
}

/** The check of an operator's options, whose errors name the user's line. */
export function operatorOptions<O extends object>(
  name: string,
  schemas: () => { readonly [K in keyof Required<O>]: z.ZodType },
): OptionCheck {
  const check = optionsOf<O>("operator", name, schemas);
  return (given) => placed(() => check(given));
}

/** Refuses an argument of an operator at the user's line. Throws `operator/argument`. */
export const requireArgument = (operator: string, name: string, schema: z.ZodType, given: unknown): void =>
  placed(() => checkArgument("operator", operator, name, schema, given));

/** The error of an operand that is none, at the user's line. */
function noOperand(operator: string, given: unknown, takes: string): unknown {
  const isState = typeof given === "object" && given !== null && "get" in given && "set" in given;
  const said = isState ? "a state" : given === undefined ? "what is undefined" : shown(given);
  const help = isState ? "read the state: STATE.get()" : `it takes ${takes}`;
  return withPlace(new IsochronError("operator/operand", `${operator}: ${said} is no operand`, { help }), new Place());
}

/** An operand, or a number beside one; what is not TypeScript may give anything. Throws `operator/operand`. */
export function operand<X extends Operand>(operator: string, given: X): X {
  if (typeof given === "number" || isTensor(given)) return given;
  throw noOperand(operator, given, "a tensor, or a number beside one");
}

/** A tensor, where no number can stand. Throws `operator/operand`. */
export function tensorOf<X extends Tensor>(operator: string, given: X): X {
  if (isTensor(given)) return given;
  throw noOperand(operator, given, "a tensor");
}

/** A tensor's value. Throws `operator/operand`. */
export const valueOfOperand = (operator: string, given: Tensor): Value => tensorOf(operator, given).value;

export const flag = z.boolean().optional();
export const tensorOption = z.custom<Tensor>(isTensor).describe("a tensor").optional();
export const dtypeOption = z.enum(dtypes).optional();
export const anyNumberOption = z
  .custom<number>((value) => typeof value === "number")
  .describe("a number")
  .optional();

const whole = (least: number) => z.int().min(least);
/** One whole number for both dimensions of a plane, or one for each. */
export const planeOption = (least: number) =>
  z
    .union([whole(least), z.tuple([whole(least), whole(least)])])
    .describe(`a whole number from ${least}, or two: [rows, columns]`)
    .optional();

/** One whole number for all dimensions behind the channels, or one for each. */
export const extentsOption = (least: number) =>
  z
    .union([whole(least), z.array(whole(least)).min(1).max(3)])
    .describe(`a whole number from ${least}, or one for each dimension`)
    .optional();

/** Sizes, or dimensions whose sizes are not known yet. */
export const dimensions = z
  .array(z.custom<Dimension>((given) => Number.isInteger(given) || isDimension(given as Dimension)))
  .describe("a list of sizes");

/**
 * What is given as a list, or as a tensor whose elements are known while the graph is traced.
 *
 * Throws `operator/argument` for a list that is none, and `operator/unknown` for a tensor that depends on what a step reads.
 */
export function listOf<T extends Dimension>(
  operator: string,
  name: string,
  schema: z.ZodType,
  given: readonly T[] | Tensor,
): readonly T[] {
  if (!isTensor(given)) {
    requireArgument(operator, name, schema, given);
    return given;
  }
  const { known } = given.value;
  if (!known || given.type.shape.length !== 1)
    placed(() => {
      const help = "compute it from x.size(), constants and arithmetic of integers, as one vector";
      throw operandError(
        "unknown",
        `${operator}: what ${name} is given as is no list that is known while the graph is traced`,
        help,
      );
    });
  requireArgument(operator, name, schema, known);
  return known as readonly T[];
}

/** Whole numbers, one for each dimension. */
export const wholes = z.array(z.int()).describe("a list of whole numbers");
