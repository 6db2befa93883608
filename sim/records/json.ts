// Reads records as the log of decisions held them in recordings of versions 1 to 3: JSON, tasks and channels by name.
import { z } from "zod";
import { IsochronError } from "../../kernels/index.ts";
import { type LoggedEvent, loggedKinds } from "./logged.ts";
import { type FieldType, fieldsOf } from "./schema.ts";

const count = z.int().min(0);
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const admitted = { bytes: count.optional(), blake3: hash, crc32: count };

/** How a field is checked and read; names become the places that they stand for. */
function fieldJson(type: FieldType, ids: RecordIds): z.ZodType {
  if (typeof type !== "string") {
    // Version 1 wrote some of them by their place.
    return z.union([
      z.enum(type),
      z
        .int()
        .min(0)
        .max(type.length - 1)
        .transform((place) => type[place]!),
    ]);
  }
  switch (type) {
    case "task":
      return z.string().transform((name) => ids.task(name));
    case "channel":
      return z.string().transform((name) => ids.channel(name));
    case "pins": {
      const pin = z.object({
        channel: z.string().transform((name) => ids.channel(name)),
        sequence: count,
        held: z.boolean(),
      });
      return z.array(pin);
    }
    case "output":
    case "count":
      return count;
    case "time":
    case "clock":
      return z.int();
    case "clock?":
      return z.int().optional();
    case "flag":
      return z.boolean();
    case "bytes":
      return z.string().transform((text): Uint8Array => Buffer.from(text, "base64"));
    case "text":
      return z.string();
    case "hash":
      return hash;
    case "raw":
      return z.never();
  }
}

/** Finds tasks and channels by name; may throw where there is none. */
export interface RecordIds {
  readonly task: (name: string) => number;
  readonly channel: (name: string) => number;
}

const ofSomeKind = z.object({ kind: z.string() });

/** What reads a record of the log from its parsed JSON; throws `recording/unknown-record`, a `ZodError` for anything else. */
export function loggedEvents(ids: RecordIds): (json: unknown) => LoggedEvent {
  const shapes = loggedKinds.map((kind) => {
    const fields = fieldsOf(kind).filter(([, type]) => type !== "raw");
    const shape = Object.fromEntries(fields.map(([field, type]) => [field, fieldJson(type, ids)]));
    return z.object({ kind: z.literal(kind), ...shape, ...(kind === "admit" ? admitted : {}) });
  });
  const [first, ...others] = shapes;
  const schema = z.discriminatedUnion("kind", [first!, ...others]);
  return (json) => {
    const { kind } = ofSomeKind.parse(json);
    if (!loggedKinds.some((known) => known === kind))
      throw new IsochronError("recording/unknown-record", `there is no record of kind "${kind}"`, {
        help: "use the version of Isochron that recorded the run",
      });
    return schema.parse(json) as unknown as LoggedEvent;
  };
}
