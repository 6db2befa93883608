// The form of codec plans: lists of steps that carry CDR into a slot's tensors, and tensors into CDR.
import { z } from "zod";
import { arithmeticDtypes } from "../../kernels/index.ts";
import { type PictureEncoding, pictureEncodings } from "./encodings.ts";

const primitive = z.enum(arithmeticDtypes);
const size = z.int().min(0);
const register = z.int().min(0).max(3);
const path = z.string();
const strides = z.array(size).optional();

/** Where a number goes: at `offset`, further by `strides[d]` for each element passed of the d-th enclosing list. */
const place = z.strictObject({ to: primitive, offset: size, strides });
const pick = place.extend({ index: size, named: size.optional(), count: size });
/** Elements of a list: `fixed` many, or as many as the wire says, within limits. */
const extent = z.strictObject({ fixed: size.optional(), least: size.optional(), most: size.optional() });

export type Place = z.infer<typeof place>;
export type Pick = z.infer<typeof pick>;
export type Extent = z.infer<typeof extent>;

/** One step from a message to a slot; `path` names the message's field in errors. */
export type DecodeStep =
  | { op: "clear"; offset: number; bytes: number }
  | { op: "skip"; type: z.infer<typeof primitive>; count: number; path: string }
  | {
      op: "number";
      type: z.infer<typeof primitive>;
      expect?: number | undefined;
      keep?: number | undefined;
      places?: Place[] | undefined;
      path: string;
    }
  | {
      op: "string";
      wide?: boolean | undefined;
      most?: number | undefined;
      expect?: string | undefined;
      /** How it may not begin. */
      never?: string | undefined;
      path: string;
    }
  | { op: "time"; places: Place[]; path: string }
  | {
      op: "names";
      extent?: Extent | undefined;
      /** The bound of its strings. */
      longest?: number | undefined;
      counts?: Place[] | undefined;
      wanted: string[];
      /** Where its count is found, and behind it where each of those that are wanted stands. */
      first: number;
      path: string;
    }
  | {
      op: "array";
      type: z.infer<typeof primitive>;
      extent?: Extent | undefined;
      /** Where the count of the names beside it is found. */
      beside?: number | undefined;
      counts?: Place[] | undefined;
      picks?: Pick[] | undefined;
      path: string;
    }
  | {
      op: "list";
      extent?: Extent | undefined;
      beside?: number | undefined;
      counts?: Place[] | undefined;
      at?: { index: number; named?: number | undefined; steps: DecodeStep[] }[] | undefined;
      steps: DecodeStep[];
      path: string;
    }
  | {
      op: "rows";
      height: number;
      row: number;
      word: number;
      step: number;
      bigEndian: number;
      offset: number;
      path: string;
    }
  | {
      op: "picture";
      encoding: PictureEncoding;
      height: number;
      width: number;
      offset: number;
      path: string;
    };

const decodeStep: z.ZodType<DecodeStep> = z.lazy(() =>
  z.discriminatedUnion("op", [
    z.strictObject({ op: z.literal("clear"), offset: size, bytes: size }),
    z.strictObject({ op: z.literal("skip"), type: primitive, count: size, path }),
    z.strictObject({
      op: z.literal("number"),
      type: primitive,
      expect: z.number().optional(),
      keep: register.optional(),
      places: z.array(place).optional(),
      path,
    }),
    z.strictObject({
      op: z.literal("string"),
      wide: z.boolean().optional(),
      most: size.optional(),
      expect: z.string().optional(),
      never: z.string().optional(),
      path,
    }),
    z.strictObject({ op: z.literal("time"), places: z.array(place), path }),
    z.strictObject({
      op: z.literal("names"),
      extent: extent.optional(),
      longest: size.optional(),
      counts: z.array(place).optional(),
      wanted: z.array(z.string()),
      first: size,
      path,
    }),
    z.strictObject({
      op: z.literal("array"),
      type: primitive,
      extent: extent.optional(),
      beside: size.optional(),
      counts: z.array(place).optional(),
      picks: z.array(pick).optional(),
      path,
    }),
    z.strictObject({
      op: z.literal("list"),
      extent: extent.optional(),
      beside: size.optional(),
      counts: z.array(place).optional(),
      at: z.array(z.strictObject({ index: size, named: size.optional(), steps: z.array(decodeStep) })).optional(),
      steps: z.array(decodeStep),
      path,
    }),
    z.strictObject({
      op: z.literal("rows"),
      height: size,
      row: size,
      word: z.literal([1, 2, 4, 8]),
      step: register,
      bigEndian: register,
      offset: size,
      path,
    }),
    z.strictObject({
      op: z.literal("picture"),
      encoding: z.enum(pictureEncodings),
      height: size,
      width: size,
      offset: size,
      path,
    }),
  ]),
);

const counted = z.strictObject({ from: primitive, offset: size, strides });
/** The number of a slot that says how many elements there are, `count` at most. */
export type Counted = z.infer<typeof counted>;

/** One step from a slot to a message. */
export type EncodeStep =
  | { op: "stamp" }
  | { op: "time"; offset: number; strides?: number[] | undefined }
  | { op: "constant"; type: z.infer<typeof primitive>; value: number | string; count: number }
  | { op: "string"; wide?: boolean | undefined; value: string }
  | {
      op: "number";
      from: z.infer<typeof primitive>;
      type: z.infer<typeof primitive>;
      offset: number;
      strides?: number[] | undefined;
    }
  | {
      op: "choice";
      values: string[];
      from: z.infer<typeof primitive>;
      offset: number;
      strides?: number[] | undefined;
    }
  | {
      op: "array";
      from: z.infer<typeof primitive>;
      type: z.infer<typeof primitive>;
      count: number;
      counted?: Counted | undefined;
      prefix?: boolean | undefined;
      offset: number;
      strides?: number[] | undefined;
    }
  | {
      op: "list";
      count: number;
      counted?: Counted | undefined;
      prefix?: boolean | undefined;
      at?: { index: number; steps: EncodeStep[] }[] | undefined;
      steps: EncodeStep[];
    };

const encodeStep: z.ZodType<EncodeStep> = z.lazy(() =>
  z.discriminatedUnion("op", [
    z.strictObject({ op: z.literal("stamp") }),
    z.strictObject({ op: z.literal("time"), offset: size, strides }),
    z.strictObject({
      op: z.literal("constant"),
      type: primitive,
      value: z.union([z.number(), z.string().regex(/^-?(\d+|Infinity|NaN)$/)]),
      count: size,
    }),
    z.strictObject({ op: z.literal("string"), wide: z.boolean().optional(), value: z.string() }),
    z.strictObject({ op: z.literal("number"), from: primitive, type: primitive, offset: size, strides }),
    z.strictObject({
      op: z.literal("choice"),
      values: z.array(z.string()),
      from: primitive,
      offset: size,
      strides,
    }),
    z.strictObject({
      op: z.literal("array"),
      from: primitive,
      type: primitive,
      count: size,
      counted: counted.optional(),
      prefix: z.boolean().optional(),
      offset: size,
      strides,
    }),
    z.strictObject({
      op: z.literal("list"),
      count: size,
      counted: counted.optional(),
      prefix: z.boolean().optional(),
      at: z.array(z.strictObject({ index: size, steps: z.array(encodeStep) })).optional(),
      steps: z.array(encodeStep),
    }),
  ]),
);

/** How a message is turned into a slot: its schema. */
export const decodePlan = z.strictObject({ message: z.string(), slotBytes: size, steps: z.array(decodeStep) });
/** How a slot is turned into a message: its schema. */
export const encodePlan = z.strictObject({ message: z.string(), slotBytes: size, steps: z.array(encodeStep) });

/** How a message is turned into a slot. */
export type DecodePlan = z.infer<typeof decodePlan>;
/** How a slot is turned into a message. */
export type EncodePlan = z.infer<typeof encodePlan>;

/** A plan in readable, stable text; the steps of a list stand below it, further in. */
export function printPlan(plan: DecodePlan | EncodePlan): string {
  return [
    `codec ${plan.message}, slot ${plan.slotBytes} B`,
    ...plan.steps.flatMap((step) => showStep(step, "  ")),
  ].join("\n");
}

function showStep(step: DecodeStep | EncodeStep, margin: string): string[] {
  const { op, ...rest } = step;
  const parts = Object.entries(rest).filter(([key, value]) => key !== "steps" && key !== "at" && value !== undefined);
  const line = `${margin}${op}${parts.map(([key, value]) => ` ${key}=${JSON.stringify(value)}`).join("")}`;
  if (step.op !== "list") return [line];
  const below = (steps: readonly (DecodeStep | EncodeStep)[], more: string) =>
    steps.flatMap((each) => showStep(each, `${margin}${more}`));
  return [
    line,
    ...(step.at ?? []).flatMap(({ steps, ...at }) => [`${margin}  at ${placeOf(at)}`, ...below(steps, "    ")]),
    ...below(step.steps, "  "),
  ];
}

const placeOf = ({ index, named }: { readonly index: number; readonly named?: number | undefined }): string =>
  named === undefined ? `${index}` : `named ${named}`;
