// The JSON of an exported program (`models/*.json`, schema 8 of torch.export), as far as a graph is made of it.
import { z } from "zod";
import { type Dtype, IsochronError } from "../../../../kernels/index.ts";

/** The schema that is read; its minor versions add what older readers may leave out. */
export const schemaMajor = 8;

/** torch.export's numbers of dtypes. */
const dtypes: { readonly [number: number]: Dtype } = {
  1: "u8",
  2: "i8",
  3: "i16",
  4: "i32",
  5: "i64",
  6: "f16",
  7: "f32",
  8: "f64",
  12: "bool",
  13: "bf16",
};

/** The dtype of a number. Throws `import/unsupported`. */
export function exportedDtype(number: number, what: string): Dtype {
  const dtype = Object.hasOwn(dtypes, number) ? dtypes[number] : undefined;
  if (dtype) return dtype;
  throw new IsochronError("import/unsupported", `${what} is of dtype ${number} of torch.export, which is not there`, {
    help: "convert to float32, float64 or an integer before the model is exported",
  });
}

const count = z.number();
const name = z.string().min(1);
const named = z.object({ name });

const expression = z.object({ expr_str: z.string() });
/** A size: a number, or an expression of symbols. */
const size = z.union([z.object({ as_int: count }), z.object({ as_expr: expression })]);

const tensorMeta = z.object({ dtype: z.int(), sizes: z.array(size), strides: z.array(size), storage_offset: size });

const symbolic = <T extends z.ZodType>(key: string, plain: T) =>
  z.union([z.object({ as_name: name }), z.object({ [key]: plain })]);
const float = z.union([z.number(), z.enum(["Infinity", "-Infinity", "NaN"])]);

/** A value of an argument: an object of one key, that says which kind of value it is. */
const argument = z.record(z.string(), z.unknown());

const node = z.object({
  target: z.string().min(1),
  inputs: z.array(z.object({ name: z.string(), arg: argument, kind: z.int().nullish() })),
  outputs: z.array(argument),
  metadata: z.record(z.string(), z.unknown()).default({}),
});

const graph = z.object({
  inputs: z.array(argument),
  outputs: z.array(argument),
  nodes: z.array(node),
  tensor_values: z.record(z.string(), tensorMeta),
  sym_int_values: z.record(z.string(), size).default({}),
});

/** Kinds of arguments that are read, with what they hold. */
export const argumentKinds = {
  as_none: z.unknown(),
  as_tensor: named,
  as_tensors: z.array(named),
  as_optional_tensor: z.union([z.object({ as_tensor: named }), z.object({ as_none: z.unknown() })]),
  as_optional_tensors: z.array(z.union([z.object({ as_tensor: named }), z.object({ as_none: z.unknown() })])),
  as_int: count,
  as_ints: z.array(count),
  as_int_lists: z.array(z.array(count)),
  as_float: float,
  as_floats: z.array(float),
  as_bool: z.boolean(),
  as_bools: z.array(z.boolean()),
  as_string: z.string(),
  as_strings: z.array(z.string()),
  as_sym_int: symbolic("as_int", count),
  as_sym_ints: z.array(symbolic("as_int", count)),
  as_sym_bool: symbolic("as_bool", z.boolean()),
  as_sym_bools: z.array(symbolic("as_bool", z.boolean())),
  as_sym_float: symbolic("as_float", float),
  as_sym_floats: z.array(symbolic("as_float", float)),
  as_scalar_type: z.int(),
  as_memory_format: z.int(),
  as_layout: z.int(),
  as_device: z.object({ type: z.string() }),
  as_graph: z.object({ name: z.string(), graph }),
} as const;

/** Where an input of the graph comes from, and where an output goes: an object of one key, that says the kind. */
const spec = z.record(z.string(), z.record(z.string(), z.unknown()));

const moduleCall = z.object({
  fqn: z.string(),
  signature: z.object({ in_spec: z.string(), out_spec: z.string() }).nullish(),
});

export const programSchema = z.object({
  schema_version: z.object({ major: z.int(), minor: z.int() }),
  torch_version: z.string().default(""),
  range_constraints: z
    .record(z.string(), z.object({ min_val: z.number().nullish(), max_val: z.number().nullish() }))
    .default({}),
  graph_module: z.object({
    graph,
    signature: z.object({ input_specs: z.array(spec), output_specs: z.array(spec) }),
    module_call_graph: z.array(moduleCall).default([]),
  }),
});

/** The configuration of a folder of tensors. */
export const tensorsSchema = z.object({
  config: z.record(
    z.string(),
    z.object({ path_name: name, use_pickle: z.boolean(), tensor_meta: tensorMeta.nullish() }),
  ),
});

/** The kinds of specs that are read. */
export const specKinds = {
  parameter: z.object({ arg: named, parameter_name: name }),
  buffer: z.object({ arg: named, buffer_name: name }),
  tensor_constant: z.object({ arg: named, tensor_constant_name: name }),
  user_input: z.object({ arg: argument }),
  constant_input: z.object({ name, value: argument }),
  user_output: z.object({ arg: argument }),
  buffer_mutation: z.object({ arg: named, buffer_name: name }),
  parameter_mutation: z.object({ arg: named, parameter_name: name }),
  user_input_mutation: z.object({ arg: named, user_input_name: name }),
} as const;

export type ExportedJson = z.infer<typeof programSchema>;
export type ExportedGraph = z.infer<typeof graph>;
export type ExportedNode = z.infer<typeof node>;
export type ExportedArgument = z.infer<typeof argument>;
export type ExportedSize = z.infer<typeof size>;
export type TensorMeta = z.infer<typeof tensorMeta>;
export type TensorsJson = z.infer<typeof tensorsSchema>;

/** What is no exported program, or does not hold together. */
export const exportedError = (message: string, details: readonly string[] = []): IsochronError =>
  new IsochronError("import/model", message, {
    details: [...details],
    help: "save the model again: torch.export.save(torch.export.export(model, example), path)",
  });

/** A part of the JSON as its schema has it. Throws `import/model` with the part that is not. */
export function parsed<T extends z.ZodType>(schema: T, value: unknown, what: string): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.path.join(".") ?? "";
  throw exportedError(`${what} is not as torch.export writes it: ${path === "" ? "" : `${path}: `}${issue?.message}`);
}

/** The kind of an object of one key, and what it holds, as the schema of that kind has it. Throws `import/model`, `import/unsupported`. */
export function kindOf<K extends { readonly [kind: string]: z.ZodType }>(
  kinds: K,
  value: { readonly [key: string]: unknown },
  what: string,
): { readonly [kind in keyof K & string]: { readonly kind: kind; readonly value: z.infer<K[kind]> } }[keyof K &
  string] {
  const keys = Object.keys(value);
  const [key] = keys;
  if (keys.length !== 1 || key === undefined) throw exportedError(`${what} has ${keys.length} kinds instead of one`);
  if (!Object.hasOwn(kinds, key))
    throw new IsochronError("import/unsupported", `${what} is of kind ${key.slice(0, 60)}, which is not read`, {
      help: "save the model as ONNX, or without it",
    });
  return { kind: key, value: parsed(kinds[key]!, value[key], what) } as never;
}
