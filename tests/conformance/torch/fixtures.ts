// Models that PyTorch saved, with calls, results and states: a folder of NAME.pt, NAME.json and NAME.safetensors, as its README says.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { Dtype } from "../../../kernels/index.ts";
import { torchDtypes } from "../../../runtime/import/torch/tensors.ts";

export const defaultFolder = join(dirname(fileURLToPath(import.meta.url)), "../../../../shared/data/torch");
export const hasFixtures = existsSync(defaultFolder);

/** A value of a call: a tensor by its key in the safetensors file, a number, a text, none, or values in it. */
export type FixtureValue =
  | { readonly type: "tensor"; readonly key: string; readonly dtype: string; readonly shape: readonly number[] }
  | { readonly type: "int" | "float" | "bool" | "str"; readonly value: number | boolean | string }
  | { readonly type: "none" }
  | { readonly type: "list" | "tuple"; readonly items: readonly FixtureValue[] }
  | { readonly type: "dict"; readonly keys: readonly unknown[]; readonly items: readonly FixtureValue[] };

const value: z.ZodType<FixtureValue> = z.lazy(() =>
  z.union([
    z.object({ type: z.literal("tensor"), key: z.string(), dtype: z.string(), shape: z.array(z.int()) }),
    z.object({ type: z.enum(["int", "float", "bool", "str"]), value: z.union([z.number(), z.boolean(), z.string()]) }),
    z.object({ type: z.literal("none") }),
    z.object({ type: z.enum(["list", "tuple"]), items: z.array(value) }),
    z.object({ type: z.literal("dict"), keys: z.array(z.unknown()), items: z.array(value) }),
  ]),
);

const fixtureSchema = z.object({
  name: z.string(),
  kind: z.string(),
  file: z.string(),
  stateful: z.boolean().default(false),
  rtol: z.number(),
  atol: z.number(),
  cases: z.array(
    z.object({
      method: z.string().default("forward"),
      inputs: z.array(value),
      outputs: z.array(value).default([]),
      raises: z.boolean().default(false),
      state_after: z.record(z.string(), value).default({}),
    }),
  ),
});

/** A model and its calls. */
export type Fixture = z.infer<typeof fixtureSchema>;
/** One call of a model. */
export type Call = Fixture["cases"][number];

/** The fixtures of a folder, in the order of their names. */
export const fixturesIn = (folder: string): Fixture[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => fixtureSchema.parse(JSON.parse(readFileSync(join(folder, name), "utf8"))));

/** The dtype of a tensor of a fixture. */
export const dtypeOf = (name: string): Dtype => torchDtypes[name]!;

/** The tensors and numbers of values, one after the other; none has nothing. */
export function flat(
  values: readonly FixtureValue[],
): Exclude<FixtureValue, { type: "list" | "tuple" | "dict" | "none" }>[] {
  return values.flatMap((each) => {
    if (each.type === "none") return [];
    return "items" in each ? flat(each.items) : [each];
  });
}
