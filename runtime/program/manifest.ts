// `manifest.json` of an artifact: version 2, and version 1 as the version 2 that says the same.
import { z } from "zod";
import { dtypes } from "../../kernels/index.ts";

const size = z.int().min(0);
const tensorRow = z.strictObject({ name: z.string(), dtype: z.enum(dtypes), shape: z.array(size), bytes: size });
const stateRow = tensorRow.extend({ initial: size });
const hashed = z.strictObject({ file: z.string(), blake3: z.string() });
const weights = hashed.extend({ bytes: size });
const kernels = z.array(z.strictObject({ symbol: z.string(), name: z.string() }));
const head = {
  format: z.literal("isochron-artifact"),
  name: z.string(),
  provenance: z.record(z.string(), z.string()),
  states: z.array(stateRow),
  weights,
};

/** `manifest.json` of an artifact. */
export const manifestSchema = z.strictObject({
  ...head,
  version: z.literal(2),
  methods: z.record(
    z.string(),
    z.strictObject({
      symbol: z.string(),
      inputs: z.array(tensorRow),
      outputs: z.array(tensorRow),
      /** The states that a step reads and writes, by name, in the order in which its code numbers them. */
      states: z.array(z.string()),
      /** What a step may end with; the codes of faults count from 1. */
      faults: z.array(z.string()).optional(),
      graph: hashed,
    }),
  ),
  targets: z.record(
    z.string(),
    hashed.extend({ methods: z.record(z.string(), z.strictObject({ scratchBytes: size, kernels })) }),
  ),
});

/** What `manifest.json` of an artifact says: names, types, memory, code and hashes. */
export type Manifest = z.infer<typeof manifestSchema>;
/** What a manifest says of one method. */
export type MethodRow = Manifest["methods"][string];

/** Version 1: one method, `forward`, which has all states. */
const version1 = z.strictObject({
  ...head,
  version: z.literal(1),
  inputs: z.array(tensorRow),
  outputs: z.array(tensorRow),
  methods: z.strictObject({ forward: z.strictObject({ symbol: z.string() }) }),
  graph: hashed,
  targets: z.record(z.string(), hashed.extend({ scratchBytes: size, kernels })),
});

function upgraded({ inputs, outputs, methods, graph, targets, ...rest }: z.infer<typeof version1>): Manifest {
  const states = rest.states.map(({ name }) => name);
  return {
    ...rest,
    version: 2,
    methods: { forward: { ...methods.forward, inputs, outputs, states, graph } },
    targets: Object.fromEntries(
      Object.entries(targets).map(([name, { scratchBytes, kernels, ...file }]) => [
        name,
        { ...file, methods: { forward: { scratchBytes, kernels } } },
      ]),
    ),
  };
}

const versionSchema = z.looseObject({ version: z.union([z.literal(1), z.literal(2)]) });

/** Reads a manifest of any version. Throws a `ZodError`. */
export function parseManifest(json: unknown): Manifest {
  const { version } = versionSchema.parse(json);
  return version === 1 ? upgraded(version1.parse(json)) : manifestSchema.parse(json);
}
